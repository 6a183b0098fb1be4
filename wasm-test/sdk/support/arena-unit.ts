// What wasm-test/units/sdk-arena.ts exports: lengths in bytes, addresses, 1 and 0 for yes and no.
import type { UnitExports } from "../../modules/unit.js";

export interface ArenaUnit extends UnitExports {
  allocate(size: number): number;
  arenaHeapBytes(): number;
  cancelDirectAllocation(): void;
  directNextAllocation(ptr: number, capacity: number): void;
  mark(): number;
  proxy_on_memory_allocate(size: number): number;
  release(position: number): void;
  setArenaLimits(allocationBytes: number, retainedChunkBytes: number): void;
  canHeapAllocate(size: number): number;
  setHeapLimit(limitBytes: number): void;
  tryHeapAllocate(size: number): number;
  enterCallback(): number;
  leaveCallback(frame: number): void;
  takeResult(ptr: number, len: number): void;
  bytesPtr(): number;
  bytesLen(): number;
  free(ptr: number): void;
}
