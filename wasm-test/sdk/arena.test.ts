// The arena: stack discipline, growth by chunks, bounds, and memory that a host call is directed to.

import { beforeEach, describe, expect, it } from "vitest";

import { RandomSource } from "../inputs/random-source.js";
import { instantiateUnit } from "../modules/unit.js";
import type { ArenaUnit } from "./support/arena-unit.js";

const KIB = 1024;
const MIB = 1024 * KIB;
const FIRST_CHUNK = 256 * KIB;

let arena: ArenaUnit;
/** Its memory can have 16 MiB at the most. */
let smallArena: ArenaUnit;

beforeEach(async () => {
  arena = await instantiateUnit<ArenaUnit>("sdk-arena");
  smallArena = await instantiateUnit<ArenaUnit>("sdk-arena-16mib");
});

const allocate = (size: number) => arena.allocate(size);
const hostAllocate = (size: number) => arena.proxy_on_memory_allocate(size);
const mark = () => arena.mark();
const release = (position: number) => arena.release(position);
const heapBytes = () => arena.arenaHeapBytes();

/** Fills [ptr, ptr + len) so that an overlap with other memory shows. */
function fill(ptr: number, len: number, byte: number): void {
  new Uint8Array(arena.memory.buffer, ptr, len).fill(byte);
}

function isFilled(ptr: number, len: number, byte: number): boolean {
  return Buffer.from(arena.memory.buffer, ptr, len).equals(Buffer.alloc(len, byte));
}

describe("allocations", () => {
  it("are 8-byte aligned, adjacent and never overlap, whatever their sizes", () => {
    const blocks = [1, 7, 8, 9, 24, 100, 0, 3].map((size) => ({ ptr: allocate(size), size }));
    blocks.forEach(({ ptr, size }, index) => {
      fill(ptr, size, index + 1);
    });
    blocks.forEach(({ ptr, size }, index) => {
      expect(ptr % 8).toBe(0);
      expect(isFilled(ptr, size, index + 1)).toBe(true);
    });
    expect(heapBytes()).toBe(0);
  });

  it("use the static chunk to its last byte before they touch the heap", () => {
    const start = mark();
    expect(allocate(FIRST_CHUNK - 8)).toBe(start);
    expect(allocate(8)).toBe(start + FIRST_CHUNK - 8);
    expect(heapBytes()).toBe(0);
    expect(allocate(1)).not.toBe(0);
    expect(heapBytes()).toBe(FIRST_CHUNK);
  });

  it("larger than a chunk get one of their own", () => {
    const ptr = allocate(8 * MIB);
    fill(ptr, 8 * MIB, 7);
    expect(heapBytes()).toBe(8 * MIB);
  });

  it.each([
    ["one byte over the ceiling", 64 * MIB + 1],
    ["the largest number", 0xffff_ffff],
    ["a size whose rounding would overflow", 0xffff_fffa],
    ["the sign bit", 0x8000_0000],
  ])("of an absurd size give 0 and change nothing: %s", (_name, size) => {
    const before = mark();
    expect(hostAllocate(size)).toBe(0);
    expect(allocate(size)).toBe(0);
    expect(mark()).toBe(before);
    expect(heapBytes()).toBe(0);
    expect(allocate(16)).toBe(before);
  });

  it("obey a ceiling that was set", () => {
    arena.setArenaLimits(1000, MIB);
    expect(allocate(1001)).toBe(0);
    expect(allocate(1000)).not.toBe(0);
  });

  it("give 0 instead of trapping when memory is exhausted, and work again when some is released", () => {
    arena = smallArena;
    arena.setHeapLimit(16 * MIB);
    const before = mark();
    const blocks: number[] = [];
    for (let ptr = allocate(MIB); ptr !== 0; ptr = allocate(MIB)) {
      fill(ptr, MIB, 1);
      blocks.push(ptr);
    }
    expect(blocks.length).toBeGreaterThan(10);
    expect(blocks.every((ptr) => isFilled(ptr, MIB, 1))).toBe(true);
    release(before);
    expect(allocate(MIB)).not.toBe(0);
  });
});

