// All that a bench has found, and the parts of it that others ask for.
import { caseName, type Case } from "./cases.js";
import type { ConnectionMemory } from "./memory.js";
import type { ModuleFigures } from "./modules.js";
import type { Result, Spread } from "./summary.js";

/** What a bench has measured; what was left out is empty. */
export interface Report {
  readonly about: About;
  readonly results: readonly Result[];
  /** The bare module, with each filter alone, and with all of them: see `filterContenders`. */
  readonly filters: readonly Result[];
  readonly memory: readonly ConnectionMemory[];
  readonly modules: readonly ModuleFigures[];
  /** Milliseconds from a module's delivery to the first request that it serves. */
  readonly servingMs?: Spread;
  /** What went wrong besides wrong answers: an Envoy that logged a failure, or ended. */
  readonly failures: readonly string[];
}

/** Where and how it was measured. */
export interface About {
  readonly date: string;
  readonly envoy: string;
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  /** Load average of a minute before it began: what else the machine had to do. */
  readonly loadBefore: number;
  readonly rounds: number;
  readonly closedSeconds: number;
  readonly openSeconds: number;
}

/** The cases of a report, in its order. */
export function casesOf({ results }: Pick<Report, "results">): Case[] {
  return [...new Map(results.map(({ load }) => [caseName(load), load])).values()];
}

/** The results of one case, by contender. */
export function resultsOf({ results }: Pick<Report, "results">, load: Case): Result[] {
  const name = caseName(load);
  return results.filter((result) => caseName(result.load) === name);
}

/** Ours under a load. */
export function oursUnder(report: Pick<Report, "results">, load: Case): Result | undefined {
  return resultsOf(report, load).find(({ contender }) => contender.kind === "ours");
}

/** Ours with all filters on, under a load. */
export function allOnUnder(report: Pick<Report, "results">, load: Case): Result | undefined {
  return resultsOf(report, load).find(({ contender }) => contender.kind === "filtered");
}
