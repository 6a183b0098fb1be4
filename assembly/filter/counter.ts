// Metrics of filters: kept in memory and handed to the host once a second, as those of the engine.
// They appear as `wasmcustom.metaproto.<protocol>.<name>`, sums over all workers.
// Allocates: at configuration.
import { MetricType } from "../proxy-wasm-as/abi/enums";
import { Metric } from "../proxy-wasm-as/host/metrics";
import { filterHost } from "./filter-host";

/** Metrics of one worker; names of further ones lead to no metric. The host keeps each for ever. */
const MAX_FILTER_METRICS: i32 = 1024;

export class Counter {
  /** Of this worker. */
  value: i64 = 0;
  private flushed: i64 = 0;
  private readonly metric: Metric = new Metric();

  constructor(
    readonly name: string,
    readonly isGauge: bool,
  ) {}

  define(protocol: string): void {
    const type = this.isGauge ? MetricType.Gauge : MetricType.Counter;
    this.metric.define(type, "metaproto." + protocol + "." + this.name);
  }

  flush(): void {
    const change = this.value - this.flushed;
    if (change == 0) return;
    this.flushed = this.value;
    this.metric.increment(change);
  }
}

const defined: Array<Counter> = new Array<Counter>();

/** The counter of this name: always the same one. For `Filter.configure`. */
export function counterOf(name: string, isGauge: bool = false): Counter {
  for (let i = 0; i < defined.length; i++) if (defined[i].name == name) return defined[i];
  const counter = new Counter(name, isGauge);
  if (defined.length == MAX_FILTER_METRICS) return counter;
  counter.define(filterHost().protocol);
  defined.push(counter);
  return counter;
}

/** For the engine: hands to the host what has changed. */
export function flushCounters(): void {
  for (let i = 0; i < defined.length; i++) unchecked(defined[i]).flush();
}

/** For the engine: this worker holds nothing any more; what it has counted stays. */
export function endGauges(): void {
  for (let i = 0; i < defined.length; i++) if (defined[i].isGauge) defined[i].value = 0;
}
