// tryHeapAllocate foresees whether the allocator of asc would have to grow. It reads the allocator's
// free lists, so this compares its forecast with what the allocator then does.

import { beforeEach, describe, expect, it } from "vitest";

import { RandomSource } from "../inputs/random-source.js";
import { instantiateUnit } from "../modules/unit.js";
import type { ArenaUnit } from "./support/arena-unit.js";

const KIB = 1024;
const MIB = 1024 * KIB;

let heap: ArenaUnit;
/** Its memory can have 16 MiB at the most. */
let smallHeap: ArenaUnit;

beforeEach(async () => {
  heap = await instantiateUnit<ArenaUnit>("sdk-arena");
  smallHeap = await instantiateUnit<ArenaUnit>("sdk-arena-16mib");
});

const size = () => heap.memory.buffer.byteLength;
const can = (bytes: number) => heap.canHeapAllocate(bytes) !== 0;
const take = (bytes: number) => heap.tryHeapAllocate(bytes);
const free = (ptr: number) => heap.free(ptr);
/** No growth allowed: only what is free already can be had. */
const freeze = () => heap.setHeapLimit(1);

describe("the forecast", () => {
  it("refuses everything before the first allocation when memory may not grow", () => {
    freeze();
    expect(can(1)).toBe(false);
    expect(take(16)).toBe(0);
  });

  it("is exact at the edges of the allocator's size classes", () => {
    const grain = [0, 1, 12, 13, 28, 29, 236, 252, 253, 256, 268, 270, 500, 511, 512, 1000, 4095];
    const sizes = [...grain, 4096, 10_000, 65_535, 65_536, 100_000, MIB - 20, MIB, 3 * MIB];
    for (const bytes of sizes) {
      heap.setHeapLimit(1024 * MIB);
      const ptr = take(bytes);
      free(ptr);
      freeze();
      if (!can(bytes)) continue;
      const before = size();
      const again = take(bytes);
      expect(again, `${String(bytes)} bytes`).not.toBe(0);
      expect(size(), `${String(bytes)} bytes`).toBe(before);
      free(again);
    }
  });

  it("never promises what would grow memory, over random allocations and frees", () => {
    const random = new RandomSource(99);
    const held: number[] = [];
    let refused = 0;
    let granted = 0;
    heap.setHeapLimit(1024 * MIB);
    free(take(4 * MIB));
    freeze();
    const fixed = size();
    for (let i = 0; i < 20_000; i++) {
      if (held.length > 0 && random.below(100) < 48) {
        free(held.splice(random.below(held.length), 1)[0] ?? 0);
        continue;
      }
      const ptr = take(2 ** random.below(20) + random.below(500));
      if (ptr === 0) refused++;
      else {
        granted++;
        held.push(ptr);
      }
      expect(size()).toBe(fixed);
    }
    expect(granted).toBeGreaterThan(5000);
    expect(refused).toBeGreaterThan(100);
  });

  it("is right at the limit of the memory itself, and sees a block that is freed there", () => {
    heap = smallHeap;
    heap.setHeapLimit(16 * MIB);
    const blocks: number[] = [];
    for (let ptr = take(MIB); ptr !== 0; ptr = take(MIB)) blocks.push(ptr);
    expect(blocks.length).toBeGreaterThan(10);
    expect(size()).toBeLessThanOrEqual(16 * MIB);
    expect(can(MIB)).toBe(false);
    free(blocks[2] ?? 0);
    expect(can(MIB - 64 * KIB)).toBe(true);
    expect(take(MIB - 64 * KIB)).not.toBe(0);
  });
});

describe("tryHeapAllocate", () => {
  it("grows memory within the limit and gives 16-byte aligned memory", () => {
    const ptr = take(5 * MIB);
    expect(ptr % 16).toBe(0);
    expect(size()).toBeGreaterThan(5 * MIB);
    new Uint8Array(heap.memory.buffer, ptr, 5 * MIB).fill(1);
  });

  it.each([0x2000_0001, 0x4000_0000, 0x8000_0000, 0xffff_ffff])("refuses %i bytes", (bytes) => {
    expect(take(bytes)).toBe(0);
  });
});
