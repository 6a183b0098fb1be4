// AssemblyScript: how much of the heap is in use, by a walk over the allocator's blocks.
// Layout: std/assembly/rt/tlsf.ts of asc 0.28.

import { ROOT } from "rt/tlsf";

const TAIL_OFFSET: usize = 1568;
const ROOT_BYTES: usize = TAIL_OFFSET + 4;
const BLOCK_OVERHEAD: usize = 4;
const FREE: u32 = 1;

/** Bytes of all blocks in use, once the collector has freed what no global reaches. */
export function usedHeapBytes(): u32 {
  __collect();
  return allocatedHeapBytes();
}

/** Bytes of all blocks in use, those that the collector would free included. */
export function allocatedHeapBytes(): u32 {
  const root = changetype<usize>(ROOT);
  const tail = load<usize>(root, TAIL_OFFSET);
  let block = ((root + ROOT_BYTES + BLOCK_OVERHEAD + 15) & ~15) - BLOCK_OVERHEAD;
  let used: u32 = 0;
  while (block < tail) {
    const info = load<u32>(block);
    const size = info & ~3;
    if ((info & FREE) == 0) used += size + <u32>BLOCK_OVERHEAD;
    block += BLOCK_OVERHEAD + size;
  }
  return used;
}
