// The fuzz targets: what each is made from, and how many inputs `scripts/test` gives it.
import { BOLT_TOKENS, boltSeeds } from "./bolt-seeds.js";
import {
  DUBBO_TOKENS,
  dubboSeeds,
  streamSeeds,
  THRIFT_TOKENS,
  thriftSeeds,
  TRPC_TOKENS,
  trpcSeeds,
  ZOOKEEPER_TOKENS,
  zookeeperSeeds,
} from "./codec-seeds.js";
import {
  discoverySeeds,
  JSON_TOKENS,
  jsonSeeds,
  pluginSeeds,
  PROTOBUF_TOKENS,
  routeSeeds,
} from "./config-seeds.js";
import {
  DESCRIBED,
  type DescribedProtocol,
  TABLE_TOKENS,
  tableOf,
  tableSeeds,
  tableSpans,
} from "./frame-seeds.js";
import { KAFKA_TOKENS, kafkaSeeds } from "./kafka-seeds.js";
import { REDIS_TOKENS, redisSeeds } from "./redis-seeds.js";
import { boltSpans } from "./structure/bolt-spans.js";
import { dubboSpans } from "./structure/dubbo-spans.js";
import {
  AWESOMERPC_TOKENS,
  awesomeRpcSeeds,
  BRPC_TOKENS,
  brpcSeeds,
  TARS_TOKENS,
  tarsSeeds,
} from "./rpc-seeds.js";
import { brpcSpans } from "./structure/brpc-spans.js";
import { jsonSpans } from "./structure/json-spans.js";
import { kafkaSpans } from "./structure/kafka-spans.js";
import { protobufSpans } from "./structure/protobuf-spans.js";
import { redisSpans } from "./structure/redis-spans.js";
import type { Span } from "./structure/span.js";
import { tarsSpans } from "./structure/tars-spans.js";
import { thriftSpans } from "./structure/thrift-spans.js";
import { trpcSpans } from "./structure/trpc-spans.js";
import { zookeeperSpans } from "./structure/zookeeper-spans.js";

export interface FuzzTarget {
  readonly name: string;
  /** wasm-test/units/`unit`.ts */
  readonly unit: string;
  /** Inputs that every run of the tests makes. */
  readonly inputs: number;
  /** What the unit's `configure` is given first. */
  readonly configuration?: () => Uint8Array;
  readonly seeds: () => Uint8Array[];
  readonly spans: (bytes: Uint8Array) => readonly Span[];
  readonly tokens: readonly Uint8Array[];
  /** Branches of these files are the target's own; those of others are reached by the way. */
  readonly files: RegExp;
}

/** The module `frame` with the description of a protocol. */
function described(protocol: DescribedProtocol, tokens: readonly Uint8Array[]): FuzzTarget {
  return {
    name: `described-${protocol}`,
    unit: "fuzz-frame",
    inputs: 150_000,
    configuration: () => tableOf(protocol),
    ...DESCRIBED[protocol],
    tokens,
    files: /^assembly\/codecs\/frame\/[^/]+$/,
  };
}

const isDubbo = (bytes: Uint8Array) => bytes[0] === 0xda;

