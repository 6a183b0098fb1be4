// What a scenario is made of.
import { pause } from "../envoy/support/deadline.js";
import type { LoadProtocol } from "../envoy/support/load.js";
import type { TrafficTally } from "../envoy/support/peer-client.js";
import { seededRandom } from "../host/random.js";
import type { CheckedLoad, CheckedLoadOptions, CheckedReport } from "./checked-load.js";
import type { ChaosWorld, Side, WorldOptions } from "./world.js";

/** The time in which a scenario disturbs. */
export class Round {
  /** What clients beside the load have met, by protocol; a scenario that has such tells it here. */
  readonly others = new Map<LoadProtocol, TrafficTally>();
  private readonly random: () => number;
  private readonly endMs: number;

  constructor(
    readonly loads: readonly CheckedLoad[],
    seconds: number,
    seed: number,
  ) {
    this.endMs = Date.now() + seconds * 1000;
    this.random = seededRandom(seed);
  }

  get isOver(): boolean {
    return Date.now() >= this.endMs;
  }

  get secondsLeft(): number {
    return Math.max(0, (this.endMs - Date.now()) / 1000);
  }

  /** 0 to bound - 1. */
  below(bound: number): number {
    return Math.floor(this.random() * bound);
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** Between two disturbances; shorter at the end of the round. */
  async pause(ms: number): Promise<void> {
    await pause(Math.max(0, Math.min(ms, this.endMs - Date.now())));
  }

  /** Repeats `action` with a pause after each time, at least once. */
  async every(ms: number, action: () => Promise<void> | void): Promise<void> {
    do {
      await action();
      await this.pause(ms);
    } while (!this.isOver);
  }
}

export interface Scenario {
  readonly name: string;
  /** What happens, in one sentence. */
  readonly about: string;
  /** Default: the common world. */
  readonly world?: WorldOptions;
  /** Laid over the common load of that protocol; undefined: no load. */
  readonly load?: (side: Side, world: ChaosWorld) => Partial<CheckedLoadOptions> | undefined;
  /** Clients may find nobody at the port, or be reset before they were served. */
  readonly mayTurnAway?: boolean;
  /** Bytes by which memory may grow after the first rounds, where it takes several to reach its size. */
  readonly memoryTolerance?: { readonly rss: number };
  /** How many rounds set the level of memory, where they differ in what happens. Default 1. */
  readonly levelRounds?: number;
  /** Before the first round. */
  readonly setUp?: (world: ChaosWorld) => Promise<void>;
  /** Ends with the round, under load, in whatever state. */
  readonly disturb: (world: ChaosWorld, round: Round) => Promise<void>;
  /** While the load still runs, after all has been restored. */
  readonly recover?: (world: ChaosWorld) => Promise<void>;
  /** After each round, when all is quiet: what does not add up, beside what is looked at always. */
  readonly audit?: (
    world: ChaosWorld,
    reports: Readonly<Record<string, CheckedReport>>,
  ) => Promise<string[]>;
  /** After the last round. */
  readonly tearDown?: (world: ChaosWorld) => Promise<void>;
}
