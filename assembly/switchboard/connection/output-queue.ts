// What one connection gets written at the end of the VM call: many frames, few host calls.
//
// Small frames are gathered in chunks, since a copy of a hundred bytes costs a hundredth of a host
// call. A frame that is alone, or large, is only referred to ("borrowed"), and copied into the host
// straight from where it was read.
//
// Allocates: chunks from free lists; these keep MAX_FREE_BYTES at most.
// Next: switchboard/connection/flush-list.ts
import { appendBuffer, replaceBuffer } from "../../proxy-wasm-as/host/buffers";
import { BufferType, Status } from "../../proxy-wasm-as/abi/enums";
import { allocateBudgeted, freeBudgeted, memoryBudget } from "./memory-budget";

const SMALL_CHUNK_BYTES: u32 = 1024;
const LARGE_CHUNK_BYTES: u32 = 16 * 1024;
/** Larger frames are borrowed even when others are queued before them. */
export const COPY_LIMIT: u32 = 2048;

@unmanaged
class Segment {
  next: usize;
  ptr: usize;
  len: u32;
  /** Bytes at `ptr` that may be written; 0 for borrowed bytes. */
  capacity: u32;
}

const SEGMENT_BYTES: u32 = offsetof<Segment>();

let freeBorrowed: usize = 0;
let freeSmall: usize = 0;
let freeLarge: usize = 0;
/** Of all free lists. They count against the budget, and others may need it. */
let freeBytes: u32 = 0;
const MAX_FREE_BYTES: u32 = 4 * 1024 * 1024;

function takeChunk(capacity: u32): usize {
  let list = capacity == 0 ? freeBorrowed : capacity == SMALL_CHUNK_BYTES ? freeSmall : 0;
  if (capacity == LARGE_CHUNK_BYTES) list = freeLarge;
  if (list != 0) {
    const next = changetype<Segment>(list).next;
    freeBytes -= SEGMENT_BYTES + capacity;
    if (capacity == 0) freeBorrowed = next;
    else if (capacity == SMALL_CHUNK_BYTES) freeSmall = next;
    else freeLarge = next;
    return list;
  }
  const block = allocateBudgeted(SEGMENT_BYTES + capacity);
  if (block == 0) return 0;
  const segment = changetype<Segment>(block);
  segment.capacity = capacity;
  segment.ptr = block + SEGMENT_BYTES;
  return block;
}

/** Of a chunk for so many bytes that others may follow in. */
function capacityFor(bytes: u32): u32 {
  if (bytes <= SMALL_CHUNK_BYTES) return SMALL_CHUNK_BYTES;
  return bytes <= LARGE_CHUNK_BYTES ? LARGE_CHUNK_BYTES : bytes;
}

function giveBack(chunk: usize): void {
  if (chunk != 0) giveChunk(changetype<Segment>(chunk));
}

function giveChunk(segment: Segment): void {
  const block = changetype<usize>(segment);
  const bytes = SEGMENT_BYTES + segment.capacity;
  const isKept = freeBytes < min<u32>(MAX_FREE_BYTES, memoryBudget.limit >> 3);
  if (isKept && segment.capacity == 0) {
    segment.next = freeBorrowed;
    freeBorrowed = block;
  } else if (isKept && segment.capacity == SMALL_CHUNK_BYTES) {
    segment.next = freeSmall;
    freeSmall = block;
  } else if (isKept && segment.capacity == LARGE_CHUNK_BYTES) {
    segment.next = freeLarge;
    freeLarge = block;
  } else {
    freeBudgeted(block, bytes);
    return;
  }
  freeBytes += bytes;
}

export class OutputQueue {
  private head: usize = 0;
  private tail: usize = 0;
  /** See `appendAround`. */
  headPtr: usize = 0;
  tailPtr: usize = 0;
  /** The next bytes are missing: nothing may follow. */
  private isSealed: bool = false;

  get isEmpty(): bool {
    return this.head == 0;
  }

  /** An address with room for `bytes`, to be followed by `commit`; 0: beyond the memory budget. */
  reserve(bytes: u32): usize {
    if (this.isSealed) return 0;
    if (this.tail != 0) {
      const tail = changetype<Segment>(this.tail);
      if (tail.capacity != 0 && bytes <= tail.capacity - tail.len) return tail.ptr + tail.len;
    }
    let capacity = bytes;
    if (bytes <= SMALL_CHUNK_BYTES && this.head == 0) capacity = SMALL_CHUNK_BYTES;
    else if (bytes <= LARGE_CHUNK_BYTES) capacity = LARGE_CHUNK_BYTES;
    const chunk = takeChunk(capacity);
    if (chunk == 0) return 0;
    this.link(chunk, 0);
    return changetype<Segment>(chunk).ptr;
  }

