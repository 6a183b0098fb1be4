// One Envoy with all contenders side by side.
import { PROTOCOLS, tcpProxy, TYPE, wasm, type Contender, type Protocol } from "./contenders.js";

/** Name of the listener of a contender. */
export function listenerName(contender: Contender): string {
  return `${contender.protocol}-${contender.name}`;
}

const UNLIMITED = {
  thresholds: [{ max_connections: 1e6, max_pending_requests: 1e6, max_requests: 1e6 }],
};

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
export function benchBootstrap(
  contenders: readonly Contender[],
  ports: Readonly<Record<Protocol, number>>,
): object {
  const proxies = contenders.filter(({ kind }) => kind !== "direct");
  const modules = proxies.filter(({ kind }) => kind === "ours").map(({ protocol }) => protocol);
  const listeners = proxies.map((contender) => ({
    name: listenerName(contender),
    address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
    filter_chains: [{ filters: contender.filters(`echo-${contender.protocol}`) }],
  }));
  const internal = modules.map((module) => ({
    name: `dial-${module}`,
    internal_listener: {},
    filter_chains: [{ filters: [wasm(module, `echo-${module}`), tcpProxy(`echo-${module}`)] }],
  }));
  const backends = PROTOCOLS.map((protocol) =>
    cluster(`echo-${protocol}`, {
      socket_address: { address: "127.0.0.1", port_value: ports[protocol] },
    }),
  );
  return {
    bootstrap_extensions: [
      {
        name: "envoy.bootstrap.internal_listener",
        typed_config: {
          "@type": `${TYPE}/envoy.extensions.bootstrap.internal_listener.v3.InternalListener`,
        },
      },
    ],
    static_resources: {
      listeners: [...listeners, ...internal],
      clusters: [...backends, ...modules.map(dialCluster)],
    },
  };
}
