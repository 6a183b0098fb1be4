import { isDeepStrictEqual } from "node:util";
import { resourceKey } from "../../api/fault.js";
import type { Resource } from "../../api/kinds.js";
import { idOf } from "../../api/resource.js";
import type { MetaRouter } from "../../api/meta-router.js";
import type { Cluster } from "../../ir/cluster.js";
import type { Listener, Mesh } from "../../ir/mesh.js";
import type { Protocol } from "../../ir/protocol.js";
import { type ModuleFeatures, SHIPPED_FEATURES } from "../module-features.js";
import { Authorizations } from "./authorization.js";
import { clustersOf } from "./clusters.js";
import { DestinationRules } from "./destination-rules.js";
import { GrpcClusters } from "./grpc-clusters.js";
import {
  type BoundListener,
  listenerName,
  listenerOf,
  withoutAddressConflicts,
} from "./listeners.js";
import { mutationFaultOf } from "./mutation-support.js";
import { type BoundProtocol, protocolsByName } from "./protocols.js";
import { Report } from "./report.js";
import { claimServices } from "./router-claims.js";
import type { FilterContext } from "./router-filters.js";
import { defaultRouting, type RouteContext, type Routing, routingOf } from "./routes.js";
import { compareText, isManaged, type Service, Services } from "./services.js";
import { telemetryFilters } from "./telemetry-filters.js";

/** Istio's. */
export const DEFAULT_ROOT_NAMESPACE = "istio-system";

export interface MeshInput {
  /** Identities are unique; the order decides who is first where no times of creation are known. */
  readonly resources: readonly Resource[];
  /** Names of the modules that there are beside those of this package. */
  readonly modules: readonly string[];
  /** Default: what the modules of this package can do. */
  readonly features?: ModuleFeatures;
  /** Where rules and policies hold for all namespaces. Default: `DEFAULT_ROOT_NAMESPACE`. */
  readonly rootNamespace?: string;
}

/** What was in effect before. */
export interface InEffect {
  readonly mesh: Mesh;
  readonly accepted: ReadonlyMap<string, Resource>;
}

/** Translates exactly these versions of the resources; what is refused of them is left out of the mesh. */
export function translateOnce(
  input: MeshInput,
  inEffect: InEffect | undefined,
): { readonly mesh: Mesh; readonly report: Report } {
  const { resources, features = SHIPPED_FEATURES, rootNamespace = DEFAULT_ROOT_NAMESPACE } = input;
  const report = new Report();
  const former = new Former(inEffect);
  const bindings = select(resources, "ApplicationProtocol");
  const protocols = protocolsByName(bindings, input.modules, report);
  const services = new Services(select(resources, "ServiceEntry"), report);
  const { engine } = features;
  const destinationRules = select(resources, "DestinationRule");
  const rules = new DestinationRules(destinationRules, report, { engine, rootNamespace });
  const reachable = new Set<Service>(
    services.all().filter((service) => isManaged(service) && !isWildcard(service)),
  );
  const onReference = (service: Service) => void reachable.add(service);
  const grpcClusters = new GrpcClusters({ services, rules, report, onReference });
  const context = { services, rules, report, features, grpcClusters, rootNamespace, onReference };
  const moduleOf = (service: Service): string | undefined =>
    protocols.get(service.port.applicationProtocol ?? "")?.protocol.module;
  const routing = routingByService(select(resources, "MetaRouter"), {
    ...context,
    isInEffect: (router) => former.isInEffect(router),
    hadCluster: (name) => former.cluster(name) !== undefined,
    mutationFault: (service) => mutationFaultOf(moduleOf(service)),
  });
  const policies = [
    ...select(resources, "MetaAuthorizationPolicy"),
    ...select(resources, "DubboAuthorizationPolicy"),
  ];
  const authorizations = new Authorizations(policies, { ...context, moduleOf });
  const parts = { protocols, former, routing, authorizations, context };
  const bound = services.all().flatMap((service) => boundListener(service, parts) ?? []);
  const spoken = new Map(bound.map(({ protocol }) => [protocol.name, protocol]));
  const listeners = withoutAddressConflicts(bound, former.allListeners(), report);
  const workloads = select(resources, "WorkloadEntry");
  const clusterContext = { rules, report, workloads, engine, grpcClusters };
  const made = Array.from(reachable).flatMap((service) => clustersOf(service, clusterContext));
  rules.reportUnused();
  return {
    mesh: {
      listeners: sortedByName(listeners),
      protocols: sortedByName(
        new Set(listeners.flatMap((listener) => spoken.get(listener.protocol) ?? [])),
      ),
      clusters: sortedByName(withFormerClusters(made, listeners, former).values()),
    },
    report,
  };
}

interface ListenerParts {
  readonly protocols: ReadonlyMap<string, BoundProtocol>;
  readonly former: Former;
  readonly routing: ReadonlyMap<Service, Routing>;
  readonly authorizations: Authorizations;
  readonly context: FilterContext;
}

