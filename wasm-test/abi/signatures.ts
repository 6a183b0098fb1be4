// Imports and exports of a proxy-wasm 0.2.1 module with their signatures, as an Envoy of 1.36 or later links them.
// A signature is "parameters:results", i for i32 and I for i64.
// Source: proxy-wasm-cpp-host exports.h (host calls), wasm.h and wasm_vm.h (callbacks).

export type Signature = `${string}:${string}`;

export type SignatureTable = Readonly<Record<string, Signature>>;

/** Import module "env". */
export const HOST_CALLS: SignatureTable = {
  proxy_log: "iii:i",
  proxy_get_log_level: "i:i",
  proxy_get_current_time_nanoseconds: "i:i",
  proxy_set_tick_period_milliseconds: "i:i",
  proxy_get_property: "iiii:i",
  proxy_set_property: "iiii:i",
  proxy_get_status: "iii:i",
  proxy_get_buffer_bytes: "iiiii:i",
  proxy_get_buffer_status: "iii:i",
  proxy_set_buffer_bytes: "iiiii:i",
  proxy_get_header_map_size: "ii:i",
  proxy_get_header_map_pairs: "iii:i",
  proxy_set_header_map_pairs: "iii:i",
  proxy_get_header_map_value: "iiiii:i",
  proxy_add_header_map_value: "iiiii:i",
  proxy_replace_header_map_value: "iiiii:i",
  proxy_remove_header_map_value: "iii:i",
  proxy_send_local_response: "iiiiiiii:i",
  proxy_continue_stream: "i:i",
  proxy_close_stream: "i:i",
  proxy_set_effective_context: "i:i",
  proxy_done: ":i",
  proxy_get_shared_data: "iiiii:i",
  proxy_set_shared_data: "iiiii:i",
  proxy_register_shared_queue: "iii:i",
  proxy_resolve_shared_queue: "iiiii:i",
  proxy_enqueue_shared_queue: "iii:i",
  proxy_dequeue_shared_queue: "iii:i",
  proxy_define_metric: "iiii:i",
  proxy_increment_metric: "iI:i",
  proxy_record_metric: "iI:i",
  proxy_get_metric: "ii:i",
  proxy_http_call: "iiiiiiiiii:i",
  proxy_grpc_call: "iiiiiiiiiiii:i",
  proxy_grpc_stream: "iiiiiiiii:i",
  proxy_grpc_send: "iiii:i",
  proxy_grpc_close: "i:i",
  proxy_grpc_cancel: "i:i",
  proxy_call_foreign_function: "iiiiii:i",
  emscripten_notify_memory_growth: "i:",
};

/** Import module "wasi_snapshot_preview1": what the host offers of it. */
export const WASI_CALLS: SignatureTable = {
  args_get: "ii:i",
  args_sizes_get: "ii:i",
  clock_res_get: "ii:i",
  clock_time_get: "iIi:i",
  environ_get: "ii:i",
  environ_sizes_get: "ii:i",
  fd_close: "i:i",
  fd_fdstat_get: "ii:i",
  fd_fdstat_set_flags: "ii:i",
  fd_filestat_get: "ii:i",
  fd_prestat_dir_name: "iii:i",
  fd_prestat_get: "ii:i",
  fd_read: "iiii:i",
  fd_seek: "iIii:i",
  fd_write: "iiii:i",
  path_filestat_get: "iiiii:i",
  path_open: "iiiiiIIii:i",
  poll_oneoff: "iiii:i",
  proc_exit: "i:",
  random_get: "ii:i",
  sched_yield: ":i",
};

export const IMPORT_MODULES: Readonly<Record<string, SignatureTable>> = {
  env: HOST_CALLS,
  wasi_snapshot_preview1: WASI_CALLS,
};

/** Callbacks the host calls when the module exports them. */
export const CALLBACKS: SignatureTable = {
  proxy_validate_configuration: "ii:i",
  proxy_on_vm_start: "ii:i",
  proxy_on_configure: "ii:i",
  proxy_on_context_create: "ii:",
  proxy_on_done: "i:i",
  proxy_on_log: "i:",
  proxy_on_delete: "i:",
  proxy_on_tick: "i:",
  proxy_on_queue_ready: "ii:",
  proxy_on_new_connection: "i:i",
  proxy_on_downstream_data: "iii:i",
  proxy_on_upstream_data: "iii:i",
  proxy_on_downstream_connection_close: "ii:",
  proxy_on_upstream_connection_close: "ii:",
  proxy_on_request_headers: "iii:i",
  proxy_on_request_body: "iii:i",
  proxy_on_request_trailers: "ii:i",
  proxy_on_request_metadata: "ii:i",
  proxy_on_response_headers: "iii:i",
  proxy_on_response_body: "iii:i",
  proxy_on_response_trailers: "ii:i",
  proxy_on_response_metadata: "ii:i",
  proxy_on_http_call_response: "iiiii:",
  proxy_on_grpc_receive_initial_metadata: "iii:",
  proxy_on_grpc_receive_trailing_metadata: "iii:",
  proxy_on_grpc_receive: "iii:",
  proxy_on_grpc_close: "iii:",
  proxy_on_foreign_function: "iii:",
};

/** Marks which ABI the module speaks; never called. */
export const ABI_VERSION = "proxy_abi_version_0_2_1";

/** One of them allocates memory for what the host gives to the module. The host prefers malloc. */
export const ALLOCATORS: SignatureTable = {
  malloc: "i:i",
  proxy_on_memory_allocate: "i:i",
};

/** What the host runs once before the first callback. */
export const ENTRY_POINTS: SignatureTable = {
  _initialize: ":",
  _start: ":",
};

/** "iI:i" as a reader knows it: "(i32, i64) -> i32". */
export function describeSignature(signature: Signature): string {
  const [parameters = "", results = ""] = signature.split(":");
  const names = (letters: string) => Array.from(letters, (letter) => TYPE_NAMES[letter] ?? letter);
  const result = results === "" ? "nothing" : names(results).join(", ");
  return `(${names(parameters).join(", ")}) -> ${result}`;
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  i: "i32",
  I: "i64",
  f: "f32",
  F: "f64",
  v: "v128",
  r: "reference",
};
