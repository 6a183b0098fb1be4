// npm run bench: Envoy's own filters and ours side by side; see options.ts for what it can be told.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, loadavg, release, type } from "node:os";
import { fileURLToPath } from "node:url";
import { envoyBinary } from "../envoy/support/envoy-binary.js";
import { runCampaign, type Campaign } from "./campaign.js";
import { CONTENDERS, filterContenders } from "./contenders.js";
import { measureMemory } from "./memory.js";
import { measureModules } from "./modules.js";
import { parseOptions, USAGE, type BenchOptions } from "./options.js";
import { SINKS, type Sink } from "./policies.js";
import { withEchoServers, withSinks } from "./processes.js";
import type { About, Report } from "./report.js";
import { resultsJson } from "./results-file.js";
import { measureServing } from "./serving.js";
import type { Result } from "./summary.js";
import { asText } from "./tables.js";
import { faultsOf } from "./targets.js";
import { aboutText, writeReport } from "./write-report.js";

const DOCS = fileURLToPath(new URL("../../docs/bench", import.meta.url));

function envoyVersion(): string {
  const line = execFileSync(envoyBinary(), ["--version"], { encoding: "utf8" });
  return /\d+\.\d+\.\d+/.exec(line)?.[0] ?? line.trim();
}

function about({ rounds, closedSeconds, openSeconds }: BenchOptions): About {
  return {
    date: new Date().toISOString().slice(0, 10),
    envoy: envoyVersion(),
    cpu: cpus()[0]?.model ?? "an unknown CPU",
    cores: cpus().length,
    kernel: `${type()} ${release()}`,
    loadBefore: Number((loadavg()[0] ?? 0).toFixed(2)),
    rounds,
    closedSeconds,
    openSeconds,
  };
}

/** Idle connections, of which each may take only so much. */
const IDLE = 10_000;

/** Deliveries of a module for each round of its other figures. */
const DELIVERIES = 3;

async function bench(options: BenchOptions): Promise<Report> {
  const onProgress = (line: string): void => console.error(line);
  const { memoryOf, moduleRounds } = options;
  const circumstances = about(options);
  return withEchoServers(async (echoPorts) => {
    const failures: string[] = [];
    /** A part that fails takes nothing from those that were measured. */
    const attempt = async <T>(part: () => Promise<T>, otherwise: T): Promise<T> => {
      try {
        return await part();
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
        return otherwise;
      }
    };
    const run = async (campaign: Campaign, sinks: readonly Sink[]): Promise<readonly Result[]> => {
      if (campaign.plan.length === 0) return [];
      const outcome = await withSinks(echoPorts, sinks, onProgress, (ports) =>
        runCampaign({ ...campaign, onProgress }, ports),
      );
      failures.push(...outcome.failures);
      return outcome.results;
    };
    const results = await attempt(
      () => run({ ...options, contenders: CONTENDERS }, ["collector"]),
      [],
    );
    const filters = await attempt(() => run(filterCampaign(options), SINKS), []);
    const memory = await attempt(() => measureMemory(echoPorts, memoryOf, IDLE, onProgress), []);
    const modules = await attempt(() => measureModules(echoPorts, moduleRounds, onProgress), []);
    const serving = await attempt(() => servingTime(moduleRounds), {});
    return { about: circumstances, results, filters, memory, modules, ...serving, failures };
  });
}

function filterCampaign({ filterPlan, filterRounds, filterSeconds }: BenchOptions): Campaign {
  return {
    plan: filterPlan,
    contenders: filterContenders("dubbo"),
    rounds: filterRounds,
    closedSeconds: filterSeconds,
    openSeconds: filterSeconds,
  };
}

async function servingTime(rounds: number): Promise<Pick<Report, "servingMs">> {
  return rounds === 0 ? {} : { servingMs: await measureServing(DELIVERIES * rounds) };
}

if (process.argv.includes("--help")) {
  console.log(USAGE);
} else {
  const options = parseOptions(process.argv.slice(2));
  const begin = performance.now();
  const report = await bench(options);
  console.log(`${aboutText(report.about)}\n\n${asText(report)}`);
  console.error(`took ${((performance.now() - begin) / 60_000).toFixed(1)} minutes`);
  if (options.jsonFile !== undefined) {
    writeFileSync(options.jsonFile, `${JSON.stringify(resultsJson(report))}\n`);
  }
  if (faultsOf(report).length > 0) process.exitCode = 1;
  if (options.isWriting) await writeReport(report, DOCS);
}
