// The host calls of proxy-wasm ABI 0.2.1, as raw imports.
// asc imports a function declared in a file of this name from the wasm module "env", so no decorator
// is needed. Only what a module really calls becomes an import of it.
// Spec: https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1
// Every function returns a proxy_status_t; results are written to the `return*` addresses.
// Allocates: never. The host may call proxy_on_memory_allocate before it returns.

// Logging

export declare function proxy_log(level: u32, messagePtr: usize, messageLen: usize): u32;
export declare function proxy_get_log_level(returnLevel: usize): u32;

// Clocks

export declare function proxy_get_current_time_nanoseconds(returnTime: usize): u32;

// Timers

export declare function proxy_set_tick_period_milliseconds(periodMs: u32): u32;

// Context lifecycle

export declare function proxy_set_effective_context(contextId: u32): u32;
export declare function proxy_done(): u32;

// Buffers

export declare function proxy_get_buffer_bytes(
  bufferType: u32,
  start: u32,
  maxLen: u32,
  returnPtr: usize,
  returnLen: usize,
): u32;
export declare function proxy_get_buffer_status(
  bufferType: u32,
  returnLen: usize,
  returnFlags: usize,
): u32;
export declare function proxy_set_buffer_bytes(
  bufferType: u32,
  start: u32,
  len: u32,
  valuePtr: usize,
  valueLen: usize,
): u32;

// HTTP fields

export declare function proxy_get_header_map_size(mapType: u32, returnLen: usize): u32;
export declare function proxy_get_header_map_pairs(
  mapType: u32,
  returnPtr: usize,
  returnLen: usize,
): u32;
export declare function proxy_set_header_map_pairs(
  mapType: u32,
  pairsPtr: usize,
  pairsLen: usize,
): u32;
export declare function proxy_get_header_map_value(
  mapType: u32,
  keyPtr: usize,
  keyLen: usize,
  returnPtr: usize,
  returnLen: usize,
): u32;
export declare function proxy_add_header_map_value(
  mapType: u32,
  keyPtr: usize,
  keyLen: usize,
  valuePtr: usize,
  valueLen: usize,
): u32;
export declare function proxy_replace_header_map_value(
  mapType: u32,
  keyPtr: usize,
  keyLen: usize,
  valuePtr: usize,
  valueLen: usize,
): u32;
export declare function proxy_remove_header_map_value(
  mapType: u32,
  keyPtr: usize,
  keyLen: usize,
): u32;

// Streams

export declare function proxy_continue_stream(streamType: u32): u32;
export declare function proxy_close_stream(streamType: u32): u32;
export declare function proxy_get_status(
  returnCode: usize,
  returnMessagePtr: usize,
  returnMessageLen: usize,
): u32;
export declare function proxy_send_local_response(
  statusCode: u32,
  detailsPtr: usize,
  detailsLen: usize,
  bodyPtr: usize,
  bodyLen: usize,
  headerPairsPtr: usize,
  headerPairsLen: usize,
  grpcStatus: u32,
): u32;

// HTTP calls

export declare function proxy_http_call(
  upstreamPtr: usize,
  upstreamLen: usize,
  headerPairsPtr: usize,
  headerPairsLen: usize,
  bodyPtr: usize,
  bodyLen: usize,
  trailerPairsPtr: usize,
  trailerPairsLen: usize,
  timeoutMs: u32,
  returnToken: usize,
): u32;

// gRPC

export declare function proxy_grpc_call(
  servicePtr: usize,
  serviceLen: usize,
  serviceNamePtr: usize,
  serviceNameLen: usize,
  methodNamePtr: usize,
  methodNameLen: usize,
  metadataPairsPtr: usize,
  metadataPairsLen: usize,
  messagePtr: usize,
  messageLen: usize,
  timeoutMs: u32,
  returnToken: usize,
): u32;
export declare function proxy_grpc_stream(
  servicePtr: usize,
  serviceLen: usize,
  serviceNamePtr: usize,
  serviceNameLen: usize,
  methodNamePtr: usize,
  methodNameLen: usize,
  metadataPairsPtr: usize,
  metadataPairsLen: usize,
  returnToken: usize,
): u32;
export declare function proxy_grpc_send(
  token: u32,
  messagePtr: usize,
  messageLen: usize,
  endOfStream: u32,
): u32;
export declare function proxy_grpc_cancel(token: u32): u32;
export declare function proxy_grpc_close(token: u32): u32;

// Shared data

export declare function proxy_get_shared_data(
  keyPtr: usize,
  keyLen: usize,
  returnPtr: usize,
  returnLen: usize,
  returnCas: usize,
): u32;
export declare function proxy_set_shared_data(
  keyPtr: usize,
  keyLen: usize,
  valuePtr: usize,
  valueLen: usize,
  cas: u32,
): u32;

// Shared queues

export declare function proxy_register_shared_queue(
  namePtr: usize,
  nameLen: usize,
  returnToken: usize,
): u32;
export declare function proxy_resolve_shared_queue(
  vmIdPtr: usize,
  vmIdLen: usize,
  namePtr: usize,
  nameLen: usize,
  returnToken: usize,
): u32;
export declare function proxy_enqueue_shared_queue(
  token: u32,
  valuePtr: usize,
  valueLen: usize,
): u32;
export declare function proxy_dequeue_shared_queue(
  token: u32,
  returnPtr: usize,
  returnLen: usize,
): u32;

// Metrics

export declare function proxy_define_metric(
  metricType: u32,
  namePtr: usize,
  nameLen: usize,
  returnMetricId: usize,
): u32;
export declare function proxy_record_metric(metricId: u32, value: u64): u32;
export declare function proxy_increment_metric(metricId: u32, delta: i64): u32;
export declare function proxy_get_metric(metricId: u32, returnValue: usize): u32;

// Properties

export declare function proxy_get_property(
  pathPtr: usize,
  pathLen: usize,
  returnPtr: usize,
  returnLen: usize,
): u32;
export declare function proxy_set_property(
  pathPtr: usize,
  pathLen: usize,
  valuePtr: usize,
  valueLen: usize,
): u32;

// Foreign functions

export declare function proxy_call_foreign_function(
  namePtr: usize,
  nameLen: usize,
  argumentsPtr: usize,
  argumentsLen: usize,
  returnPtr: usize,
  returnLen: usize,
): u32;
