// Every built-in codec passes the conformance kit: a codec's row is here, and what its frames are in its captures.yaml.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { buildWasm } from "../../../scripts/build-wasm.mjs";
import {
  type Captures,
  formatReport,
  readCaptures,
  type Report,
  testCodec,
} from "../../kit/codec-test/index.js";
import { compile, describedFrame } from "../protocols/descriptions.js";

const HEARTBEATS = "heartbeats";
const IDS = "id rewriting";
const MUTATION = "mutation round trip";
const RESULTS = "results";
const BAD_RESPONSE = replyTo("malformed response");

function replyTo(error: string): string {
  return `error reply: ${error}`;
}

/** By module: checks that have nothing to do there. */
const MODULES: Readonly<Record<string, readonly string[]>> = {
  awesomerpc: [MUTATION, HEARTBEATS],
  bolt: [],
  brpc: [HEARTBEATS],
  dubbo: [],
  // Most requests have no error that clients would understand: their connections close.
  kafka: [
    ...[RESULTS, IDS, MUTATION, HEARTBEATS],
    ...["no route", "unknown cluster", "no healthy endpoint"].map(replyTo),
    ...["connection failure", "connection ended", "overload", "timeout"].map(replyTo),
    ...["malformed request", "incomplete request", "malformed response"].map(replyTo),
  ],
  line: [IDS, MUTATION, HEARTBEATS, BAD_RESPONSE],
  redis: [IDS, MUTATION, HEARTBEATS],
  tars: [HEARTBEATS],
  thrift: [IDS, HEARTBEATS],
  trpc: [HEARTBEATS],
  zookeeper: [RESULTS, IDS, MUTATION, HEARTBEATS, BAD_RESPONSE],
};

/** Likewise, of docs/protocol-owners/frames. */
const DESCRIPTIONS: Readonly<Record<string, readonly string[]>> = {
  bolt: [],
  brpc: [HEARTBEATS, replyTo("incomplete request")],
  courier: [],
  trpc: [HEARTBEATS, replyTo("incomplete request")],
};

const INPUTS = 3_000;
/** Seconds on a quiet machine. */
const LIMIT_MS = 10 * 60_000;

function capturesOf(protocol: string): Captures {
  return readCaptures(fileURLToPath(new URL(`../${protocol}/captures`, import.meta.url)));
}

function expectPassed(report: Report, idle: readonly string[]): void {
  expect(report.isPassed, formatReport(report)).toBe(true);
  const others = report.checks.filter(({ outcome }) => outcome === "not applicable");
  expect(others.map(({ name }) => name)).toEqual(idle);
}

test.each(Object.entries(MODULES))(
  "the module %s passes",
  async (protocol, idle) => {
    const module = readFileSync(await buildWasm(protocol));
    const names = { module: protocol, captures: "captures" };
    const captures = capturesOf(protocol);
    expectPassed(testCodec({ module, captures, names, inputs: INPUTS }), idle);
  },
  LIMIT_MS,
);

test.each(Object.entries(DESCRIPTIONS))(
  "the description of %s passes",
  async (protocol, idle) => {
    const module = readFileSync(await buildWasm("frame"));
    const codecConfiguration = compile(describedFrame(protocol)).table;
    const { frames, ...rest } = capturesOf(protocol);
    // Descriptions know no streams.
    const captures = { ...rest, frames: frames.filter(({ kind }) => kind !== "stream") };
    const names = { module: protocol, captures: "captures" };
    const report = testCodec({ module, codecConfiguration, captures, names, inputs: INPUTS });
    expectPassed(report, idle);
  },
  LIMIT_MS,
);