export const TARGETS: readonly FuzzTarget[] = [
  {
    name: "dubbo",
    unit: "fuzz-dubbo",
    inputs: 1_700_000,
    seeds: dubboSeeds,
    spans: dubboSpans,
    tokens: DUBBO_TOKENS,
    files: /^assembly\/codecs\/dubbo\//,
  },
  {
    name: "thrift",
    unit: "fuzz-thrift",
    inputs: 2_000_000,
    seeds: thriftSeeds,
    spans: thriftSpans,
    tokens: THRIFT_TOKENS,
    files: /^assembly\/codecs\/thrift\//,
  },
  {
    name: "trpc",
    unit: "fuzz-trpc",
    inputs: 150_000,
    seeds: trpcSeeds,
    spans: trpcSpans,
    tokens: TRPC_TOKENS,
    files: /^assembly\/codecs\/trpc\//,
  },
  {
    name: "redis",
    unit: "fuzz-redis",
    inputs: 150_000,
    seeds: redisSeeds,
    spans: redisSpans,
    tokens: REDIS_TOKENS,
    files: /^assembly\/codecs\/redis\//,
  },
  {
    name: "bolt",
    unit: "fuzz-bolt",
    inputs: 150_000,
    seeds: boltSeeds,
    spans: boltSpans,
    tokens: BOLT_TOKENS,
    files: /^assembly\/codecs\/bolt\//,
  },
  {
    name: "brpc",
    unit: "fuzz-brpc",
    inputs: 150_000,
    seeds: brpcSeeds,
    spans: brpcSpans,
    tokens: BRPC_TOKENS,
    files: /^assembly\/codecs\/brpc\//,
  },
  {
    name: "tars",
    unit: "fuzz-tars",
    inputs: 150_000,
    seeds: tarsSeeds,
    spans: tarsSpans,
    tokens: TARS_TOKENS,
    files: /^assembly\/codecs\/tars\//,
  },
  {
    name: "awesomerpc",
    unit: "fuzz-awesomerpc",
    inputs: 50_000,
    seeds: awesomeRpcSeeds,
    spans: () => [],
    tokens: AWESOMERPC_TOKENS,
    files: /^assembly\/codecs\/awesomerpc\//,
  },
  {
    name: "zookeeper",
    unit: "fuzz-zookeeper",
    inputs: 150_000,
    seeds: zookeeperSeeds,
    spans: zookeeperSpans,
    tokens: ZOOKEEPER_TOKENS,
    files: /^assembly\/codecs\/zookeeper\//,
  },
  described("courier", [...AWESOMERPC_TOKENS, ...BOLT_TOKENS]),
  described("brpc", BRPC_TOKENS),
  described("trpc", TRPC_TOKENS),
  described("bolt", BOLT_TOKENS),
  described("parcel", [...AWESOMERPC_TOKENS, ...BOLT_TOKENS]),
  {
    name: "frame-table",
    unit: "fuzz-frame-table",
    inputs: 150_000,
    seeds: tableSeeds,
    spans: tableSpans,
    tokens: [...TABLE_TOKENS, ...PROTOBUF_TOKENS],
    files: /^assembly\/codecs\/frame\//,
  },
  {
    name: "kafka",
    unit: "fuzz-kafka",
    inputs: 150_000,
    seeds: kafkaSeeds,
    spans: kafkaSpans,
    tokens: KAFKA_TOKENS,
    files: /^assembly\/codecs\/kafka\//,
  },
  {
    name: "assembly",
    unit: "fuzz-assembly",
    inputs: 500_000,
    seeds: streamSeeds,
    spans: (bytes) => (isDubbo(bytes) ? dubboSpans(bytes) : thriftSpans(bytes)),
    tokens: [...THRIFT_TOKENS, ...DUBBO_TOKENS],
    files: /^assembly\/switchboard\/connection\/(connection|frame-buffer|memory-budget)/,
  },
  {
    name: "route-table",
    unit: "fuzz-route-table",
    inputs: 300_000,
    seeds: routeSeeds,
    spans: protobufSpans,
    tokens: PROTOBUF_TOKENS,
    files: /^assembly\/(switchboard\/(config|route)|wire\/protobuf)/,
  },
  {
    name: "plugin",
    unit: "fuzz-plugin",
    inputs: 200_000,
    seeds: pluginSeeds,
    spans: jsonSpans,
    tokens: JSON_TOKENS,
    files: /^assembly\/switchboard\/config\//,
  },
  {
    name: "json",
    unit: "fuzz-json",
    inputs: 500_000,
    seeds: jsonSeeds,
    spans: jsonSpans,
    tokens: JSON_TOKENS,
    files: /^assembly\/switchboard\/config\/(json-reader|json-number|duration|base64|utf8)/,
  },
  {
    name: "discovery",
    unit: "fuzz-discovery",
    inputs: 100_000,
    seeds: discoverySeeds,
    spans: protobufSpans,
    tokens: PROTOBUF_TOKENS,
    files: /^assembly\/(switchboard\/config|wire\/protobuf)/,
  },
];

export function targetNamed(name: string): FuzzTarget {
  const target = TARGETS.find((candidate) => candidate.name === name);
  if (target === undefined) {
    throw new Error(`no target ${name}; there are ${TARGETS.map((t) => t.name).join(", ")}`);
  }
  return target;
}
