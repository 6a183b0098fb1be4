// What a table tells of a route that was found: its clusters, weights, timeout and mutations; and how
// long it lives.
import { beforeAll, describe, expect, test } from "vitest";
import {
  Cluster_LoadBalancer,
  Mutation_Operation,
} from "../../controlplane/gen/metaproto/v1/route_pb.js";
import { RandomSource } from "../inputs/random-source.js";
import { RouteHarness, type RouteConfigurationInit } from "./route-harness.js";
import { configurationOf, type ReferenceRoute } from "./route-reference.js";

const TIMEOUT_DEFAULT = 0xffffffff;

let harness: RouteHarness;
beforeAll(async () => {
  harness = await RouteHarness.load();
});

function withTable<T>(init: RouteConfigurationInit, use: (table: number) => T): T {
  const table = harness.build(init);
  try {
    return use(table);
  } finally {
    harness.exports.release(table);
  }
}

function weighted(...weights: number[]): RouteConfigurationInit {
  return {
    name: "test_1",
    routes: [{ destinations: weights.map((weight, i) => ({ cluster: `c${String(i)}`, weight })) }],
  };
}

/** How often each destination is chosen for `count` random numbers from `first` on. */
function picks(table: number, first: number, count: number): number[] {
  const entry = harness.find(table, {});
  const counts = Array.from({ length: harness.exports.clusterCount(table) }, () => 0);
  for (let i = 0; i < count; i++) {
    const cluster = harness.exports.pick(entry, (first + i) >>> 0);
    counts[cluster] = (counts[cluster] ?? 0) + 1;
  }
  return counts;
}

describe("weighted destinations", () => {
  test.each([
    [[20, 80]],
    [[1, 1, 1]],
    [[0, 5, 0, 3, 0]],
    [[1, 999]],
    [[7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47]],
  ])("%j are chosen in exactly this proportion", (weights) => {
    withTable(weighted(...weights), (table) => {
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      expect(picks(table, 0, total)).toEqual(weights);
      // From anywhere, and over several rounds.
      expect(picks(table, 123_457, 3 * total)).toEqual(weights.map((weight) => 3 * weight));
    });
  });

  test("as large as they can be", () => {
    withTable(weighted(0x7fffffff, 0x80000000), (table) => {
      const entry = harness.find(table, {});
      expect(harness.exports.pick(entry, 0)).toBe(0);
      expect(harness.exports.pick(entry, 0x7ffffffe)).toBe(0);
      expect(harness.exports.pick(entry, 0x7fffffff)).toBe(1);
      expect(harness.exports.pick(entry, 0xfffffffe)).toBe(1);
    });
  });

  test.each([0, 1, 100])("the only one is always chosen, whatever its weight: %i", (weight) => {
    withTable(weighted(weight), (table) => {
      expect(picks(table, 4_294_967_000, 1000)).toEqual([1000]);
    });
  });

  test("may name a cluster several times", () => {
    const destinations = [
      { cluster: "a", weight: 1 },
      { cluster: "b", weight: 2 },
      { cluster: "a", weight: 3 },
    ];
    withTable({ name: "test_1", routes: [{ destinations }] }, (table) => {
      expect(picks(table, 0, 6)).toEqual([4, 2]);
    });
  });
});

describe("clusters", () => {
  test("are those that destinations name, once each, with what the configuration says of them", () => {
    const init: RouteConfigurationInit = {
      name: "test_1",
      routes: [
        { destinations: [{ cluster: "outbound|1||b" }] },
        { destinations: [{ cluster: "outbound|1||a" }, { cluster: "outbound|1||b", weight: 1 }] },
      ],
      clusters: [
        {
          name: "outbound|1||a",
          endpoints: 3,
          maxConnections: 4,
          maxRequests: 5,
          maxPendingRequests: 6,
          loadBalancer: Cluster_LoadBalancer.RANDOM,
          endpointsVersion: 0xfedc_ba98_7654_3210n,
        },
        { name: "named by no route", endpoints: 9 },
      ],
    };
    withTable(init, (table) => {
      expect(harness.exports.clusterCount(table)).toBe(2);
      expect(harness.cluster(table, 0)).toEqual({
        name: "outbound|1||b",
        endpoints: 0,
        maxConnections: 0,
        maxRequests: 0,
        maxPendingRequests: 0,
        loadBalancer: 0,
        endpointsVersion: 0n,
        userData: 0,
      });
      expect(harness.cluster(table, 1)).toEqual({
        name: "outbound|1||a",
        endpoints: 3,
        maxConnections: 4,
        maxRequests: 5,
        maxPendingRequests: 6,
        loadBalancer: 2,
        endpointsVersion: 0xfedc_ba98_7654_3210n,
        userData: 0,
      });
    });
  });
});

