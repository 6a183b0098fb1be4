import { WasmResult } from "./abi-values.js";

/** A buffer that get_buffer_bytes, get_buffer_status and set_buffer_bytes work on. */
export interface GuestBuffer {
  readonly length: number;
  view(start: number, length: number): Uint8Array;
  setBytes(start: number, length: number, data: Uint8Array): WasmResult;
}

/** A buffer that the module may only read: configurations, responses of callouts, no buffer at all. */
export class ConstBuffer implements GuestBuffer {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  view(start: number, length: number): Uint8Array {
    return this.#bytes.subarray(start, start + length);
  }

  setBytes(): WasmResult {
    return WasmResult.BadArgument;
  }
}

export const EMPTY_BUFFER: GuestBuffer = new ConstBuffer(new Uint8Array(0));
