// What configurations and discovery responses are made from.
import { create, toBinary, toJson } from "@bufbuild/protobuf";
import { DiscoveryResponseSchema } from "../../controlplane/gen/envoy/service/discovery/v3/discovery_pb.js";
import {
  Cluster_LoadBalancer,
  Mutation_Operation,
  RouteConfigurationSchema,
} from "../../controlplane/gen/metaproto/v1/route_pb.js";
import { encodeConfiguration, type RouteConfigurationInit } from "../switchboard/route-harness.js";
import { configurationOf, type ReferenceRoute, regex } from "../switchboard/route-reference.js";

const TYPE_URL = "type.googleapis.com/metaproto.v1.RouteConfiguration";
const encoder = new TextEncoder();

const full: RouteConfigurationInit = {
  name: "a_1",
  routes: [
    {
      name: "first",
      match: [
        { name: "interface", specifier: { case: "exact", value: "Greeter" } },
        { name: "method", specifier: { case: "prefix", value: "say" }, invert: true },
        { name: "x-user", specifier: regex("a(b|c)*d?") },
        { name: "x-tier", specifier: { case: "present", value: true } },
      ],
      destinations: [
        { cluster: "outbound|20880|v1|hello", weight: 20 },
        { cluster: "outbound|20880|v2|hello", weight: 80 },
      ],
      timeout: { seconds: 3n, nanos: 5 },
      requestMutation: [{ key: "k", value: "v", operation: Mutation_Operation.ADD_IF_ABSENT }],
      responseMutation: [{ key: "k", operation: Mutation_Operation.REMOVE }],
    },
    { name: "rest", destinations: [{ cluster: "outbound|20880||hello" }] },
  ],
  clusters: [
    {
      name: "outbound|20880|v1|hello",
      endpoints: 2,
      maxRequests: 5,
      endpointsVersion: 77n,
      loadBalancer: Cluster_LoadBalancer.ROUND_ROBIN,
      stickySession: { attribute: "X-Session", ttl: { seconds: 1n }, strict: true },
      hashPolicy: { key: { case: "sourceConnection", value: true } },
      endpointWeights: [{ address: "10.0.0.1:20880", weight: 3 }],
    },
  ],
};

const matches: readonly ReferenceRoute[] = [
  {
    matches: [
      { name: "method", kind: "regex", value: "a+", invert: false },
      { name: "interface", kind: "exact", value: "\u00e9\n", invert: true },
    ],
  },
  { matches: [{ name: "x-user", kind: "present", value: "", invert: false }] },
  { matches: [{ name: "method", kind: "prefix", value: "a", invert: false }] },
  { matches: [{ name: "method", kind: "prefix", value: "ab", invert: false }] },
  { matches: [{ name: "X-Tier", kind: "regex", value: "[a-c]*x", invert: true }] },
];

/** Prefixes within each other and values of one hash group. */
const many = configurationOf(
  Array.from({ length: 12 }, (_, i) => ({
    matches: [
      { name: "interface", kind: "exact", value: `i${String(i % 3)}`, invert: false },
      {
        name: "method",
        kind: i % 2 === 0 ? "prefix" : "exact",
        value: "ab".repeat(i % 5),
        invert: false,
      },
    ],
  })),
);

export function routeSeeds(): Uint8Array[] {
  return [
    encodeConfiguration(full),
    encodeConfiguration({ name: "n", routes: [{ destinations: [{ cluster: "c" }] }] }),
    encodeConfiguration(configurationOf(matches)),
    encodeConfiguration(many),
    new Uint8Array(0),
  ];
}

/** Values of an automaton, and fields that are not there. */
export const PROTOBUF_TOKENS = ["0a00", "1200", "1a00", "0800", "10ffffffff0f", "6001", "0b", "0c"]
  .concat(["ffffffff0f", "ffffffffffffffffff01", "3d00000000", "390000000000000000", "5a01", "7a"])
  .map((hex) => new Uint8Array(Buffer.from(hex, "hex")));

function response(
  version: string,
  names: readonly RouteConfigurationInit[],
  url = TYPE_URL,
): Uint8Array {
  return toBinary(
    DiscoveryResponseSchema,
    create(DiscoveryResponseSchema, {
      versionInfo: version,
      nonce: `n${version}`,
      typeUrl: url,
      resources: names.map((init) => ({ typeUrl: url, value: encodeConfiguration(init) })),
    }),
  );
}

/** The first one is sound. */
export function discoverySeeds(): Uint8Array[] {
  const named = (name: string, cluster: string): RouteConfigurationInit => ({
    name,
    routes: [{ destinations: [{ cluster }] }],
  });
  return [
    response("1", [named("a_1", "v1")]),
    response("2", [named("a_1", "v2"), named("b_2", "v")]),
    response("3", [{ name: "a_1" }]),
    response("4", [full, named("b_2", "v"), named("c_3", "w")]),
    response("5", []),
    response("6", [named("a_1", "v1")], "type.googleapis.com/other.Type"),
  ];
}

const routeConfiguration = { name: "a_1", routes: [{ destinations: [{ cluster: "c" }] }] };

export function pluginSeeds(): Uint8Array[] {
  const least = { dialCluster: "dial", discoveryCluster: "xds" };
  const inJson = [full, configurationOf(matches), many].map((init) =>
    toJson(RouteConfigurationSchema, create(RouteConfigurationSchema, init)),
  );
  return [
    {
      ...least,
      limits: { maxFrameBytes: "5", max_requests: 7, maxConnections: 1e3 },
      connectTimeout: "1.5s",
      defaultTimeout: "0s",
      upstreamIdleTimeout: "0.001s",
    },
    { ...least, routeConfigurations: [...inJson, routeConfiguration], connectionMode: 2 },
    { dial_cluster: "d", routeConfigurations: [routeConfiguration], connection_mode: "SHARED" },
    { ...least, routeConfigurations: null, defaultRouteConfiguration: "\u00e9" },
  ].map((value) => encoder.encode(JSON.stringify(value)));
}

export function jsonSeeds(): Uint8Array[] {
  const texts = [
    '{"a": [1, -2.5e3, "x\\u00e9\\n\\ud83d\\ude42", null, true, false], "gr\u00f6\u00dfe": {"": {}}}',
    '[{"name":"m","exact":"v"},{"name":"n","regex":{"pattern":"a\\\\.b"}}]',
    '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041"',
    "[0, 1.0, 1e5, -0.1E-2]",
    "1.5s",
    "AAECAwQFBgcICQ==",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
  ];
  return [...texts.map((text) => encoder.encode(text)), ...pluginSeeds()];
}

export const JSON_TOKENS = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"',
  "\\",
  "null",
  "true",
  "1e9",
  "-0",
  "0.1",
]
  .concat([
    '"\\ud800"',
    "\\udc00",
    "\\u0000",
    '"x":',
    "\u00e9",
    "\ud83d\ude42",
    "1e400",
    '"3.5s"',
    "[[",
  ])
  .map((text) => encoder.encode(text))
  .concat([Uint8Array.of(0xc0, 0x80), Uint8Array.of(0xed, 0xa0, 0x80), Uint8Array.of(0xf4, 0x90)]);
