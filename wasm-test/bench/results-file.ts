// results.json: what a report measured, round by round, for plots and scripts of others.
import { caseName } from "./cases.js";
import type { Sample } from "./measure.js";
import type { Report } from "./report.js";
import type { Result } from "./summary.js";
import { isReached, verdicts } from "./targets.js";

const VALUES = [
  "cpuUs",
  "rps",
  "p50Us",
  "p99Us",
  "p999Us",
  "envoyPercent",
  "loadPercent",
  "faults",
] as const satisfies readonly (keyof Sample)[];

/** Four digits say all that a measurement knows. */
function rounded(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4));
}

function resultJson({ load, contender, rate, samples }: Result): object {
  return {
    load: caseName(load),
    path: contender.name,
    kind: contender.kind,
    ...(rate === undefined ? {} : { rate }),
    ...Object.fromEntries(
      VALUES.map((key) => [key, samples.map((sample) => rounded(sample[key]))]),
    ),
  };
}

/** The content of the file; values of a result are lists, one element for each round. */
export function resultsJson(report: Report): object {
  return {
    about: report.about,
    results: report.results.map(resultJson),
    filters: report.filters.map(resultJson),
    memory: report.memory.map(({ contender, ...bytes }) => ({
      protocol: contender.protocol,
      path: contender.name,
      ...Object.fromEntries(Object.entries(bytes).map(([key, value]) => [key, Math.round(value)])),
    })),
    modules: report.modules,
    ...(report.servingMs === undefined ? {} : { servingMs: report.servingMs }),
    targets: verdicts(report).map((verdict) => ({
      ...verdict,
      isReached: isReached(verdict),
    })),
  };
}
