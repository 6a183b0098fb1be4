// A connection that Envoy has accepted, with its two network filters: wasm, then echo or tcp_proxy.
// Source: Envoy connection_impl.cc (onReadReady, write, close) and filter_manager_impl.cc (onContinueReading, onWrite).

import { FilterStatus } from "./abi-values.js";
import { ByteBuffer } from "./byte-buffer.js";
import type { EventLoop } from "./event-loop.js";
import type { PropertyMap } from "./property-tree.js";

/** downstream: a client's, in front of echo. upstream: from our own dial, in front of tcp_proxy. */
export type ConnectionRole = "downstream" | "upstream";

export type CloseEvent = "local" | "remote";

/** Which bytes are kept when a connection closes: those still to be written, or none. */
export type CloseMode = "flush" | "no-flush";

export interface NetworkFilter {
  onNewConnection(): FilterStatus;
  /** Reads from `buffer` what it wants; what it leaves stays in the connection's read buffer. */
  onData(buffer: ByteBuffer, endStream: boolean): FilterStatus;
  /** Only called on a filter that sees writes. */
  onWrite?(buffer: ByteBuffer, endStream: boolean): FilterStatus;
  onClose(event: CloseEvent): void;
}

/** Who is at the other end: a client, or the HTTP client behind our own dial. */
export interface Peer {
  onBytes(bytes: Uint8Array): void;
  /** The connection will write nothing more. */
  onEnd(): void;
  onClosed(): void;
}

export interface ConnectionOptions {
  readonly id: number;
  readonly role: ConnectionRole;
  readonly loop: EventLoop;
  readonly peer: Peer;
  /** per_connection_buffer_limit_bytes. */
  readonly bufferLimitBytes: number;
  readonly halfClose: boolean;
  /** Called when the read buffer is so full that Envoy stops reading; it reads on once half is drained. */
  readonly onReadStopped: (connection: Connection) => void;
  /** What the stream info knows at the start: addresses, listener metadata, ... */
  readonly properties: PropertyMap;
}

interface ActiveFilter {
  readonly filter: NetworkFilter;
  initialized: boolean;
}

const END = Symbol("end of stream");

/** Envoy reads at least one slice of this size, also into a buffer that is at its limit. */
const READ_SLICE_BYTES = 16 * 1024;

export class Connection {
  readonly id: number;
  readonly role: ConnectionRole;
  readonly properties: PropertyMap;
  /** Objects set by set_envoy_filter_state, as bytes. */
  readonly filterState = new Map<string, Uint8Array>();
  /** Bits of ResponseFlag. */
  responseFlags = 0;
  /** Where tcp_proxy is connected to, "ip:port". */
  upstreamAddress: string | undefined;

  readonly #loop: EventLoop;
  readonly #peer: Peer;
  readonly #bufferLimitBytes: number;
  readonly #halfClose: boolean;
  readonly #onReadStopped: (connection: Connection) => void;
  readonly #filters: ActiveFilter[] = [];
  readonly #readBuffer = new ByteBuffer();
  readonly #toWrite = new ByteBuffer();
  readonly #inbound: (Uint8Array | typeof END)[] = [];
  #state: "open" | "closing" | "closed" = "open";
  #readDisabled = 0;
  #aboveHighWatermark = false;
  #readScheduled = false;
  #flushScheduled = false;
  #endReceived = false;
  #endWritten = false;
  #writesOnStack = 0;

