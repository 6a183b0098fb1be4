// What is refused of a route configuration, and how it is told; and what protobuf allows its writers.
import { beforeAll, describe, expect, test } from "vitest";
import type {
  Cluster_LoadBalancer,
  Mutation_Operation,
} from "../../controlplane/gen/metaproto/v1/route_pb.js";
import {
  encodeConfiguration as encode,
  RouteHarness,
  type RouteConfigurationInit,
} from "./route-harness.js";
import { regex } from "./route-reference.js";

type RouteInit = NonNullable<RouteConfigurationInit["routes"]>[number];

let harness: RouteHarness;
beforeAll(async () => {
  harness = await RouteHarness.load();
});

const good = { destinations: [{ cluster: "c" }] };
// What the generated types do not allow, and the wire does.
const UNKNOWN_OPERATION = JSON.parse("9") as Mutation_Operation;
const UNKNOWN_BALANCER = JSON.parse("9") as Cluster_LoadBalancer;
const exact = { case: "exact" as const, value: "v" };

function faultsOfRoute(route: RouteInit): string {
  return harness.faultsOf({ name: "test_1", routes: [good, route] });
}

/** A regex match whose automaton was changed. */
function withDfa(change: (dfa: Uint8Array) => Uint8Array): RouteInit {
  const { pattern, dfa, literalPrefix } = regex("ab+").value;
  const value = { pattern, dfa: change(Uint8Array.from(dfa)), literalPrefix };
  return { ...good, match: [{ name: "m", specifier: { case: "regex", value } }] };
}

function withByte(offset: number, byte: number): RouteInit {
  return withDfa((dfa) => {
    dfa[offset] = byte;
    return dfa;
  });
}

function withU16(offset: number, value: number): RouteInit {
  return withDfa((dfa) => {
    new DataView(dfa.buffer).setUint16(offset, value, true);
    return dfa;
  });
}

describe("refused with the path of the fault", () => {
  test.each<[string, RouteInit, string]>([
    ["no destinations", {}, "routes[1].destinations: at least one is needed"],
    [
      "weights that are all zero",
      { destinations: [{ cluster: "a" }, { cluster: "b" }] },
      "routes[1].destinations: the weights are all zero",
    ],
    [
      "too large a sum of weights",
      {
        destinations: [
          { cluster: "a", weight: 0xffffffff },
          { cluster: "b", weight: 1 },
        ],
      },
      "routes[1].destinations: the sum of the weights is over 4294967295",
    ],
    [
      "a destination without a cluster",
      { destinations: [{}] },
      "routes[1].destinations[0].cluster: missing",
    ],
    [
      "a match without a name",
      { ...good, match: [{ specifier: exact }] },
      "routes[1].match[0].name: missing",
    ],
    [
      "a match without a specifier",
      { ...good, match: [{ name: "m", specifier: exact }, { name: "m" }] },
      "routes[1].match[1]: needs one of exact, prefix, regex, present",
    ],
    [
      "present: false",
      { ...good, match: [{ name: "m", specifier: { case: "present", value: false } }] },
      "routes[1].match[0].present: must be true; `invert` asks for the absence of an attribute",
    ],
    [
      "a value that is too long",
      { ...good, match: [{ name: "m", specifier: { case: "exact", value: "x".repeat(4097) } }] },
      "routes[1].match[0].exact: 4097 bytes, at most 4096",
    ],
    [
      "a regex without its automaton",
      {
        ...good,
        match: [{ name: "m", specifier: { case: "regex", value: { pattern: "a+" } } }],
      },
      "routes[1].match[0].regex.dfa: missing; compile the pattern with `metaproto regex`",
    ],
    [
      "a negative timeout",
      { ...good, timeout: { seconds: -1n, nanos: 0 } },
      "routes[1].timeout: negative",
    ],
    [
      "a timeout of two signs",
      { ...good, timeout: { seconds: 1n, nanos: -1 } },
      "routes[1].timeout: not a duration",
    ],
    [
      "nanoseconds that are seconds",
      { ...good, timeout: { seconds: 1n, nanos: 1_000_000_000 } },
      "routes[1].timeout: not a duration",
    ],
    [
      "too long a timeout",
      { ...good, timeout: { seconds: 2_147_484n, nanos: 0 } },
      "routes[1].timeout: longer than 2147483.647s",
    ],
    [
      "a mutation without a key",
      { ...good, requestMutation: [{ value: "v" }] },
      "routes[1].requestMutation[0].key: missing",
    ],
    [
      "an unknown operation",
      {
        ...good,
        responseMutation: [{ key: "k" }, { key: "k", operation: UNKNOWN_OPERATION }],
      },
      "routes[1].responseMutation[1].operation: unknown number 9",
    ],
    [
      "too many matches",
      { ...good, match: Array.from({ length: 65 }, () => ({ name: "m", specifier: exact })) },
      "routes[1].match: 65 elements, at most 64",
    ],
  ])("%s", (_, route, faults) => {
    expect(faultsOfRoute(route)).toBe(faults);
  });

  test.each<[string, RouteConfigurationInit, string]>([
    ["no name", { routes: [good] }, "name: missing"],
    [
      "a cluster without a name",
      { name: "n", clusters: [{ endpoints: 1 }] },
      "clusters[0].name: missing",
    ],
    [
      "a cluster that is listed twice",
      { name: "n", clusters: [{ name: "a" }, { name: "b" }, { name: "a" }] },
      "clusters[2].name: listed twice",
    ],
    [
      "an unknown load balancer",
      { name: "n", clusters: [{ name: "a", loadBalancer: UNKNOWN_BALANCER }] },
      "clusters[0].loadBalancer: unknown number 9",
    ],
  ])("%s", (_, init, faults) => {
    expect(harness.faultsOf(init)).toBe(faults);
  });

  test("all of them at once", () => {
    const faults = harness.faultsOf({
      routes: [
        { match: [{ specifier: exact }, { name: "m" }] },
        good,
        { ...good, timeout: { seconds: -1n, nanos: 0 } },
      ],
      clusters: [{}],
    });
    expect(faults.split("\n")).toEqual([
      "routes[0].match[0].name: missing",
      "routes[0].match[1]: needs one of exact, prefix, regex, present",
      "routes[0].destinations: at least one is needed",
      "routes[2].timeout: negative",
      "clusters[0].name: missing",
      "name: missing",
    ]);
  });

  test("but no more than can be read", () => {
    const faults = harness.faultsOf({
      name: "n",
      routes: Array.from({ length: 1000 }, () => ({})),
    });
    const lines = faults.split("\n");
    expect(lines).toHaveLength(33);
    expect(lines.at(-1)).toBe("and 968 more");
  });
});

