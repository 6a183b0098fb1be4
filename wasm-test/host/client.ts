// A client of Envoy: the test's end of a downstream connection.

import { splitAt, type Splitter } from "./chunking.js";
import type { Connection, Peer } from "./connection.js";

export class Client implements Peer {
  /** Called with each piece that arrives, after it was added to `received`. */
  onData: ((bytes: Uint8Array) => void) | undefined;
  readonly #pieces: Uint8Array[] = [];
  readonly #split: Splitter;
  #connection: Connection | undefined;
  #contextId = 0;
  #closed = false;

  constructor(split: Splitter) {
    this.#split = split;
  }

  /** All bytes received and not yet taken. */
  get received(): Uint8Array {
    return Buffer.concat(this.#pieces);
  }

  /** True when Envoy has closed the connection, or we have. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Context id of this connection in the VM. */
  get contextId(): number {
    return this.#contextId;
  }

  /** Envoy's side of the connection: its read buffer, filter state, response flags. */
  get connection(): Connection {
    if (this.#connection === undefined) throw new Error("not connected yet: run the event loop");
    return this.#connection;
  }

  /** Sends bytes; `sizes` splits them into reads of these sizes, whatever the host's chunking says. */
  send(bytes: Uint8Array, sizes?: readonly number[]): void {
    if (this.#closed) return;
    const pieces = sizes === undefined ? this.#split(bytes) : splitAt(bytes, sizes);
    for (const piece of pieces) this.connection.receive(piece);
  }

  /** FIN: Envoy sees it after everything sent. echo has no half-close, so it closes the connection. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.connection.receiveEnd();
  }

  /** RST. */
  reset(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.connection.receiveReset();
  }

  /** Returns and forgets all bytes received. */
  take(): Uint8Array {
    const bytes = this.received;
    this.#pieces.length = 0;
    return bytes;
  }

  /** @internal */
  attach(connection: Connection, contextId: number): void {
    this.#connection = connection;
    this.#contextId = contextId;
  }

  /** @internal */
  onBytes(bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#pieces.push(bytes);
    this.onData?.(bytes);
  }

  /** @internal */
  onEnd(): void {
    this.#closed = true;
  }

  /** @internal */
  onClosed(): void {
    this.#closed = true;
  }
}
