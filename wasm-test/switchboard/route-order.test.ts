// The first route in order wins, however the table finds it: thousands of random tables are held
// against the plain reference.
import { beforeAll, describe, expect, test } from "vitest";
import { RandomSource } from "./random-source.js";
import { RouteHarness } from "./route-harness.js";
import {
  configurationOf,
  type ReferenceMatch,
  type ReferenceRoute,
  referenceRoute,
  type TextAttributes,
} from "./route-reference.js";

const NAMES = ["interface", "method", "version", "x-user", "X-Tier"] as const;
// Few letters, so that values share prefixes and collide often.
const PATTERNS = [
  "",
  "a",
  "a.*",
  "ab.*",
  "ab(c|d)?",
  "(a|b)+",
  ".*b",
  "[ab]*c[ab]*",
  "abab.*a",
  "b(a|b)",
  "(aa|bb)*",
  "abcabcabc.*",
  "[^a].*",
];

let harness: RouteHarness;
beforeAll(async () => {
  harness = await RouteHarness.load();
}, 300_000);

function randomValue(random: RandomSource): string {
  const length = random.chance(10) ? random.below(24) : random.below(5);
  return Array.from({ length }, () => random.pick(["a", "b", "c"])).join("");
}

function randomMatch(random: RandomSource): ReferenceMatch {
  const kind = random.pick(["exact", "exact", "prefix", "prefix", "regex", "present"] as const);
  // Some values of many routes, so that these differ in their prefixes only.
  const value =
    kind === "exact" && random.chance(60) ? random.pick(["a", "b"]) : randomValue(random);
  return {
    name: random.pick(NAMES),
    kind,
    value: kind === "regex" ? random.pick(PATTERNS) : value,
    invert: random.chance(15),
  };
}

function randomTable(random: RandomSource): ReferenceRoute[] {
  const routes = 1 + random.below(random.chance(10) ? 120 : 12);
  const most = random.pick([1, 2, 3, 5]);
  return Array.from({ length: routes }, () => ({
    matches: Array.from({ length: random.below(most + 1) }, () => randomMatch(random)),
  }));
}

function randomRequest(random: RandomSource): TextAttributes {
  const attributes: Record<string, string> = {};
  for (const name of NAMES) {
    if (!random.chance(20)) attributes[name.toLowerCase()] = randomValue(random);
  }
  return attributes;
}

describe("the first route whose matches all hold", () => {
  test("is found in random tables", () => {
    const random = new RandomSource(20_240_101);
    let found = 0;
    for (let round = 0; round < 5000; round++) {
      const routes = randomTable(random);
      const table = harness.build(configurationOf(routes));
      for (let i = 0; i < 20; i++) {
        const attributes = randomRequest(random);
        const expected = referenceRoute(routes, attributes);
        const actual = harness.route(table, attributes);
        if (actual !== expected) {
          const context = JSON.stringify({ round, routes, attributes });
          expect(actual, context).toBe(expected);
        }
        if (expected >= 0) found++;
      }
      harness.exports.release(table);
    }
    // Neither all nor nothing: the comparison means something.
    expect(found).toBeGreaterThan(30_000);
    expect(found).toBeLessThan(90_000);
  }, 120_000);

  test("a catch-all at the start hides everything behind it", () => {
    const routes: ReferenceRoute[] = [
      { matches: [] },
      ...Array.from({ length: 50 }, (_, i) => exactRoute("method", `m${String(i)}`)),
    ];
    const table = harness.build(configurationOf(routes));
    expect(harness.route(table, { method: "m7" })).toBe(0);
    harness.exports.release(table);
  });

  test("a catch-all at the end takes what is left", () => {
    const routes: ReferenceRoute[] = [
      ...Array.from({ length: 50 }, (_, i) => exactRoute("method", `m${String(i)}`)),
      { matches: [] },
    ];
    const table = harness.build(configurationOf(routes));
    expect(harness.route(table, { method: "m7" })).toBe(7);
    expect(harness.route(table, { method: "m50" })).toBe(50);
    expect(harness.route(table, {})).toBe(50);
    harness.exports.release(table);
  });

  test("of nested prefixes, order decides and not length", () => {
    const longestFirst = ["abcd", "abc", "ab", "a"].map((value) => prefixRoute("method", value));
    const first = harness.build(configurationOf(longestFirst));
    expect(harness.route(first, { method: "abcde" })).toBe(0);
    expect(harness.route(first, { method: "abz" })).toBe(2);
    harness.exports.release(first);
    const shortestFirst = harness.build(configurationOf([...longestFirst].reverse()));
    expect(harness.route(shortestFirst, { method: "abcde" })).toBe(0);
    harness.exports.release(shortestFirst);
  });

  test("a prefix nested a thousand deep is found in order", () => {
    const depths = Array.from({ length: 1000 }, (_, i) => (i * 7) % 1000);
    const routes = depths.map((depth) => prefixRoute("method", "a".repeat(depth + 1)));
    const table = harness.build(configurationOf(routes));
    for (const length of [1, 2, 500, 1000, 3000]) {
      const attributes = { method: "a".repeat(length) };
      expect(harness.route(table, attributes)).toBe(referenceRoute(routes, attributes));
    }
    harness.exports.release(table);
  });

  test("each attribute is fetched at most once in a lookup, and only if a route asks", () => {
    const routes: ReferenceRoute[] = [
      exactRoute("interface", "none"),
      {
        matches: [
          { name: "interface", kind: "exact", value: "i", invert: true },
          { name: "interface", kind: "prefix", value: "i", invert: false },
          { name: "interface", kind: "regex", value: ".*z", invert: false },
        ],
      },
      exactRoute("interface", "i"),
      exactRoute("method", "never reached"),
    ];
    const table = harness.build(configurationOf(routes));
    harness.setRequest({ interface: "i", method: "m" });
    const before = harness.exports.fetches();
    expect(harness.exports.entryOrder(harness.exports.lookup(table))).toBe(2);
    expect(harness.exports.fetches() - before).toBe(1);
    harness.exports.release(table);
  });

  test("the codec is asked for the id of each distinct name once", () => {
    const routes = Array.from({ length: 30 }, (_, i) => ({
      matches: NAMES.map((name) => ({
        name: i % 2 === 0 ? name : name.toUpperCase(),
        kind: "exact" as const,
        value: String(i),
        invert: false,
      })),
    }));
    const before = harness.exports.idCalls();
    const table = harness.build(configurationOf(routes));
    expect(harness.exports.idCalls() - before).toBe(NAMES.length);
    harness.exports.release(table);
  });

  test("what was learned of earlier requests is forgotten when lookups are numbered anew", () => {
    const table = harness.build(
      configurationOf([exactRoute("method", "a"), exactRoute("method", "b")]),
    );
    harness.exports.setLookups(table, 0);
    expect(harness.route(table, { method: "a" })).toBe(0);
    // The next lookup but one has the number of the one above.
    harness.exports.setLookups(table, 0xffffffff);
    expect(harness.route(table, { method: "b" })).toBe(1);
    harness.exports.release(table);
  });
});

function exactRoute(name: string, value: string): ReferenceRoute {
  return { matches: [{ name, kind: "exact", value, invert: false }] };
}

function prefixRoute(name: string, value: string): ReferenceRoute {
  return { matches: [{ name, kind: "prefix", value, invert: false }] };
}
