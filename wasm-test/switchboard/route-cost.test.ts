// What a lookup costs, from 1 to 10,000 routes. Steps are asserted, since they are the same on every
// machine; nanoseconds are printed.
import { beforeAll, describe, expect, test } from "vitest";
import { LookupBench } from "./lookup-bench.js";
import { SHAPES } from "./route-shapes.js";

const SIZES = [1, 100, 10_000] as const;

let bench: LookupBench;
beforeAll(async () => {
  bench = await LookupBench.load();
});

describe("a lookup", () => {
  test.each(SHAPES)(
    "takes a handful of steps, also in 10,000 routes: $name",
    (shape) => {
      const costs = SIZES.map((count) => ({ routes: count, ...bench.measure(shape, count) }));
      const line = costs.map(
        ({ routes, steps, spreadNs, hotNs }) =>
          `${String(routes)}: ${steps.toFixed(1)} steps, ${spreadNs.toFixed(0)} ns, ` +
          `${hotNs.toFixed(0)} ns for a few of them`,
      );
      console.log(`${shape.name}: ${line.join("; ")}`);
      expect(costs[SIZES.length - 1]?.steps).toBeLessThan(shape.mostSteps);
    },
    120_000,
  );
});

describe("building 10,000 routes", () => {
  test.each(SHAPES)("takes moments: $name", (shape) => {
    const { bytes, milliseconds } = bench.build(shape, 10_000);
    console.log(`${shape.name}: ${(bytes / 1e6).toFixed(1)} MB in ${milliseconds.toFixed(1)} ms`);
  });
});
