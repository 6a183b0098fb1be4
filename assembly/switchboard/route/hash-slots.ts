// The hash tables of a route table: open addressing, linear probing, at most half full, never
// changed once built.
//
//   0        4           8            0        4          8               12         16
//   +--------+-----------+            +--------+----------+---------------+----------+
//   | hash   | reference |            | hash   | value id | address       | bytes    |
//   +--------+-----------+            +--------+----------+---------------+----------+
//   slot of an index                  slot of the value index, whole for one cache line
//   little-endian; a reference or id of 0 marks an empty slot
//
// Allocates: never.

import { equalBytes, hashBytes } from "../../wire/bytes";
import { LookupCost } from "./lookup-cost";

export const SLOT_BYTES: usize = 8;
export const SLOT_REFERENCE: usize = 4;
export const VALUE_SLOT_BYTES: usize = 16;
export const VALUE_SLOT_ID: usize = 4;
export const VALUE_SLOT_PTR: usize = 8;
export const VALUE_SLOT_LEN: usize = 12;

/** The slot at which probing for `hash` starts, in a table of `1 << (32 - shift)` slots. */
export function firstSlot(hash: u32, shift: u32): u32 {
  return (hash * 0x9e3779b1) >> shift;
}

/** One more component of a bucket's key; the keys of groups start from `GROUP_SEED ^ index`. */
export function mixKey(hash: u32, component: u32): u32 {
  const product = (<u64>(hash ^ component) + 0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd;
  return <u32>(product ^ (product >> 32));
}

export const GROUP_SEED: u32 = 0x2545f491;

/**
 * The id (from 1) of the value at `ptr`, or 0 when no route asks for it.
 * `slots` is the address of the value index.
 */
export function findValueId(slots: usize, shift: u32, ptr: usize, len: u32): u32 {
  const hash = hashBytes(ptr, len);
  const last: u32 = (<u32>-1) >> shift;
  let index = firstSlot(hash, shift);
  while (true) {
    LookupCost.steps++;
    // SAFETY: index <= last, and the table has last + 1 slots of which at least one is empty.
    const slot = slots + <usize>index * VALUE_SLOT_BYTES;
    const id = load<u32>(slot, VALUE_SLOT_ID);
    if (id == 0) return 0;
    if (
      load<u32>(slot) == hash &&
      load<u32>(slot, VALUE_SLOT_LEN) == len &&
      equalBytes(load<usize>(slot, VALUE_SLOT_PTR), ptr, len)
    ) {
      return id;
    }
    index = (index + 1) & last;
  }
}