describe("nesting", () => {
  it("an inner release leaves what the outer callback holds, in the static chunk", () => {
    const outer = mark();
    const held = allocate(100);
    fill(held, 100, 1);
    const inner = mark();
    fill(allocate(5000), 5000, 2);
    release(inner);
    expect(isFilled(held, 100, 1)).toBe(true);
    expect(allocate(8)).toBe(inner);
    release(outer);
    expect(mark()).toBe(outer);
  });

  it("an inner call that overflows into chunks gives them back and keeps the outer one's memory", () => {
    const outer = mark();
    const held = allocate(FIRST_CHUNK - 64);
    fill(held, FIRST_CHUNK - 64, 1);
    const inner = mark();
    const first = allocate(FIRST_CHUNK);
    const second = allocate(2 * FIRST_CHUNK);
    fill(first, FIRST_CHUNK, 2);
    fill(second, 2 * FIRST_CHUNK, 3);
    release(inner);
    expect(isFilled(held, FIRST_CHUNK - 64, 1)).toBe(true);
    expect(allocate(16)).toBe(inner);
    release(outer);
  });

  it("an outer call that holds memory in a heap chunk keeps it when an inner one pushes more", () => {
    const outer = mark();
    const held = allocate(FIRST_CHUNK + 8);
    fill(held, FIRST_CHUNK + 8, 1);
    const positions: number[] = [];
    for (let depth = 0; depth < 50; depth++) {
      positions.push(mark());
      fill(allocate(100 * KIB), 100 * KIB, depth + 2);
    }
    for (const position of positions.toReversed()) release(position);
    expect(isFilled(held, FIRST_CHUNK + 8, 1)).toBe(true);
    release(outer);
    expect(mark()).toBe(outer);
  });

  it("a release across several chunks at once lands where the mark was taken", () => {
    const outer = mark();
    allocate(FIRST_CHUNK);
    const middle = mark();
    for (let i = 0; i < 5; i++) allocate(FIRST_CHUNK);
    release(middle);
    expect(mark()).toBe(middle);
    release(outer);
    expect(mark()).toBe(outer);
    expect(allocate(8)).toBe(outer);
  });

  it("random nested calls never overlap and end where they began", () => {
    const random = new RandomSource(12345);
    const start = mark();
    const run = (depth: number): void => {
      const position = mark();
      const held = Array.from({ length: 1 + random.below(4) }, () => {
        const size = random.below(10) === 0 ? random.below(600 * KIB) : random.below(2000);
        const byte = random.below(255) + 1;
        const ptr = allocate(size);
        fill(ptr, size, byte);
        return { ptr, size, byte };
      });
      if (depth < 6) for (let i = random.below(3); i > 0; i--) run(depth + 1);
      for (const { ptr, size, byte } of held) expect(isFilled(ptr, size, byte)).toBe(true);
      release(position);
    };
    for (let round = 0; round < 60; round++) run(0);
    expect(mark()).toBe(start);
  });
});

describe("chunks", () => {
  it("are kept and reused: the same overflow again and again takes no more memory", () => {
    const start = mark();
    const overflow = () => {
      allocate(FIRST_CHUNK);
      allocate(FIRST_CHUNK);
      release(start);
    };
    overflow();
    const kept = heapBytes();
    const size = arena.memory.buffer.byteLength;
    for (let i = 0; i < 10_000; i++) overflow();
    expect(heapBytes()).toBe(kept);
    expect(arena.memory.buffer.byteLength).toBe(size);
  });

  it("beyond the bound are freed, and the heap reuses that memory", () => {
    const start = mark();
    const big = () => {
      expect(allocate(20 * MIB)).not.toBe(0);
      release(start);
    };
    big();
    expect(heapBytes()).toBe(0);
    const size = arena.memory.buffer.byteLength;
    for (let i = 0; i < 200; i++) big();
    expect(arena.memory.buffer.byteLength).toBe(size);
  });

  it("are kept up to the bound in sum", () => {
    arena.setArenaLimits(64 * MIB, MIB);
    const start = mark();
    allocate(FIRST_CHUNK);
    for (let i = 0; i < 10; i++) allocate(FIRST_CHUNK);
    expect(heapBytes()).toBe(10 * FIRST_CHUNK);
    release(start);
    expect(heapBytes()).toBe(MIB);
  });

  it("come back out of the middle of the kept ones, and the others stay kept", () => {
    const start = mark();
    const sizes = [FIRST_CHUNK, 3 * FIRST_CHUNK, FIRST_CHUNK];
    allocate(FIRST_CHUNK);
    for (const size of sizes) allocate(size);
    release(start);
    const kept = heapBytes();
    expect(kept).toBe(5 * FIRST_CHUNK);
    allocate(FIRST_CHUNK);
    const blocks = [3 * FIRST_CHUNK, FIRST_CHUNK, FIRST_CHUNK].map((size, index) => {
      const ptr = allocate(size);
      fill(ptr, size, index + 1);
      return { ptr, size };
    });
    blocks.forEach(({ ptr, size }, index) => {
      expect(isFilled(ptr, size, index + 1)).toBe(true);
    });
    expect(heapBytes()).toBe(kept);
  });
});

