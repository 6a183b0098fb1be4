// HTTP streams for a module: what Envoy's wasm HTTP filter does, reduced to what the SDK's tests ask.
// The host calls are the emulator's; only the HTTP stream behind them is made here.
// Source: Envoy context.cc (decodeHeaders to encodeTrailers, getBuffer, getMap).

import {
  BufferType,
  HeaderMapType,
  LogLevel,
  StreamType,
  WasmResult,
} from "../../host/abi-values.js";
import { Context, type LocalResponse } from "../../host/context.js";
import { EventLoop } from "../../host/event-loop.js";
import { GrpcCallouts } from "../../host/grpc-callouts.js";
import type { GuestBuffer } from "../../host/guest-buffer.js";
import { linkHostcalls } from "../../host/hostcalls/link.js";
import type { HostcallScope } from "../../host/hostcalls/scope.js";
import { MetricStore, VmMetrics } from "../../host/metrics.js";
import { HeaderMap, type HeaderPair } from "../../host/pairs.js";
import type { PropertyMap, PropertyValue } from "../../host/property-tree.js";
import { RootContext } from "../../host/root-context.js";
import { SharedData } from "../../host/shared-data.js";
import { SharedQueues } from "../../host/shared-queue.js";
import { Vm } from "../../host/vm.js";

const CONTINUE = 0;

/** A body: start and length as Envoy's wasm Buffer takes them. */
class BodyBuffer implements GuestBuffer {
  bytes: Buffer;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes);
  }

  get length(): number {
    return this.bytes.length;
  }

  view(start: number, length: number): Uint8Array {
    return this.bytes.subarray(start, start + length);
  }

  setBytes(start: number, length: number, data: Uint8Array): WasmResult {
    if (start === 0 && length === 0) this.bytes = Buffer.concat([data, this.bytes]);
    else if (start === 0 && length >= this.length) this.bytes = Buffer.from(data);
    else if (start >= this.length) this.bytes = Buffer.concat([this.bytes, data]);
    else return WasmResult.BadArgument;
    return WasmResult.Ok;
  }
}

/** One request and its response on the way through the module. */
export class HttpStream extends Context {
  readonly maps = new Map<number, HeaderMap>();
  readonly continued: number[] = [];
  readonly closed: number[] = [];
  localResponse: LocalResponse | undefined;
  readonly #bodies = new Map<number, BodyBuffer>();
  readonly #state: Record<string, PropertyValue> = {};
  readonly #vm: Vm;
  readonly #root: RootContext;

  constructor(id: number, vm: Vm, root: RootContext) {
    super(id);
    this.#vm = vm;
    this.#root = root;
    vm.callback("proxy_on_context_create", this, root.id);
  }

