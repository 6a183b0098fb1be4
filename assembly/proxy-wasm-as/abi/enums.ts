// The enumerations of proxy-wasm ABI 0.2.1, with the values of the spec.
// Never export one of these from a module's entry file: asc would turn each member into a wasm global.
// Spec: https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#types

/** What every host call returns (proxy_status_t). The gaps are values the spec has retired. */
export enum Status {
  Ok = 0,
  NotFound = 1,
  BadArgument = 2,
  SerializationFailure = 3,
  ParseFailure = 4,
  /** An address was outside of memory, or proxy_on_memory_allocate returned 0. */
  InvalidMemoryAccess = 6,
  Empty = 7,
  CasMismatch = 8,
  InternalFailure = 10,
  Unimplemented = 12,
}

/** What a data callback returns (proxy_action_t). Envoy calls them Continue and StopIteration. */
export enum Action {
  Continue = 0,
  Pause = 1,
}

export enum LogLevel {
  Trace = 0,
  Debug = 1,
  Info = 2,
  Warn = 3,
  Error = 4,
  Critical = 5,
}

export enum BufferType {
  HttpRequestBody = 0,
  HttpResponseBody = 1,
  DownstreamData = 2,
  UpstreamData = 3,
  HttpCallResponseBody = 4,
  GrpcCallMessage = 5,
  VmConfiguration = 6,
  PluginConfiguration = 7,
  ForeignFunctionArguments = 8,
}

export enum MapType {
  HttpRequestHeaders = 0,
  HttpRequestTrailers = 1,
  HttpResponseHeaders = 2,
  HttpResponseTrailers = 3,
  GrpcCallInitialMetadata = 4,
  GrpcCallTrailingMetadata = 5,
  HttpCallResponseHeaders = 6,
  HttpCallResponseTrailers = 7,
}

export enum StreamType {
  HttpRequest = 0,
  HttpResponse = 1,
  Downstream = 2,
  Upstream = 3,
}

/** Who closed a connection. */
export enum PeerType {
  Unknown = 0,
  Local = 1,
  Remote = 2,
}

export enum MetricType {
  Counter = 0,
  Gauge = 1,
  Histogram = 2,
}

export enum WasiErrno {
  Success = 0,
  BadFileDescriptor = 8,
  Fault = 21,
  InvalidArgument = 28,
  NotSupported = 58,
}

export enum WasiClockId {
  Realtime = 0,
  Monotonic = 1,
}
