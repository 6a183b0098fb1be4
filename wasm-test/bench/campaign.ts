// Runs a plan: contenders in turn, round after round, so that what else the machine does meets all alike.
import { fileURLToPath } from "node:url";
import { Envoy } from "../envoy/support/envoy.js";
import { startEchoServer, type EchoServer } from "../envoy/support/load.js";
import { benchBootstrap } from "./bootstrap.js";
import { caseName, type Case } from "./cases.js";
import { CONTENDERS, type Contender } from "./contenders.js";
import { measure, type Bench, type Sample, type Timing } from "./measure.js";
import { spreadOf, summarize, type Result } from "./summary.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Rate of an open loop: this part of what the weakest contender can do. Nobody is overloaded then, and
 * what is compared is how long a request takes, not how long its queue is.
 */
const PART_OF_WEAKEST = 0.5;

export interface Campaign extends Timing {
  readonly plan: readonly Case[];
  readonly rounds: number;
  /** Told before each round of a case. */
  readonly onProgress?: (line: string) => void;
}

function contendersOf(load: Case): readonly Contender[] {
  return CONTENDERS.filter(({ protocol }) => protocol === load.protocol);
}

/** A rate for an open loop, from the closed loop of the same load. Undefined when that was not measured. */
function rateOf(load: Case, results: readonly Result[]): number | undefined {
  const closed = caseName({ ...load, loop: "closed" });
  const capacities = results
    .filter((result) => caseName(result.load) === closed && result.contender.kind !== "direct")
    .map((result) => result.values.rps.median);
  if (capacities.length === 0) return undefined;
  return Math.max(1, Math.floor(Math.min(...capacities) * PART_OF_WEAKEST));
}

async function quickRate(bench: Bench, load: Case, timing: Timing): Promise<number> {
  const capacities: number[] = [];
  for (const contender of contendersOf(load)) {
    if (contender.kind === "direct") continue;
    capacities.push((await measure(bench, contender, load, timing)).rps);
  }
  return Math.max(1, Math.floor(spreadOf(capacities).low * PART_OF_WEAKEST));
}

async function runCase(
  bench: Bench,
  load: Case,
  campaign: Campaign,
  before: readonly Result[],
): Promise<Result[]> {
  const rate =
    load.loop === "open"
      ? (rateOf(load, before) ?? (await quickRate(bench, load, campaign)))
      : undefined;
  const samples = new Map(contendersOf(load).map((contender) => [contender, [] as Sample[]]));
  for (let round = 1; round <= campaign.rounds; round++) {
    campaign.onProgress?.(`${caseName(load)}: round ${round} of ${campaign.rounds}`);
    for (const [contender, list] of samples) {
      list.push(await measure(bench, contender, load, campaign, rate));
    }
  }
  return [...samples].map(([contender, list]) => ({
    load,
    contender,
    ...(rate === undefined ? {} : { rate }),
    rounds: campaign.rounds,
    values: summarize(list),
  }));
}

async function withEnvoy<T>(
  workers: number,
  servers: readonly [EchoServer, EchoServer],
  run: (bench: Bench) => Promise<T>,
): Promise<T> {
  const ports = { dubbo: servers[0].port, thrift: servers[1].port };
  const bootstrap = benchBootstrap(CONTENDERS, ports);
  const envoy = await Envoy.start({
    bootstrap,
    concurrency: workers,
    cwd: ROOT,
    logLevel: "error",
  });
  try {
    return await run({ envoy, ports });
  } finally {
    await envoy.stop();
  }
}

/** Runs everything; one Envoy for each number of workers. */
export async function runCampaign(campaign: Campaign): Promise<Result[]> {
  const servers = [
    await startEchoServer({ protocol: "dubbo" }),
    await startEchoServer({ protocol: "thrift" }),
  ] as const;
  try {
    const results: Result[] = [];
    for (const workers of new Set(campaign.plan.map((load) => load.workers))) {
      const loads = campaign.plan.filter((load) => load.workers === workers);
      await withEnvoy(workers, servers, async (bench) => {
        for (const load of loads) results.push(...(await runCase(bench, load, campaign, results)));
      });
    }
    return results;
  } finally {
    for (const server of servers) await server.stop();
  }
}
