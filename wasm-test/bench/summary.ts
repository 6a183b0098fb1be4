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
  readonly contender: Pick<Contender, "name" | "protocol" | "kind" | "module">;
  /** Requests per second that were asked for, in an open loop. */
  readonly rate?: number;
  /** One per round. */
  readonly samples: readonly Sample[];
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

/** One value of all rounds. */
export function valueOf(result: Result, key: keyof Sample): Spread {
  return spreadOf(result.samples.map((sample) => sample[key]));
}

/**
 * A value of `own` divided by that of `other`, round by round: what the machine did besides in a round
 * met both.
 */
export function ratioOf(own: Result, other: Result, key: keyof Sample): Spread {
  return spreadOf(
    own.samples.flatMap((sample, round) => {
      const divisor = other.samples[round]?.[key];
      return divisor === undefined ? [] : [sample[key] / divisor];
    }),
  );
}

/** What a value of `own` is more than that of `other`, round by round. */
export function differenceOf(own: Result, other: Result, key: keyof Sample): Spread {
  return spreadOf(
    own.samples.flatMap((sample, round) => {
      const base = other.samples[round]?.[key];
      return base === undefined ? [] : [sample[key] - base];
    }),
  );
}

/** Whether every answer of every round was right. */
export function isSound(result: Result): boolean {
  return result.samples.every(({ faults }) => faults === 0);
}
