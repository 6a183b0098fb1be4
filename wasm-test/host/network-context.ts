// A stream context behind a connection: the wasm network filter.
// Source: Envoy context.cc (onNewConnection, onData, onWrite, onEvent, continueStream, closeStream).

import { BufferType, CloseType, FilterStatus, StreamType, WasmResult } from "./abi-values.js";
import type { ByteBuffer } from "./byte-buffer.js";
import type { CloseEvent, Connection, NetworkFilter } from "./connection.js";
import { Context } from "./context.js";
import type { ContinueRules } from "./continue-rules.js";
import { isKnownFilterState } from "./filter-state.js";
import { EMPTY_BUFFER, type GuestBuffer } from "./guest-buffer.js";
import type { HeaderMap } from "./pairs.js";
import { mergeProperties, portOf, type PropertyMap, type PropertyValue } from "./property-tree.js";
import type { RootContext } from "./root-context.js";
import { HostRuleViolation } from "./rules.js";
import type { Vm } from "./vm.js";

export interface NetworkContextOptions {
  readonly id: number;
  readonly vm: Vm;
  readonly root: RootContext;
  readonly connection: Connection;
  readonly rules: ContinueRules;
  /** Called when the module has seen the last of this context. */
  readonly onDeleted: () => void;
}

export class NetworkContext extends Context implements NetworkFilter {
  readonly connection: Connection;
  readonly #vm: Vm;
  readonly #root: RootContext;
  readonly #rules: ContinueRules;
  readonly #onDeleted: () => void;
  readonly #state: Record<string, PropertyValue> = {};
  readonly #readBuffer: GuestBuffer;
  #mayTouchReadBuffer = false;
  #upstreamData: ByteBuffer | undefined;
  #created = false;
  #closed = false;

  constructor(options: NetworkContextOptions) {
    super(options.id);
    this.connection = options.connection;
    this.#vm = options.vm;
    this.#root = options.root;
    this.#rules = options.rules;
    this.#onDeleted = options.onDeleted;
    this.#readBuffer = new ReadBuffer(this.connection);
  }

  override get rootId(): number {
    return this.#root.id;
  }

  // Calls into the module.

  onNewConnection(): FilterStatus {
    this.#vm.callback("proxy_on_context_create", this, this.#root.id);
    this.#created = true;
    return this.#call("proxy_on_new_connection");
  }

  onData(buffer: ByteBuffer, endStream: boolean): FilterStatus {
    if (!this.#created) return FilterStatus.Continue;
    // Envoy keeps its handle on the read buffer until the module returns Continue.
    this.#mayTouchReadBuffer = true;
    const status = this.#call("proxy_on_downstream_data", buffer.length, endStream ? 1 : 0);
    if (status === FilterStatus.Continue) this.#mayTouchReadBuffer = false;
    return status;
  }

  onWrite(buffer: ByteBuffer, endStream: boolean): FilterStatus {
    if (!this.#created) return FilterStatus.Continue;
    this.#upstreamData = buffer;
    const status = this.#call("proxy_on_upstream_data", buffer.length, endStream ? 1 : 0);
    if (status === FilterStatus.StopIteration) {
      const detail = `context ${String(this.id)} (${this.connection.role})`;
      throw this.#vm.fail(new HostRuleViolation("stop-on-write-path", detail));
    }
    this.#upstreamData = undefined;
    if (endStream) {
      this.#vm.callback("proxy_on_upstream_connection_close", this, CloseType.Unknown);
    }
    return status;
  }

  onClose(event: CloseEvent): void {
    if (!this.#created || this.#closed) return;
    const type = event === "local" ? CloseType.Local : CloseType.Remote;
    this.#vm.callback("proxy_on_downstream_connection_close", this, type);
    this.#closed = true;
    this.#vm.callback("proxy_on_done", this);
    this.#vm.callback("proxy_on_log", this);
    this.#vm.callback("proxy_on_delete", this);
    this.#onDeleted();
  }

  // Host calls of the module.

  override buffer(type: number): GuestBuffer | undefined {
    if (type === BufferType.NetworkDownstreamData) {
      return this.#mayTouchReadBuffer ? this.#readBuffer : EMPTY_BUFFER;
    }
    if (type === BufferType.NetworkUpstreamData) return this.#upstreamData ?? EMPTY_BUFFER;
    return super.buffer(type) ?? this.#root.sharedBuffer(type);
  }

  override properties(): PropertyMap {
    const { connection } = this;
    const { upstreamAddress: address } = connection;
    const upstream: PropertyMap = address === undefined ? {} : { address, port: portOf(address) };
    const live: PropertyMap = {
      ...this.#state,
      upstream,
      connection_id: BigInt(connection.id),
      connection: { id: BigInt(connection.id) },
      response: { flags: BigInt(connection.responseFlags) },
      filter_state: Object.fromEntries(connection.filterState),
    };
    return mergeProperties(mergeProperties(live, this.#root.properties()), connection.properties);
  }

  override readableMap(type: number): HeaderMap | undefined {
    return this.#root.sharedMap(type);
  }

  override writableMap(): undefined {
    return undefined;
  }

  override sendLocalResponse(): void {
    // A connection has no response: Envoy says Ok and does nothing.
  }

  override setProperty(path: string, value: Uint8Array): boolean {
    this.#state[path] = value.slice();
    return true;
  }

  override setFilterState(key: string, value: Uint8Array): WasmResult {
    if (!isKnownFilterState(key)) return WasmResult.NotFound;
    this.connection.filterState.set(key, value.slice());
    return WasmResult.Ok;
  }

  override continueStream(type: number): WasmResult {
    if (type !== StreamType.Downstream) return super.continueStream(type);
    this.#rules.onContinueQueued(this);
    this.#vm.defer({
      label: `continue_stream of context ${String(this.id)}`,
      run: () => {
        this.#rules.onContinueRun(this);
        this.connection.continueReading();
      },
    });
    return WasmResult.Ok;
  }

  override closeStream(type: number): WasmResult {
    if (type !== StreamType.Downstream && type !== StreamType.Upstream) return WasmResult.Ok;
    this.#rules.onCloseQueued(this);
    this.#vm.defer({
      label: `close_stream of context ${String(this.id)}`,
      run: () => {
        this.connection.close("flush");
      },
    });
    return WasmResult.Ok;
  }

  #call(callback: string, ...args: number[]): FilterStatus {
    return this.#vm.callback(callback, this, ...args) === 0
      ? FilterStatus.Continue
      : FilterStatus.StopIteration;
  }
}

/** The read buffer as the module changes it: what it takes out makes room for more reads. */
class ReadBuffer implements GuestBuffer {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get length(): number {
    return this.#connection.readBuffer.length;
  }

  view(start: number, length: number): Uint8Array {
    return this.#connection.readBuffer.view(start, length);
  }

  setBytes(start: number, length: number, data: Uint8Array): WasmResult {
    const result = this.#connection.readBuffer.setBytes(start, length, data);
    this.#connection.resumeReading();
    return result;
  }
}
