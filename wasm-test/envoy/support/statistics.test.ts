import { describe, expect, test } from "vitest";
import { assertFollowsWeights, chiSquareTest } from "./statistics.js";

const counts = (record: Record<string, number>): Map<string, number> =>
  new Map(Object.entries(record));

describe("chi-square test", () => {
  // Critical values of the distribution, NIST/SEMATECH e-Handbook section 1.3.6.7.4.
  test.each([
    [1, 3.841, 0.05],
    [1, 10.828, 0.001],
    [2, 5.991, 0.05],
    [3, 16.266, 0.001],
    [4, 9.488, 0.05],
    [9, 27.877, 0.001],
  ])("%i degrees of freedom: statistic %f has p = %f", (degreesOfFreedom, statistic, pValue) => {
    // With all weights equal, moving d from one count to another gives a statistic of 2 d^2 / n.
    const expected = 1e6;
    const shift = Math.sqrt((statistic * expected) / 2);
    const observed = new Map<string, number>();
    const weights: Record<string, number> = {};
    for (let i = 0; i <= degreesOfFreedom; i++) {
      observed.set(String(i), expected + (i === 0 ? shift : i === 1 ? -shift : 0));
      weights[String(i)] = 1;
    }
    const result = chiSquareTest(observed, weights);
    expect(result.degreesOfFreedom).toBe(degreesOfFreedom);
    expect(result.statistic).toBeCloseTo(statistic, 6);
    expect(result.pValue / pValue).toBeCloseTo(1, 2);
  });

  test("accepts a fair draw and refuses a weight that is off by 5 of 100", () => {
    expect(() => {
      assertFollowsWeights(counts({ v1: 1_010, v2: 3_990 }), { v1: 20, v2: 80 });
    }).not.toThrow();
    expect(() => {
      assertFollowsWeights(counts({ v1: 1_250, v2: 3_750 }), { v1: 20, v2: 80 });
    }).toThrow(/do not follow the weights/);
  });

  test("refuses a destination without a weight, and too few observations", () => {
    expect(() => chiSquareTest(counts({ v1: 90, v3: 1 }), { v1: 50, v2: 50 })).toThrow(/1 x v3/);
    expect(() => chiSquareTest(counts({ v1: 3 }), { v1: 50, v2: 50 })).toThrow(/too few/);
  });
});
