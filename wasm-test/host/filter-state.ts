/** Filter state objects that a stock Envoy can make from bytes; set_envoy_filter_state refuses any other key. */
const KNOWN_KEYS: ReadonlySet<string> = new Set([
  "envoy.tcp_proxy.cluster",
  "envoy.tcp_proxy.per_connection_idle_timeout_ms",
  "envoy.tcp_proxy.disable_tunneling",
  "envoy.hashable_string",
  "envoy.string",
  "envoy.network.upstream_server_name",
  "envoy.network.application_protocols",
  "envoy.network.upstream_subject_alt_names",
  "envoy.network.transport_socket.original_dst_address",
  "envoy.upstream.dynamic_host",
  "envoy.upstream.dynamic_port",
  "envoy.network.network_namespace",
  "envoy.network.ip",
  "envoy.ratelimit.hits_addend",
]);

export function isKnownFilterState(key: string): boolean {
  return KNOWN_KEYS.has(key);
}
