// Runs a plan: contenders in turn, round after round, so that what else the machine does meets all alike.
import type { Ports } from "./bootstrap.js";
import { caseName, type Case } from "./cases.js";
import type { Contender } from "./contenders.js";
import { measure, type Bench, type Sample, type Timing } from "./measure.js";
import { available, BenchEnvoys } from "./processes.js";
import { isSound, spreadOf, valueOf, type Result } from "./summary.js";

/**
 * Rate of an open loop: this part of what the weakest contender can do. Nobody is overloaded then, and
 * what is compared is how long a request takes, not how long its queue is.
 */
const PART_OF_WEAKEST = 0.5;

export interface Campaign {
  readonly plan: readonly Case[];
  /** Those whose servers are missing are left out. */
  readonly contenders: readonly Contender[];
  readonly rounds: number;
  /** Time of a measurement, after its warm-up. */
  readonly closedSeconds: number;
  /** Longer, for the rare latencies. */
  readonly openSeconds: number;
  /** Told before each round of a case. */
  readonly onProgress?: (line: string) => void;
}

/** Connections have to be dialled, upstream too, and code of V8 and the pools to become warm. */
function timingOf(load: Case, campaign: Campaign): Timing {
  const warmupSeconds = 0.3 + (load.connections * load.inFlight) / 10_000;
  const seconds = load.loop === "open" ? campaign.openSeconds : campaign.closedSeconds;
  return { warmupSeconds, seconds };
}

/** Those of the protocol, but for those that are known to fail under this load. */
function contendersOf(
  load: Case,
  contenders: readonly Contender[],
  before: readonly Result[],
): readonly Contender[] {
  const closed = closedLoopOf(load, before);
  return contenders.filter(({ protocol, name, kind }) => {
    const hasFailed = closed.some((result) => result.contender.name === name && !isSound(result));
    // What filters cost is CPU: at half of what the weakest can do, latencies hardly show it.
    const isAsked = load.loop === "closed" || kind !== "filtered";
    return protocol === load.protocol && isAsked && !hasFailed;
  });
}

/** The results of the closed loop of the same load. */
function closedLoopOf(load: Case, results: readonly Result[]): Result[] {
  const closed = caseName({ ...load, loop: "closed" });
  return results.filter((result) => caseName(result.load) === closed);
}

/** The rate of an open loop, from what the closed loop of the same load has shown. */
async function rateOf(
  bench: Bench,
  load: Case,
  campaign: Campaign,
  before: readonly Result[],
): Promise<number> {
  const capacities = closedLoopOf(load, before)
    .filter((result) => result.contender.kind !== "direct" && isSound(result))
    .map((result) => valueOf(result, "rps").median);
  if (capacities.length === 0) {
    const closed: Case = { ...load, loop: "closed" };
    for (const contender of contendersOf(closed, campaign.contenders, [])) {
      const sample = await measure(bench, contender, closed, timingOf(closed, campaign));
      if (sample.faults === 0 && contender.kind !== "direct") capacities.push(sample.rps);
    }
  }
  return Math.max(1, Math.floor(spreadOf(capacities).low * PART_OF_WEAKEST));
}

/** Another first one each round, since each meets what the one before it left behind. */
function rotated<T>(list: readonly T[], by: number): T[] {
  const at = list.length === 0 ? 0 : by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}

async function runCase(
  bench: Bench,
  load: Case,
  campaign: Campaign,
  before: readonly Result[],
): Promise<Result[]> {
  const rate = load.loop === "open" ? await rateOf(bench, load, campaign, before) : undefined;
  const timing = timingOf(load, campaign);
  const contenders = contendersOf(load, campaign.contenders, before);
  const samples = new Map(contenders.map((entry) => [entry, [] as Sample[]]));
  for (let round = 1; round <= campaign.rounds; round++) {
    campaign.onProgress?.(`${caseName(load)}: round ${round} of ${campaign.rounds}`);
    for (const [contender, list] of rotated([...samples], round - 1)) {
      // Who does not answer properly is not asked again: waiting for what never comes takes long.
      if (list.some(({ faults }) => faults > 0)) continue;
      list.push(await measure(bench, contender, load, timing, rate));
    }
  }
  return [...samples].map(([contender, list]) => ({
    load,
    contender,
    ...(rate === undefined ? {} : { rate }),
    samples: list,
  }));
}

/** What came of a plan. */
export interface CampaignOutcome {
  readonly results: readonly Result[];
  /** Envoys that logged a failure or ended; what was measured meanwhile is kept, and to be distrusted. */
  readonly failures: readonly string[];
}

/** Runs everything; other Envoys for each number of workers, and after each case that failed. */
export async function runCampaign(campaign: Campaign, ports: Ports): Promise<CampaignOutcome> {
  const results: Result[] = [];
  const failures: string[] = [];
  const contenders = available(campaign.contenders, ports).filter(({ protocol }) =>
    campaign.plan.some((load) => load.protocol === protocol),
  );
  for (const workers of new Set(campaign.plan.map((load) => load.workers))) {
    let envoys = await BenchEnvoys.start(contenders, ports, workers);
    for (const load of campaign.plan.filter((one) => one.workers === workers)) {
      try {
        const bench = { envoys, ports };
        results.push(...(await runCase(bench, load, { ...campaign, contenders }, results)));
      } catch (error) {
        const cause = error instanceof Error ? error.message : String(error);
        failures.push(...envoys.failures(), `${caseName(load)}: ${cause}`);
        await envoys.kill();
        envoys = await BenchEnvoys.start(contenders, ports, workers);
      }
    }
    failures.push(...envoys.failures());
    await envoys.kill();
  }
  return { results, failures };
}
