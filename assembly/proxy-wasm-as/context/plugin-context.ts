// One configured plugin in one VM: the parent of its stream contexts, and the receiver of everything
// that belongs to no stream.
// Spec: proxy-wasm ABI 0.2.1, terms "Plugin Context" (also "root context"). Extend it; every callback
// may be left out. Envoy creates one in a canary VM, one in the main thread's VM, one per worker.
// Allocates: whatever the plugin does.

import { HttpContext } from "./http-context";
import { StreamContext } from "./stream-context";

export class PluginContext {
  /** The host's number for this context; set before any callback. */
  id: u32 = 0;

  /**
   * The VM starts; `size` bytes are in BufferType.VmConfiguration. Only the first plugin context of a VM
   * gets it. False fails the VM.
   */
  onVmStart(size: u32): bool {
    return true;
  }

  /** `size` bytes are in BufferType.PluginConfiguration. False refuses the configuration. */
  onConfigure(size: u32): bool {
    return true;
  }

  /** A new connection for a network filter. Null when this plugin is an HTTP filter. */
  createStreamContext(id: u32): StreamContext | null {
    return null;
  }

  /** A new stream for an HTTP filter; asked when createStreamContext returned null. */
  createHttpContext(id: u32): HttpContext | null {
    return null;
  }

  /** The tick period of setTickPeriod has passed. Never nested in another callback. */
  onTick(): void {}

  /** A queue this context has registered holds an item: dequeueSharedQueue(token). In an event of its own. */
  onQueueReady(token: u32): void {}

  /**
   * The answer to an HTTP call, in MapType.HttpCallResponse* and BufferType.HttpCallResponseBody. No
   * headers: the call failed.
   */
  onHttpCallResponse(token: u32, headers: u32, bodySize: u32, trailers: u32): void {}

  /** `count` pairs are in MapType.GrpcCallInitialMetadata. */
  onGrpcReceiveInitialMetadata(token: u32, count: u32): void {}

  /** A gRPC message of `size` bytes is in BufferType.GrpcCallMessage. */
  onGrpcReceive(token: u32, size: u32): void {}

  /** `count` pairs are in MapType.GrpcCallTrailingMetadata. */
  onGrpcReceiveTrailingMetadata(token: u32, count: u32): void {}

  /** A gRPC call or stream has ended with this gRPC status; getCallStatus has the message. */
  onGrpcClose(token: u32, status: u32): void {}

  /** The host calls a function of the plugin; BufferType.ForeignFunctionArguments has its arguments. */
  onForeignFunction(functionId: u32, argumentsSize: u32): void {}

  /** The plugin is to end. False keeps it alive until done() is called. */
  onDone(): bool {
    return true;
  }

  /** Time for the access log of the plugin as an access logger. */
  onLog(): void {}

  /** The last callback. */
  onDelete(): void {}
}