  /** The module's answer: 0 continue, 1 pause. */
  requestHeaders(pairs: readonly HeaderPair[], endOfStream = true): number {
    return this.#headers(
      "proxy_on_request_headers",
      HeaderMapType.RequestHeaders,
      pairs,
      endOfStream,
    );
  }

  responseHeaders(pairs: readonly HeaderPair[], endOfStream = true): number {
    const type = HeaderMapType.ResponseHeaders;
    return this.#headers("proxy_on_response_headers", type, pairs, endOfStream);
  }

  requestTrailers(pairs: readonly HeaderPair[]): number {
    return this.#headers("proxy_on_request_trailers", HeaderMapType.RequestTrailers, pairs);
  }

  responseTrailers(pairs: readonly HeaderPair[]): number {
    return this.#headers("proxy_on_response_trailers", HeaderMapType.ResponseTrailers, pairs);
  }

  /** Returns the module's answer and the body as it passes on. */
  requestBody(bytes: Uint8Array, endOfStream = true): { action: number; body: Buffer } {
    return this.#body("proxy_on_request_body", BufferType.HttpRequestBody, bytes, endOfStream);
  }

  responseBody(bytes: Uint8Array, endOfStream = true): { action: number; body: Buffer } {
    return this.#body("proxy_on_response_body", BufferType.HttpResponseBody, bytes, endOfStream);
  }

  /** The callbacks at the end of a stream. */
  finish(): void {
    for (const name of ["proxy_on_done", "proxy_on_log", "proxy_on_delete"]) {
      this.#vm.callback(name, this);
    }
  }

  /** Name to value, in the order of the map. */
  headers(type: number): Record<string, string> {
    return Object.fromEntries(this.maps.get(type) ?? []);
  }

  override get rootId(): number {
    return this.#root.id;
  }

  override properties(): PropertyMap {
    return { ...this.#state, ...this.#root.properties() };
  }

  override setProperty(path: string, value: Uint8Array): boolean {
    this.#state[path] = value.slice();
    return true;
  }

  override buffer(type: number): GuestBuffer | undefined {
    return this.#bodies.get(type) ?? super.buffer(type);
  }

  override readableMap(type: number): HeaderMap | undefined {
    return this.maps.get(type);
  }

  override writableMap(type: number): HeaderMap | undefined {
    return this.maps.get(type);
  }

  override continueStream(type: number): WasmResult {
    if (type !== StreamType.Request && type !== StreamType.Response) {
      return super.continueStream(type);
    }
    this.continued.push(type);
    return WasmResult.Ok;
  }

  override closeStream(type: number): WasmResult {
    this.closed.push(type);
    return WasmResult.Ok;
  }

  override sendLocalResponse(response: LocalResponse): void {
    this.localResponse = response;
  }

  #headers(callback: string, type: number, pairs: readonly HeaderPair[], end?: boolean): number {
    this.maps.set(type, new HeaderMap(pairs));
    const args = end === undefined ? [] : [end ? 1 : 0];
    return this.#vm.callback(callback, this, pairs.length, ...args);
  }

  #body(callback: string, type: number, bytes: Uint8Array, endOfStream: boolean) {
    const buffer = new BodyBuffer(bytes);
    this.#bodies.set(type, buffer);
    const action = this.#vm.callback(callback, this, bytes.length, endOfStream ? 1 : 0);
    if (action === CONTINUE) this.#bodies.delete(type);
    return { action, body: buffer.bytes };
  }
}

/** A VM with one plugin context, for HTTP streams. */
export class HttpHost {
  readonly vm: Vm;
  readonly root: RootContext;
  readonly metrics = new MetricStore();
  readonly logs: string[] = [];
  readonly #contexts = new Map<number, Context>();
  #nextId = 2;

  constructor(module: Uint8Array, configuration = "") {
    const plugin = {
      name: "http",
      rootId: "http",
      vmId: "http",
      configuration: Buffer.from(configuration),
      vmConfiguration: new Uint8Array(0),
      properties: {},
    };
    this.root = new RootContext(1, plugin);
    this.#contexts.set(1, this.root);
    this.vm = new Vm({
      module: new WebAssembly.Module(module as Uint8Array<ArrayBuffer>),
      maxNesting: 100,
    });
    this.#link();
    this.vm.start();
    this.root.configuring = true;
    this.vm.callback("proxy_on_context_create", this.root, 0);
    this.vm.callback("proxy_on_vm_start", this.root, 0);
    this.vm.callback("proxy_on_configure", this.root, plugin.configuration.length);
    this.root.configuring = false;
  }

  newStream(): HttpStream {
    const id = this.#nextId++;
    const stream = new HttpStream(id, this.vm, this.root);
    this.#contexts.set(id, stream);
    return stream;
  }

  #link(): void {
    const { root, vm } = this;
    const contexts = this.#contexts;
    const loop = new EventLoop(0n);
    const scope: HostcallScope = {
      vm,
      context: () => {
        const running = vm.frames.at(-1)?.context.id ?? 0;
        return contexts.get(vm.effectiveContextId) ?? contexts.get(running) ?? root;
      },
      root: () => root,
      contextById: (id) => contexts.get(id),
    };
    vm.instantiate(
      linkHostcalls(scope, {
        wasi: {
          logLevel: LogLevel.Info,
          nowNs: () => loop.nowNs,
          random: () => 0.5,
          log: ({ message }) => this.logs.push(message),
          setTickPeriod: () => undefined,
        },
        shared: {
          vmId: "http",
          data: new SharedData(),
          queues: new SharedQueues(),
          notify: () => undefined,
        },
        metrics: new VmMetrics(this.metrics),
        grpc: new GrpcCallouts({ vm, loop, findServer: () => undefined, warnings: [] }),
        startHttpCall: () => WasmResult.BadArgument,
        foreignFunctions: {},
        done: () => WasmResult.NotFound,
      }),
    );
  }
}
