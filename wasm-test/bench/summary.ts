// Several rounds of the same measurement as one: median and spread, value by value.
import type { Case } from "./cases.js";
import type { Contender } from "./contenders.js";
import type { Sample } from "./measure.js";

export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** All rounds of one contender under one load. */
export interface Result {
  readonly load: Case;
  readonly contender: Contender;
  /** Requests per second that were asked for, in an open loop. */
  readonly rate?: number;
  readonly rounds: number;
  readonly values: Readonly<Record<keyof Sample, Spread>>;
}

/** @throws Error without any value. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number): number => {
    const value = sorted[index];
    if (value === undefined) throw new Error("no round was measured");
    return value;
  };
  const median = (at(Math.floor((sorted.length - 1) / 2)) + at(Math.floor(sorted.length / 2))) / 2;
  return { median, low: at(0), high: at(sorted.length - 1) };
}

export function summarize(samples: readonly Sample[]): Result["values"] {
  const of = (key: keyof Sample): Spread => spreadOf(samples.map((sample) => sample[key]));
  return {
    cpuUs: of("cpuUs"),
    rps: of("rps"),
    p50Us: of("p50Us"),
    p99Us: of("p99Us"),
    p999Us: of("p999Us"),
    envoyPercent: of("envoyPercent"),
    loadPercent: of("loadPercent"),
    faults: of("faults"),
  };
}

/** Whether every answer of every round was right. */
export function isSound(result: Result): boolean {
  return result.values.faults.high === 0;
}
