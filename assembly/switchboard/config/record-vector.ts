// A growing array of fixed-size records in raw memory. Addresses move when it grows: keep indices.
// Allocates: on growth; cold path only.

import { ByteBuffer } from "./byte-buffer";

export class RecordVector {
  private buffer: ByteBuffer = new ByteBuffer();
  private recordBytes: u32;
  count: u32 = 0;

  /** `recordBytes` is a multiple of 4. */
  constructor(recordBytes: u32) {
    this.recordBytes = recordBytes;
  }

  /** Adds a record of zeros and returns its address, valid until the next call. */
  add(): usize {
    const offset = this.buffer.extend(this.recordBytes);
    const address = this.buffer.ptr + offset;
    // A host function is called for `memory.fill`, which costs more than most records are long.
    for (let word = address; word < address + this.recordBytes; word += 4) store<u32>(word, 0);
    this.count++;
    return address;
  }

  /** Address of a record, valid until the next `add`; `index` < `count`. */
  at(index: u32): usize {
    return this.buffer.ptr + <usize>(index * this.recordBytes);
  }

  /** Takes the last record away; its address is valid until the next `add`. There is one. */
  removeLast(): usize {
    this.count--;
    this.buffer.len -= this.recordBytes;
    return this.at(this.count);
  }

  free(): void {
    this.buffer.free();
    this.count = 0;
  }
}
