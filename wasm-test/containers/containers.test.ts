// The containers of the modules against plain models, over many random operations.
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { assertFollowsWeights } from "../envoy/support/statistics.js";
import { seededRandom } from "../host/random.js";
import { instantiateUnit, type UnitExports } from "../modules/unit.js";

interface ContainerExports extends UnitExports {
  usedHeapBytes(): number;
  vectorLength(): number;
  vectorAt(index: number): number;
  vectorPush(pointer: number): void;
  vectorPop(): number;
  vectorRemove(pointer: number): number;
  vectorRemoveAt(index: number): void;
  vectorFree(): void;
  slabReset(recordBytes: number, maxRecords: number): void;
  slabAcquire(): number;
  slabRelease(record: number): void;
  slabIndexOf(record: number): number;
  slabAt(index: number): number;
  slabHas(index: number): number;
  slabUsed(): number;
  wheelReset(): void;
  newNode(name: number, victim: number, again: number): number;
  wheelSet(node: number, ticks: number): void;
  wheelCancel(node: number): void;
  wheelIsSet(node: number): number;
  wheelAdvanceTo(tick: bigint): void;
  wheelActive(): number;
  firedCount(): number;
  firedName(index: number): number;
  randomSeed(seed: bigint): void;
  randomBelow(bound: number): number;
  randomNext(): number;
}

let unit: ContainerExports;

beforeAll(async () => {
  unit = await instantiateUnit<ContainerExports>("containers");
});

describe("PointerVector", () => {
  it("does what an array does, whose gaps the last element fills", () => {
    const random = seededRandom(7);
    const model: number[] = [];
    const below = (bound: number): number => Math.floor(random() * bound);
    unit.vectorFree();
    for (let step = 0; step < 20_000; step++) {
      const choice = below(10);
      if (choice < 5 || model.length === 0) {
        const pointer = 1 + below(1000);
        model.push(pointer);
        unit.vectorPush(pointer);
      } else if (choice < 7) {
        expect(unit.vectorPop()).toBe(model.pop());
      } else if (choice < 9) {
        const pointer = 1 + below(1000);
        const index = model.indexOf(pointer);
        expect(unit.vectorRemove(pointer)).toBe(index >= 0 ? 1 : 0);
        if (index >= 0) fillWithLast(model, index);
      } else {
        const index = below(model.length);
        unit.vectorRemoveAt(index);
        fillWithLast(model, index);
      }
      expect(unit.vectorLength()).toBe(model.length);
    }
    expect(model.map((_, index) => unit.vectorAt(index))).toEqual(model);
  });

  it("gives its memory back and can be used again", () => {
    unit.vectorFree();
    const before = unit.usedHeapBytes();
    for (let i = 0; i < 1000; i++) unit.vectorPush(i);
    expect(unit.usedHeapBytes()).toBeGreaterThan(before + 4000);
    unit.vectorFree();
    expect(unit.usedHeapBytes()).toBe(before);
    unit.vectorPush(5);
    expect([unit.vectorLength(), unit.vectorAt(0)]).toEqual([1, 5]);
  });

  function fillWithLast(model: number[], index: number): void {
    const last = model.pop() ?? 0;
    if (index < model.length) model[index] = last;
  }
});

describe("Slab", () => {
  it("gives records of their own that stay where they are, found by their index", () => {
    unit.slabReset(24, 4096);
    const random = seededRandom(3);
    const used = new Map<number, number>();
    const addresses = new Map<number, number>();
    for (let step = 0; step < 30_000; step++) {
      if (random() < 0.52 || used.size === 0) {
        const record = unit.slabAcquire();
        if (used.size === 4096) expect(record).toBe(0);
        if (record === 0) continue;
        const index = unit.slabIndexOf(record);
        expect(used.has(index)).toBe(false);
        expect(addresses.get(index) ?? record).toBe(record);
        addresses.set(index, record);
        used.set(index, record);
        expect(unit.slabAt(index)).toBe(record);
        expect(unit.slabHas(index)).toBe(1);
        new DataView(unit.memory.buffer).setUint32(record + 20, index, true);
      } else {
        const all = [...used];
        const [index, record] = all[Math.floor(random() * all.length)] ?? [0, 0];
        // Nobody else has written to it.
        expect(new DataView(unit.memory.buffer).getUint32(record + 20, true)).toBe(index);
        unit.slabRelease(record);
        used.delete(index);
      }
      expect(unit.slabUsed()).toBe(used.size);
    }
    const sorted = [...addresses.values()].sort((a, b) => a - b);
    sorted.slice(1).forEach((address, i) => {
      expect(address - (sorted[i] ?? 0)).toBeGreaterThanOrEqual(24);
    });
  });

  it("ends at its bound, and goes on when something was given back", () => {
    unit.slabReset(8, 512);
    const records = Array.from({ length: 512 }, () => unit.slabAcquire());
    expect(records).not.toContain(0);
    expect(new Set(records).size).toBe(512);
    expect(unit.slabAcquire()).toBe(0);
    unit.slabRelease(records[100] ?? 0);
    expect(unit.slabAcquire()).toBe(records[100]);
    expect(unit.slabHas(511)).toBe(1);
    expect(unit.slabHas(512)).toBe(0);
    expect(unit.slabHas(0xffff_ffff)).toBe(0);
  });

  it("gives zeros the first time", () => {
    unit.slabReset(64, 256);
    for (let i = 0; i < 256; i++) {
      const record = unit.slabAcquire();
      const bytes = new Uint8Array(unit.memory.buffer, record, 64);
      expect(bytes.every((byte) => byte === 0)).toBe(true);
    }
  });
});

