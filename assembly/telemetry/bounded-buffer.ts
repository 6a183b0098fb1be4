// Bytes written one after the other into a block of its own that grows up to a bound.
// What does not fit is left out, and everything after it, until the writer goes back to where the
// record began that did not fit.
// Allocates: on growth, by doubling; what was grown is kept.

/** No buffer is larger, so that sums and multiples of lengths within one fit into 32 bits. */
const MAX_BYTES: u32 = 1 << 28;

export class BoundedBuffer {
  /** Of the first byte; moves when the buffer grows. */
  ptr: usize = 0;
  /** Bytes written. */
  len: u32 = 0;
  /** Something did not fit since the last `truncate`. */
  isOverflown: bool = false;
  /** Most bytes that it holds. */
  readonly maxBytes: u32;
  private capacity: u32 = 0;

  /** `firstBytes`: size of the first block, taken with the first byte. At most 256 MiB are held. */
  constructor(
    private firstBytes: u32,
    maxBytes: u32,
  ) {
    this.maxBytes = min(maxBytes, MAX_BYTES);
  }

  /** Room for `count` bytes at the end, or 0 with `isOverflown`. Valid until the next call; `advance` takes it. */
  reserve(count: u32): usize {
    if (this.isOverflown || count > this.maxBytes - this.len) {
      this.isOverflown = true;
      return 0;
    }
    if (count > this.capacity - this.len) this.grow(this.len + count);
    return this.ptr + this.len;
  }

  /** Takes `count` of the bytes that were reserved. */
  advance(count: u32): void {
    this.len += count;
  }

  appendByte(byte: u32): void {
    const out = this.reserve(1);
    if (out == 0) return;
    store<u8>(out, <u8>byte);
    this.len++;
  }

  /** Appends `len` bytes at `ptr`, which lie outside of the buffer. */
  append(ptr: usize, len: u32): void {
    const out = this.reserve(len);
    if (out == 0) return;
    memory.copy(out, ptr, len);
    this.len += len;
  }

  /** Goes back to the first `len` bytes, of those written. */
  truncate(len: u32): void {
    this.len = len;
    this.isOverflown = false;
  }

  /** Gives the block back; the buffer is empty, and as good as new. Its owner's end alone would not. */
  free(): void {
    if (this.ptr != 0) heap.free(this.ptr);
    this.ptr = 0;
    this.capacity = 0;
    this.truncate(0);
  }

  /** `needed` is at most `maxBytes`. */
  private grow(needed: u32): void {
    let capacity = max(this.capacity, max<u32>(this.firstBytes, 1));
    while (capacity < needed) capacity *= 2;
    capacity = min(capacity, this.maxBytes);
    this.ptr = this.ptr == 0 ? heap.alloc(capacity) : heap.realloc(this.ptr, capacity);
    this.capacity = capacity;
  }
}
