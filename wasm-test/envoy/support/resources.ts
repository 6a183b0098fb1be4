// The resources of a test as YAML: what an operator would write, with only the varying parts spelled out.
import { stringify } from "yaml";

/** Names of modules, and of descriptions in docs/protocol-owners/frames. */
export type ManagedProtocol =
  | "awesomerpc"
  | "bolt"
  | "brpc"
  | "courier"
  | "dubbo"
  | "kafka"
  | "parcel"
  | "redis"
  | "tars"
  | "thrift"
  | "trpc"
  | "zookeeper";

/** One endpoint of a service on 127.0.0.1. */
export interface EndpointOptions {
  readonly port: number;
  /** Label `version`, by which subsets choose. */
  readonly version: string;
  /** Default 1. */
  readonly weight?: number;
}

/** A managed service: where clients connect, and who answers. */
export interface ServiceOptions {
  readonly protocol: ManagedProtocol;
  /** Default `demo.<protocol>`. */
  readonly host?: string;
  /** Port of the listener on 127.0.0.1. */
  readonly port: number;
  readonly endpoints: readonly EndpointOptions[];
  /** Subsets that no endpoint belongs to. */
  readonly emptySubsets?: readonly string[];
  /** `trafficPolicy` of the DestinationRule. */
  readonly trafficPolicy?: object;
  /** `routes` of the MetaRouter; default none: everything to all endpoints. */
  readonly routes?: readonly RouteOptions[];
  /** Further fields of the MetaRouter's spec, such as limits of all routes. */
  readonly router?: Readonly<Record<string, unknown>>;
  /** Annotations of the ServiceEntry. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Further resources of the same file. */
  readonly resources?: readonly object[];
}

/** `exact`, `prefix`, `regex`, or none of them: present. */
export type StringMatchOptions =
  | { readonly exact: string }
  | { readonly prefix: string }
  | { readonly regex: string }
  | Readonly<Record<string, never>>;

/** One route of a MetaRouter. */
export interface RouteOptions {
  readonly name?: string;
  /** By attribute; default: every request. */
  readonly match?: Readonly<Record<string, StringMatchOptions>>;
  /** Weight by subset; the subset "" is all endpoints. */
  readonly to: Readonly<Record<string, number>>;
  /** Another host than the service's own. */
  readonly host?: string;
  readonly timeout?: string;
  readonly requestMutation?: Readonly<Record<string, string>>;
  readonly responseMutation?: Readonly<Record<string, string>>;
  /** Further fields of the route. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** Host of a service. */
export function hostOf(service: Pick<ServiceOptions, "protocol" | "host">): string {
  return service.host ?? `demo.${service.protocol}`;
}

/** Name of a service's listener and of its routes. */
export function listenerOf(service: ServiceOptions): string {
  return `${hostOf(service)}_${String(service.port)}`;
}

function metadata(host: string, annotations: Readonly<Record<string, string>> = {}): object {
  return { name: host.replaceAll(".", "-"), namespace: "test", annotations };
}

/** A ServiceEntry. */
export function serviceEntry(service: ServiceOptions): object {
  const portName = `tcp-metaprotocol-${service.protocol}`;
  return {
    apiVersion: "networking.istio.io/v1beta1",
    kind: "ServiceEntry",
    metadata: metadata(hostOf(service), service.annotations),
    spec: {
      hosts: [hostOf(service)],
      addresses: ["127.0.0.1"],
      ports: [{ number: service.port, name: portName, protocol: "TCP" }],
      resolution: "STATIC",
      endpoints: service.endpoints.map(({ port, version, weight }) => ({
        address: "127.0.0.1",
        ports: { [portName]: port },
        labels: { version },
        ...(weight === undefined ? {} : { weight }),
      })),
    },
  };
}

/** A DestinationRule with one subset for each version among the endpoints. */
export function destinationRule(service: ServiceOptions): object {
  const versions = new Set([
    ...service.endpoints.map(({ version }) => version),
    ...(service.emptySubsets ?? []),
  ]);
  return {
    apiVersion: "networking.istio.io/v1beta1",
    kind: "DestinationRule",
    metadata: metadata(hostOf(service)),
    spec: {
      host: hostOf(service),
      ...(service.trafficPolicy === undefined ? {} : { trafficPolicy: service.trafficPolicy }),
      subsets: [...versions].map((version) => ({ name: version, labels: { version } })),
    },
  };
}

function pairs(entries: Readonly<Record<string, string>>): object[] {
  return Object.entries(entries).map(([key, value]) => ({ key, value }));
}

function route(service: ServiceOptions, options: RouteOptions): object {
  const host = options.host ?? hostOf(service);
  return {
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.match === undefined ? {} : { match: { attributes: options.match } }),
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
    ...(options.requestMutation && { requestMutation: pairs(options.requestMutation) }),
    ...(options.responseMutation && { responseMutation: pairs(options.responseMutation) }),
    route: Object.entries(options.to).map(([subset, weight]) => ({
      destination: { host, ...(subset === "" ? {} : { subset }) },
      weight,
    })),
    ...options.more,
  };
}

/** A MetaRouter; undefined when the service has neither routes nor anything else of one. */
export function metaRouter(service: ServiceOptions): object | undefined {
  const { routes, router } = service;
  if (routes === undefined && router === undefined) return undefined;
  return {
    apiVersion: "metaprotocol.aeraki.io/v1alpha1",
    kind: "MetaRouter",
    metadata: metadata(hostOf(service)),
    spec: {
      hosts: [hostOf(service)],
      ...(routes && { routes: routes.map((options) => route(service, options)) }),
      ...router,
    },
  };
}

/** Any number of resources as one file of many documents. */
export function yamlOf(...resources: readonly (object | undefined)[]): string {
  return resources
    .filter((resource) => resource !== undefined)
    .map((resource) => stringify(resource))
    .join("---\n");
}

/** Everything about a service as one file. */
export function serviceYaml(service: ServiceOptions): string {
  return yamlOf(
    serviceEntry(service),
    destinationRule(service),
    metaRouter(service),
    ...(service.resources ?? []),
  );
}
