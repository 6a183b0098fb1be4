// What /debug/proxies answers.
export type { ProxyStatus, StreamStatus, TypeStatus } from "../xds/status.js";
