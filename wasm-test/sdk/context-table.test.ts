// The table from context ids to context objects.

import { beforeEach, describe, expect, it } from "vitest";

import { RandomSource } from "../inputs/random-source.js";
import { instantiateUnit, type UnitExports } from "../modules/unit.js";

/** What wasm-test/units/sdk-context-table.ts exports. */
interface TableUnit extends UnitExports {
  add(id: number, mark: number): number;
  addPooled(id: number): number;
  find(id: number): bigint;
  remove(id: number): void;
  count(): number;
  collect(): void;
  churn(firstId: number, connections: number, alive: number): number;
  setHeapLimit(limitBytes: number): void;
}

let table: TableUnit;

beforeEach(async () => {
  table = await instantiateUnit<TableUnit>("sdk-context-table");
});

const add = (id: number, mark: number) => table.add(id, mark) !== 0;
const find = (id: number) => Number(table.find(id));
const remove = (id: number) => table.remove(id);
const count = () => table.count();
const ABSENT = -1;

describe("lookup", () => {
  it("finds what was added, and nothing else", () => {
    for (let id = 1; id <= 1000; id++) expect(add(id, 10 * id)).toBe(true);
    for (let id = 1; id <= 1000; id++) expect(find(id)).toBe(10 * id);
    expect(find(1001)).toBe(ABSENT);
    expect(find(0xffff_ffff)).toBe(ABSENT);
    expect(count()).toBe(1000);
  });

  it("holds no context under id 0, the VM's own", () => {
    expect(add(0, 1)).toBe(false);
    expect(find(0)).toBe(ABSENT);
    remove(0);
    expect(count()).toBe(0);
  });

  it("replaces the context of an id that is added again", () => {
    add(7, 1);
    add(7, 2);
    expect(find(7)).toBe(2);
    expect(count()).toBe(1);
  });

  it("works for the largest ids", () => {
    for (const id of [0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff]) {
      add(id, 5);
      expect(find(id)).toBe(5);
    }
  });
});

describe("removal", () => {
  it("of an unknown id changes nothing", () => {
    add(1, 1);
    remove(2);
    expect(count()).toBe(1);
    expect(find(1)).toBe(1);
  });

  it("leaves every other context reachable, in any order of adding and removing", () => {
    const random = new RandomSource(4711);
    const model = new Map<number, number>();
    for (let step = 0; step < 30_000; step++) {
      const id = 1 + random.below(300);
      if (random.below(2) === 0) {
        model.set(id, step);
        add(id, step);
      } else {
        model.delete(id);
        remove(id);
      }
      const probe = 1 + random.below(300);
      expect(find(probe)).toBe(model.get(probe) ?? ABSENT);
    }
    expect(count()).toBe(model.size);
    for (let id = 1; id <= 300; id++) expect(find(id)).toBe(model.get(id) ?? ABSENT);
  });

  it("keeps contexts alive through a collection while they are in the table", () => {
    for (let id = 1; id <= 100; id++) add(id, id);
    for (let id = 1; id <= 50; id++) remove(id);
    table.collect();
    for (let id = 101; id <= 150; id++) add(id, id);
    for (let id = 51; id <= 150; id++) expect(find(id)).toBe(id);
  });
});

describe("for days", () => {
  it("ten million connections, 3,000 at a time, grow nothing and lose none", () => {
    const addPooled = (id: number) => table.addPooled(id);
    for (let id = 1; id <= 3000; id++) addPooled(id);
    for (let id = 1; id <= 3000; id++) remove(id);
    const size = table.memory.buffer.byteLength;
    expect(table.churn(3001, 10_000_000, 3000)).toBe(0);
    expect(count()).toBe(3000);
    expect(table.memory.buffer.byteLength).toBe(size);
  });

  it.each([
    ["every 4,096th", 4096],
    ["every 1,000,003rd", 1_000_003],
  ])("lookups stay fast when only %s connection survives", (_name, stride) => {
    const survivors = 4000;
    for (let i = 0; i < survivors; i++) table.addPooled((1 + i * stride) >>> 0);
    const rounds = Array.from({ length: 20 }, () => {
      const start = performance.now();
      for (let i = 0; i < survivors; i++) find((1 + i * stride) >>> 0);
      return performance.now() - start;
    });
    // Well below a millisecond; a table that has degenerated into a list takes a hundred times that in each of them.
    expect(Math.min(...rounds)).toBeLessThan(25);
  });

  it("refuses a context instead of trapping when memory is exhausted, and keeps those it has", () => {
    for (let id = 1; id <= 32; id++) add(id, id);
    table.setHeapLimit(1);
    for (let id = 33; id <= 100_000; id++) {
      if (table.addPooled(id) === 0) break;
    }
    expect(count()).toBeLessThan(100_000);
    for (let id = 1; id <= 32; id++) expect(find(id)).toBe(id);
  });
});
