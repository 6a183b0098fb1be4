// The plugin configuration in JSON: names, defaults, every fault with its path; and that routes mean
// the same in JSON as in protobuf.
import { create, toJson, type MessageInitShape } from "@bufbuild/protobuf";
import { beforeAll, describe, expect, test } from "vitest";
import { PluginConfigurationSchema } from "../../controlplane/gen/metaproto/v1/plugin_pb.js";
import {
  Cluster_LoadBalancer,
  Mutation_Operation,
  RouteConfigurationSchema,
} from "../../controlplane/gen/metaproto/v1/route_pb.js";
import { instantiateUnit } from "../modules/unit.js";
import { RandomSource } from "../inputs/random-source.js";
import { RouteHarness } from "./route-harness.js";
import { configurationOf, type ReferenceMatch, regex } from "./route-reference.js";
import { type TableExports, TableHarness } from "./table-harness.js";

interface PluginExports extends TableExports {
  setCodecMode(mode: number): void;
  decode(ptr: number, len: number): number;
  drop(): void;
  namePtr(which: number): number;
  nameLen(which: number): number;
  number(which: number): number;
  tableCount(): number;
  table(index: number): number;
}

const NUMBERS = [
  "connectionMode",
  "defaultTimeoutMs",
  "initialFetchTimeoutMs",
  "connectTimeoutMs",
  "upstreamHeartbeatMs",
  "upstreamIdleTimeoutMs",
  "maxFrameBytes",
  "maxRequestsPerDownstreamConnection",
  "maxRequestsPerUpstreamConnection",
  "maxRequests",
  "maxPendingRequests",
  "maxConnections",
  "maxBufferedBytes",
  "maxRequestsAwaitingRoutes",
  "frameTimeoutMs",
] as const;
const SHARED = 0;
const IN_ORDER = 1;
const EXCLUSIVE = 2;
const DEFAULTS = {
  connectionMode: SHARED,
  defaultTimeoutMs: 15_000,
  initialFetchTimeoutMs: 5000,
  connectTimeoutMs: 10_000,
  upstreamHeartbeatMs: 30_000,
  upstreamIdleTimeoutMs: 60_000,
  maxFrameBytes: 16 << 20,
  maxRequestsPerDownstreamConnection: 1024,
  maxRequestsPerUpstreamConnection: 1024,
  maxRequests: 16_384,
  maxPendingRequests: 4096,
  maxConnections: 1024,
  maxBufferedBytes: 256 << 20,
  maxRequestsAwaitingRoutes: 4096,
  frameTimeoutMs: 30_000,
};

class PluginHarness extends TableHarness<PluginExports> {
  static async load(): Promise<PluginHarness> {
    return new PluginHarness(await instantiateUnit<PluginExports>("config-plugin"));
  }

  decodes(json: string | Uint8Array): boolean {
    const bytes = typeof json === "string" ? new TextEncoder().encode(json) : json;
    const ptr = this.put(bytes);
    const isSound = this.exports.decode(ptr, bytes.length) === 1;
    this.exports.free(ptr);
    return isSound;
  }

  /** Decodes; throws with the faults. */
  decode(value: unknown): void {
    if (!this.decodes(JSON.stringify(value))) throw new Error(this.faults());
  }

  /** The faults of what is refused. */
  refused(value: unknown): string[] {
    expect(this.decodes(typeof value === "string" ? value : JSON.stringify(value))).toBe(false);
    return this.faults().split("\n");
  }

  numbers(): Record<string, number> {
    return Object.fromEntries(NUMBERS.map((name, i) => [name, this.exports.number(i) >>> 0]));
  }

  names(): string[] {
    return [0, 1, 2].map((which) =>
      this.text(this.exports.namePtr(which), this.exports.nameLen(which)),
    );
  }
}

let plugin: PluginHarness;
let routes: RouteHarness;
beforeAll(async () => {
  plugin = await PluginHarness.load();
  routes = await RouteHarness.load();
});

const least = { dialCluster: "dial", discoveryCluster: "xds" };
const routeConfiguration = { name: "a_1", routes: [{ destinations: [{ cluster: "c" }] }] };

