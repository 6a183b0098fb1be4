import { describe, expect, test } from "vitest";
import { caseName, FULL_PLAN, parseCase, payloadName, QUICK_PLAN } from "./cases.js";
import { parseOptions } from "./options.js";

describe("a case", () => {
  test.each([
    ["dubbo:4x1", "dubbo:4x1:100B"],
    ["thrift:64x1:64KiB", "thrift:64x1:64KiB"],
    ["dubbo:8x8:1MiB:w2:open", "dubbo:8x8:1MiB:w2:open"],
    ["dubbo:8x8:1000B:open", "dubbo:8x8:1000B:open"],
  ])("%s is %s", (text, name) => {
    expect(caseName(parseCase(text))).toBe(name);
  });

  test.each(["4x1", "http:4x1", "dubbo:4", "dubbo:4x1:64", "dubbo:4x1:open:w2", ""])(
    "%j is none",
    (text) => {
      expect(() => parseCase(text)).toThrow(/is no case/);
    },
  );

  test("has a payload that reads well", () => {
    const names = ["dubbo:1x1:100B", "dubbo:1x1:64KiB", "dubbo:1x1:1024KiB", "dubbo:1x1:1500B"];
    expect(names.map((name) => payloadName(parseCase(name)))).toEqual([
      "100 B",
      "64 KiB",
      "1 MiB",
      "1500 B",
    ]);
  });
});

test.each([
  ["full", FULL_PLAN],
  ["quick", QUICK_PLAN],
])("the %s plan measures nothing twice, and no open loop before its closed one", (_, plan) => {
  const names = plan.map(caseName);
  expect(new Set(names).size).toBe(names.length);
  for (const [at, load] of plan.entries()) {
    if (load.loop === "closed") continue;
    expect(names.slice(0, at)).toContain(caseName({ ...load, loop: "closed" }));
  }
});

test("options choose what is measured", () => {
  const all = parseOptions([]);
  expect(all.plan).toBe(FULL_PLAN);
  expect(all.memoryOf.length).toBeGreaterThan(0);
  expect(all.filterPlan.map(caseName)).toEqual(["dubbo:8x8:100B", "dubbo:100x1:100B"]);

  const one = parseOptions(["--only", "dubbo:4x1:64KiB,modules", "--rounds", "7"]);
  expect(one.plan.map(caseName)).toEqual(["dubbo:4x1:64KiB"]);
  expect(one).toMatchObject({ rounds: 7, memoryOf: [], filterPlan: [], isWriting: false });
  expect(one.moduleRounds).toBeGreaterThan(0);

  const filters = parseOptions(["--only", "filters", "--rounds", "2"]);
  expect(filters).toMatchObject({ plan: [], filterRounds: 5, memoryOf: [], moduleRounds: 0 });

  expect(() => parseOptions(["--rounds", "none"])).toThrow(/no positive number/);
  expect(() => parseOptions(["--fast"])).toThrow(/--fast/);
});
