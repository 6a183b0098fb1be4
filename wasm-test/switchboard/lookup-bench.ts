// Measures lookups and builds of route tables in the compiled module.
import { encodeConfiguration, RouteHarness } from "./route-harness.js";
import { configurationOf } from "./route-reference.js";
import type { Shape } from "./route-shapes.js";

/** Different requests: of all routes, and of a few whose part of the table stays in the processor's first cache. */
const SPREAD = 512;
const HOT = 8;
const ROUNDS = 10_000;
const REPEATS = 60;
const ATTRIBUTES = ["interface", "method"] as const;

export interface LookupCost {
  readonly steps: number;
  /** Nanoseconds of requests for routes all over the table. */
  readonly spreadNs: number;
  /** Nanoseconds of requests for a few routes. */
  readonly hotNs: number;
}

export class LookupBench {
  /** Encoded once: compiling 10,000 patterns takes the control plane seconds. */
  private readonly encoded = new Map<string, Uint8Array>();

  private constructor(private readonly harness: RouteHarness) {
    for (const name of ATTRIBUTES) harness.declare(name);
  }

  static async load(): Promise<LookupBench> {
    return new LookupBench(await RouteHarness.load());
  }

  /** @throws Error when the table is refused. */
  measure(shape: Shape, count: number): LookupCost {
    const { exports } = this.harness;
    const { table, faults } = this.harness.buildBytes(this.configuration(shape, count));
    if (table === 0) throw new Error(faults);
    const spread = this.putRequests(shape, count, SPREAD);
    const hot = this.putRequests(shape, count, HOT);
    const stepsBefore = exports.steps();
    exports.lookupMany(table, spread, SPREAD, ATTRIBUTES.length, SPREAD);
    const steps = Number(exports.steps() - stepsBefore) / SPREAD;
    const spreadNs = this.nanoseconds(table, spread, SPREAD);
    const hotNs = this.nanoseconds(table, hot, HOT);
    exports.release(table);
    return { steps, spreadNs, hotNs };
  }

  /** Bytes of the configuration, and milliseconds that a table is built in: the least of some. */
  build(shape: Shape, count: number): { readonly bytes: number; readonly milliseconds: number } {
    const { exports } = this.harness;
    const bytes = this.configuration(shape, count);
    const ptr = this.harness.put(bytes);
    let milliseconds = Infinity;
    for (let i = 0; i < 3; i++) {
      const started = performance.now();
      if (exports.buildAndRelease(ptr, bytes.length) === 0) throw new Error("the table is refused");
      milliseconds = Math.min(milliseconds, performance.now() - started);
    }
    exports.free(ptr);
    return { bytes: bytes.length, milliseconds };
  }

  /** What a lookup adds to the loop around it: the least of many runs. */
  private nanoseconds(table: number, requests: number, count: number): number {
    const { exports } = this.harness;
    let setting = Infinity;
    let both = Infinity;
    for (let i = 0; i < REPEATS; i++) {
      const started = performance.now();
      exports.setMany(requests, count, ATTRIBUTES.length, ROUNDS);
      const between = performance.now();
      exports.lookupMany(table, requests, count, ATTRIBUTES.length, ROUNDS);
      setting = Math.min(setting, between - started);
      both = Math.min(both, performance.now() - between);
    }
    return ((both - setting) * 1e6) / ROUNDS;
  }

  private configuration(shape: Shape, count: number): Uint8Array {
    const key = `${String(count)} ${shape.name}`;
    let bytes = this.encoded.get(key);
    if (bytes === undefined) {
      bytes = encodeConfiguration(configurationOf(shape.routes(count)));
      this.encoded.set(key, bytes);
    }
    return bytes;
  }

  /** Addresses of `requests` requests spread over all routes, for `lookupMany`. */
  private putRequests(shape: Shape, count: number, requests: number): number {
    const encoder = new TextEncoder();
    const pairs = new Uint32Array(requests * ATTRIBUTES.length * 2);
    for (let i = 0; i < requests; i++) {
      const attributes = shape.request((i * 7919) % count);
      ATTRIBUTES.forEach((name, column) => {
        const bytes = encoder.encode(attributes[name]);
        pairs.set([this.harness.put(bytes), bytes.length], (i * ATTRIBUTES.length + column) * 2);
      });
    }
    return this.harness.put(new Uint8Array(pairs.buffer));
  }
}