describe("a route", () => {
  test("tells its name and its table's", () => {
    const init = {
      name: "hello_20880",
      routes: [{ name: "größer", destinations: [{ cluster: "c" }] }],
    };
    withTable(init, (table) => {
      const { exports } = harness;
      const name = harness.text(exports.tableNamePtr(table), exports.tableNameLen(table));
      expect(name).toBe("hello_20880");
      const entry = harness.find(table, {});
      expect(harness.text(exports.entryNamePtr(entry), exports.entryNameLen(entry))).toBe("größer");
    });
  });

  test.each([
    ["unset", undefined, TIMEOUT_DEFAULT],
    ["0s", { seconds: 0n, nanos: 0 }, 0],
    ["1.5s", { seconds: 1n, nanos: 500_000_000 }, 1500],
    ["1ns, which is not none", { seconds: 0n, nanos: 1 }, 1],
    ["the longest", { seconds: 2_147_483n, nanos: 647_000_000 }, 0x7fffffff],
  ])("timeout %s", (_, timeout, expected) => {
    const destinations = [{ cluster: "c" }];
    const route = timeout === undefined ? { destinations } : { destinations, timeout };
    withTable({ name: "test_1", routes: [route] }, (table) => {
      expect(harness.exports.entryTimeout(harness.find(table, {})) >>> 0).toBe(expected);
    });
  });

  test("tells its mutations in order, keys in the letters of the resource", () => {
    const init: RouteConfigurationInit = {
      name: "test_1",
      routes: [
        {
          destinations: [{ cluster: "c" }],
          requestMutation: [
            { operation: Mutation_Operation.SET, key: "X-Tier", value: "gold" },
            { operation: Mutation_Operation.REMOVE, key: "x-debug" },
          ],
          responseMutation: [{ operation: Mutation_Operation.ADD_IF_ABSENT, key: "by", value: "" }],
        },
        { destinations: [{ cluster: "c" }], match: [] },
      ],
    };
    withTable(init, (table) => {
      const entry = harness.find(table, {});
      expect(harness.mutations(entry, false)).toEqual([
        { operation: 0, key: "X-Tier", value: "gold" },
        { operation: 2, key: "x-debug", value: "" },
      ]);
      expect(harness.mutations(entry, true)).toEqual([{ operation: 1, key: "by", value: "" }]);
    });
  });

  test("without mutations tells so", () => {
    withTable({ name: "test_1", routes: [{ destinations: [{ cluster: "c" }] }] }, (table) => {
      const entry = harness.find(table, {});
      expect(harness.mutations(entry, false)).toBeNull();
      expect(harness.mutations(entry, true)).toBeNull();
    });
  });
});

describe("memory", () => {
  const routes: ReferenceRoute[] = Array.from({ length: 500 }, (_, i) => ({
    matches: [
      { name: "interface", kind: "exact", value: `i${String(i)}`, invert: false },
      { name: "method", kind: i % 2 === 0 ? "prefix" : "regex", value: "get", invert: i % 3 === 0 },
    ],
  }));

  test("of a table is freed with its last reference, and not before", () => {
    const { exports } = harness;
    harness.setRequest({ interface: "", method: "" });
    exports.release(harness.build(configurationOf(routes)));
    const before = exports.usedHeapBytes();
    const table = harness.build(configurationOf(routes));
    const during = exports.usedHeapBytes();
    expect(during - before).toBeGreaterThanOrEqual(exports.tableSize(table));
    expect(during - before).toBeLessThan(exports.tableSize(table) + 256);
    exports.retain(table);
    expect(exports.isLastReference(table)).toBe(0);
    expect(exports.release(table)).toBe(0);
    expect(exports.isLastReference(table)).toBe(1);
    expect(harness.route(table, { interface: "i1", method: "get" })).toBe(1);
    expect(exports.usedHeapBytes()).toBe(during);
    expect(exports.release(table)).toBe(1);
    expect(exports.usedHeapBytes()).toBe(before);
  });

  test("of a refused configuration is freed", () => {
    const { exports } = harness;
    const good = configurationOf(routes).routes ?? [];
    const refuse = () => harness.faultsOf({ name: "test_1", routes: [...good, {}] });
    refuse();
    const before = exports.usedHeapBytes();
    refuse();
    expect(exports.usedHeapBytes()).toBe(before);
  });

  test("does not grow over swaps, and lookups take none", () => {
    const { exports } = harness;
    const random = new RandomSource(3);
    const swap = () => {
      const table = harness.build(configurationOf(routes.slice(random.below(400))));
      harness.setRequest({ interface: "i490", method: "get" });
      const used = exports.usedHeapBytes();
      for (let i = 0; i < 100; i++) exports.lookup(table);
      expect(exports.usedHeapBytes()).toBe(used);
      exports.release(table);
    };
    swap();
    const before = exports.usedHeapBytes();
    for (let i = 0; i < 200; i++) swap();
    expect(exports.usedHeapBytes()).toBe(before);
  });
});
