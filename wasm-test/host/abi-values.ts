// Numbers of the proxy-wasm ABI 0.2.1 as the C++ host and Envoy define them.
// Source: proxy-wasm/spec abi-versions/v0.2.1, proxy-wasm-cpp-host proxy_wasm_enums.h, Envoy stream_info.h.

export const WasmResult = {
  Ok: 0,
  NotFound: 1,
  BadArgument: 2,
  SerializationFailure: 3,
  ParseFailure: 4,
  BadExpression: 5,
  InvalidMemoryAccess: 6,
  Empty: 7,
  CasMismatch: 8,
  ResultMismatch: 9,
  InternalFailure: 10,
  BrokenConnection: 11,
  Unimplemented: 12,
} as const;
export type WasmResult = (typeof WasmResult)[keyof typeof WasmResult];

export const BufferType = {
  HttpRequestBody: 0,
  HttpResponseBody: 1,
  NetworkDownstreamData: 2,
  NetworkUpstreamData: 3,
  HttpCallResponseBody: 4,
  GrpcReceiveBuffer: 5,
  VmConfiguration: 6,
  PluginConfiguration: 7,
  /** The argument of a foreign function call into the module; the C++ host knows it as the last one. */
  CallData: 8,
} as const;

export const HeaderMapType = {
  RequestHeaders: 0,
  RequestTrailers: 1,
  ResponseHeaders: 2,
  ResponseTrailers: 3,
  GrpcReceiveInitialMetadata: 4,
  GrpcReceiveTrailingMetadata: 5,
  HttpCallResponseHeaders: 6,
  HttpCallResponseTrailers: 7,
} as const;

export const StreamType = { Request: 0, Response: 1, Downstream: 2, Upstream: 3 } as const;

export const MetricType = { Counter: 0, Gauge: 1, Histogram: 2 } as const;

export const LogLevel = { Trace: 0, Debug: 1, Info: 2, Warn: 3, Error: 4, Critical: 5 } as const;

/** Argument of proxy_on_downstream_connection_close and proxy_on_upstream_connection_close. */
export const CloseType = { Unknown: 0, Local: 1, Remote: 2 } as const;

/** What a network callback of the module returns. */
export const FilterStatus = { Continue: 0, StopIteration: 1 } as const;
export type FilterStatus = (typeof FilterStatus)[keyof typeof FilterStatus];

/** Bits of the property `response.flags`; the letters are those of Envoy's access log. */
export const ResponseFlag = {
  NoHealthyUpstream: 0x2, // UH
  UpstreamRequestTimeout: 0x4, // UT
  UpstreamRemoteReset: 0x10, // UR
  UpstreamConnectionFailure: 0x20, // UF
  UpstreamConnectionTermination: 0x40, // UC
  UpstreamOverflow: 0x80, // UO
  NoRouteFound: 0x100, // NR
  DownstreamConnectionTermination: 0x4000, // DC
  UpstreamRetryLimitExceeded: 0x8000, // URX
  NoClusterFound: 0x1000000, // NC
} as const;

/** gRPC status codes that the host itself produces. */
export const GrpcStatus = { Ok: 0, Cancelled: 1, DeadlineExceeded: 4, Unavailable: 14 } as const;
