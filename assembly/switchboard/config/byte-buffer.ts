// A growing block of raw memory, for what is recorded while a configuration is decoded.
// Whoever creates one calls `free`: the garbage collector does not see the block.
// Allocates: on growth; cold path only.

const LEAST_CAPACITY: u32 = 256;

export class ByteBuffer {
  /** Address of the block; moves when it grows. 0: nothing yet. */
  ptr: usize = 0;
  /** Bytes in use. */
  len: u32 = 0;
  private capacity: u32 = 0;

  /**
   * Makes room for `count` more bytes at the end, not initialised, and returns their offset.
   * The caller bounds what it asks for: `len` + `count` stays below 2^29.
   */
  extend(count: u32): u32 {
    const offset = this.len;
    const len = offset + count;
    if (len > this.capacity) {
      let capacity = max(this.capacity << 1, LEAST_CAPACITY);
      while (capacity < len) capacity <<= 1;
      this.ptr = this.ptr == 0 ? heap.alloc(capacity) : heap.realloc(this.ptr, capacity);
      this.capacity = capacity;
    }
    this.len = len;
    return offset;
  }

  /** Copies `count` bytes to the end and returns their offset. The source is not in this buffer. */
  append(source: usize, count: u32): u32 {
    const offset = this.extend(count);
    memory.copy(this.ptr + offset, source, count);
    return offset;
  }

  /** Zero bytes up to a multiple of `alignment`, a power of two. */
  align(alignment: u32): void {
    const padding = (alignment - (this.len & (alignment - 1))) & (alignment - 1);
    const offset = this.extend(padding);
    memory.fill(this.ptr + offset, 0, padding);
  }

  clear(): void {
    this.len = 0;
  }

  free(): void {
    if (this.ptr != 0) heap.free(this.ptr);
    this.ptr = 0;
    this.len = 0;
    this.capacity = 0;
  }
}
