// One Envoy with all contenders side by side.
import {
  echo,
  PROTOCOLS,
  tcpProxy,
  TYPE,
  wasm,
  type Contender,
  type Protocol,
} from "./contenders.js";

/** Ports of the echo servers. */
export type Ports = Readonly<Record<Protocol, number>>;

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

function dialCluster(module: string): object {
  const http = `${TYPE}/envoy.extensions.upstreams.http.v3.HttpProtocolOptions`;
  const name = `dial-${module}`;
  return {
    ...cluster(name, { envoy_internal_address: { server_listener_name: name } }),
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": http,
        common_http_protocol_options: { max_requests_per_connection: 1 },
        explicit_http_config: { http_protocol_options: {} },
      },
    },
  };
}

/** The bootstrap with these contenders; `ports` are those of the echo servers. */
export function benchBootstrap(contenders: readonly Contender[], ports: Ports): object {
  const proxies = contenders.filter(({ kind }) => kind !== "direct");
  const modules = proxies.filter(({ kind }) => kind === "ours").map(({ protocol }) => protocol);
  const listeners = proxies.map((contender) => ({
    name: listenerName(contender),
    address: onLoopback(0),
    filter_chains: [{ filters: contender.filters(`echo-${contender.protocol}`) }],
  }));
  const internal = modules.map((module) => ({
    name: `dial-${module}`,
    internal_listener: {},
    filter_chains: [{ filters: [wasm(module, `echo-${module}`), tcpProxy(`echo-${module}`)] }],
  }));
  const backends = PROTOCOLS.map((protocol) =>
    cluster(`echo-${protocol}`, onLoopback(ports[protocol])),
  );
  return bootstrap([...listeners, ...internal], [...backends, ...modules.map(dialCluster)]);
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
      name: `dial-${module}`,
      internal_listener: {},
      filter_chains: [{ filters: [discovered, tcpProxy("none")] }],
    },
  ];
  const clusters = Object.entries(ports).map(([name, port]) => cluster(name, onLoopback(port)));
  return {
    node: { id: "bench", cluster: "bench" },
    ...bootstrap(listeners, [...clusters, dialCluster(module)]),
  };
}

/** What the file of `servingBootstrap` holds: a module whose requests all go to one cluster. */
export function wasmResource(
  module: Protocol,
  cluster: string,
  code: string,
  version: number,
): object {
  const { typed_config } = wasm(module, cluster, code);
  return {
    version_info: String(version),
    resources: [
      { "@type": `${TYPE}/envoy.config.core.v3.TypedExtensionConfig`, name: SERVING, typed_config },
    ],
  };
}
