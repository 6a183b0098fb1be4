// What modules may ask of a proxy. The list stands here and not in the modules: what a module imports is what it wants,
// and this is what it gets. Proxies are told the same.

/** Module of imports of the proxy-wasm ABI, and of WASI. */
const PROXY_MODULE = "env";
const WASI_MODULE = "wasi_snapshot_preview1";

/**
 * Calls of the ABI for filters of connections. Left out is what only filters of HTTP streams can use (to change
 * headers, to reply), what writes the proxy's properties, and everything of WASI but time and random numbers: no module
 * sees the proxy's files, environment or arguments.
 */
const PROXY_CALLS: readonly string[] = [
  "proxy_call_foreign_function",
  "proxy_close_stream",
  "proxy_continue_stream",
  "proxy_define_metric",
  "proxy_dequeue_shared_queue",
  "proxy_done",
  "proxy_enqueue_shared_queue",
  "proxy_get_buffer_bytes",
  "proxy_get_buffer_status",
  "proxy_get_current_time_nanoseconds",
  "proxy_get_header_map_pairs",
  "proxy_get_header_map_size",
  "proxy_get_header_map_value",
  "proxy_get_log_level",
  "proxy_get_metric",
  "proxy_get_property",
  "proxy_get_shared_data",
  "proxy_get_status",
  "proxy_grpc_call",
  "proxy_grpc_cancel",
  "proxy_grpc_close",
  "proxy_grpc_send",
  "proxy_grpc_stream",
  "proxy_http_call",
  "proxy_increment_metric",
  "proxy_log",
  "proxy_record_metric",
  "proxy_register_shared_queue",
  "proxy_resolve_shared_queue",
  "proxy_set_buffer_bytes",
  "proxy_set_effective_context",
  "proxy_set_shared_data",
  "proxy_set_tick_period_milliseconds",
];

const WASI_CALLS: readonly string[] = ["clock_time_get", "random_get"];

/** What a proxy may call of a module. It does not call what it was not allowed. */
const CALLBACKS: readonly string[] = [
  "proxy_on_configure",
  "proxy_on_context_create",
  "proxy_on_delete",
  "proxy_on_done",
  "proxy_on_downstream_connection_close",
  "proxy_on_downstream_data",
  "proxy_on_foreign_function",
  "proxy_on_grpc_close",
  "proxy_on_grpc_receive",
  "proxy_on_grpc_receive_initial_metadata",
  "proxy_on_grpc_receive_trailing_metadata",
  "proxy_on_http_call_response",
  "proxy_on_log",
  "proxy_on_new_connection",
  "proxy_on_queue_ready",
  "proxy_on_tick",
  "proxy_on_upstream_connection_close",
  "proxy_on_upstream_data",
  "proxy_on_vm_start",
];

/** Names of capabilities, as Envoy's CapabilityRestrictionConfig calls them. */
export const CAPABILITIES: readonly string[] = [...PROXY_CALLS, ...WASI_CALLS, ...CALLBACKS];

export interface ModuleImport {
  readonly module: string;
  readonly name: string;
}

/** Of what a module imports, what it does not get: `module.name`, sorted. */
export function refusedImports(imports: readonly ModuleImport[]): string[] {
  const refused = imports.filter(({ module, name }) => {
    if (module === PROXY_MODULE) return !PROXY_CALLS.includes(name);
    return module !== WASI_MODULE || !WASI_CALLS.includes(name);
  });
  return refused.map(({ module, name }) => `${module}.${name}`).sort();
}
