// The fuzz targets: what each is made from, and how many inputs `scripts/test` gives it.
import {
  DUBBO_TOKENS,
  dubboSeeds,
  streamSeeds,
  THRIFT_TOKENS,
  thriftSeeds,
} from "./codec-seeds.js";
import {
  discoverySeeds,
  JSON_TOKENS,
  jsonSeeds,
  pluginSeeds,
  PROTOBUF_TOKENS,
  routeSeeds,
} from "./config-seeds.js";
import { dubboSpans } from "./structure/dubbo-spans.js";
import { jsonSpans } from "./structure/json-spans.js";
import { protobufSpans } from "./structure/protobuf-spans.js";
import type { Span } from "./structure/span.js";
import { thriftSpans } from "./structure/thrift-spans.js";

export interface FuzzTarget {
  readonly name: string;
  /** wasm-test/units/`unit`.ts */
  readonly unit: string;
  /** Inputs that every run of the tests makes. */
  readonly inputs: number;
  readonly seeds: () => Uint8Array[];
  readonly spans: (bytes: Uint8Array) => readonly Span[];
  readonly tokens: readonly Uint8Array[];
  /** Branches of these files are the target's own; those of others are reached by the way. */
  readonly files: RegExp;
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
