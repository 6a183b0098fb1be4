// Runs a scenario in rounds, and says what of the invariants did not hold.
import type { LoadProtocol } from "../envoy/support/load.js";
import type { TrafficTally } from "../envoy/support/peer-client.js";
import { CheckedLoad, type CheckedReport, FLAGS, FLAG_TEXTS } from "./checked-load.js";
import {
  type Memory,
  type ModuleStats,
  discrepancies,
  memoryOf,
  moduleStats,
  settle,
  violations,
} from "./accounts.js";
import { Round, type Scenario } from "./scenario.js";
import { ChaosWorld, type Side, type WorldOptions } from "./world.js";

/** Small ones mostly, as in life, and some that do not fit into one read. */
const PAYLOADS = [...[16, 100, 100, 300, 300, 1000, 1000, 4000, 4000], 20_000, 150_000];
const RATE = 1000;
const MEBIBYTE = 1024 * 1024;

export interface RoundResult {
  /** By protocol. */
  readonly reports: Readonly<Record<string, CheckedReport>>;
  /** When all was quiet again. */
  readonly memory: Memory;
  /** Empty when everything is as it should be. */
  readonly faults: readonly string[];
}

export interface RunOptions {
  /** Of disturbance, in each round. */
  readonly seconds: number;
  readonly seed: number;
  /** Between two reports of the load; default 0.25. */
  readonly reportSeconds?: number;
  /** Called when the load runs. */
  readonly onLoads?: (loads: ReadonlyMap<LoadProtocol, CheckedLoad>, world: ChaosWorld) => void;
}

interface LoadedSide {
  readonly side: Side;
  readonly load: CheckedLoad;
  readonly before: ModuleStats;
}

async function startLoads(
  world: ChaosWorld,
  scenario: Scenario,
  options: RunOptions,
): Promise<LoadedSide[]> {
  const loaded: LoadedSide[] = [];
  for (const side of world.sides) {
    const { protocol, port } = side;
    const own = scenario.load === undefined ? {} : scenario.load(side, world);
    if (own === undefined) continue;
    const before = await moduleStats(world, protocol);
    const { seed, reportSeconds = 0.25 } = options;
    const common = { protocol, port, connections: 16, inFlight: 4, rate: RATE, payloads: PAYLOADS };
    loaded.push({
      side,
      before,
      load: CheckedLoad.start({ ...common, seed, reportSeconds, ...own }),
    });
  }
  return loaded;
}

/** One round: load, disturbance, recovery, end of the load, rest; then everything is counted. */
export async function runRound(
  world: ChaosWorld,
  scenario: Scenario,
  options: RunOptions,
): Promise<RoundResult> {
  const loaded = await startLoads(world, scenario, options);
  const loads = loaded.map(({ load }) => load);
  const reports: Record<string, CheckedReport> = {};
  const faults: string[] = [];
  try {
    for (const load of loads) await load.answers(1);
    options.onLoads?.(new Map(loaded.map(({ side, load }) => [side.protocol, load])), world);
    const round = new Round(loads, options.seconds, options.seed);
    await scenario.disturb(world, round);
    await world.restore();
    await scenario.recover?.(world);
    // It is well again when servers answer.
    for (const load of loads) await load.answers(100);
    for (const { side, load } of loaded) {
      const others = round.others.get(side.protocol);
      reports[side.protocol] = together(await load.stop(), others, faults);
    }
  } finally {
    for (const load of loads) await load.kill();
  }
  const restless = await settle(world);
  faults.push(...restless);
  for (const { side, before } of loaded) {
    const report = reports[side.protocol];
    if (report === undefined) continue;
    const after = await moduleStats(world, side.protocol);
    const found = [
      ...violations(report, scenario.mayTurnAway ?? false),
      ...discrepancies(report, before, after),
    ];
    faults.push(...found.map((text) => `${side.protocol}: ${text}`));
  }
  if (scenario.audit !== undefined) faults.push(...(await scenario.audit(world, reports)));
  return { reports, memory: await memoryOf(world), faults };
}