describe("a sound configuration", () => {
  test("has defaults", () => {
    plugin.decode(least);
    expect(plugin.names()).toEqual(["dial", "xds", ""]);
    expect(plugin.numbers()).toEqual(DEFAULTS);
    expect(plugin.exports.tableCount()).toBe(0);
    plugin.exports.drop();
  });

  test("has what is given", () => {
    plugin.decode({
      ...least,
      defaultRouteConfiguration: "größe_1",
      connectionMode: "IN_ORDER",
      defaultTimeout: "0s",
      initialFetchTimeout: "1.5s",
      connectTimeout: "0.25s",
      upstreamHeartbeat: "0s",
      upstreamIdleTimeout: "3600s",
      frameTimeout: "0s",
      limits: {
        maxFrameBytes: 1,
        maxRequestsPerDownstreamConnection: 2,
        maxRequestsPerUpstreamConnection: 3,
        maxRequests: 4,
        maxPendingRequests: 5,
        maxConnections: 6,
        maxBufferedBytes: 4294967295,
        maxRequestsAwaitingRoutes: 8,
      },
    });
    expect(plugin.names()).toEqual(["dial", "xds", "größe_1"]);
    expect(plugin.numbers()).toEqual({
      connectionMode: IN_ORDER,
      defaultTimeoutMs: 0,
      initialFetchTimeoutMs: 1500,
      connectTimeoutMs: 250,
      upstreamHeartbeatMs: 0,
      upstreamIdleTimeoutMs: 3_600_000,
      maxFrameBytes: 1,
      maxRequestsPerDownstreamConnection: 2,
      maxRequestsPerUpstreamConnection: 3,
      maxRequests: 4,
      maxPendingRequests: 5,
      maxConnections: 6,
      maxBufferedBytes: 4294967295,
      maxRequestsAwaitingRoutes: 8,
      frameTimeoutMs: 0,
    });
    plugin.exports.drop();
  });

  test("may write names in snake_case, enums as numbers, numbers as strings or as doubles", () => {
    const json = `{
      "dial_cluster": "dial", "discovery_cluster": "xds", "connection_mode": 3,
      "default_timeout": "2s",
      "limits": { "max_frame_bytes": "65536", "maxRequests": 1.6777216e+07, "max_connections": 8.0 }
    }`;
    expect(plugin.decodes(json)).toBe(true);
    const numbers = plugin.numbers();
    expect(numbers.connectionMode).toBe(EXCLUSIVE);
    expect(numbers.defaultTimeoutMs).toBe(2000);
    expect(numbers.maxFrameBytes).toBe(65_536);
    expect(numbers.maxRequests).toBe(16_777_216);
    expect(numbers.maxConnections).toBe(8);
    plugin.exports.drop();
  });

  test("treats null and 0 as unset where a default exists", () => {
    plugin.decode({
      ...least,
      routeConfigurations: null,
      connectionMode: null,
      defaultTimeout: null,
      limits: { maxFrameBytes: 0, maxRequests: null },
    });
    expect(plugin.numbers()).toEqual(DEFAULTS);
    plugin.exports.drop();
  });

  test("takes the codec's mode when it names none", () => {
    plugin.exports.setCodecMode(EXCLUSIVE);
    plugin.decode({ ...least, connectionMode: "CODEC_DEFAULT" });
    expect(plugin.numbers()).toMatchObject({
      connectionMode: EXCLUSIVE,
      maxRequestsPerUpstreamConnection: 1,
    });
    plugin.exports.drop();
    plugin.decode({ ...least, connectionMode: "SHARED" });
    expect(plugin.numbers()).toEqual(DEFAULTS);
    plugin.exports.drop();
    plugin.exports.setCodecMode(SHARED);
  });

  test("has one request in flight with EXCLUSIVE, whatever the limit says", () => {
    const limits = { maxRequestsPerUpstreamConnection: 100 };
    plugin.decode({ ...least, connectionMode: "EXCLUSIVE", limits });
    expect(plugin.numbers().maxRequestsPerUpstreamConnection).toBe(1);
    plugin.exports.drop();
  });

  test("has its routes, the first of which are the default", () => {
    plugin.decode({
      dialCluster: "dial",
      routeConfigurations: [routeConfiguration, { ...routeConfiguration, name: "b_2" }],
    });
    expect(plugin.names()).toEqual(["dial", "", "a_1"]);
    expect(plugin.exports.tableCount()).toBe(2);
    const table = plugin.exports.table(1);
    expect(
      plugin.text(plugin.exports.tableNamePtr(table), plugin.exports.tableNameLen(table)),
    ).toBe("b_2");
    expect(plugin.exports.isLastReference(table)).toBe(1);
    expect(plugin.route(table, {})).toBe(0);
    plugin.exports.drop();
  });

  test.each([
    ["18446744073709551615", 0xffff_ffff_ffff_ffffn],
    ["18446744073709551609", 0xffff_ffff_ffff_fff9n],
    ["9999999999999999999", 9_999_999_999_999_999_999n],
    ["0", 0n],
    [7, 7n],
    [null, 0n],
  ])("has 64-bit numbers as strings, or as numbers if they are small: %j", (number, expected) => {
    const clusters = [{ name: "c", endpointsVersion: number }];
    plugin.decode({ dialCluster: "d", routeConfigurations: [{ ...routeConfiguration, clusters }] });
    expect(plugin.cluster(plugin.exports.table(0), 0).endpointsVersion).toBe(expected);
    plugin.exports.drop();
  });

  test("may be what the generated code writes of it", () => {
    const init: MessageInitShape<typeof PluginConfigurationSchema> = {
      dialCluster: "dial",
      routeConfigurations: [
        create(RouteConfigurationSchema, configurationOf([{ matches: [] }, { matches: [] }])),
      ],
      connectTimeout: { seconds: 3n, nanos: 25_000_000 },
      limits: { maxFrameBytes: 1 << 24 },
    };
    const message = create(PluginConfigurationSchema, init);
    for (const useProtoFieldName of [false, true]) {
      plugin.decode(toJson(PluginConfigurationSchema, message, { useProtoFieldName }));
      expect(plugin.numbers()).toEqual({ ...DEFAULTS, connectTimeoutMs: 3025 });
      plugin.exports.drop();
    }
  });
});