  constructor(options: ConnectionOptions) {
    this.id = options.id;
    this.role = options.role;
    this.properties = options.properties;
    this.#loop = options.loop;
    this.#peer = options.peer;
    this.#bufferLimitBytes = options.bufferLimitBytes;
    this.#halfClose = options.halfClose;
    this.#onReadStopped = options.onReadStopped;
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  get readBuffer(): ByteBuffer {
    return this.#readBuffer;
  }

  /** True while bytes are on their way through the write filters: a second write now is Envoy's crash. */
  get isWriting(): boolean {
    return this.#writesOnStack > 0;
  }

  addFilter(filter: NetworkFilter): void {
    this.#filters.push({ filter, initialized: false });
  }

  /** Accepts the connection: every filter's onNewConnection. */
  start(): void {
    this.#runFilters(0);
  }

  /** The peer has sent bytes; the filters see them in a turn of their own. */
  receive(bytes: Uint8Array): void {
    if (this.#state !== "open") return;
    this.#inbound.push(bytes);
    this.#scheduleRead();
  }

  /** The peer will send no more. */
  receiveEnd(): void {
    if (this.#state === "closed") return;
    this.#inbound.push(END);
    this.#scheduleRead();
  }

  /** The peer is gone without a word. */
  receiveReset(): void {
    this.#loop.post(() => {
      this.#closeSocket("remote");
    });
  }

  disableReads(): void {
    this.#readDisabled++;
  }

  enableReads(): void {
    this.#readDisabled--;
    this.#scheduleRead();
  }

  /** The module has taken bytes out of the read buffer, or the host has: there may be room again. */
  resumeReading(): void {
    this.#scheduleRead();
  }

  /** Hands the read buffer to the filter behind wasm: what continue_stream(Downstream) does in the end. */
  continueReading(): void {
    this.#runFilters(1);
    this.#scheduleRead();
  }

  /** Takes all of `data` through the write filters to the peer; the peer sees it in a later turn. */
  write(data: ByteBuffer, endStream: boolean): void {
    if (this.#endWritten || this.#state === "closed") return;
    this.#writesOnStack++;
    const status = this.#runWriteFilters(data, endStream);
    this.#writesOnStack--;
    if (status === FilterStatus.StopIteration) return;
    this.#endWritten = endStream;
    this.#toWrite.append(data.view());
    data.clear();
    this.#scheduleFlush();
  }

  /** Closes from our side. With "flush" and something to write, the close event comes after the write. */
  close(mode: CloseMode): void {
    if (this.#state !== "open") return;
    if (mode === "flush" && this.#toWrite.length > 0) {
      this.#state = "closing";
      this.#scheduleFlush();
      return;
    }
    this.#closeSocket("local");
  }

  #runFilters(from: number): void {
    for (let i = from; i < this.#filters.length; i++) {
      const active = this.#filters[i];
      if (this.#state !== "open" || active === undefined) return;
      if (!active.initialized) {
        active.initialized = true;
        if (active.filter.onNewConnection() === FilterStatus.StopIteration || !this.isOpen) return;
      }
      if (this.#readBuffer.length === 0 && !this.#endReceived) continue;
      const status = active.filter.onData(this.#readBuffer, this.#endReceived);
      if (status === FilterStatus.StopIteration) return;
    }
  }

  #runWriteFilters(data: ByteBuffer, endStream: boolean): FilterStatus {
    for (const { filter } of this.#filters) {
      const status = filter.onWrite?.(data, endStream) ?? FilterStatus.Continue;
      if (status === FilterStatus.StopIteration || !this.isOpen) return FilterStatus.StopIteration;
    }
    return FilterStatus.Continue;
  }

  #scheduleRead(): void {
    if (this.#readScheduled || this.#inbound.length === 0 || !this.#mayRead()) return;
    this.#readScheduled = true;
    this.#loop.post(() => {
      this.#readScheduled = false;
      this.#onReadReady();
    });
  }

  #mayRead(): boolean {
    return this.#state === "open" && this.#readDisabled === 0 && !this.#isReadBufferFull();
  }

  #isReadBufferFull(): boolean {
    const { length } = this.#readBuffer;
    if (length > this.#bufferLimitBytes) this.#aboveHighWatermark = true;
    else if (length <= this.#bufferLimitBytes / 2) this.#aboveHighWatermark = false;
    return this.#aboveHighWatermark;
  }

  #onReadReady(): void {
    if (!this.#mayRead()) return;
    const next = this.#inbound.shift();
    if (next === undefined) return;
    if (next === END) {
      this.#onReadEnd();
      return;
    }
    const room = Math.max(this.#bufferLimitBytes - this.#readBuffer.length, READ_SLICE_BYTES);
    if (next.length > room) this.#inbound.unshift(next.subarray(room));
    this.#readBuffer.appendFromPeer(next.length > room ? next.subarray(0, room) : next);
    this.#runFilters(0);
    if (this.#isReadBufferFull()) this.#onReadStopped(this);
    // Bytes and the end behind them are one read: a connection without half-close is closed at once.
    if (this.#inbound[0] === END && this.#mayRead()) {
      this.#inbound.shift();
      this.#onReadEnd();
    }
    this.#scheduleRead();
  }

  #onReadEnd(): void {
    if (!this.#halfClose) {
      this.#closeSocket("remote");
      return;
    }
    this.#endReceived = true;
    this.#runFilters(0);
    if (this.#endWritten) this.#closeSocket("remote");
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#loop.post(() => {
      this.#flushScheduled = false;
      this.#onWriteReady();
    });
  }

  #onWriteReady(): void {
    if (this.#state === "closed") return;
    if (this.#toWrite.length > 0) this.#peer.onBytes(this.#toWrite.take());
    if (this.#endWritten) this.#peer.onEnd();
    if (this.#state === "closing" || (this.#endWritten && this.#endReceived)) {
      this.#closeSocket("local");
    }
  }

  #closeSocket(event: CloseEvent): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#inbound.length = 0;
    for (const { filter } of this.#filters) filter.onClose(event);
    this.#peer.onClosed();
  }
}