/** With what other clients have met; failures that are not the proxy's are faults. */
function together(
  report: CheckedReport,
  others: TrafficTally | undefined,
  faults: string[],
): CheckedReport {
  if (others === undefined) return report;
  const failed = { ...report.failed };
  for (const [text, count] of Object.entries(others.errors)) {
    const flag = FLAGS.find((name) => text.includes(FLAG_TEXTS[name]));
    if (flag === undefined) faults.push(`${String(count)} x ${text}`);
    else failed[flag] += count;
  }
  const sent = report.sent + others.requests;
  return { ...report, sent, answered: report.answered + others.succeeded, failed };
}

/**
 * What memory may grow by after the first half of the rounds, in bytes. The allocators of Envoy and V8
 * keep what they have freed for a while, and pools of each VM grow to the most that was needed at once.
 */
const TOLERANCE = {
  rss: 24 * MEBIBYTE,
  allocated: 8 * MEBIBYTE,
  heap: 4 * MEBIBYTE,
  buffered: 4 * MEBIBYTE,
} as const;

/**
 * The first half of the rounds sets the level; the last may not need more than that, within the tolerance. Too few
 * rounds tell nothing.
 */
export function memoryFaults(scenario: Scenario, results: readonly RoundResult[]): string[] {
  const last = results.at(-1)?.memory;
  const firstHalf = results.slice(0, Math.ceil(results.length / 2));
  if (last === undefined || firstHalf.length < (scenario.levelRounds ?? 1)) return [];
  const tolerance = { ...TOLERANCE, ...scenario.memoryTolerance };
  return (["rss", "allocated", "heap", "buffered"] as const).flatMap((kind) => {
    const level = Math.max(...firstHalf.map(({ memory }) => memory[kind]));
    if (last[kind] <= level + tolerance[kind]) return [];
    return [`${kind} has grown from ${String(level)} to ${String(last[kind])} bytes`];
  });
}

export interface ScenarioOptions extends RunOptions {
  readonly rounds: number;
  /** Up to that many, while memory has not levelled: an allocator keeps what it likes, a leak goes on. Default `rounds`. */
  readonly mostRounds?: number;
  readonly onRound?: (result: RoundResult, round: number) => void;
}

/** Scenarios one after the other; those that want the same world share one. Call `stop`, always. */
export class ScenarioRun {
  private world: ChaosWorld | undefined;
  private options: WorldOptions | undefined;

  async scenario(scenario: Scenario, options: ScenarioOptions): Promise<RoundResult[]> {
    const world = await this.worldFor(scenario.world);
    try {
      await scenario.setUp?.(world);
      const results = await this.rounds(world, scenario, options);
      await scenario.tearDown?.(world);
      return results;
    } catch (error) {
      // Half disturbed, it is no place for the next one. Why Envoy has ended, if it has, tells more.
      await this.stop();
      throw error;
    }
  }

  private async rounds(
    world: ChaosWorld,
    scenario: Scenario,
    options: ScenarioOptions,
  ): Promise<RoundResult[]> {
    const results: RoundResult[] = [];
    const { rounds, mostRounds = rounds } = options;
    const isEnough = (): boolean =>
      results.length >= rounds &&
      (results.length >= mostRounds || memoryFaults(scenario, results).length === 0);
    for (let round = 1; !isEnough(); round++) {
      const seed = options.seed * 1000 + round;
      const result = await runRound(world, scenario, { ...options, seed });
      results.push(result);
      options.onRound?.(result, round);
    }
    return results;
  }

  async stop(): Promise<void> {
    const { world } = this;
    this.world = undefined;
    await world?.stop();
  }

  private async worldFor(options: WorldOptions | undefined): Promise<ChaosWorld> {
    if (this.world !== undefined && this.options === options) return this.world;
    await this.stop();
    this.options = options;
    this.world = await ChaosWorld.start(options);
    return this.world;
  }
}
