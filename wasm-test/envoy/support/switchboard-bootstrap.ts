// The static bootstrap of an Envoy with one protocol's module: what a control plane would serve, for
// tests that need none.
import { fileURLToPath } from "node:url";

const TYPE = "type.googleapis.com";
const NETWORK = `${TYPE}/envoy.extensions.filters.network`;
const UNLIMITED = {
  thresholds: [
    { max_connections: 1e6, max_pending_requests: 1e6, max_requests: 1e6, max_retries: 1e6 },
  ],
};

export interface SwitchboardBootstrapOptions {
  /** Name of a module in build/. */
  readonly protocol: string;
  /** Ports of 127.0.0.1 by cluster. */
  readonly clusters: Readonly<Record<string, readonly number[]>>;
  /** The plugin configuration; dialCluster is added, and discoveryCluster with `controlPort`. */
  readonly plugin: Readonly<Record<string, unknown>>;
  /** Ports of gRPC servers by cluster. */
  readonly grpcClusters?: Readonly<Record<string, number>>;
  /** Clusters of type ORIGINAL_DST. Clients then say by the PROXY protocol what they have connected to. */
  readonly originalDestinations?: readonly string[];
  /** Port of a control plane's gRPC server. */
  readonly controlPort?: number;
}

/** Name of the listener for clients; its port is chosen by the system. */
export const LISTENER = "clients";
const CARRIER = "carrier";
const CONTROL = "control";

export function switchboardBootstrap(options: SwitchboardBootstrapOptions): object {
  const { controlPort, grpcClusters = {}, originalDestinations = [] } = options;
  const control = controlPort === undefined ? [] : [grpcCluster(CONTROL, controlPort)];
  return {
    node: { id: "test-node", cluster: "test-cluster" },
    bootstrap_extensions: [
      {
        name: "envoy.bootstrap.internal_listener",
        typed_config: {
          "@type": `${TYPE}/envoy.extensions.bootstrap.internal_listener.v3.InternalListener`,
        },
      },
    ],
    static_resources: {
      listeners: [
        {
          name: LISTENER,
          address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
          listener_filters: originalDestinations.length === 0 ? [] : [proxyProtocol()],
          filter_chains: [{ filters: [wasm(options), filter("echo", "echo.v3.Echo", {})] }],
        },
        {
          name: CARRIER,
          internal_listener: {},
          filter_chains: [{ filters: [wasm(options), tcpProxy()] }],
        },
      ],
      clusters: [
        ...Object.entries(options.clusters).map(([name, ports]) => cluster(name, ports)),
        ...originalDestinations.map((name) => ({
          name,
          type: "ORIGINAL_DST",
          lb_policy: "CLUSTER_PROVIDED",
        })),
        ...Object.entries(grpcClusters).map(([name, port]) => grpcCluster(name, port)),
        carrierCluster(),
        ...control,
      ],
    },
  };
}

function filter(name: string, type: string, config: object): object {
  const typed_config = { "@type": `${NETWORK}.${type}`, ...config };
  return { name: `envoy.filters.network.${name}`, typed_config };
}

function proxyProtocol(): object {
  const type = `${TYPE}/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol`;
  return { name: "envoy.filters.listener.proxy_protocol", typed_config: { "@type": type } };
}

function wasm(options: SwitchboardBootstrapOptions): object {
  const discovery = options.controlPort === undefined ? {} : { discoveryCluster: CONTROL };
  const configuration = { dialCluster: CARRIER, ...discovery, ...options.plugin };
  const module = new URL(`../../../build/${options.protocol}.wasm`, import.meta.url);
  return filter("wasm", "wasm.v3.Wasm", {
    config: {
      name: "metaproto",
      root_id: "metaproto",
      configuration: {
        "@type": `${TYPE}/google.protobuf.StringValue`,
        value: JSON.stringify(configuration),
      },
      failure_policy: "FAIL_RELOAD",
      vm_config: {
        runtime: "envoy.wasm.runtime.v8",
        vm_id: "metaproto",
        code: { local: { filename: fileURLToPath(module) } },
      },
    },
  });
}

function tcpProxy(): object {
  return filter("tcp_proxy", "tcp_proxy.v3.TcpProxy", {
    stat_prefix: CARRIER,
    // Never taken: the module names the cluster of each connection.
    cluster: "none",
    max_connect_attempts: 1,
    idle_timeout: "0s",
  });
}

function cluster(name: string, ports: readonly number[]): object {
  const lb_endpoints = ports.map((port_value) => ({
    endpoint: { address: { socket_address: { address: "127.0.0.1", port_value } } },
  }));
  return {
    name,
    type: "STATIC",
    circuit_breakers: UNLIMITED,
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints }] },
  };
}

function httpOptions(config: object): object {
  const name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  return {
    typed_extension_protocol_options: { [name]: { "@type": `${TYPE}/${name}`, ...config } },
  };
}

function carrierCluster(): object {
  const address = { envoy_internal_address: { server_listener_name: CARRIER } };
  return {
    name: CARRIER,
    type: "STATIC",
    circuit_breakers: UNLIMITED,
    load_assignment: {
      cluster_name: CARRIER,
      endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
    },
    ...httpOptions({
      common_http_protocol_options: { max_requests_per_connection: 1 },
      explicit_http_config: { http_protocol_options: {} },
    }),
  };
}

function grpcCluster(name: string, port: number): object {
  const options = httpOptions({ explicit_http_config: { http2_protocol_options: {} } });
  return { ...cluster(name, [port]), ...options };
}
