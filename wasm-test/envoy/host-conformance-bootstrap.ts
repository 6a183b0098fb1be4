// The Envoy that runs the probe: the listener [wasm, echo], the internal listener [wasm, tcp_proxy], and
// clusters that answer, refuse, overflow or are empty.

export interface ProbeBootstrapOptions {
  /** Path of the compiled probe. */
  readonly module: string;
  readonly serverPort: number;
  readonly httpServerPort: number;
  /** A port nobody listens on. */
  readonly refusedPort: number;
}

const type = (name: string) => `type.googleapis.com/${name}`;

const HTTP2 = protocolOptions({ explicit_http_config: { http2_protocol_options: {} } });

export function probeBootstrap(options: ProbeBootstrapOptions): object {
  const { serverPort, refusedPort } = options;
  return {
    node: { id: "test-node", cluster: "test-cluster" },
    bootstrap_extensions: [
      {
        name: "envoy.bootstrap.internal_listener",
        typed_config: {
          "@type": type("envoy.extensions.bootstrap.internal_listener.v3.InternalListener"),
        },
      },
    ],
    static_resources: {
      listeners: [listener(options), carrierListener(options), httpListener(options)],
      clusters: [
        cluster("ok", serverPort),
        {
          ...cluster("one", serverPort),
          circuit_breakers: { thresholds: [{ max_connections: 1 }] },
        },
        cluster("web", options.httpServerPort),
        cluster("refused", refusedPort),
        cluster("http-refused", refusedPort),
        cluster("empty"),
        cluster("http-empty"),
        { ...cluster("grpc-refused", refusedPort), ...HTTP2 },
        { ...cluster("grpc-empty"), ...HTTP2 },
        carrierCluster(),
      ],
    },
  };
}

function listener({ module }: ProbeBootstrapOptions): object {
  return {
    name: "probe",
    address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
    metadata: { filter_metadata: { probe: { route: "demo", count: 5 } } },
    filter_chains: [
      { filters: [wasm(module), filter("echo", "envoy.extensions.filters.network.echo.v3.Echo")] },
    ],
  };
}

function carrierListener({ module }: ProbeBootstrapOptions): object {
  const tcpProxy = filter("tcp_proxy", "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", {
    stat_prefix: "carrier",
    cluster: "unknown",
    idle_timeout: "0s",
  });
  return {
    name: "carrier",
    internal_listener: {},
    filter_chains: [{ filters: [wasm(module), tcpProxy] }],
  };
}

function httpListener({ module }: ProbeBootstrapOptions): object {
  const httpWasm = {
    name: "envoy.filters.http.wasm",
    typed_config: {
      "@type": type("envoy.extensions.filters.http.wasm.v3.Wasm"),
      config: pluginConfig(module),
    },
  };
  const router = {
    name: "envoy.filters.http.router",
    typed_config: { "@type": type("envoy.extensions.filters.http.router.v3.Router") },
  };
  const manager = filter(
    "http_connection_manager",
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    {
      stat_prefix: "probe",
      http_filters: [httpWasm, router],
      route_config: {
        virtual_hosts: [
          {
            name: "all",
            domains: ["*"],
            routes: [{ match: { prefix: "/" }, route: { cluster: "web" } }],
          },
        ],
      },
    },
  );
  return {
    name: "http",
    address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
    filter_chains: [{ filters: [manager] }],
  };
}

function wasm(module: string): object {
  return filter("wasm", "envoy.extensions.filters.network.wasm.v3.Wasm", {
    config: pluginConfig(module),
  });
}

function pluginConfig(module: string): object {
  return {
    name: "probe",
    root_id: "probe",
    configuration: { "@type": type("google.protobuf.StringValue"), value: "probe" },
    vm_config: {
      runtime: "envoy.wasm.runtime.v8",
      vm_id: "probe",
      code: { local: { filename: module } },
    },
  };
}

function filter(name: string, typeName: string, config: object = {}): object {
  return {
    name: `envoy.filters.network.${name}`,
    typed_config: { "@type": type(typeName), ...config },
  };
}

function cluster(name: string, port?: number): object {
  const socket_address = { address: "127.0.0.1", port_value: port };
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: { socket_address } } }] }];
  return {
    name,
    type: "STATIC",
    load_assignment: { cluster_name: name, endpoints: port === undefined ? [] : endpoints },
  };
}

function carrierCluster(): object {
  const envoy_internal_address = { server_listener_name: "carrier" };
  return {
    name: "carrier",
    type: "STATIC",
    ...protocolOptions({
      common_http_protocol_options: { max_requests_per_connection: 1 },
      explicit_http_config: { http_protocol_options: {} },
    }),
    load_assignment: {
      cluster_name: "carrier",
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { envoy_internal_address } } }] }],
    },
  };
}

function protocolOptions(config: object): object {
  const name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  return { typed_extension_protocol_options: { [name]: { "@type": type(name), ...config } } };
}