describe("a directed allocation", () => {
  const OWN = 64 * KIB;
  const direct = (ptr: number, capacity: number) => arena.directNextAllocation(ptr, capacity);

  it("lands exactly where the caller said, once", () => {
    direct(OWN + 3, 100);
    expect(hostAllocate(100)).toBe(OWN + 3);
    expect(hostAllocate(8)).toBe(mark() - 8);
  });

  it("is passed by when it does not fit, and not left armed", () => {
    const position = mark();
    direct(OWN, 100);
    expect(hostAllocate(101)).toBe(position);
    expect(hostAllocate(100)).not.toBe(OWN);
  });

  it("is not taken by the module's own allocations", () => {
    direct(OWN, 100);
    expect(allocate(10)).not.toBe(OWN);
    expect(hostAllocate(10)).toBe(OWN);
  });

  it.each<[string, () => unknown]>([
    ["a release", () => arena.release(mark())],
    ["a call of it off", () => arena.cancelDirectAllocation()],
    ["an entered callback", () => arena.enterCallback()],
    ["a taken result", () => arena.takeResult(0, 0)],
  ])("is disarmed by %s", (_name, disarm) => {
    direct(OWN, 100);
    disarm();
    expect(hostAllocate(10)).not.toBe(OWN);
  });
});

describe("a callback's frame", () => {
  it("restores the outer callback's host bytes and arena", () => {
    const outer = arena.enterCallback();
    const held = allocate(32);
    fill(held, 32, 1);
    arena.takeResult(held, 32);
    const inner = arena.enterCallback();
    arena.takeResult(hostAllocate(64), 64);
    expect(arena.bytesLen()).toBe(64);
    arena.leaveCallback(inner);
    expect(arena.bytesPtr()).toBe(held);
    expect(arena.bytesLen()).toBe(32);
    expect(isFilled(held, 32, 1)).toBe(true);
    arena.leaveCallback(outer);
  });

  it("works 1,000 deep, with overflow on the way", () => {
    const start = mark();
    const frames = Array.from({ length: 1000 }, (_, depth) => {
      const frame = arena.enterCallback();
      const ptr = allocate(1000);
      fill(ptr, 1000, depth & 0xff);
      arena.takeResult(ptr, 1000);
      return frame;
    });
    for (let depth = 999; depth >= 0; depth--) {
      const ptr = arena.bytesPtr();
      expect(isFilled(ptr, 1000, depth & 0xff)).toBe(true);
      arena.leaveCallback(frames[depth] ?? 0);
    }
    expect(mark()).toBe(start);
    expect(arena.bytesPtr()).toBe(0);
  });

  it("does without a frame when the arena is exhausted, and still gives back its memory", () => {
    arena.setHeapLimit(1);
    allocate(FIRST_CHUNK - 16);
    allocate(16);
    const full = mark();
    const frame = arena.enterCallback();
    expect(allocate(8)).toBe(0);
    arena.leaveCallback(frame);
    expect(mark()).toBe(full);
  });
});
