// One Envoy with Envoy's own filters and ours side by side, each before the same echo server.

const TYPE = "type.googleapis.com";
const FILTERS = `${TYPE}/envoy.extensions.filters.network`;

/** One way from a listener to the echo server of its protocol. */
export interface Contender {
  readonly name: string;
  readonly protocol: "dubbo" | "thrift";
  /** What ours is compared with. */
  readonly kind: "baseline" | "envoy" | "ours";
  readonly filters: (cluster: string) => object[];
}

function filter(name: string, type: string, config: object): object {
  return { name, typed_config: { "@type": `${FILTERS}.${type}`, ...config } };
}

function tcpProxy(cluster: string): object {
  const config = { stat_prefix: "tcp", cluster, idle_timeout: "0s" };
  return filter("envoy.filters.network.tcp_proxy", "tcp_proxy.v3.TcpProxy", config);
}

function dubboProxy(cluster: string): object {
  const method = { name: { safe_regex: { regex: ".*" } } };
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

function thriftProxy(cluster: string): object {
  return filter("envoy.filters.network.thrift_proxy", "thrift_proxy.v3.ThriftProxy", {
    stat_prefix: "thrift",
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

function routeConfiguration(cluster: string): object {
  const others = Array.from({ length: OTHER_ROUTES }, (_, index) => ({
    name: `other-${String(index)}`,
    match: [{ name: "method", exact: `other${String(index)}` }],
    destinations: [{ cluster }],
  }));
  const last = { name: "default", destinations: [{ cluster }] };
  return { name: "bench", routes: [...others, last], clusters: [{ name: cluster, endpoints: 1 }] };
}

function wasm(module: string, cluster: string): object {
  const configuration = {
    dialCluster: `dial-${module}`,
    routeConfigurations: [routeConfiguration(cluster)],
  };
  return filter("envoy.filters.network.wasm", "wasm.v3.Wasm", {
    config: {
      name: module,
      root_id: module,
      configuration: {
        "@type": `${TYPE}/google.protobuf.StringValue`,
        value: JSON.stringify(configuration),
      },
      vm_config: {
        runtime: "envoy.wasm.runtime.v8",
        vm_id: module,
        code: { local: { filename: `build/${module}.wasm` } },
      },
    },
  });
}

function ours(module: string, cluster: string): object[] {
  return [wasm(module, cluster), filter("envoy.filters.network.echo", "echo.v3.Echo", {})];
}

export const CONTENDERS: readonly Contender[] = [
  { name: "tcp_proxy", protocol: "dubbo", kind: "baseline", filters: (c) => [tcpProxy(c)] },
  { name: "dubbo_proxy", protocol: "dubbo", kind: "envoy", filters: (c) => [dubboProxy(c)] },
  { name: "generic_proxy", protocol: "dubbo", kind: "envoy", filters: (c) => [genericProxy(c)] },
  { name: "metaproto", protocol: "dubbo", kind: "ours", filters: (c) => ours("dubbo", c) },
  { name: "tcp_proxy", protocol: "thrift", kind: "baseline", filters: (c) => [tcpProxy(c)] },
  { name: "thrift_proxy", protocol: "thrift", kind: "envoy", filters: (c) => [thriftProxy(c)] },
  { name: "metaproto", protocol: "thrift", kind: "ours", filters: (c) => ours("thrift", c) },
];

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

/** The bootstrap; `ports` are those of the echo servers. */
export function benchBootstrap(ports: Readonly<Record<"dubbo" | "thrift", number>>): object {
  const protocols = ["dubbo", "thrift"] as const;
  const listeners = CONTENDERS.map((contender) => ({
    name: listenerName(contender),
    address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
    filter_chains: [{ filters: contender.filters(`echo-${contender.protocol}`) }],
  }));
  const internal = protocols.map((module) => ({
    name: `dial-${module}`,
    internal_listener: {},
    filter_chains: [{ filters: [wasm(module, `echo-${module}`), tcpProxy(`echo-${module}`)] }],
  }));
  const backends = protocols.map((protocol) =>
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
      clusters: [...backends, ...protocols.map(dialCluster)],
    },
  };
}