/** A configuration with this as its only route. */
function withRoute(route: unknown) {
  return { ...least, routeConfigurations: [{ name: "a_1", routes: [route] }] };
}

function withMatch(match: unknown) {
  return withRoute({ match: [match], destinations: [{ cluster: "c" }] });
}

describe("refused, with every fault", () => {
  const inRoute = "routeConfigurations[0].routes[0]";
  const inMatch = `${inRoute}.match[0]`;
  const dfa = Buffer.from(regex("a+").value.dfa).toString("base64");
  test.each<[string, unknown, string[]]>([
    ["nothing", "", ["no configuration is given"]],
    ["no object", "[]", ["expected an object"]],
    [
      "no JSON",
      '{"dialCluster": "a" "b"}',
      ["malformed JSON: expected a comma or the end of the list at line 1, column 21"],
    ],
    [
      "JSON and more",
      `${JSON.stringify(least)} x`,
      ["malformed JSON: expected the end at line 1, column 49"],
    ],
    [
      "an empty one",
      {},
      [
        "dialCluster: missing",
        "needs discoveryCluster or routeConfigurations: there are no routes",
      ],
    ],
    ["an unknown field", { ...least, dialClusters: 1 }, ['unknown field "dialClusters"']],
    [
      "a name in neither form",
      { ...least, Limits: {}, limits: { max_frameBytes: 1 } },
      ['unknown field "Limits"', 'limits: unknown field "max_frameBytes"'],
    ],
    [
      "a field given twice",
      '{"dialCluster":"a","dial_cluster":"b","discoveryCluster":"x"}',
      ["dialCluster: given twice"],
    ],
    ["a number for a string", { ...least, dialCluster: 5 }, ["dialCluster: expected a string"]],
    ["a string for an object", { ...least, limits: "x" }, ["limits: expected an object"]],
    [
      "an object for an array",
      { ...least, routeConfigurations: {} },
      ["routeConfigurations: expected an array"],
    ],
    [
      "null in an array",
      { ...least, routeConfigurations: [null] },
      ["routeConfigurations[0]: expected an object", "routeConfigurations[0].name: missing"],
    ],
    [
      "an unknown mode",
      { ...least, connectionMode: "shared" },
      ['connectionMode: unknown "shared"'],
    ],
    ["an unknown mode's number", { ...least, connectionMode: 5 }, ['connectionMode: unknown "5"']],
    [
      "a mode of another kind",
      { ...least, connectionMode: [] },
      ["connectionMode: expected a name"],
    ],
    [
      "a duration as a number",
      { ...least, connectTimeout: 5 },
      ['connectTimeout: expected a duration such as "1.5s"'],
    ],
    [
      "a duration in another unit",
      { ...least, connectTimeout: "5ms" },
      ["connectTimeout: not a duration"],
    ],
    ["a negative duration", { ...least, connectTimeout: "-5s" }, ["connectTimeout: negative"]],
    [
      "a duration of nothing",
      { ...least, connectTimeout: "0s" },
      ["connectTimeout: must be more than 0s"],
    ],
    [
      "a fraction",
      { ...least, limits: { maxRequests: 1.5 } },
      ["limits.maxRequests: not a whole number"],
    ],
    [
      "a negative number",
      { ...least, limits: { maxRequests: -1 } },
      ["limits.maxRequests: not between 0 and 4294967295"],
    ],
    [
      "a number that is none",
      { ...least, limits: { maxRequests: "many" } },
      ["limits.maxRequests: not a number"],
    ],
    [
      "a frame larger than memory",
      { ...least, limits: { maxFrameBytes: 536870913 } },
      ["limits.maxFrameBytes: at most 536870912"],
    ],
    [
      "a default that does not exist",
      {
        dialCluster: "d",
        routeConfigurations: [routeConfiguration],
        defaultRouteConfiguration: "b",
      },
      ["defaultRouteConfiguration: none of routeConfigurations has this name"],
    ],
    [
      "a name given twice",
      { ...least, routeConfigurations: [routeConfiguration, routeConfiguration] },
      ["routeConfigurations[1].name: given twice"],
    ],
    [
      "a route without destinations",
      withRoute({}),
      [`${inRoute}.destinations: at least one is needed`],
    ],
    [
      "a destination that is none",
      withRoute({ destinations: ["c"] }),
      [`${inRoute}.destinations[0]: expected an object`],
    ],
    [
      "a cluster that is no string",
      withRoute({ destinations: [{ cluster: 1 }] }),
      [`${inRoute}.destinations[0].cluster: expected a string`],
    ],
    [
      "a weight that is no number",
      withRoute({ destinations: [{ cluster: "c", weight: true }] }),
      [`${inRoute}.destinations[0].weight: expected a number`],
    ],
    [
      "two specifiers",
      withMatch({ name: "m", exact: "a", prefix: "b" }),
      [`${inMatch}: only one of exact, prefix, regex, present can be given`],
    ],
    [
      "no specifier",
      withMatch({ name: "m", exact: null }),
      [`${inMatch}: needs one of exact, prefix, regex, present`],
    ],
    [
      "a specifier that is no string",
      withMatch({ name: "m", exact: 5 }),
      [`${inMatch}.exact: expected a string`],
    ],
    [
      "a regex as a string",
      withMatch({ name: "m", regex: "a+" }),
      [`${inMatch}.regex: expected an object`],
    ],
    [
      "a regex that is not compiled",
      withMatch({ name: "m", regex: { pattern: "a+" } }),
      [`${inMatch}.regex.dfa: missing; compile the pattern with \`metaproto regex\``],
    ],
    [
      "an automaton that is not base64",
      withMatch({ name: "m", regex: { dfa: "*" } }),
      [`${inMatch}.regex.dfa: not base64`],
    ],
    [
      "an automaton that is none",
      withMatch({ name: "m", regex: { dfa: dfa.slice(0, 40) } }),
      [`${inMatch}.regex.dfa: shorter than its header`],
    ],
    [
      "an inversion that is no boolean",
      withMatch({ name: "m", exact: "a", invert: "no" }),
      [`${inMatch}.invert: expected true or false`],
    ],
    [
      "an unknown operation",
      withRoute({
        destinations: [{ cluster: "c" }],
        requestMutation: [{ key: "k", operation: "DROP" }],
      }),
      [`${inRoute}.requestMutation[0].operation: unknown "DROP"`],
    ],
    [
      "an original destination that is neither true nor false",
      {
        ...least,
        routeConfigurations: [{ name: "a", clusters: [{ name: "c", originalDestination: 1 }] }],
      },
      ["routeConfigurations[0].clusters[0].originalDestination: expected true or false"],
    ],
    [
      "an unknown balancer",
      {
        ...least,
        routeConfigurations: [{ name: "a", clusters: [{ name: "c", loadBalancer: "MAGLEV" }] }],
      },
      ['routeConfigurations[0].clusters[0].loadBalancer: unknown "MAGLEV"'],
    ],
    [
      "sessions and hashes without a key, and endpoints without a weight",
      {
        ...least,
        routeConfigurations: [
          {
            name: "a",
            routes: [
              { destinations: [{ cluster: "c" }], stickySession: { ttl: "-1s" }, hashPolicy: {} },
              {
                destinations: [{ cluster: "c" }],
                stickySession: { attribute: "" },
                hashPolicy: { sourceConnection: false },
              },
            ],
            clusters: [{ name: "c", endpointWeights: [{ weight: 1 }, { address: "1.2.3.4:5" }] }],
          },
        ],
      },
      [
        `${inRoute}.stickySession.ttl: negative`,
        `${inRoute}.stickySession.attribute: missing`,
        `${inRoute}.hashPolicy: needs one of attribute, sourceAddress, sourceConnection`,
        "routeConfigurations[0].routes[1].stickySession.attribute: empty",
        "routeConfigurations[0].routes[1].hashPolicy.sourceConnection: must be true",
        "routeConfigurations[0].clusters[0].endpointWeights[0].address: missing",
        "routeConfigurations[0].clusters[0].endpointWeights[1].weight: must be at least 1",
      ],
    ],
    [
      "what cannot be printed",
      { ...least, [`\n${"x".repeat(100)}`]: 1 },
      [`unknown field "?${"x".repeat(63)}..."`],
    ],
  ])("%s", (_, value, faults) => {
    expect(plugin.refused(value)).toEqual(faults);
  });

  test.each([
    "18446744073709551616",
    "18446744073709551620",
    "99999999999999999999",
    "100000000000000000000",
    "-1",
    "1.5",
    "07",
    "",
    "x",
  ])("a 64-bit number that is none: %j", (number) => {
    const clusters = [{ name: "c", endpointsVersion: number }];
    expect(
      plugin.refused({ ...least, routeConfigurations: [{ ...routeConfiguration, clusters }] }),
    ).toEqual([
      "routeConfigurations[0].clusters[0].endpointsVersion: not a whole number between 0 and 18446744073709551615",
    ]);
  });

  test("all at once, in the order of their appearance", () => {
    const faults = plugin.refused({
      connectTimeout: "soon",
      routeConfigurations: [
        { routes: [{ destinations: [{}], timeout: "x" }] },
        { name: "b", routes: [{ match: [{}], destinations: [{ cluster: "c" }] }] },
      ],
      limits: { maxConnections: {} },
    });
    expect(faults).toEqual([
      "connectTimeout: not a duration",
      "routeConfigurations[0].routes[0].destinations[0].cluster: missing",
      "routeConfigurations[0].routes[0].timeout: not a duration",
      "routeConfigurations[0].name: missing",
      "routeConfigurations[1].routes[0].match[0].name: missing",
      "limits.maxConnections: expected a number",
    ]);
  });

  test("with nothing left behind", () => {
    const faulty = { ...least, connectTimeout: "x", routeConfigurations: [routeConfiguration] };
    plugin.refused(faulty);
    const before = plugin.exports.usedHeapBytes();
    plugin.refused(faulty);
    expect(plugin.exports.usedHeapBytes()).toBe(before);
  });
});

