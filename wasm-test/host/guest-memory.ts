// The module's linear memory as the host reads and writes it: every access is checked, none throws.

const decoder = new TextDecoder();

/** Bounds-checked view of a wasm memory. Views are renewed when the memory has grown. */
export class GuestMemory {
  readonly #memory: WebAssembly.Memory;
  #bytes: Uint8Array;
  #view: DataView;

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#view = new DataView(memory.buffer);
  }

  get sizeBytes(): number {
    return this.#memory.buffer.byteLength;
  }

  /** The bytes [ptr, ptr + len), or undefined when they are not all inside the memory. Borrowed: valid until the VM runs again. */
  slice(ptr: number, len: number): Uint8Array | undefined {
    const start = ptr >>> 0;
    const end = start + (len >>> 0);
    const bytes = this.#current();
    return end > bytes.length ? undefined : bytes.subarray(start, end);
  }

  /** Like slice, as UTF-8 text. */
  text(ptr: number, len: number): string | undefined {
    const bytes = this.slice(ptr, len);
    return bytes === undefined ? undefined : decoder.decode(bytes);
  }

  write(ptr: number, data: Uint8Array): boolean {
    const start = ptr >>> 0;
    const bytes = this.#current();
    if (start + data.length > bytes.length) return false;
    bytes.set(data, start);
    return true;
  }

  getU32(ptr: number): number | undefined {
    const start = ptr >>> 0;
    return start + 4 > this.#current().length ? undefined : this.#view.getUint32(start, true);
  }

  setU32(ptr: number, value: number): boolean {
    const start = ptr >>> 0;
    if (start + 4 > this.#current().length) return false;
    this.#view.setUint32(start, value, true);
    return true;
  }

  setU64(ptr: number, value: bigint): boolean {
    const start = ptr >>> 0;
    if (start + 8 > this.#current().length) return false;
    this.#view.setBigUint64(start, value, true);
    return true;
  }

  #current(): Uint8Array {
    if (this.#bytes.buffer !== this.#memory.buffer) {
      this.#bytes = new Uint8Array(this.#memory.buffer);
      this.#view = new DataView(this.#memory.buffer);
    }
    return this.#bytes;
  }
}
