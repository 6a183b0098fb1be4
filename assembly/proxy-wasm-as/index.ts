// The SDK for plugins: import from here, and re-export the callbacks from "./exports".

export * from "./abi/enums";
export { registerPlugin } from "./context/callbacks-lifecycle";
export { HttpContext } from "./context/http-context";
export { PluginContext } from "./context/plugin-context";
export { StreamContext } from "./context/stream-context";
export * from "./host/buffers";
export * from "./host/clock";
export * from "./host/foreign-function";
export * from "./host/grpc";
export * from "./host/header-pairs";
export * from "./host/headers";
export * from "./host/http-call";
export * from "./host/http-response";
export * from "./host/log";
export * from "./host/metrics";
export * from "./host/properties";
export * from "./host/random";
export * from "./host/shared-data";
export * from "./host/shared-queue";
export * from "./host/stream";
export { bytesToString, encodeText, textLen } from "./host/text";
export * from "./host/timer";
export { allocate, directNextAllocation, mark, release, setArenaLimits } from "./memory/arena";
export { collectGarbage, collectGarbageAfterTick } from "./memory/collect";
export { canHeapAllocate, setHeapLimit, tryHeapAllocate } from "./memory/heap-limit";
export { bytesLen, bytesPtr } from "./memory/host-bytes";
export { StaticBytes } from "./memory/static-bytes";
