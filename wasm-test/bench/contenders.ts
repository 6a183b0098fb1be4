// What is compared: Envoy's own filters and ours, each a way from a listener to the same echo server.
import { allPolicies, eachPolicy, type Policies, type Sink } from "./policies.js";

export const TYPE = "type.googleapis.com";
export const PROTOCOLS = ["dubbo", "thrift"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

const FILTERS = `${TYPE}/envoy.extensions.filters.network`;

/** One way from a listener to the echo server of its protocol. */
export interface Contender {
  readonly name: string;
  readonly protocol: Protocol;
  /** No proxy at all, any proxy, Envoy's filters for the protocol, ours, or ours with filters in it. */
  readonly kind: "direct" | "baseline" | "envoy" | "ours" | "filtered";
  /** None for the one without a proxy. */
  readonly filters: (cluster: string) => object[];
  /** Of ours: the setup of the module, also for its internal listener. */
  readonly module?: ModuleSetup;
  /** Servers that it calls. */
  readonly sinks?: readonly Sink[];
}

/** A file of build/, and what its codec is configured with, in base64. */
export interface ModuleCode {
  readonly name: string;
  readonly codecConfiguration?: string;
}

/** A module and what it is configured to do. */
export interface ModuleSetup {
  readonly protocol: Protocol;
  /** Of its VM; where it dials is derived from it. */
  readonly id: string;
  /** Default: the module of `protocol`. */
  readonly code?: ModuleCode;
  readonly policies?: Policies;
}

/** A network filter of a listener, as Envoy's configuration has it. */
interface TypedFilter {
  readonly name: string;
  readonly typed_config: object;
}

function filter(name: string, type: string, config: object): TypedFilter {
  return { name, typed_config: { "@type": `${FILTERS}.${type}`, ...config } };
}

export function tcpProxy(cluster: string): object {
  const config = { stat_prefix: "tcp", cluster, idle_timeout: "0s" };
  return filter("envoy.filters.network.tcp_proxy", "tcp_proxy.v3.TcpProxy", config);
}

function dubboProxy(cluster: string): object {
  // The method that the generator calls; a regular expression would cost more.
  const method = { name: { exact: "echo" } };
  const routes = [{ match: { method }, route: { cluster } }];
  return filter("envoy.filters.network.dubbo_proxy", "dubbo_proxy.v3.DubboProxy", {
    stat_prefix: "dubbo",
    protocol_type: "Dubbo",
    serialization_type: "Hessian2",
    route_config: [{ name: "local", interface: "*", routes }],
  });
}

function genericProxy(cluster: string): object {
  const generic = `${FILTERS}.generic_proxy`;
  const action = { "@type": `${generic}.action.v3.RouteAction`, name: "all", cluster };
  return filter("envoy.filters.network.generic_proxy", "generic_proxy.v3.GenericProxy", {
    stat_prefix: "generic",
    codec_config: {
      name: "envoy.generic_proxy.codecs.dubbo",
      typed_config: { "@type": `${generic}.codecs.dubbo.v3.DubboCodecConfig` },
    },
    filters: [
      {
        name: "envoy.filters.generic.router",
        typed_config: { "@type": `${generic}.router.v3.Router` },
      },
    ],
    route_config: {
      name: "local",
      virtual_hosts: [
        {
          name: "all",
          hosts: ["*"],
          routes: { on_no_match: { action: { name: "route", typed_config: action } } },
        },
      ],
    },
  });
}

/**
 * With transport and protocol named, so that it does not find them out for each connection, and one route.
 *
 * @param isPassthrough the arguments of a call are not decoded; ours does not decode them either.
 */
function thriftProxy(cluster: string, isPassthrough: boolean): object {
  return filter("envoy.filters.network.thrift_proxy", "thrift_proxy.v3.ThriftProxy", {
    stat_prefix: "thrift",
    payload_passthrough: isPassthrough,
    transport: "FRAMED",
    protocol: "BINARY",
    route_config: {
      name: "local",
      routes: [{ match: { method_name: "" }, route: { cluster } }],
    },
  });
}

/** Routes before the one that is taken, so that none is found by luck. */
const OTHER_ROUTES = 99;

function routeConfiguration(cluster: string, policies?: Policies): object {
  const others = Array.from({ length: OTHER_ROUTES }, (_, index) => ({
    name: `other-${index}`,
    match: [{ name: "method", exact: `other${index}` }],
    destinations: [{ cluster }],
  }));
  const last = { name: "default", destinations: [{ cluster }], ...policies?.route };
  return {
    name: "bench",
    routes: [...others, last],
    clusters: [{ name: cluster, endpoints: 1, ...policies?.cluster }],
    filters: policies?.filters ?? [],
  };
}

/** Cluster and internal listener of a module's upstream connections. */
export function dialName({ id }: ModuleSetup): string {
  return `dial-${id}`;
}

/** @param filename of the module's code; default the built one, relative to the project. */
export function wasm(
  setup: ModuleSetup,
  cluster: string,
  filename = `build/${setup.code?.name ?? setup.protocol}.wasm`,
): TypedFilter {
  const codecConfiguration = setup.code?.codecConfiguration;
  const configuration = {
    dialCluster: dialName(setup),
    ...(codecConfiguration === undefined ? {} : { codecConfiguration }),
    routeConfigurations: [routeConfiguration(cluster, setup.policies)],
  };
  return filter("envoy.filters.network.wasm", "wasm.v3.Wasm", {
    config: {
      name: setup.id,
      root_id: setup.id,
      configuration: {
        "@type": `${TYPE}/google.protobuf.StringValue`,
        value: JSON.stringify(configuration),
      },
      failure_policy: "FAIL_RELOAD",
      vm_config: {
        runtime: "envoy.wasm.runtime.v8",
        vm_id: setup.id,
        code: { local: { filename } },
      },
    },
  });
}

export function echo(): object {
  return filter("envoy.filters.network.echo", "echo.v3.Echo", {});
}

/** What a connection costs Envoy when nothing is done with it; answers nobody. */
export const ECHO: Contender = {
  name: "echo",
  protocol: "dubbo",
  kind: "baseline",
  filters: () => [echo()],
};

/** What any proxy costs. */
export const BASELINE: Contender = baseline("dubbo");

function direct(protocol: Protocol): Contender {
  return { name: "direct", protocol, kind: "direct", filters: () => [] };
}

function baseline(protocol: Protocol): Contender {
  return { name: "tcp_proxy", protocol, kind: "baseline", filters: (c) => [tcpProxy(c)] };
}

export const OURS = "metaproto";
export const ALL_ON = "metaproto, all filters on";

/** Of the echo server. */
export function clusterOf(protocol: Protocol): string {
  return `echo-${protocol}`;
}

function ours(setup: ModuleSetup): Contender["filters"] {
  return (cluster) => [wasm(setup, cluster), echo()];
}

function bare(name: string, module: ModuleSetup): Contender {
  return { name, protocol: module.protocol, kind: "ours", filters: ours(module), module };
}

function metaproto(protocol: Protocol): Contender {
  return bare(OURS, { protocol, id: protocol });
}

function filtered(protocol: Protocol, policies: Policies, name = policies.name): Contender {
  const id = `${protocol}-${policies.name.replaceAll(/[^a-z0-9]+/gi, "-")}`;
  const module = { protocol, id, policies };
  const { sinks = [] } = policies;
  return { name, protocol, kind: "filtered", filters: ours(module), module, sinks };
}

function allOn(protocol: Protocol): Contender {
  return filtered(protocol, allPolicies(clusterOf(protocol)), ALL_ON);
}

/** The bare module with other code than the protocol's; it speaks with nobody. */
export function resting(code: ModuleCode): Contender {
  return bare(code.name, { protocol: "dubbo", id: code.name, code });
}

/** The bare module, then with each filter alone, then with all of them. */
export function filterContenders(protocol: Protocol): Contender[] {
  const each = eachPolicy(clusterOf(protocol)).map((policies) => filtered(protocol, policies));
  return [metaproto(protocol), ...each, allOn(protocol)];
}

export const CONTENDERS: readonly Contender[] = [
  direct("dubbo"),
  BASELINE,
  { name: "dubbo_proxy", protocol: "dubbo", kind: "envoy", filters: (c) => [dubboProxy(c)] },
  { name: "generic_proxy", protocol: "dubbo", kind: "envoy", filters: (c) => [genericProxy(c)] },
  metaproto("dubbo"),
  allOn("dubbo"),
  direct("thrift"),
  baseline("thrift"),
  {
    name: "thrift_proxy",
    protocol: "thrift",
    kind: "envoy",
    filters: (c) => [thriftProxy(c, false)],
  },
  {
    name: "thrift_proxy passthrough",
    protocol: "thrift",
    kind: "envoy",
    filters: (c) => [thriftProxy(c, true)],
  },
  metaproto("thrift"),
  allOn("thrift"),
];
