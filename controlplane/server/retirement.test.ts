import { describe, expect, test } from "vitest";
import { Retirement } from "./retirement.js";

describe("retirement", () => {
  test("keeps what went out of use for its time, the latest first", () => {
    const retirement = new Retirement<string>({ key: (item) => item, maxAgeMs: 100 });
    expect(retirement.update(["a", "b", "c"], 0)).toEqual([]);
    expect(retirement.nextExpiryMs).toBeUndefined();
    expect(retirement.update(["b", "c"], 10)).toEqual(["a"]);
    expect(retirement.update(["c"], 50)).toEqual(["b", "a"]);
    expect(retirement.nextExpiryMs).toBe(110);
    expect(retirement.update(["c"], 109)).toEqual(["b", "a"]);
    expect(retirement.update(["c"], 110)).toEqual(["b"]);
    expect(retirement.update(["c"], 150)).toEqual([]);
  });

  test("what comes back into use is not retired any more, and starts anew", () => {
    const retirement = new Retirement<string>({ key: (item) => item, maxAgeMs: 100 });
    retirement.update(["a"], 0);
    expect(retirement.update([], 10)).toEqual(["a"]);
    expect(retirement.update(["a"], 20)).toEqual([]);
    expect(retirement.update([], 30)).toEqual(["a"]);
    expect(retirement.nextExpiryMs).toBe(130);
  });

  test("keeps no more of a group than asked for, the oldest go first", () => {
    const retirement = new Retirement<string>({
      key: (item) => item,
      group: (item) => item.slice(0, 1),
      maxAgeMs: 1000,
      maxPerGroup: 2,
    });
    for (const version of ["a1", "a2", "a3", "a4"]) retirement.update([version, "b1"], 0);
    expect(retirement.update(["a4", "b2"], 0)).toEqual(["b1", "a3", "a2"]);
  });
});
