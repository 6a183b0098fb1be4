// The two services of the demo as resources, and the walk through their routes.

/** A protocol's part of the demo. */
export interface DemoService {
  readonly protocol: "dubbo" | "thrift";
  readonly host: string;
  /** Port of the listener. */
  readonly port: number;
  readonly endpoints: readonly { readonly version: string; readonly port: number }[];
}

interface Destination {
  readonly version: string;
  readonly weight?: number;
}

interface DemoRoute {
  readonly name: string;
  /** Attribute -> how it must match. */
  readonly match?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly to: readonly Destination[];
}

/** What is seen when the step has taken effect: which versions answer which requests. */
export interface Expectation {
  /** Request name -> the versions that may answer it; "*" for those not named. */
  readonly versions: Readonly<Record<string, readonly string[]>>;
  /** A request and a version whose answer tells that the new routes are in force, if there is one. */
  readonly first?: { readonly name: string; readonly version: string };
  /** Share of all requests that v2 gets, with room for chance. */
  readonly shareOfV2?: { readonly from: number; readonly to: number };
}

export interface DemoStep {
  readonly title: string;
  /** Undefined: no MetaRouter at all. */
  readonly routes: ((service: DemoService) => readonly DemoRoute[]) | undefined;
  readonly expect: Expectation;
}

/** Requests that the clients send in turn; the last one carries the attachment `user: beta`. */
export const BETA_REQUEST = "beta";

export function requestNames(protocol: DemoService["protocol"]): readonly string[] {
  const hello = protocol === "dubbo" ? "sayHello" : "hello";
  return [hello, "getUser", "getOrder", "placeOrder", BETA_REQUEST];
}

const V1: DemoRoute = { name: "v1", to: [{ version: "v1" }] };

export const STEPS: readonly DemoStep[] = [
  {
    title: "default route: every endpoint",
    routes: undefined,
    expect: { versions: { "*": ["v1", "v2"] } },
  },
  {
    title: "all to v1",
    routes: () => [V1],
    expect: { versions: { "*": ["v1"] } },
  },
  {
    title: "20% v1, 80% v2",
    routes: () => [
      {
        name: "split",
        to: [
          { version: "v1", weight: 20 },
          { version: "v2", weight: 80 },
        ],
      },
    ],
    expect: {
      versions: { "*": ["v1", "v2"] },
      first: { name: "placeOrder", version: "v2" },
      shareOfV2: { from: 0.75, to: 0.85 },
    },
  },
  {
    title: "by method: exact hello and regex .*Order to v2, prefix get to v1",
    routes: (service) => [
      {
        name: "exact",
        match: { method: { exact: requestNames(service.protocol)[0] ?? "" } },
        to: [{ version: "v2" }],
      },
      { name: "regex", match: { method: { regex: "[a-z]+Order" } }, to: [{ version: "v2" }] },
      { name: "prefix", match: { method: { prefix: "get" } }, to: [{ version: "v1" }] },
      V1,
    ],
    expect: { versions: { getUser: ["v1"], getOrder: ["v2"], placeOrder: ["v2"] } },
  },
  {
    title: "by attachment: user=beta to v2",
    routes: () => [
      { name: "beta", match: { user: { exact: "beta" } }, to: [{ version: "v2" }] },
      V1,
    ],
    expect: { versions: { [BETA_REQUEST]: ["v2"], "*": ["v1"] } },
  },
  {
    title: "all to v2",
    routes: () => [{ name: "v2", to: [{ version: "v2" }] }],
    expect: { versions: { "*": ["v2"] }, first: { name: "getUser", version: "v2" } },
  },
];

function portName(service: DemoService): string {
  return `tcp-metaprotocol-${service.protocol}`;
}

/** ServiceEntry and DestinationRule of a service. */
export function serviceResources(service: DemoService): object[] {
  const name = portName(service);
  const versions = [...new Set(service.endpoints.map(({ version }) => version))];
  return [
    {
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: { name: service.protocol, namespace: "demo" },
      spec: {
        hosts: [service.host],
        addresses: ["127.0.0.1"],
        ports: [{ number: service.port, name, protocol: "TCP" }],
        location: "MESH_INTERNAL",
        resolution: "STATIC",
        endpoints: service.endpoints.map(({ version, port }) => ({
          address: "127.0.0.1",
          ports: { [name]: port },
          labels: { version },
        })),
      },
    },
    {
      apiVersion: "networking.istio.io/v1",
      kind: "DestinationRule",
      metadata: { name: service.protocol, namespace: "demo" },
      spec: {
        host: service.host,
        subsets: versions.map((version) => ({ name: version, labels: { version } })),
      },
    },
  ];
}

/** The MetaRouter of a step; undefined: there is none. */
export function metaRouter(service: DemoService, step: DemoStep): object | undefined {
  if (step.routes === undefined) return undefined;
  return {
    apiVersion: "metaprotocol.aeraki.io/v1alpha1",
    kind: "MetaRouter",
    metadata: { name: service.protocol, namespace: "demo" },
    spec: {
      hosts: [service.host],
      routes: step.routes(service).map(({ name, match, to }) => ({
        name,
        ...(match === undefined ? {} : { match: { attributes: match } }),
        route: to.map(({ version, weight }) => ({
          destination: { host: service.host, subset: version },
          ...(weight === undefined ? {} : { weight }),
        })),
      })),
    },
  };
}
