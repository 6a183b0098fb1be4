// Results as Markdown tables.
import { payloadName, shapeName, type Case } from "./cases.js";
import { isSound, type Result, type Spread } from "./summary.js";

const HEADER = [
  "| load | path | CPU us/request | x metaproto's | requests/s | p50 us | p99 us | p99.9 us | Envoy busy | load busy |",
  "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
];

function digits(value: number): string {
  return value < 100 ? value.toFixed(2) : value.toFixed(0);
}

/** Median, and from the lowest to the highest round. */
function spread({ median, low, high }: Spread): string {
  return low === high ? digits(median) : `${digits(median)} (${digits(low)}..${digits(high)})`;
}

function isSameLoad(a: Case, b: Case): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function oursIn(results: readonly Result[], load: Case): Result | undefined {
  return results.find(
    (result) => result.contender.kind === "ours" && isSameLoad(result.load, load),
  );
}

function row(result: Result, all: readonly Result[]): string {
  const { contender, load, values } = result;
  const own = oursIn(all, load);
  const name = `${load.protocol} ${shapeName(load)}, ${payloadName(load)}`;
  const isProxy = contender.kind !== "direct";
  const ratio = own === undefined || !isProxy ? "" : values.cpuUs.median / own.values.cpuUs.median;
  const wrong = `${values.faults.high} wrong or missing`;
  const cells = [
    name,
    contender.name,
    isProxy ? spread(values.cpuUs) : "",
    isSound(result) ? (ratio === "" ? "" : ratio.toFixed(2)) : wrong,
    spread(values.rps),
    digits(values.p50Us.median),
    digits(values.p99Us.median),
    digits(values.p999Us.median),
    isProxy ? `${values.envoyPercent.median.toFixed(0)}%` : "",
    `${values.loadPercent.median.toFixed(0)}%`,
  ];
  return `| ${cells.join(" | ")} |`;
}

export function resultTable(results: readonly Result[]): string {
  return [...HEADER, ...results.map((result) => row(result, results))].join("\n");
}
