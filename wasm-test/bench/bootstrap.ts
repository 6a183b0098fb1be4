// One Envoy with all contenders side by side.
import {
  echo,
  PROTOCOLS,
  tcpProxy,
  TYPE,
  wasm,
  clusterOf,
  dialName,
  type Contender,
  type ModuleSetup,
  type Protocol,
} from "./contenders.js";
import { SINKS, type Sink } from "./policies.js";

/** Ports of the echo servers, and of the sinks that there are. */
export type Ports = Readonly<Record<Protocol, number> & Partial<Record<Sink, number>>>;

/** Name of the listener of a contender. */
export function listenerName(contender: Contender): string {
  return `${contender.protocol}-${contender.name}`;
}

const UNLIMITED = {
  thresholds: [{ max_connections: 1e6, max_pending_requests: 1e6, max_requests: 1e6 }],
};

function onLoopback(port: number): object {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}

function cluster(name: string, endpoint: object): object {
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: endpoint } }] }];
  return {
    name,
    type: "STATIC",
    circuit_breakers: UNLIMITED,
    load_assignment: { cluster_name: name, endpoints },
  };
}

function httpOptions(protocol: "http" | "http2", common?: object): object {
  const type = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  const explicit = protocol === "http" ? "http_protocol_options" : "http2_protocol_options";
  return {
    typed_extension_protocol_options: {
      [type]: {
        "@type": `${TYPE}/${type}`,
        ...(common === undefined ? {} : { common_http_protocol_options: common }),
        explicit_http_config: { [explicit]: {} },
      },
    },
  };
}

function dialCluster(setup: ModuleSetup): object {
  const name = dialName(setup);
  return {
    ...cluster(name, { envoy_internal_address: { server_listener_name: name } }),
    ...httpOptions("http", { max_requests_per_connection: 1 }),
  };
}

function dialListener(setup: ModuleSetup): object {
  const target = clusterOf(setup.protocol);
  return {
    name: dialName(setup),
    internal_listener: {},
    filter_chains: [{ filters: [wasm(setup, target), tcpProxy(target)] }],
  };
}

/** The bootstrap with these contenders. */
export function benchBootstrap(contenders: readonly Contender[], ports: Ports): object {
  const proxies = contenders.filter(({ kind }) => kind !== "direct");
  const modules = proxies.flatMap(({ module }) => (module === undefined ? [] : [module]));
  const listeners = proxies.map((contender) => ({
    name: listenerName(contender),
    address: onLoopback(0),
    filter_chains: [{ filters: contender.filters(clusterOf(contender.protocol)) }],
  }));
  const backends = PROTOCOLS.map((protocol) =>
    cluster(clusterOf(protocol), onLoopback(ports[protocol])),
  );
  const sinks = SINKS.flatMap((sink) => {
    const port = ports[sink];
    if (port === undefined) return [];
    return [{ ...cluster(sink, onLoopback(port)), ...httpOptions("http2") }];
  });
  return bootstrap(
    [...listeners, ...modules.map(dialListener)],
    [...backends, ...sinks, ...modules.map(dialCluster)],
  );
}

function bootstrap(listeners: readonly object[], clusters: readonly object[]): object {
  const internal = `${TYPE}/envoy.extensions.bootstrap.internal_listener.v3.InternalListener`;
  return {
    bootstrap_extensions: [
      { name: "envoy.bootstrap.internal_listener", typed_config: { "@type": internal } },
    ],
    static_resources: { listeners, clusters },
  };
}

/** Listener of `servingBootstrap`. */
export const SERVING = "serving";

/** One listener of a module that comes by ECDS, from a file; `ports` are those of servers, by cluster. */
export function servingBootstrap(
  module: Protocol,
  file: string,
  ports: Readonly<Record<string, number>>,
): object {
  const setup = { protocol: module, id: module };
  const discovered = {
    name: SERVING,
    config_discovery: {
      config_source: { path_config_source: { path: file }, resource_api_version: "V3" },
      type_urls: [`${TYPE}/envoy.extensions.filters.network.wasm.v3.Wasm`],
    },
  };
  const listeners = [
    {
      name: SERVING,
      address: onLoopback(0),
      filter_chains: [{ filters: [discovered, echo()] }],
    },
    {
      name: dialName(setup),
      internal_listener: {},
      filter_chains: [{ filters: [discovered, tcpProxy("none")] }],
    },
  ];
  const clusters = Object.entries(ports).map(([name, port]) => cluster(name, onLoopback(port)));
  return {
    node: { id: "bench", cluster: "bench" },
    ...bootstrap(listeners, [...clusters, dialCluster(setup)]),
  };
}

/** What the file of `servingBootstrap` holds: a module whose requests all go to one cluster. */
export function wasmResource(
  module: Protocol,
  cluster: string,
  code: string,
  version: number,
): object {
  const { typed_config } = wasm({ protocol: module, id: module }, cluster, code);
  return {
    version_info: String(version),
    resources: [
      { "@type": `${TYPE}/envoy.config.core.v3.TypedExtensionConfig`, name: SERVING, typed_config },
    ],
  };
}
