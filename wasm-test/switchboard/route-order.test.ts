// The first route in order wins, however the table finds it: thousands of random tables are held
// against the plain reference.
import { beforeAll, describe, expect, test } from "vitest";
import { RandomSource } from "../inputs/random-source.js";
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
});

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

  test("values whose hashes are equal are told apart", () => {
    const random = new RandomSource(11);
    const ptr = harness.put(new Uint8Array(8));
    const seen = new Map<number, string>();
    const pairs: [string, string][] = [];
    // Of 250,000 values, some seven pairs have the same 32 bits.
    while (pairs.length < 3) {
      const value = random
        .below(2 ** 32)
        .toString(16)
        .padStart(8, "0");
      new TextEncoder().encodeInto(value, new Uint8Array(harness.exports.memory.buffer, ptr, 8));
      const hash = harness.exports.hashOf(ptr, 8);
      const other = seen.get(hash);
      if (other !== undefined && other !== value) pairs.push([other, value]);
      seen.set(hash, value);
    }
    for (const [one, other] of pairs) {
      const table = harness.build(configurationOf([exactRoute("method", one)]));
      expect(harness.route(table, { method: one })).toBe(0);
      expect(harness.route(table, { method: other })).toBe(-1);
      harness.exports.release(table);
    }
  });

  test("keys whose hashes are equal are told apart", () => {
    const values = 700;
    const seen = new Map<number, readonly [number, number]>();
    const pairs: (readonly [readonly [number, number], readonly [number, number]])[] = [];
    // Ids are given in the order of the routes; the first group is that of the routes which give them.
    for (let first = 1; first <= values; first++) {
      for (let second = 1; second <= values; second++) {
        const hash = harness.exports.keyOf(1, first, second);
        const other = seen.get(hash);
        if (other !== undefined) pairs.push([other, [first, second]]);
        seen.set(hash, [first, second]);
      }
    }
    expect(pairs.length).toBeGreaterThan(0);
    const numbered = Array.from({ length: values }, (_, i) =>
      exactRoute("x-user", `v${String(i + 1)}`),
    );
    for (const [one, other] of pairs.slice(0, 10)) {
      const request = ([first, second]: readonly [number, number]) => ({
        interface: `v${String(first)}`,
        method: `v${String(second)}`,
      });
      const matches = Object.entries(request(one)).map(([name, value]): ReferenceMatch => ({
        name,
        kind: "exact",
        value,
        invert: false,
      }));
      const table = harness.build(configurationOf([...numbered, { matches }]));
      expect(harness.route(table, request(one))).toBe(values);
      expect(harness.route(table, request(other))).toBe(-1);
      harness.exports.release(table);
    }
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