describe("TimerWheel", () => {
  beforeEach(() => {
    unit.wheelReset();
  });

  function fired(tick: number | bigint): number[] {
    unit.wheelAdvanceTo(BigInt(tick));
    return Array.from({ length: unit.firedCount() }, (_, index) => unit.firedName(index));
  }

  it("runs each timer at its tick, not before and not after, however far away", () => {
    const delays = [1, 2, 3, 1023, 1024, 1025, 2048, 5000];
    delays.forEach((delay, index) => {
      unit.wheelSet(unit.newNode(index, 0, 0), delay);
    });
    for (const [index, delay] of delays.entries()) {
      expect(fired(delay - 1)).toEqual([]);
      expect(fired(delay)).toEqual([index]);
    }
    expect(unit.wheelActive()).toBe(0);
  });

  it("takes no ticks for one", () => {
    unit.wheelSet(unit.newNode(9, 0, 0), 0);
    expect(fired(0)).toEqual([]);
    expect(fired(1)).toEqual([9]);
  });

  it("does not run what was cancelled, also by another timer of the same tick", () => {
    const victim = unit.newNode(2, 0, 0);
    const killer = unit.newNode(1, victim, 0);
    const cancelled = unit.newNode(3, 0, 0);
    for (const node of [killer, victim, cancelled]) unit.wheelSet(node, 10);
    unit.wheelCancel(cancelled);
    unit.wheelCancel(cancelled);
    expect(unit.wheelIsSet(cancelled)).toBe(0);
    expect(fired(10)).toEqual([1]);
    expect(unit.wheelIsSet(victim)).toBe(0);
    expect(unit.wheelActive()).toBe(0);
  });

  it("runs a timer again that was set again by itself, once each time", () => {
    unit.wheelSet(unit.newNode(5, 0, 100), 100);
    for (let turn = 1; turn <= 50; turn++) {
      expect(fired(turn * 100 - 1)).toEqual([]);
      expect(fired(turn * 100)).toEqual([5]);
    }
  });

  it("gives a timer that is set in the middle of a leap all of its time", () => {
    unit.wheelSet(unit.newNode(5, 0, 100), 10);
    expect(fired(500)).toEqual([5]);
    expect(fired(599)).toEqual([]);
    expect(fired(600)).toEqual([5]);
  });

  it("runs everything that is due after a leap of time, at once and without going through it", () => {
    for (let name = 0; name < 100; name++) unit.wheelSet(unit.newNode(name, 0, 0), 1 + name * 97);
    unit.wheelSet(unit.newNode(1000, 0, 7), 50);
    // 50 years in ticks of 10 ms.
    const leap = 50n * 365n * 86_400n * 100n;
    const names = fired(leap);
    expect(names.filter((name) => name < 100).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 100 }, (_, name) => name),
    );
    expect(names.filter((name) => name === 1000)).toHaveLength(1);
    expect(fired(leap + 6n)).toEqual([]);
    expect(fired(leap + 7n)).toEqual([1000]);
  });

  it("stays where it is when time does not move, or goes back", () => {
    unit.wheelSet(unit.newNode(1, 0, 0), 10);
    expect(fired(9)).toEqual([]);
    expect(fired(9)).toEqual([]);
    expect(fired(3)).toEqual([]);
    expect(fired(10)).toEqual([1]);
  });

  it("without timers follows the time, so that the next one has its full delay", () => {
    expect(fired(100_000)).toEqual([]);
    unit.wheelSet(unit.newNode(1, 0, 0), 5);
    expect(fired(100_004)).toEqual([]);
    expect(fired(100_005)).toEqual([1]);
  });

  it("does what a sorted list does, over many random operations", () => {
    const random = seededRandom(11);
    const due = new Map<number, number>();
    const nodes = Array.from({ length: 300 }, (_, name) => unit.newNode(name, 0, 0));
    let now = 0;
    for (let step = 0; step < 20_000; step++) {
      const name = Math.floor(random() * nodes.length);
      const node = nodes[name] ?? 0;
      if (random() < 0.3) {
        now += Math.floor(random() * (random() < 0.01 ? 5000 : 20));
        const names = fired(now).sort((a, b) => a - b);
        const expected = [...due].filter(([, at]) => at <= now).map(([key]) => key);
        expect(names).toEqual(expected.sort((a, b) => a - b));
        for (const key of expected) due.delete(key);
      } else if (due.has(name)) {
        unit.wheelCancel(node);
        due.delete(name);
      } else {
        const ticks = 1 + Math.floor(random() * 3000);
        unit.wheelSet(node, ticks);
        due.set(name, now + ticks);
      }
      expect(unit.wheelActive()).toBe(due.size);
    }
  });
});

describe("Random", () => {
  it("is the same for the same seed, and never stuck at 0", () => {
    unit.randomSeed(42n);
    const first = Array.from({ length: 10 }, () => unit.randomNext());
    unit.randomSeed(42n);
    expect(Array.from({ length: 10 }, () => unit.randomNext())).toEqual(first);
    unit.randomSeed(0n);
    expect(new Set(Array.from({ length: 100 }, () => unit.randomNext())).size).toBe(100);
  });

  it.each([1, 2, 3, 7, 10, 100])("below %d is even", (bound) => {
    unit.randomSeed(1n);
    const counts = new Map<string, number>();
    for (let i = 0; i < 20_000; i++) {
      const drawn = String(unit.randomBelow(bound));
      counts.set(drawn, (counts.get(drawn) ?? 0) + 1);
    }
    const weights = Object.fromEntries(Array.from({ length: bound }, (_, i) => [String(i), 1]));
    assertFollowsWeights(counts, weights);
  });
});
