// A context of the ABI: what host calls act on.
// Source: Envoy source/extensions/common/wasm/context.cc.

import { BufferType, StreamType, WasmResult } from "./abi-values.js";
import { EMPTY_BUFFER, type GuestBuffer } from "./guest-buffer.js";
import type { HeaderMap, HeaderPair } from "./pairs.js";
import type { PropertyMap } from "./property-tree.js";
import type { VmContext } from "./vm.js";

export interface LocalResponse {
  readonly status: number;
  readonly details: string;
  readonly body: Uint8Array;
  readonly headers: readonly HeaderPair[];
  readonly grpcStatus: number;
}

export abstract class Context implements VmContext {
  readonly id: number;

  constructor(id: number) {
    this.id = id;
  }

  /** The root context this one belongs to; itself for a root context. */
  abstract get rootId(): number;

  /** The tree that get_property reads. */
  abstract properties(): PropertyMap;

  /** The buffer of `type`, or undefined: NotFound. */
  buffer(type: number): GuestBuffer | undefined {
    return type <= BufferType.NetworkUpstreamData ? EMPTY_BUFFER : undefined;
  }

  /** The map that the module may read, or undefined: BadArgument. */
  abstract readableMap(type: number): HeaderMap | undefined;

  /** The map that the module may change, or undefined: BadArgument. */
  abstract writableMap(type: number): HeaderMap | undefined;

  /** True in proxy_on_log of an HTTP stream: a map that is missing then is NotFound. */
  get isLogging(): boolean {
    return false;
  }

  /** False when this context has no stream: set_property gives NotFound. */
  abstract setProperty(path: string, value: Uint8Array): boolean;

  /** NotFound when this context has no connection, or Envoy cannot make such an object. */
  abstract setFilterState(key: string, value: Uint8Array): WasmResult;

  continueStream(type: number): WasmResult {
    return type === StreamType.Upstream ? WasmResult.Unimplemented : WasmResult.Ok;
  }

  abstract closeStream(type: number): WasmResult;

  /** Only an HTTP stream has somebody to respond to. */
  abstract sendLocalResponse(response: LocalResponse): void;
}
