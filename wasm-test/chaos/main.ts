// npm run chaos -- [--minutes N] [--scenario NAME] [--seconds S] [--seed N]
//
// Every scenario, or one, for N minutes each (default 1), in rounds of S seconds (default 10). Ends with 1 when
// an invariant did not hold.
import { parseArgs } from "node:util";
import { missingChaosPrograms } from "./checked-load.js";
import { type RoundResult, ScenarioRun, memoryFaults } from "./run-scenario.js";
import { SCENARIOS, scenarioOf } from "./scenarios.js";

const MEBIBYTE = 1024 * 1024;

function line(round: number, result: RoundResult): string {
  const counts = Object.entries(result.reports).map(([protocol, report]) => {
    const failed = Object.entries(report.failed).filter(([, count]) => count > 0);
    const errors = failed.map(([flag, count]) => `${String(count)} ${flag}`).join(", ");
    const gone = report.abandoned > 0 ? `, ${String(report.abandoned)} abandoned` : "";
    return `${protocol} ${String(report.answered)} answered${errors && `, ${errors}`}${gone}`;
  });
  const memory = (["rss", "allocated", "heap", "buffered"] as const)
    .map((kind) => `${kind} ${(result.memory[kind] / MEBIBYTE).toFixed(2)}`)
    .join(", ");
  return `  round ${String(round)}: ${counts.join("; ")}; MiB: ${memory}`;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "1" },
      seconds: { type: "string", default: "10" },
      seed: { type: "string", default: "1" },
      scenario: { type: "string" },
    },
  });
  const missing = missingChaosPrograms();
  if (missing !== undefined) throw new Error(missing);
  const seconds = Number(values.seconds);
  const rounds = Math.max(2, Math.round((Number(values.minutes) * 60) / seconds));
  let faultCount = 0;
  const chosen = values.scenario === undefined ? SCENARIOS : [scenarioOf(values.scenario)];
  const run = new ScenarioRun();
  try {
    for (const scenario of chosen) {
      console.log(`${scenario.name}: ${scenario.about}`);
      const results = await run.scenario(scenario, {
        ...{ rounds, seconds, seed: Number(values.seed) },
        onRound: (result, round) => {
          console.log(line(round, result));
          for (const fault of result.faults) console.log(`    FAULT ${fault}`);
        },
      });
      const growth = memoryFaults(scenario, results);
      for (const fault of growth) console.log(`    FAULT ${fault}`);
      faultCount += growth.length + results.flatMap((result) => result.faults).length;
    }
  } finally {
    await run.stop();
  }
  console.log(faultCount === 0 ? "every invariant held" : `${String(faultCount)} faults`);
  return faultCount === 0 ? 0 : 1;
}

process.exitCode = await main();
