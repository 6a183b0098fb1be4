// The bytes of a connection that do not make a complete frame yet, or that wait for their turn.
// Allocates: while a frame spans reads.
import { allocateBudgeted, memoryBudget } from "./memory-budget";
import { retireBlock } from "./retired-blocks";

/** Up to this size the frame's announced length is believed at once: thousands may announce one. */
const TRUSTED_BYTES: u32 = 8 * 1024;

export class FrameBuffer {
  private block: usize = 0;
  private capacity: u32 = 0;
  private start: u32 = 0;
  length: u32 = 0;

  get ptr(): usize {
    return this.block + this.start;
  }

  get end(): usize {
    return this.block + this.start + this.length;
  }

  /**
   * Makes room for `more` bytes behind those that are here; `expected` is what the whole frame will
   * take. A peer that announces much and sends little gets little: once more than a few KiB have
   * arrived it gets all while memory is ample, else the buffer grows by half until a quarter of the
   * announced length is here. False: beyond the memory budget.
   */
  reserve(more: u32, expected: u32): bool {
    const wanted = this.length + more;
    if (this.block != 0 && this.start + wanted <= this.capacity) return true;
    // Half as much again: a buffer that is refilled for ever is not copied for ever.
    let capacity: u32 = wanted < 512 ? 512 : wanted + wanted / 2;
    if (expected > wanted && this.isTrusted(wanted, expected)) {
      capacity = expected;
    } else if (expected > TRUSTED_BYTES && capacity < TRUSTED_BYTES) {
      capacity = TRUSTED_BYTES;
    }
    const block = allocateBudgeted(capacity);
    if (block == 0) return false;
    memory.copy(block, this.ptr, this.length);
    if (this.block != 0) retireBlock(this.block, this.capacity);
    this.block = block;
    this.capacity = capacity;
    this.start = 0;
    return true;
  }

  private isTrusted(wanted: u32, expected: u32): bool {
    if (expected <= TRUSTED_BYTES || expected / 4 <= wanted) return true;
    return wanted > TRUSTED_BYTES && memoryBudget.isAmple(expected);
  }

  /** Counts `bytes` that were written at `end`. */
  grew(bytes: u32): void {
    this.length += bytes;
  }

  /** Forgets the first `bytes`; whoever refers to them may do so until the end of this VM call. */
  advance(bytes: u32): void {
    this.start += bytes;
    this.length -= bytes;
    if (this.length == 0) this.clear();
  }

  clear(): void {
    if (this.block != 0) retireBlock(this.block, this.capacity);
    this.block = 0;
    this.capacity = 0;
    this.start = 0;
    this.length = 0;
  }
}