describe("routes in JSON", () => {
  const NAMES = ["interface", "method", "x-user"];
  const BALANCERS = [
    Cluster_LoadBalancer.LEAST_REQUEST,
    Cluster_LoadBalancer.ROUND_ROBIN,
    Cluster_LoadBalancer.RANDOM,
  ] as const;
  const PATTERNS = ["a.*", "(a|b)+", ".*c", "ab?"];

  function randomMatch(random: RandomSource): ReferenceMatch {
    const kind = random.pick(["exact", "prefix", "regex", "present"] as const);
    const value = Array.from({ length: random.pick(BALANCERS) }, () =>
      random.pick(["a", "b", "c"]),
    );
    return {
      name: random.pick(NAMES),
      kind,
      value: kind === "regex" ? random.pick(PATTERNS) : value.join(""),
      invert: random.chance(20),
    };
  }

  test("mean what they mean in protobuf", () => {
    const random = new RandomSource(4711);
    for (let round = 0; round < 150; round++) {
      const reference = Array.from({ length: 1 + random.below(10) }, () => ({
        matches: Array.from({ length: random.below(4) }, () => randomMatch(random)),
      }));
      const message = create(RouteConfigurationSchema, {
        ...configurationOf(reference),
        clusters: [
          {
            name: "cluster-0",
            endpoints: random.below(9),
            loadBalancer: random.pick(BALANCERS),
            endpointsVersion: BigInt(random.below(2 ** 32)) << 32n,
          },
        ],
      });
      for (const route of message.routes) {
        if (random.chance(50)) route.destinations.push(...route.destinations);
        for (const destination of route.destinations) destination.weight = 1 + random.below(9);
      }
      const inProtobuf = routes.build(message);
      plugin.decode({
        ...least,
        routeConfigurations: [toJson(RouteConfigurationSchema, message)],
      });
      const inJson = plugin.exports.table(0);
      expect(plugin.exports.tableSize(inJson)).toBe(routes.exports.tableSize(inProtobuf));
      const clusters = routes.exports.clusterCount(inProtobuf);
      expect(plugin.exports.clusterCount(inJson)).toBe(clusters);
      for (let i = 0; i < clusters; i++) {
        expect(plugin.cluster(inJson, i)).toEqual(routes.cluster(inProtobuf, i));
      }
      for (let i = 0; i < 20; i++) {
        const attributes = Object.fromEntries(
          NAMES.filter(() => random.chance(80)).map((name) => [name, randomMatch(random).value]),
        );
        const route = routes.find(inProtobuf, attributes);
        const same = plugin.find(inJson, attributes);
        expect(same === 0).toBe(route === 0);
        if (route === 0) continue;
        expect(plugin.exports.entryOrder(same)).toBe(routes.exports.entryOrder(route));
        for (let number = 0; number < 20; number++) {
          expect(plugin.exports.pick(same, number)).toBe(routes.exports.pick(route, number));
        }
      }
      plugin.exports.drop();
      routes.exports.release(inProtobuf);
    }
  });

  test("have timeouts and mutations like those in protobuf", () => {
    const message = create(RouteConfigurationSchema, {
      name: "a_1",
      routes: [
        {
          name: "r",
          destinations: [{ cluster: "c" }],
          timeout: { seconds: 7n, nanos: 1_000_000 },
          requestMutation: [
            { operation: Mutation_Operation.ADD_IF_ABSENT, key: "A", value: 'quoted "é"\n' },
            { operation: Mutation_Operation.REMOVE, key: "b" },
          ],
          responseMutation: [{ key: "c", value: "🙂" }],
        },
      ],
    });
    plugin.decode({ ...least, routeConfigurations: [toJson(RouteConfigurationSchema, message)] });
    const entry = plugin.find(plugin.exports.table(0), {});
    expect(plugin.exports.entryTimeout(entry)).toBe(7001);
    expect(plugin.mutations(entry, false)).toEqual([
      { operation: 1, key: "A", value: 'quoted "é"\n' },
      { operation: 2, key: "b", value: "" },
    ]);
    expect(plugin.mutations(entry, true)).toEqual([{ operation: 0, key: "c", value: "🙂" }]);
    plugin.exports.drop();
  });
});
