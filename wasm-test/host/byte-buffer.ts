// Envoy's Buffer::Instance as far as the filters here need it, with one addition: it knows whether bytes
// that came from the peer are still in it, so that a test can tell "echo sent the request back".

import { WasmResult } from "./abi-values.js";

const SMALLEST = 256;

/** Growable bytes with a read end and a write end. */
export class ByteBuffer {
  #bytes = new Uint8Array(SMALLEST);
  #start = 0;
  #end = 0;
  #holdsPeerBytes = false;

  get length(): number {
    return this.#end - this.#start;
  }

  /** True while any byte added by appendFromPeer is in the buffer. */
  get holdsPeerBytes(): boolean {
    return this.#holdsPeerBytes;
  }

  append(data: Uint8Array): void {
    this.#reserve(data.length);
    this.#bytes.set(data, this.#end);
    this.#end += data.length;
  }

  appendFromPeer(data: Uint8Array): void {
    this.append(data);
    if (data.length > 0) this.#holdsPeerBytes = true;
  }

  prepend(data: Uint8Array): void {
    const rest = this.#bytes.slice(this.#start, this.#end);
    this.#start = 0;
    this.#end = 0;
    this.append(data);
    this.append(rest);
  }

  clear(): void {
    this.#start = 0;
    this.#end = 0;
    this.#holdsPeerBytes = false;
  }

  /** The bytes [start, start + length), borrowed until the buffer changes. */
  view(start = 0, length = this.length): Uint8Array {
    return this.#bytes.subarray(this.#start + start, this.#start + start + length);
  }

  /** Removes all bytes and returns a copy of them. */
  take(): Uint8Array {
    const bytes = this.#bytes.slice(this.#start, this.#end);
    this.clear();
    return bytes;
  }

  /**
   * What set_buffer_bytes does: start 0 and length >= size replaces all, start 0 and length 0 prepends,
   * start >= size appends, anything else is refused (Envoy context.cc, Buffer::copyFrom).
   */
  setBytes(start: number, length: number, data: Uint8Array): WasmResult {
    if (start === 0) {
      if (length === 0) this.prepend(data);
      else if (length >= this.length) {
        this.clear();
        this.append(data);
      } else return WasmResult.BadArgument;
      return WasmResult.Ok;
    }
    if (start < this.length) return WasmResult.BadArgument;
    this.append(data);
    return WasmResult.Ok;
  }

  #reserve(length: number): void {
    if (this.#end + length <= this.#bytes.length) return;
    const used = this.length;
    if (used + length <= this.#bytes.length) {
      this.#bytes.copyWithin(0, this.#start, this.#end);
    } else {
      let capacity = this.#bytes.length;
      while (capacity < used + length) capacity *= 2;
      const grown = new Uint8Array(capacity);
      grown.set(this.#bytes.subarray(this.#start, this.#end));
      this.#bytes = grown;
    }
    this.#start = 0;
    this.#end = used;
  }
}