/** Undefined: the service is none of ours, or cannot be served. */
function boundListener(
  service: Service,
  { protocols, former, routing, authorizations, context }: ListenerParts,
): (BoundListener & { readonly protocol: Protocol }) | undefined {
  const { report } = context;
  if (!isManaged(service) || !canBeServed(service, report)) return undefined;
  const bound = protocolOf(service, protocols, former, report);
  if (bound === undefined) return undefined;
  const { protocol, resource } = bound;
  const own = routing.get(service) ?? defaultRouting(service);
  const { routes } = own;
  const telemetry =
    resource === undefined ? [] : telemetryFilters(resource, { service, routes }, context);
  const filters = [...own.filters, ...authorizations.filtersOf(service), ...telemetry];
  return { service, listener: listenerOf(service, { ...own, filters }, report), protocol };
}

/** What routes in effect still lead to stays. */
function withFormerClusters(
  made: readonly Cluster[],
  listeners: readonly Listener[],
  former: Former,
): ReadonlyMap<string, Cluster> {
  const clusters = new Map(made.map((cluster) => [cluster.name, cluster]));
  for (const name of listeners.flatMap((listener) => listener.clusterNames)) {
    const cluster = clusters.get(name) ?? former.cluster(name);
    if (cluster !== undefined) clusters.set(name, cluster);
  }
  return clusters;
}

/** The routes of the services that a good MetaRouter is in charge of. A bad one is refused for all of its hosts. */
function routingByService(
  routers: readonly MetaRouter[],
  context: RouteContext,
): ReadonlyMap<Service, Routing> {
  const owners = claimServices(routers, context.services, context.report);
  const routing = Array.from(
    owners,
    ([service, router]) =>
      ({ service, router, routing: routingOf(router, service, context) }) as const,
  );
  return new Map(
    routing
      .filter(({ router }) => !context.report.refused.has(resourceKey(idOf(router))))
      .map((item) => [item.service, item.routing]),
  );
}

class Former {
  private readonly clusters: ReadonlyMap<string, Cluster>;
  private readonly listeners: ReadonlyMap<string, Listener>;
  private readonly protocols: ReadonlyMap<string, Protocol>;

  constructor(private readonly inEffect: InEffect | undefined) {
    this.clusters = byName(inEffect?.mesh.clusters ?? []);
    this.listeners = byName(inEffect?.mesh.listeners ?? []);
    this.protocols = byName(inEffect?.mesh.protocols ?? []);
  }

  cluster(name: string): Cluster | undefined {
    return this.clusters.get(name);
  }

  listener(name: string): Listener | undefined {
    return this.listeners.get(name);
  }

  protocol(name: string): Protocol | undefined {
    return this.protocols.get(name);
  }

  allListeners(): readonly Listener[] {
    return Array.from(this.listeners.values());
  }

  isInEffect(resource: Resource): boolean {
    const accepted = this.inEffect?.accepted.get(resourceKey(idOf(resource)));
    return accepted !== undefined && isSameVersion(accepted, resource);
  }
}

/** Whether two versions of a resource say the same. */
export function isSameVersion(a: Resource, b: Resource): boolean {
  return (
    a === b || (isDeepStrictEqual(a.spec, b.spec) && isDeepStrictEqual(a.metadata, b.metadata))
  );
}

function sortedByName<T extends { readonly name: string }>(items: Iterable<T>): readonly T[] {
  return Array.from(items).sort((a, b) => compareText(a.name, b.name));
}

function byName<T extends { readonly name: string }>(items: readonly T[]): ReadonlyMap<string, T> {
  return new Map(items.map((item) => [item.name, item]));
}

function select<K extends Resource["kind"]>(
  resources: readonly Resource[],
  kind: K,
): readonly Extract<Resource, { kind: K }>[] {
  return resources.filter(
    (resource): resource is Extract<Resource, { kind: K }> => resource.kind === kind,
  );
}

function isWildcard(service: Service): boolean {
  return service.host.startsWith("*");
}

function canBeServed(service: Service, report: Report): boolean {
  const { entry, host, hostIndex } = service;
  const { exportTo, resolution } = entry.spec;
  if (isWildcard(service)) {
    report.refuse(
      entry,
      `spec.hosts[${hostIndex}]`,
      `\`${host}\` cannot be served: the host of a port \`tcp-metaprotocol-<protocol>\` must not have a wildcard`,
    );
    return false;
  }
  if (resolution === "NONE" || resolution === "DYNAMIC_DNS") {
    report.refuse(
      entry,
      "spec.resolution",
      `${resolution} cannot be served: a proxy without Istio must know the endpoints; use STATIC or DNS`,
    );
    return false;
  }
  if (exportTo.includes("~")) {
    report.warning(entry, "spec.exportTo", "`~`: not served, since it is exported to nobody");
    return false;
  }
  return true;
}

function protocolOf(
  service: Service,
  protocols: ReadonlyMap<string, BoundProtocol>,
  former: Former,
  report: Report,
): BoundProtocol | undefined {
  const { entry, port, portIndex } = service;
  const name = port.applicationProtocol ?? "";
  const protocol = protocols.get(name);
  if (protocol !== undefined) return protocol;
  const path = `spec.ports[${portIndex}].name`;
  const known = Array.from(protocols.keys()).sort(compareText).join(", ");
  const message = `no ApplicationProtocol binds \`${name}\` to a codec; there are ${known}`;
  const before = former.protocol(name);
  if (before !== undefined && former.listener(listenerName(service))?.protocol === name) {
    report.fault(entry, path, `${message}; the former codec stays in use`);
    return { protocol: before, resource: undefined };
  }
  report.refuse(entry, path, message);
  return undefined;
}
