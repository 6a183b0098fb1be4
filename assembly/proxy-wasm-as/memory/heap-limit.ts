// Heap allocation that answers 0 instead of trapping.
// The allocator of AssemblyScript executes `unreachable` when linear memory cannot grow, and a trap
// drops every connection of the worker; so this asks the allocator's own free lists first whether it
// would have to grow, and refuses where that would pass the limit of the host.
// It reads (never writes) the TLSF root of asc 0.28: see ROOT and searchBlock in its std/rt/tlsf.ts.
// wasm-test/sdk/heap-limit.test.ts fails if that layout moves.
// Allocates: only in tryHeapAllocate.

import { ROOT } from "rt/tlsf";

const PAGE_SHIFT: usize = 16;
const PAGE_MASK: usize = 0xffff;

/** Envoy's proxy-wasm host caps a VM's memory at 1 GiB (PROXY_WASM_HOST_MAX_WASM_MEMORY_SIZE_BYTES). */
const DEFAULT_HEAP_LIMIT_BYTES: usize = 1 << 30;
/** The largest single request; below it, no sum in this file can overflow. */
const MAX_REQUEST_BYTES: usize = 1 << 29;

// Layout of the TLSF root: bitmap of first levels at 0, then one u32 bitmap per first level.
const SECOND_LEVEL_BITS: u32 = 4;
const ALIGNMENT_BITS: u32 = 4;
const SMALL_BLOCK_BITS: u32 = SECOND_LEVEL_BITS + ALIGNMENT_BITS;
const SMALL_BLOCK_BYTES: usize = 1 << SMALL_BLOCK_BITS;
const FIRST_LEVEL_MAP_OFFSET: usize = 0;
const SECOND_LEVEL_MAPS_OFFSET: usize = 4;
const BLOCK_OVERHEAD: usize = 4;
const BLOCK_MIN_PAYLOAD: usize = 12;
const ALIGNMENT_MASK: usize = 15;

let limitPages: usize = DEFAULT_HEAP_LIMIT_BYTES >> PAGE_SHIFT;

/**
 * Tells how large the host lets linear memory become, in bytes; what would pass it is refused. Default
 * 1 GiB, as in Envoy. Below the host's own limit memory may still end at twice this: the allocator
 * doubles memory where it can, and grows by what it needs where it cannot.
 */
export function setHeapLimit(limitBytes: usize): void {
  limitPages = limitBytes >> PAGE_SHIFT;
}

/** The payload the allocator uses for a request: a multiple of 16 less the block header. */
function payloadSize(size: usize): usize {
  return size <= BLOCK_MIN_PAYLOAD
    ? BLOCK_MIN_PAYLOAD
    : ((size + BLOCK_OVERHEAD + ALIGNMENT_MASK) & ~ALIGNMENT_MASK) - BLOCK_OVERHEAD;
}

/** The allocator searches from the next size class up, so that any block of that class fits. */
function roundToClass(size: usize): usize {
  return size + ((<usize>1) << (31 - SECOND_LEVEL_BITS - clz<usize>(size))) - 1;
}

/** Whether the allocator holds a free block that it would choose for this payload. */
function hasFreeBlock(payload: usize): bool {
  const root = changetype<usize>(ROOT);
  if (root == 0) return false;
  let firstLevel: usize = 0;
  let secondLevel: u32 = 0;
  if (payload < SMALL_BLOCK_BYTES) {
    secondLevel = <u32>(payload >> ALIGNMENT_BITS);
  } else {
    const rounded = roundToClass(payload);
    firstLevel = 31 - clz<usize>(rounded);
    secondLevel = <u32>((rounded >> (firstLevel - SECOND_LEVEL_BITS)) ^ (1 << SECOND_LEVEL_BITS));
    firstLevel -= SMALL_BLOCK_BITS - 1;
  }
  const sameLevel = load<u32>(root + (firstLevel << 2), SECOND_LEVEL_MAPS_OFFSET);
  if ((sameLevel & (~(<u32>0) << secondLevel)) != 0) return true;
  return (load<u32>(root, FIRST_LEVEL_MAP_OFFSET) & (~(<u32>0) << (<u32>firstLevel + 1))) != 0;
}

/** Whether heap.alloc(size) will succeed within the limit. `size` in bytes. */
export function canHeapAllocate(size: usize): bool {
  if (size > MAX_REQUEST_BYTES) return false;
  const payload = payloadSize(size);
  if (hasFreeBlock(payload)) return true;
  const rounded = payload < SMALL_BLOCK_BYTES ? payload : roundToClass(payload);
  // The first allocation also needs the allocator's own root, which is less than one page.
  const pages = ((rounded + 2 * BLOCK_OVERHEAD + PAGE_MASK) >> PAGE_SHIFT) + 1;
  return <usize>memory.size() + pages <= limitPages;
}

/**
 * Allocates `size` bytes of unmanaged memory, 16-byte aligned; the caller frees it with heap.free.
 * Returns 0 where the heap cannot hold it.
 */
export function tryHeapAllocate(size: usize): usize {
  return canHeapAllocate(size) ? heap.alloc(size) : 0;
}
