// Everything a module may export to the host. An entry file re-exports what its plugin uses:
//   export { proxy_abi_version_0_2_1, proxy_on_memory_allocate, ... } from "proxy-wasm-as/exports";
// The ABI version, the allocator and proxy_on_context_create are what every module needs.
// A callback that is not exported is never called, which is cheaper than one that returns at once.

export { proxy_on_memory_allocate } from "./memory/arena";
export {
  proxy_abi_version_0_2_1,
  proxy_on_configure,
  proxy_on_context_create,
  proxy_on_delete,
  proxy_on_done,
  proxy_on_log,
  proxy_on_vm_start,
} from "./context/callbacks-lifecycle";
export {
  proxy_on_downstream_connection_close,
  proxy_on_downstream_data,
  proxy_on_new_connection,
  proxy_on_upstream_connection_close,
  proxy_on_upstream_data,
} from "./context/callbacks-tcp";
export {
  proxy_on_request_body,
  proxy_on_request_headers,
  proxy_on_request_trailers,
  proxy_on_response_body,
  proxy_on_response_headers,
  proxy_on_response_trailers,
} from "./context/callbacks-http";
export { proxy_on_tick } from "./context/callbacks-timers";
export { proxy_on_queue_ready } from "./context/callbacks-queue";
export { proxy_on_http_call_response } from "./context/callbacks-http-call";
export {
  proxy_on_grpc_close,
  proxy_on_grpc_receive,
  proxy_on_grpc_receive_initial_metadata,
  proxy_on_grpc_receive_trailing_metadata,
} from "./context/callbacks-grpc";
export { proxy_on_foreign_function } from "./context/callbacks-foreign-function";
