// npm run soak -- [--minutes N] [--seed N] [--note TEXT] [--write]
//
// All disturbances mixed, for N minutes (default 30), in rounds of two minutes, each of which ends at rest with
// the invariants checked. --write: the graph and the figures go into docs/bench/soak.*; the note says what else
// the machine did.
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { format, resolveConfig } from "prettier";
import { type CheckedLoad, FLAGS, missingChaosPrograms } from "./checked-load.js";
import { memoryOf } from "./accounts.js";
import { MIXED } from "./mixed-scenario.js";
import { type RoundResult, ScenarioRun, memoryFaults } from "./run-scenario.js";
import { type Sample, soakChart, soakMarkdown } from "./soak-report.js";
import type { ChaosWorld } from "./world.js";

const DOCS = fileURLToPath(new URL("../../docs/bench/", import.meta.url));
const ROUND_SECONDS = 120;
const SAMPLE_MS = 5000;

/** What happens between two samples. */
class Sampler {
  readonly samples: Sample[] = [];
  private readonly startMs = Date.now();
  private world: ChaosWorld | undefined;
  private current = { answered: 0, failed: 0, p99Us: 0 };

  watch(load: CheckedLoad): void {
    let before = { answered: 0, failed: 0 };
    load.onReport((report) => {
      const failed = FLAGS.reduce((sum, flag) => sum + report.failed[flag], 0);
      this.current.answered += report.answered - before.answered;
      this.current.failed += failed - before.failed;
      this.current.p99Us = Math.max(this.current.p99Us, report.p99Us);
      before = { answered: report.answered, failed };
    });
  }

  async take(): Promise<void> {
    if (this.world === undefined) return;
    const { rss, allocated, heap, linear } = await memoryOf(this.world);
    const { current } = this;
    this.current = { answered: 0, failed: 0, p99Us: 0 };
    const minutes = (Date.now() - this.startMs) / 60_000;
    this.samples.push({ minutes, rss, allocated, heap, linear, ...current });
  }

  begin(loads: Iterable<CheckedLoad>, world: ChaosWorld): void {
    this.world = world;
    for (const load of loads) this.watch(load);
  }
}

async function run(minutes: number, seed: number, sampler: Sampler): Promise<RoundResult[]> {
  const scenarios = new ScenarioRun();
  const timer = setInterval(() => {
    // The admin interface does not answer while Envoy is busy with a new configuration: a gap.
    sampler.take().catch(() => undefined);
  }, SAMPLE_MS);
  try {
    return await scenarios.scenario(MIXED, {
      rounds: Math.max(1, Math.round((minutes * 60) / ROUND_SECONDS)),
      ...{ seconds: Math.min(ROUND_SECONDS, minutes * 60), seed, reportSeconds: 1 },
      onLoads: (loads, world) => {
        sampler.begin(loads.values(), world);
      },
      onRound: ({ faults, memory }, round) => {
        console.log(`round ${String(round)}: ${JSON.stringify(memory)}`);
        for (const fault of faults) console.log(`  FAULT ${fault}`);
      },
    });
  } finally {
    clearInterval(timer);
    await scenarios.stop();
  }
}

async function writeFormatted(name: string, text: string): Promise<void> {
  const options = await resolveConfig(DOCS + name);
  writeFileSync(DOCS + name, await format(text, { ...options, filepath: DOCS + name }));
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "30" },
      seed: { type: "string", default: "1" },
      note: { type: "string", default: "" },
      write: { type: "boolean", default: false },
    },
  });
  const missing = missingChaosPrograms();
  if (missing !== undefined) throw new Error(missing);
  const sampler = new Sampler();
  const results = await run(Number(values.minutes), Number(values.seed), sampler);
  const faults = [...results.flatMap((result) => result.faults), ...memoryFaults(MIXED, results)];
  const report = {
    ...{ minutes: Number(values.minutes), seed: Number(values.seed), note: values.note },
    ...{ cores: cpus().length, faults, samples: sampler.samples, results },
  };
  console.log(soakMarkdown(report));
  if (values.write) {
    writeFileSync(`${DOCS}soak.svg`, soakChart(report));
    await writeFormatted("soak.md", soakMarkdown(report));
    await writeFormatted("soak.json", JSON.stringify(report));
  }
  return faults.length === 0 ? 0 : 1;
}

process.exitCode = await main();
