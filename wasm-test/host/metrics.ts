// Custom metrics: ids per VM, values per name for the whole process, as in Envoy's stats store.
// Source: Envoy context.cc defineMetric to getMetric, proxy-wasm-cpp-host wasm.h (ids step by 4, type in the low bits).

import { MetricType, WasmResult } from "./abi-values.js";

const ID_STEP = 4;
const TYPE_MASK = 3;
const U64 = (1n << 64n) - 1n;

/** Values by name, shared by all VMs. */
export class MetricStore {
  readonly counters = new Map<string, bigint>();
  readonly gauges = new Map<string, bigint>();
  /** Every value recorded, in order. */
  readonly histograms = new Map<string, bigint[]>();
}

/** The metric ids of one VM. */
export class VmMetrics {
  readonly #store: MetricStore;
  readonly #names = new Map<number, string>();
  readonly #lastId: Record<number, number> = {};

  constructor(store: MetricStore) {
    this.#store = store;
  }

  /** A new id for the metric, also when its name is known already; undefined when the type is none. */
  define(type: number, name: string): number | undefined {
    if (type > MetricType.Histogram) return undefined;
    const id = (this.#lastId[type] ?? type) + ID_STEP;
    this.#lastId[type] = id;
    this.#names.set(id, name);
    const { counters, gauges, histograms } = this.#store;
    if (type === MetricType.Counter) counters.set(name, counters.get(name) ?? 0n);
    else if (type === MetricType.Gauge) gauges.set(name, gauges.get(name) ?? 0n);
    else histograms.set(name, histograms.get(name) ?? []);
    return id;
  }

  increment(id: number, offset: bigint): WasmResult {
    const type = id & TYPE_MASK;
    const name = this.#names.get(id);
    if (type !== MetricType.Counter && type !== MetricType.Gauge) return WasmResult.BadArgument;
    if (name === undefined) return WasmResult.NotFound;
    if (type === MetricType.Counter && offset <= 0n) return WasmResult.BadArgument;
    const values = type === MetricType.Counter ? this.#store.counters : this.#store.gauges;
    values.set(name, ((values.get(name) ?? 0n) + offset) & U64);
    return WasmResult.Ok;
  }

  /** Adds to a counter, sets a gauge, records into a histogram. */
  record(id: number, value: bigint): WasmResult {
    const name = this.#names.get(id);
    if (name === undefined) return WasmResult.NotFound;
    const { counters, gauges, histograms } = this.#store;
    const type = id & TYPE_MASK;
    const unsigned = value & U64;
    if (type === MetricType.Counter)
      counters.set(name, ((counters.get(name) ?? 0n) + unsigned) & U64);
    else if (type === MetricType.Gauge) gauges.set(name, unsigned);
    else histograms.get(name)?.push(unsigned);
    return WasmResult.Ok;
  }

  /** The value of a counter or gauge. */
  get(id: number): bigint | typeof WasmResult.NotFound | typeof WasmResult.BadArgument {
    const type = id & TYPE_MASK;
    if (type !== MetricType.Counter && type !== MetricType.Gauge) return WasmResult.BadArgument;
    const name = this.#names.get(id);
    if (name === undefined) return WasmResult.NotFound;
    return (
      (type === MetricType.Counter ? this.#store.counters : this.#store.gauges).get(name) ?? 0n
    );
  }
}
