// What tests import.

export {
  BufferType,
  CloseType,
  FilterStatus,
  HeaderMapType,
  LogLevel,
  MetricType,
  ResponseFlag,
  StreamType,
  WasmResult,
} from "./abi-values.js";
export type { Chunking } from "./chunking.js";
export type { Client } from "./client.js";
export type { Balancer, ScriptedBalancer, TcpClusterOptions } from "./cluster.js";
export { GrpcServer, type GrpcServerStream } from "./grpc-server.js";
export type { HttpExchange, HttpUpstream } from "./http-exchange.js";
export type { HttpMessage, PassedMessage } from "./http-message.js";
export type { HttpHandler } from "./http-callouts.js";
export { HostRuleViolation, RULES, type RuleName } from "./rules.js";
export { TcpServer, type ServerConnection } from "./tcp-server.js";
export { TestHost, type ConnectOptions, type TestHostOptions } from "./test-host.js";
