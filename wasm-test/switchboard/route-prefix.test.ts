// Walks of wide prefix trees begin below the root: whatever the values, the route is the one that trying all
// of them in order finds.
import { beforeAll, describe, expect, test } from "vitest";
import { RandomSource } from "../inputs/random-source.js";
import { RouteHarness } from "./route-harness.js";
import {
  configurationOf,
  type ReferenceMatch,
  type ReferenceRoute,
  referenceRoute,
} from "./route-reference.js";

const REQUESTS = 400;

let harness: RouteHarness;
beforeAll(async () => {
  harness = await RouteHarness.load();
});

/** Words that share beginnings of many lengths; `base` is common to all. */
function words(random: RandomSource, count: number, base: string): string[] {
  const all: string[] = [base === "" ? "a" : base];
  while (all.length < count) {
    const from = random.pick(all);
    const kept = from.slice(0, base.length + random.below(from.length - base.length + 1));
    const added = Array.from({ length: 1 + random.below(6) }, () => random.pick(["a", "b", "c"]));
    all.push(kept + added.join(""));
  }
  return all;
}

/** Values that begin with a word, go beyond it, end within it, or have nothing to do with it. */
function valueOf(random: RandomSource, all: readonly string[]): string {
  const word = random.pick(all);
  switch (random.below(5)) {
    case 0:
      return word;
    case 1:
      return word.slice(0, random.below(word.length + 1));
    case 2:
      return `${word.slice(0, random.below(word.length + 1))}b${word}`;
    case 3:
      return `${word}${random.pick(all)}`;
    default:
      return random.pick(["", "x", "abcabcabcabc", "zzzzzzzzzzzzzzzz"]);
  }
}

function match(name: string, kind: ReferenceMatch["kind"], value: string): ReferenceMatch {
  return { name, kind, value, invert: false };
}

function compare(routes: readonly ReferenceRoute[], all: readonly string[], seed: number): void {
  const random = new RandomSource(seed);
  const table = harness.build(configurationOf(routes));
  for (let i = 0; i < REQUESTS; i++) {
    const request = { one: valueOf(random, all), two: valueOf(random, all) };
    expect([request, harness.route(table, request)]).toEqual([
      request,
      referenceRoute(routes, request),
    ]);
  }
  harness.exports.release(table);
}

describe.each(["", "ab", "org.apache.dubbo.demo.", "a".repeat(70)])("words after %j", (base) => {
  test.each([15, 16, 40, 600])("of %i prefixes", (count) => {
    const random = new RandomSource(count);
    const all = words(random, count, base);
    compare(
      all.map((word) => ({ matches: [match("one", "prefix", word)] })),
      all,
      count,
    );
  });

  test("of two attributes with the same prefixes", () => {
    const random = new RandomSource(99);
    const all = words(random, 200, base);
    const routes = all.map((word, order) => ({
      matches: [match(order % 2 === 0 ? "one" : "two", "prefix", word)],
    }));
    compare([...routes, ...[...routes].reverse()], all, 7);
  });

  test("among regular expressions and exact values", () => {
    const random = new RandomSource(5);
    const all = words(random, 120, base.replaceAll(".", ""));
    const routes = all.map((word, order) => ({
      matches: [
        match(
          "one",
          order % 3 === 0 ? "prefix" : "regex",
          order % 3 === 0 ? word : `${word}[a-z]+`,
        ),
        ...(order % 4 === 0 ? [match("two", "exact", random.pick(all))] : []),
      ],
    }));
    compare(routes, all, 11);
  });
});
