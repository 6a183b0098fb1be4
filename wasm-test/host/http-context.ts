// A stream context behind an HTTP request: the wasm HTTP filter.
// Source: Envoy context.cc (decodeHeaders to encodeTrailers, getMap, getConstMap, getBuffer, log, onDestroy).

import { BufferType, HeaderMapType, StreamType, WasmResult } from "./abi-values.js";
import type { ByteBuffer } from "./byte-buffer.js";
import { Context, type LocalResponse } from "./context.js";
import { isKnownFilterState } from "./filter-state.js";
import type { GuestBuffer } from "./guest-buffer.js";
import type { HeaderMap } from "./pairs.js";
import { mergeProperties, type PropertyMap, type PropertyValue } from "./property-tree.js";
import type { RootContext } from "./root-context.js";
import type { Vm } from "./vm.js";

/** What the filter tells Envoy. StopAll pauses the message; StopAndBuffer only keeps its body back. */
export type HttpFilterStatus = "continue" | "stop-all" | "stop-and-buffer" | "stop-no-buffer";

/** What the filter asks of the stream, behind the VM call. */
export interface HttpStreamActions {
  continueRequest(): void;
  continueResponse(): void;
  reset(): void;
  reply(response: LocalResponse): void;
}

export interface HttpContextOptions {
  readonly id: number;
  readonly vm: Vm;
  readonly root: RootContext;
  readonly actions: HttpStreamActions;
  readonly properties: () => PropertyMap;
}

/** One direction of the stream as the ABI numbers it. */
export interface DirectionNames {
  readonly headers: string;
  readonly body: string;
  readonly trailers: string;
  readonly headersType: number;
  readonly trailersType: number;
  readonly bodyType: number;
}

export const REQUEST: DirectionNames = {
  headers: "proxy_on_request_headers",
  body: "proxy_on_request_body",
  trailers: "proxy_on_request_trailers",
  headersType: HeaderMapType.RequestHeaders,
  trailersType: HeaderMapType.RequestTrailers,
  bodyType: BufferType.HttpRequestBody,
};

export const RESPONSE: DirectionNames = {
  headers: "proxy_on_response_headers",
  body: "proxy_on_response_body",
  trailers: "proxy_on_response_trailers",
  headersType: HeaderMapType.ResponseHeaders,
  trailersType: HeaderMapType.ResponseTrailers,
  bodyType: BufferType.HttpResponseBody,
};

const LAST_DATA_STATUS = 3;
const DATA_STATUS: readonly HttpFilterStatus[] = [
  "continue",
  "stop-and-buffer",
  "stop-and-buffer",
  "stop-no-buffer",
];

export class HttpContext extends Context {
  readonly #options: HttpContextOptions;
  readonly #state: Record<string, PropertyValue> = {};
  /** Maps and bodies the module may use: those of a callback that runs or that has stopped. */
  readonly #maps = new Map<number, HeaderMap>();
  readonly #bodies = new Map<number, ByteBuffer>();
  #logMaps: ReadonlyMap<number, HeaderMap> | undefined;

  constructor(options: HttpContextOptions) {
    super(options.id);
    this.#options = options;
  }

  override get rootId(): number {
    return this.#options.root.id;
  }

  // Calls into the module.

  create(): void {
    this.#options.vm.callback("proxy_on_context_create", this, this.#options.root.id);
  }

  onHeaders(names: DirectionNames, headers: HeaderMap, end: boolean): HttpFilterStatus {
    const { vm } = this.#options;
    this.#maps.set(names.headersType, headers);
    const result = vm.callback(names.headers, this, headers.size, end ? 1 : 0);
    // In ABI 0.2 any other answer than Continue pauses the whole message.
    if (vm.lastCallStopped || result !== 0) return "stop-all";
    this.#maps.delete(names.headersType);
    return "continue";
  }

  onBody(names: DirectionNames, body: ByteBuffer, end: boolean): HttpFilterStatus {
    const { vm } = this.#options;
    this.#bodies.set(names.bodyType, body);
    const result = vm.callback(names.body, this, body.length, end ? 1 : 0);
    if (vm.lastCallStopped || result > LAST_DATA_STATUS) return "stop-no-buffer";
    const status = DATA_STATUS[result] ?? "stop-no-buffer";
    if (status === "continue") this.#bodies.delete(names.bodyType);
    return status;
  }

  onTrailers(names: DirectionNames, trailers: HeaderMap): HttpFilterStatus {
    const { vm } = this.#options;
    this.#maps.set(names.trailersType, trailers);
    const result = vm.callback(names.trailers, this, trailers.size);
    if (vm.lastCallStopped || result !== 0) return "stop-all";
    this.#maps.delete(names.trailersType);
    return "continue";
  }

  /** The end of the stream; `maps` are what the access log knows. */
  finish(maps: ReadonlyMap<number, HeaderMap>): void {
    const { vm } = this.#options;
    this.#logMaps = maps;
    vm.callback("proxy_on_log", this);
    this.#logMaps = undefined;
    vm.callback("proxy_on_done", this);
    vm.callback("proxy_on_delete", this);
  }

  // Host calls of the module.

  override properties(): PropertyMap {
    const own = { ...this.#state, ...this.#options.root.properties() };
    return mergeProperties(own, this.#options.properties());
  }

  override setProperty(path: string, value: Uint8Array): boolean {
    this.#state[path] = value.slice();
    return true;
  }

  override buffer(type: number): GuestBuffer | undefined {
    return this.#bodies.get(type) ?? super.buffer(type) ?? this.#options.root.sharedBuffer(type);
  }

  override readableMap(type: number): HeaderMap | undefined {
    if (this.#logMaps !== undefined) return this.#logMaps.get(type);
    return this.#maps.get(type) ?? this.#options.root.sharedMap(type);
  }

  override get isLogging(): boolean {
    return this.#logMaps !== undefined;
  }

  override writableMap(type: number): HeaderMap | undefined {
    return this.#maps.get(type);
  }

  override setFilterState(key: string): WasmResult {
    return isKnownFilterState(key) ? WasmResult.Ok : WasmResult.NotFound;
  }

  override continueStream(type: number): WasmResult {
    const { vm, actions } = this.#options;
    if (type === StreamType.Upstream) return WasmResult.Unimplemented;
    if (type === StreamType.Downstream) return WasmResult.Ok;
    const isRequest = type === StreamType.Request;
    vm.defer({
      label: `continue_stream(${isRequest ? "request" : "response"}) of context ${String(this.id)}`,
      run: () => {
        if (isRequest) actions.continueRequest();
        else actions.continueResponse();
      },
    });
    // Envoy forgets the request whichever direction goes on.
    this.#maps.delete(HeaderMapType.RequestHeaders);
    this.#maps.delete(HeaderMapType.RequestTrailers);
    this.#bodies.delete(BufferType.HttpRequestBody);
    return WasmResult.Ok;
  }

  override closeStream(type: number): WasmResult {
    const { vm, actions } = this.#options;
    if (type === StreamType.Downstream || type === StreamType.Upstream) return WasmResult.Ok;
    vm.defer({
      label: `close_stream of context ${String(this.id)}`,
      run: () => {
        actions.reset();
      },
    });
    return WasmResult.Ok;
  }

  override sendLocalResponse(response: LocalResponse): void {
    const { vm, actions } = this.#options;
    vm.defer({
      label: `send_local_response of context ${String(this.id)}`,
      run: () => {
        actions.reply(response);
      },
    });
  }
}
