// What a lookup costs, from 1 to 10,000 routes. Steps are asserted, since they are the same on every
// machine; nanoseconds are printed.
import { beforeAll, describe, expect, test } from "vitest";
import { encodeConfiguration, RouteHarness } from "./route-harness.js";
import { configurationOf } from "./route-reference.js";
import { type Shape, SHAPES } from "./route-shapes.js";

const SIZES = [1, 100, 10_000] as const;
const REQUESTS = 512;
const ROUNDS = 10_000;
const REPEATS = 60;
const ATTRIBUTES = ["interface", "method"] as const;

let harness: RouteHarness;
beforeAll(async () => {
  harness = await RouteHarness.load();
  for (const name of ATTRIBUTES) harness.declare(name);
});

const encoded = new Map<string, Uint8Array>();

/** Encoded once: compiling 10,000 patterns takes the control plane seconds. */
function configuration(shape: Shape, count: number): Uint8Array {
  const key = `${String(count)} ${shape.name}`;
  let bytes = encoded.get(key);
  if (bytes === undefined) {
    bytes = encodeConfiguration(configurationOf(shape.routes(count)));
    encoded.set(key, bytes);
  }
  return bytes;
}

/** Addresses of requests spread over all routes, for `lookupMany`. */
function putRequests(shape: Shape, count: number): number {
  const encoder = new TextEncoder();
  const pairs = new Uint32Array(REQUESTS * ATTRIBUTES.length * 2);
  for (let i = 0; i < REQUESTS; i++) {
    const attributes = shape.request((i * 7919) % count);
    ATTRIBUTES.forEach((name, column) => {
      const bytes = encoder.encode(attributes[name]);
      pairs.set([harness.put(bytes), bytes.length], (i * ATTRIBUTES.length + column) * 2);
    });
  }
  return harness.put(new Uint8Array(pairs.buffer));
}

function measure(shape: Shape, count: number) {
  const { exports } = harness;
  const { table, faults } = harness.buildBytes(configuration(shape, count));
  expect(faults).toBe("");
  const requests = putRequests(shape, count);
  const stepsBefore = exports.steps();
  exports.lookupMany(table, requests, REQUESTS, ATTRIBUTES.length, REQUESTS);
  const steps = Number(exports.steps() - stepsBefore) / REQUESTS;
  let setting = Infinity;
  let both = Infinity;
  for (let i = 0; i < REPEATS; i++) {
    const started = performance.now();
    exports.setMany(requests, REQUESTS, ATTRIBUTES.length, ROUNDS);
    const between = performance.now();
    exports.lookupMany(table, requests, REQUESTS, ATTRIBUTES.length, ROUNDS);
    setting = Math.min(setting, between - started);
    both = Math.min(both, performance.now() - between);
  }
  const nanoseconds = ((both - setting) * 1e6) / ROUNDS;
  exports.release(table);
  return { steps, nanoseconds };
}

describe("a lookup", () => {
  test.each(SHAPES)(
    "takes a handful of steps, also in 10,000 routes: $name",
    (shape) => {
      const costs = SIZES.map((count) => ({ routes: count, ...measure(shape, count) }));
      const line = costs.map(
        ({ routes, steps, nanoseconds }) =>
          `${String(routes)}: ${steps.toFixed(1)} steps, ${nanoseconds.toFixed(0)} ns`,
      );
      console.log(`${shape.name}: ${line.join("; ")}`);
      expect(costs[SIZES.length - 1]?.steps).toBeLessThan(shape.mostSteps);
    },
    120_000,
  );
});

describe("building 10,000 routes", () => {
  test.each(SHAPES)("takes moments: $name", (shape) => {
    const bytes = configuration(shape, 10_000);
    const ptr = harness.put(bytes);
    let milliseconds = Infinity;
    for (let i = 0; i < 3; i++) {
      const started = performance.now();
      expect(harness.exports.buildAndRelease(ptr, bytes.length)).toBe(1);
      milliseconds = Math.min(milliseconds, performance.now() - started);
    }
    harness.exports.free(ptr);
    console.log(
      `${shape.name}: ${(bytes.length / 1e6).toFixed(1)} MB in ${milliseconds.toFixed(1)} ms`,
    );
  });
});
