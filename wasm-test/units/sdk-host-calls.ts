// AssemblyScript entry: every host call wrapper of the SDK as a wasm export, and a plugin that logs each
// callback with its arguments; of HTTP streams when its configuration is HTTP_CONFIGURATION_BYTES long. The
// first parameter of an export is the context it is called under.
// Text goes in through `input`; what a wrapper returned beside its status comes out of `output`.

import { PeerType, Action, LogLevel } from "../../assembly/proxy-wasm-as/abi/enums";
import { registerPlugin } from "../../assembly/proxy-wasm-as/context/callbacks-lifecycle";
import { HttpContext } from "../../assembly/proxy-wasm-as/context/http-context";
import { PluginContext } from "../../assembly/proxy-wasm-as/context/plugin-context";
import { StreamContext } from "../../assembly/proxy-wasm-as/context/stream-context";
import { log } from "../../assembly/proxy-wasm-as/host/log";
import { getProperty, PropertyPath } from "../../assembly/proxy-wasm-as/host/properties";
import { collectGarbageAfterTick } from "../../assembly/proxy-wasm-as/memory/collect";
import { bytesLen } from "../../assembly/proxy-wasm-as/memory/host-bytes";

export * from "../../assembly/proxy-wasm-as/exports";
export * from "./sdk-host-calls-exports";

const PLUGIN_NAME = new PropertyPath(["plugin_name"]);

const HTTP_CONFIGURATION_BYTES: u32 = 4;

class LoggingPlugin extends PluginContext {
  private isHttp: bool = false;

  override onVmStart(size: u32): bool {
    log(LogLevel.Info, `onVmStart ${size}`);
    return true;
  }

  override onConfigure(size: u32): bool {
    log(LogLevel.Info, `onConfigure ${size}`);
    this.isHttp = size == HTTP_CONFIGURATION_BYTES;
    return true;
  }

  override createHttpContext(id: u32): HttpContext | null {
    return new LoggingHttp();
  }

  override createStreamContext(id: u32): StreamContext | null {
    if (this.isHttp) return null;
    const pooled = freeStreams;
    if (pooled == null) return new LoggingStream();
    freeStreams = pooled.nextFree;
    return pooled;
  }

  override onTick(): void {
    log(LogLevel.Info, "onTick");
    collectGarbageAfterTick();
  }

  override onQueueReady(token: u32): void {
    log(LogLevel.Info, `onQueueReady ${token}`);
  }

  override onHttpCallResponse(token: u32, headers: u32, bodySize: u32, trailers: u32): void {
    log(LogLevel.Info, `onHttpCallResponse ${token} ${headers} ${bodySize} ${trailers}`);
  }

  override onGrpcReceiveInitialMetadata(token: u32, count: u32): void {
    log(LogLevel.Info, `onGrpcReceiveInitialMetadata ${token} ${count}`);
  }

  override onGrpcReceive(token: u32, size: u32): void {
    log(LogLevel.Info, `onGrpcReceive ${token} ${size}`);
  }

  override onGrpcReceiveTrailingMetadata(token: u32, count: u32): void {
    log(LogLevel.Info, `onGrpcReceiveTrailingMetadata ${token} ${count}`);
  }

  override onGrpcClose(token: u32, status: u32): void {
    log(LogLevel.Info, `onGrpcClose ${token} ${status}`);
  }

  override onForeignFunction(functionId: u32, argumentsSize: u32): void {
    log(LogLevel.Info, `onForeignFunction ${functionId} ${argumentsSize}`);
  }

  override onDone(): bool {
    log(LogLevel.Info, "plugin onDone");
    return false;
  }

  override onDelete(): void {
    log(LogLevel.Info, "plugin onDelete");
  }
}

/** Goes back to the pool when it is deleted, as docs/contexts.md shows. */
class LoggingStream extends StreamContext {
  nextFree: LoggingStream | null = null;

  override onNewConnection(): Action {
    // Makes host bytes of its own, which an outer callback must not see.
    getProperty(PLUGIN_NAME);
    log(LogLevel.Info, `onNewConnection ${this.id} of ${bytesLen}`);
    return Action.Continue;
  }

  override onDownstreamData(size: u32, endOfStream: bool): Action {
    log(LogLevel.Info, `onDownstreamData ${this.id} ${size} ${endOfStream}`);
    return Action.Pause;
  }

  override onUpstreamData(size: u32, endOfStream: bool): Action {
    log(LogLevel.Info, `onUpstreamData ${this.id} ${size} ${endOfStream}`);
    return Action.Continue;
  }

  override onDownstreamClose(peer: PeerType): void {
    log(LogLevel.Info, `onDownstreamClose ${this.id} ${peer}`);
  }

  override onUpstreamClose(peer: PeerType): void {
    log(LogLevel.Info, `onUpstreamClose ${this.id} ${peer}`);
  }

  override onDone(): bool {
    log(LogLevel.Info, `onDone ${this.id}`);
    return true;
  }

  override onLog(): void {
    log(LogLevel.Info, `onLog ${this.id}`);
  }

  override onDelete(): void {
    log(LogLevel.Info, `onDelete ${this.id}`);
    this.nextFree = freeStreams;
    freeStreams = this;
  }
}

/** Pauses a request at its headers and at its trailers, so that a test can look at them. */
class LoggingHttp extends HttpContext {
  override onRequestHeaders(count: u32, endOfStream: bool): Action {
    log(LogLevel.Info, `onRequestHeaders ${this.id} ${count} ${endOfStream}`);
    return Action.Pause;
  }

  override onRequestBody(size: u32, endOfStream: bool): Action {
    log(LogLevel.Info, `onRequestBody ${this.id} ${size} ${endOfStream}`);
    return Action.Continue;
  }

  override onRequestTrailers(count: u32): Action {
    log(LogLevel.Info, `onRequestTrailers ${this.id} ${count}`);
    return Action.Pause;
  }

  override onResponseHeaders(count: u32, endOfStream: bool): Action {
    log(LogLevel.Info, `onResponseHeaders ${this.id} ${count} ${endOfStream}`);
    return Action.Continue;
  }

  override onResponseBody(size: u32, endOfStream: bool): Action {
    log(LogLevel.Info, `onResponseBody ${this.id} ${size} ${endOfStream}`);
    return Action.Continue;
  }

  override onResponseTrailers(count: u32): Action {
    log(LogLevel.Info, `onResponseTrailers ${this.id} ${count}`);
    return Action.Continue;
  }

  override onDone(): bool {
    log(LogLevel.Info, `onDone ${this.id}`);
    return true;
  }

  override onLog(): void {
    log(LogLevel.Info, `onLog ${this.id}`);
  }

  override onDelete(): void {
    log(LogLevel.Info, `onDelete ${this.id}`);
  }
}

let freeStreams: LoggingStream | null = null;

registerPlugin((id: u32): PluginContext => new LoggingPlugin());
