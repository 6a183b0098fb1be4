// A root context: plugin configuration, ticks, and the callouts that are made under it.

import { BufferType, HeaderMapType, WasmResult } from "./abi-values.js";
import { Context } from "./context.js";
import { ConstBuffer, EMPTY_BUFFER, type GuestBuffer } from "./guest-buffer.js";
import type { HeaderMap } from "./pairs.js";
import type { PropertyMap } from "./property-tree.js";

export interface PluginOptions {
  readonly name: string;
  readonly rootId: string;
  readonly vmId: string;
  readonly configuration: Uint8Array;
  readonly vmConfiguration: Uint8Array;
  /** Properties that hold for every context: xds.node and what the test adds. */
  readonly properties: PropertyMap;
}

/** The response to an http_call, while its callback runs. */
export interface CalloutResponse {
  readonly headers: HeaderMap;
  readonly body: Uint8Array;
  readonly trailers: HeaderMap | undefined;
}

export class RootContext extends Context {
  readonly plugin: PluginOptions;
  /** True while a callback runs in which the plugin configuration can be read. */
  configuring = false;
  httpResponse: CalloutResponse | undefined;
  grpcMessage: Uint8Array | undefined;
  grpcInitialMetadata: HeaderMap | undefined;
  grpcTrailingMetadata: HeaderMap | undefined;
  /** What get_status gives: the status of the last callout, and its message. */
  status: { code: number; message: string } = { code: 0, message: "" };

  constructor(id: number, plugin: PluginOptions) {
    super(id);
    this.plugin = plugin;
  }

  override get rootId(): number {
    return this.id;
  }

  override properties(): PropertyMap {
    return {
      ...this.plugin.properties,
      plugin_name: this.plugin.name,
      plugin_root_id: this.plugin.rootId,
      plugin_vm_id: this.plugin.vmId,
    };
  }

  override buffer(type: number): GuestBuffer | undefined {
    if (type === BufferType.PluginConfiguration) {
      return this.configuring ? new ConstBuffer(this.plugin.configuration) : undefined;
    }
    return super.buffer(type) ?? this.sharedBuffer(type);
  }

  /** The buffers that a stream context sees too. */
  sharedBuffer(type: number): GuestBuffer | undefined {
    switch (type) {
      case BufferType.HttpCallResponseBody:
        return this.httpResponse && new ConstBuffer(this.httpResponse.body);
      case BufferType.GrpcReceiveBuffer:
        return this.grpcMessage === undefined ? EMPTY_BUFFER : new ConstBuffer(this.grpcMessage);
      case BufferType.VmConfiguration:
        return new ConstBuffer(this.plugin.vmConfiguration);
      case BufferType.CallData:
        return EMPTY_BUFFER;
      default:
        return undefined;
    }
  }

  override readableMap(type: number): HeaderMap | undefined {
    return this.sharedMap(type);
  }

  override writableMap(): undefined {
    return undefined;
  }

  override setProperty(): boolean {
    return false;
  }

  override setFilterState(): WasmResult {
    return WasmResult.NotFound;
  }

  override closeStream(): WasmResult {
    return WasmResult.Ok;
  }

  override sendLocalResponse(): void {
    // A root context has no stream: Envoy says Ok and does nothing.
  }

  /** The maps of callouts, which a stream context sees too. */
  sharedMap(type: number): HeaderMap | undefined {
    switch (type) {
      case HeaderMapType.GrpcReceiveInitialMetadata:
        return this.grpcInitialMetadata;
      case HeaderMapType.GrpcReceiveTrailingMetadata:
        return this.grpcTrailingMetadata;
      case HeaderMapType.HttpCallResponseHeaders:
        return this.httpResponse?.headers;
      case HeaderMapType.HttpCallResponseTrailers:
        return this.httpResponse?.trailers;
      default:
        return undefined;
    }
  }
}