  /** Counts `bytes` that were written at the address that `reserve` gave. */
  commit(bytes: u32): void {
    changetype<Segment>(this.tail).len += bytes;
  }

  /**
   * Queues bytes that stay as they are until the end of this VM call. False: beyond the budget.
   */
  append(ptr: usize, len: u32): bool {
    if (this.head != 0 && len <= COPY_LIMIT) {
      const out = this.reserve(len);
      if (out == 0) return false;
      memory.copy(out, ptr, len);
      this.commit(len);
      return true;
    }
    const segment: usize = this.isSealed ? 0 : takeChunk(0);
    if (segment == 0) return false;
    changetype<Segment>(segment).ptr = ptr;
    this.link(segment, len);
    return true;
  }

  /**
   * Queues a frame of which the middle stays as it is, as in `append`. `headLen` bytes, at most 64, are to be
   * written at `headPtr` at once, and up to `tailRoom` at `tailPtr`, followed by `commit`. False: beyond
   * the budget.
   */
  appendAround(headLen: u32, middle: usize, middleLen: u32, tailRoom: u32): bool {
    if (this.isSealed) return false;
    const head = takeChunk(SMALL_CHUNK_BYTES);
    const borrowed = takeChunk(0);
    const tail = takeChunk(capacityFor(tailRoom));
    if (head == 0 || borrowed == 0 || tail == 0) {
      giveBack(head);
      giveBack(borrowed);
      giveBack(tail);
      return false;
    }
    this.headPtr = changetype<Segment>(head).ptr;
    changetype<Segment>(borrowed).ptr = middle;
    this.tailPtr = changetype<Segment>(tail).ptr;
    this.link(head, headLen);
    this.link(borrowed, middleLen);
    this.link(tail, 0);
    return true;
  }

  /** Hands everything to the host: replaces what the connection's buffer holds. */
  emit(type: BufferType): Status {
    let at = this.head;
    let status = Status.Ok;
    let first = true;
    while (at != 0) {
      const segment = changetype<Segment>(at);
      at = segment.next;
      if (status == Status.Ok) {
        status = first
          ? replaceBuffer(type, segment.ptr, segment.len)
          : appendBuffer(type, segment.ptr, segment.len);
      }
      first = false;
      giveChunk(segment);
    }
    this.head = 0;
    this.tail = 0;
    return status;
  }

  /**
   * Copies what is borrowed, so that the queue outlives this VM call. False: beyond the budget; the
   * queue is empty and takes nothing more until `reset`.
   */
  own(): bool {
    if (this.copyBorrowed()) return true;
    this.clear();
    this.seal();
    return false;
  }

  private copyBorrowed(): bool {
    let previous: usize = 0;
    let at = this.head;
    while (at != 0) {
      const segment = changetype<Segment>(at);
      const next = segment.next;
      if (segment.capacity == 0) {
        const copy = this.copyOf(segment);
        if (copy == 0) return false;
        changetype<Segment>(copy).next = next;
        if (previous == 0) this.head = copy;
        else changetype<Segment>(previous).next = copy;
        if (this.tail == at) this.tail = copy;
        giveChunk(segment);
        at = copy;
      }
      previous = at;
      at = next;
    }
    return true;
  }

  /** Takes nothing more until `reset`. */
  seal(): void {
    this.isSealed = true;
  }

  /** For another connection. */
  reset(): void {
    this.clear();
    this.isSealed = false;
  }

  clear(): void {
    let at = this.head;
    while (at != 0) {
      const segment = changetype<Segment>(at);
      at = segment.next;
      giveChunk(segment);
    }
    this.head = 0;
    this.tail = 0;
  }

  private copyOf(segment: Segment): usize {
    const len = segment.len;
    const copy = takeChunk(capacityFor(len));
    if (copy == 0) return 0;
    memory.copy(changetype<Segment>(copy).ptr, segment.ptr, len);
    changetype<Segment>(copy).len = len;
    return copy;
  }

  private link(block: usize, len: u32): void {
    const segment = changetype<Segment>(block);
    segment.next = 0;
    segment.len = len;
    if (this.tail == 0) this.head = block;
    else changetype<Segment>(this.tail).next = block;
    this.tail = block;
  }
}