describe("an automaton is refused", () => {
  test.each<[string, RouteInit, string]>([
    ["cut off in its header", withDfa((dfa) => dfa.subarray(0, 267)), "shorter than its header"],
    ["of another kind", withByte(0, 0), "not an automaton (magic)"],
    ["without states", withU16(4, 0), "no states"],
    ["without classes", withU16(6, 0), "0 byte classes"],
    ["of too many classes", withU16(6, 257), "257 byte classes"],
    ["with a reserved byte", withByte(11, 1), "reserved bytes are not zero"],
    ["cut off at its end", withDfa((dfa) => dfa.subarray(0, -1)), "295 bytes instead of 296"],
    [
      "with more than itself",
      withDfa((dfa) => Uint8Array.of(...dfa, 0)),
      "297 bytes instead of 296",
    ],
    ["with a start that does not exist", withU16(8, 4), "start state 4 of 4"],
    ["with a class that does not exist", withByte(267, 3), "class 3 of 3"],
    ["with a strange acceptance", withByte(270, 2), "acceptance of state 2"],
    ["that accepts when dead", withByte(268, 1), "acceptance of state 0"],
    ["that revives", withByte(272, 1), "state 0 is not dead"],
    ["that leads outside, at the end", withU16(294, 9), "state 9 of 4"],
    ["that leads outside, in front", withU16(280, 0xffff), "state 65535 of 4"],
  ])("%s", (_, route, fault) => {
    expect(faultsOfRoute(route)).toBe(`routes[1].match[0].regex.dfa: ${fault}`);
  });

  test("wherever in a large one the index is", () => {
    const { value } = regex("(a|b|c|d|e|f|g){3,40}[0-9]{5}x?y?z?");
    const states = new DataView(value.dfa.buffer, value.dfa.byteOffset).getUint16(4, true);
    const next = 268 + states + (states % 2);
    for (let offset = next; offset < value.dfa.length; offset += 2) {
      const dfa = Uint8Array.from(value.dfa);
      new DataView(dfa.buffer).setUint16(offset, states, true);
      const specifier = { case: "regex" as const, value: { ...value, dfa } };
      const { table } = harness.buildBytes(
        encode({ name: "n", routes: [{ ...good, match: [{ name: "m", specifier }] }] }),
      );
      expect(table, `index at ${String(offset)}`).toBe(0);
    }
  });

  test("when no value that begins with its literal prefix can match", () => {
    const { value } = regex("ab+");
    const specifier = { case: "regex" as const, value: { ...value, literalPrefix: "ac" } };
    expect(faultsOfRoute({ ...good, match: [{ name: "m", specifier }] })).toBe(
      "routes[1].match[0].regex.literalPrefix: no value that begins so matches the automaton",
    );
  });

  test("but not for matching nothing, or everything", () => {
    const table = harness.build({
      name: "n",
      routes: [
        { ...good, match: [{ name: "m", specifier: regex("[^\\x00-\\x{10ffff}]") }] },
        { ...good, match: [{ name: "m", specifier: regex("(?s).*") }] },
      ],
    });
    expect(harness.route(table, { m: "x" })).toBe(1);
    harness.exports.release(table);
  });
});
