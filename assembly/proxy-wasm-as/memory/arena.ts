// The memory that the host writes results into, and scratch memory for one callback.
// Stack discipline, because callbacks nest: a callback takes mark() on entry and release()s it on exit,
// so that a nested callback gives back only its own part and never touches what its caller still reads.
// Never traps: what cannot be given is answered with 0, which the host reports as InvalidMemoryAccess.
//
//   first chunk (static)                      further chunks (heap, one per overflow)
//   +----------------------+-----------+      +--------+-------------+---------+
//   | used by outer calls  |  free ->  |      | header | used        | free -> |
//   +----------------------+-----------+      +--------+-------------+---------+
//                          ^ top       ^ limit: both are of the newest chunk
//
// Allocates: a heap chunk when the current chunk is full; chunks are kept for reuse up to a bound.

import { tryHeapAllocate } from "./heap-limit";

const FIRST_CHUNK_BYTES: usize = 262144;
const FIRST_CHUNK: usize = memory.data(262144, 16);
const MIN_CHUNK_BYTES: usize = 262144;
const DEFAULT_MAX_ALLOCATION_BYTES: usize = 64 << 20;
const DEFAULT_RETAINED_BYTES: usize = 2 << 20;
/** Above it an allocation could overflow the address arithmetic of the heap. */
const MAX_ALLOCATION_BYTES: usize = 1 << 28;

// A heap chunk: header, then `capacity` bytes.
//   0..3 previous chunk in its list (0: none)   4..7 capacity in bytes   8..15 unused, keeps 16-byte alignment
const CHUNK_PREVIOUS: usize = 0;
const CHUNK_CAPACITY: usize = 4;
const CHUNK_HEADER_BYTES: usize = 16;

let top: usize = FIRST_CHUNK;
let limit: usize = FIRST_CHUNK + FIRST_CHUNK_BYTES;
/** The newest heap chunk in use, 0 while the static chunk suffices. */
let chunk: usize = 0;
let retained: usize = 0;
let retainedBytes: usize = 0;
let maxRetainedBytes: usize = DEFAULT_RETAINED_BYTES;
let maxAllocationBytes: usize = DEFAULT_MAX_ALLOCATION_BYTES;
let directPtr: usize = 0;
let directCapacity: u32 = 0;

/**
 * Called by the host when a host call or a foreign function has a result to hand over.
 * Valid until the enclosing callback returns. Returns 0 when `size` bytes cannot be had.
 */
export function proxy_on_memory_allocate(size: usize): usize {
  if (directPtr != 0) {
    const ptr = directPtr;
    directPtr = 0;
    if (size <= <usize>directCapacity) return ptr;
  }
  return allocate(size);
}

/**
 * Takes `size` bytes of scratch memory, 8-byte aligned, not zeroed, valid until the release() of an
 * earlier mark(), at the latest until the enclosing callback returns. Returns 0 when it cannot be had.
 */
export function allocate(size: usize): usize {
  // Checked before it is rounded up, so that the rounding cannot overflow.
  if (size > maxAllocationBytes) return 0;
  const rounded = (size + 7) & ~7;
  if (rounded > limit - top && !pushChunk(rounded)) return 0;
  const ptr = top;
  top = ptr + rounded;
  return ptr;
}

/** The current top of the arena, to be given to release(). */
export function mark(): usize {
  return top;
}

/** Gives back everything allocated since `position` was returned by mark(). Marks nest. */
export function release(position: usize): void {
  directPtr = 0;
  if (chunk != 0) popChunks(position);
  top = position;
}

/**
 * Places the next host allocation of at most `capacity` bytes exactly at `ptr`, so that a host call
 * copies its result straight into the caller's memory. One-shot: the next host allocation of any
 * size, or the next release(), disarms it. `ptr` needs no alignment and stays the caller's.
 */
export function directNextAllocation(ptr: usize, capacity: u32): void {
  directPtr = ptr;
  directCapacity = capacity;
}

/** Disarms directNextAllocation: after a host call that had nothing to allocate. */
export function cancelDirectAllocation(): void {
  directPtr = 0;
}

/**
 * Sets the bounds of the arena, both in bytes.
 * `allocationBytes`: the largest single allocation, default 64 MiB, at most 256 MiB.
 * `retainedChunkBytes`: heap chunks kept for reuse instead of being freed, default 2 MiB.
 */
export function setArenaLimits(allocationBytes: usize, retainedChunkBytes: usize): void {
  maxAllocationBytes = min(allocationBytes, MAX_ALLOCATION_BYTES);
  maxRetainedBytes = retainedChunkBytes;
}

/** Bytes of heap that the arena holds, in use or kept for reuse; 0 while the static chunk suffices. */
export function arenaHeapBytes(): usize {
  let bytes = retainedBytes;
  for (let c = chunk; c != 0; c = load<usize>(c, CHUNK_PREVIOUS)) {
    bytes += load<usize>(c, CHUNK_CAPACITY);
  }
  return bytes;
}

/** Makes a chunk of at least `size` bytes the newest one. */
function pushChunk(size: usize): bool {
  let next = takeRetained(size);
  if (next == 0) {
    const capacity = max(size, MIN_CHUNK_BYTES);
    next = tryHeapAllocate(CHUNK_HEADER_BYTES + capacity);
    if (next == 0) return false;
    store<usize>(next, capacity, CHUNK_CAPACITY);
  }
  store<usize>(next, chunk, CHUNK_PREVIOUS);
  chunk = next;
  top = next + CHUNK_HEADER_BYTES;
  limit = top + load<usize>(next, CHUNK_CAPACITY);
  return true;
}

/** Removes the chunks that were pushed after `position` was the top. */
function popChunks(position: usize): void {
  while (chunk != 0 && !isInChunk(position)) {
    const popped = chunk;
    chunk = load<usize>(popped, CHUNK_PREVIOUS);
    retain(popped);
  }
  limit =
    chunk == 0
      ? FIRST_CHUNK + FIRST_CHUNK_BYTES
      : chunk + CHUNK_HEADER_BYTES + load<usize>(chunk, CHUNK_CAPACITY);
}

function isInChunk(position: usize): bool {
  const start = chunk + CHUNK_HEADER_BYTES;
  return position >= start && position - start <= load<usize>(chunk, CHUNK_CAPACITY);
}

/** Keeps an unused chunk for reuse, or frees it when that would pass the bound. */
function retain(unused: usize): void {
  const capacity = load<usize>(unused, CHUNK_CAPACITY);
  if (capacity > maxRetainedBytes || retainedBytes > maxRetainedBytes - capacity) {
    heap.free(unused);
    return;
  }
  store<usize>(unused, retained, CHUNK_PREVIOUS);
  retained = unused;
  retainedBytes += capacity;
}

/** Takes the first kept chunk of at least `size` bytes out of the list, or returns 0. */
function takeRetained(size: usize): usize {
  let before: usize = 0;
  for (let c = retained; c != 0; c = load<usize>(c, CHUNK_PREVIOUS)) {
    const capacity = load<usize>(c, CHUNK_CAPACITY);
    if (capacity < size) {
      before = c;
      continue;
    }
    const after = load<usize>(c, CHUNK_PREVIOUS);
    if (before == 0) retained = after;
    else store<usize>(before, after, CHUNK_PREVIOUS);
    retainedBytes -= capacity;
    return c;
  }
  return 0;
}
