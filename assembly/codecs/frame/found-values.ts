// What a walk over sections has found of a frame's values.
// Allocates: when the module starts.

import { Slice } from "../../codec/message";
import { MAX_VALUES } from "./table/limits";

// A record for each value of a layout.
//   0        4        8
//   +--------+--------+-----------------+
//   | offset | length | number          |
//   +--------+--------+-----------------+
// The offset counts from the frame's start, where no value is that a walk finds: 0 is absent. Which records are of
// this frame, bits tell.
const RECORD_BYTES: usize = 16;
const LENGTH: usize = 4;
const NUMBER: usize = 8;

export class FoundValues {
  private readonly records: usize = heap.alloc(<usize>MAX_VALUES * RECORD_BYTES);
  private present: u64 = 0;

  @inline
  clear(): void {
    this.present = 0;
  }

  @inline
  private has(index: u32): bool {
    return ((this.present >> index) & 1) != 0;
  }

  @inline
  set(index: u32, offset: u32, length: u32, number: u64): void {
    // SAFETY: `index` is a position in a layout's values, of which there are no more than records and bits.
    this.present |= (<u64>1) << index;
    const record = this.records + <usize>index * RECORD_BYTES;
    store<u32>(record, offset);
    store<u32>(record, length, LENGTH);
    store<u64>(record, number, NUMBER);
  }

  @inline
  offset(index: u32): u32 {
    return this.has(index) ? load<u32>(this.records + <usize>index * RECORD_BYTES) : 0;
  }

  @inline
  length(index: u32): u32 {
    return this.has(index) ? load<u32>(this.records + <usize>index * RECORD_BYTES, LENGTH) : 0;
  }

  /** The bytes of a value of the frame at `frame`; false: it is not there. */
  @inline
  bytes(index: u32, frame: usize, slice: Slice): bool {
    if (!this.has(index)) return false;
    const record = this.records + <usize>index * RECORD_BYTES;
    slice.ptr = frame + load<u32>(record);
    slice.len = load<u32>(record, LENGTH);
    return true;
  }

  @inline
  number(index: u32): u64 {
    return this.has(index) ? load<u64>(this.records + <usize>index * RECORD_BYTES, NUMBER) : 0;
  }
}
