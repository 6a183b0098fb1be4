// Records of one size, found by index or by address, reused last in, first out.
// Grows by whole chunks, which are never given back: an index and an address stay valid for ever.
// Allocates: on growth.

const CHUNK_BITS: u32 = 8;
const CHUNK_RECORDS: u32 = 1 << CHUNK_BITS;
const NO_RECORD: u32 = u32.MAX_VALUE;
/** Before each record: its index while it is in use, the next free record's index otherwise. */
const HEADER_BYTES: u32 = 8;

export class Slab {
  private chunks: usize;
  private chunkCount: u32 = 0;
  private firstFree: u32 = NO_RECORD;
  /** Records in use. */
  used: u32 = 0;

  private stride: u32;

  /** `recordBytes` is a multiple of 8, `maxRecords` one of 256. */
  constructor(
    recordBytes: u32,
    private maxRecords: u32,
  ) {
    this.stride = recordBytes + HEADER_BYTES;
    this.chunks = heap.alloc(((<usize>maxRecords) >> CHUNK_BITS) * sizeof<usize>());
  }

  at(index: u32): usize {
    const chunk = load<usize>(this.chunks + <usize>(index >> CHUNK_BITS) * sizeof<usize>());
    return chunk + <usize>(index & (CHUNK_RECORDS - 1)) * this.stride + HEADER_BYTES;
  }

  /** The index of a record in use. */
  indexOf(record: usize): u32 {
    return load<u32>(record - HEADER_BYTES);
  }

  /** True when `index` may be passed to `at`; the record may be free all the same. */
  has(index: u32): bool {
    return index >> CHUNK_BITS < this.chunkCount;
  }

  /** Address of a record with the contents of its last use (zeros at first), or 0: all are in use. */
  acquire(): usize {
    if (this.firstFree == NO_RECORD && !this.grow()) return 0;
    const index = this.firstFree;
    const record = this.at(index);
    this.firstFree = load<u32>(record - HEADER_BYTES);
    store<u32>(record - HEADER_BYTES, index);
    this.used++;
    return record;
  }

  release(record: usize): void {
    const index = this.indexOf(record);
    store<u32>(record - HEADER_BYTES, this.firstFree);
    this.firstFree = index;
    this.used--;
  }

  private grow(): bool {
    const first = this.chunkCount << CHUNK_BITS;
    if (first + CHUNK_RECORDS > this.maxRecords) return false;
    const bytes = <usize>CHUNK_RECORDS * this.stride;
    const chunk = heap.alloc(bytes);
    memory.fill(chunk, 0, bytes);
    store<usize>(this.chunks + <usize>this.chunkCount * sizeof<usize>(), chunk);
    this.chunkCount++;
    for (let i = CHUNK_RECORDS; i > 0; i--) {
      const header = chunk + <usize>(i - 1) * this.stride;
      store<u32>(header, this.firstFree);
      this.firstFree = first + i - 1;
    }
    return true;
  }
}
