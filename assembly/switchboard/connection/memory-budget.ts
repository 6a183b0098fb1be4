// What all connections of a worker together may hold: incomplete frames, requests that wait,
// responses that are not written yet. Nobody allocates for bytes from the network without asking here.
// Allocates: never.
import { tryHeapAllocate } from "../../proxy-wasm-as/memory/heap-limit";
import { stats } from "../telemetry/stats";

export class MemoryBudget {
  limit: u32 = 256 * 1024 * 1024;
  used: u32 = 0;

  /** False: the bytes must not be held. */
  take(bytes: u32): bool {
    if (bytes > this.limit || this.used > this.limit - bytes) return false;
    this.used += bytes;
    return true;
  }

  /**
   * Whether memory is plentiful enough to set aside `bytes` for what was announced and has not come:
   * half of the budget is never given away on announcements, and nobody gets all of the other half.
   */
  isAmple(bytes: u32): bool {
    const half = this.limit / 2;
    return this.used < half && bytes <= (half - this.used) / 8;
  }

  give(bytes: u32): void {
    this.used -= bytes;
  }
}

export const memoryBudget = new MemoryBudget();

/** Memory for `bytes` within the budget and the host's limit, or 0. */
export function allocateBudgeted(bytes: u32): usize {
  if (!memoryBudget.take(bytes)) {
    stats.bufferOverflow++;
    return 0;
  }
  const block = tryHeapAllocate(bytes);
  if (block == 0) {
    memoryBudget.give(bytes);
    stats.bufferOverflow++;
  }
  return block;
}

export function freeBudgeted(block: usize, bytes: u32): void {
  heap.free(block);
  memoryBudget.give(bytes);
}
