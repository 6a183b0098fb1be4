// Brings the figures of docs/bench/results.json into README.md as ratios: `npm run figures`. With --check it
// only tells whether they are there already.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { format } from "prettier";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const BENCH = "docs/bench/results.json";
const README = join(ROOT, "README.md");
const BEGIN = "<!-- figures:begin -->";
const END = "<!-- figures:end -->";
const OURS = "metaproto";
const ALL_ON = "metaproto, all filters on";

/** Envoy's filters for protocols, and what any proxy costs. */
const PROTOCOL_FILTERS = ["dubbo_proxy", "generic_proxy", "thrift_proxy"];
const OTHERS = ["tcp_proxy", ...PROTOCOL_FILTERS];
const SHOWN = [...OTHERS, OURS, ALL_ON];

/**
 * @typedef {{ load: string, path: string, cpuUs: number[], rps: number[], faults: number[] }} Result
 * @typedef {{ envoy: string, cpu: string, cores: number, rounds: number, closedSeconds: number, date: string }} About
 */

/** @param {number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index) => sorted[index] ?? Number.NaN;
  return (at(Math.floor((sorted.length - 1) / 2)) + at(Math.floor(sorted.length / 2))) / 2;
}

/** Medians of what `own` needs and does, divided, round by round, by what the other does. */
function ratio(own, other) {
  if (own === undefined || other === undefined) return "";
  if (other.faults.some((count) => count > 0)) return "not comparable";
  const of = (key) => median(other[key].map((value, round) => own[key][round] / value));
  return `${of("cpuUs").toFixed(2)} / ${of("rps").toFixed(1)}`;
}

/** The closed loops on one worker, which is what the table is about. @param {Result[]} results */
function compared(results) {
  return results
    .filter(({ load, path }) => !/:(w\d+|open)/.test(load) && SHOWN.includes(path))
    .map((result) => {
      const [protocol = "", shape = "", payload = ""] = result.load.split(":");
      return { ...result, protocol, load: `${shape}, ${payload.replace(/(\d)([A-Z])/, "$1 $2")}` };
    });
}

/** One row for each load, one column for each of the others: what `own` is compared to them. */
function table(rows, own, paths) {
  const others = rows.filter(({ path }) => paths.includes(path));
  const columns = [...new Set(others.map(({ protocol, path }) => `${protocol} ${path}`))];
  const loads = [...new Set(rows.map(({ load }) => load))];
  const find = (load, protocol, path) =>
    rows.find((row) => row.load === load && row.protocol === protocol && row.path === path);
  const names = columns.map((column) => {
    const [protocol = "", path = ""] = column.split(" ");
    return `${protocol[0]?.toUpperCase()}${protocol.slice(1)}: \`${path}\``;
  });
  const lines = loads.map((load) => {
    const cells = columns.map((column) => {
      const [protocol, path] = column.split(" ");
      return ratio(find(load, protocol, own), find(load, protocol, path));
    });
    return `| ${[load, ...cells].join(" | ")} |`;
  });
  return [`| Load | ${names.join(" | ")} |`, `|---${"|---".repeat(columns.length)}|`, ...lines];
}

/** Empty where that was not measured. */
function allOnTable(rows) {
  if (!rows.some(({ path }) => path === ALL_ON)) return [];
  return [
    "The same with **all built-in filters on**, against Envoy's filters with nothing on; what each of them adds is in [docs/bench](docs/bench/README.md#what-each-filter-adds).",
    "",
    ...table(rows, ALL_ON, PROTOCOL_FILTERS),
    "",
  ];
}

/**
 * @typedef {{ low: number, median: number, high: number }} Spread
 * @typedef {{ module: string, bytes: number, gzipBytes: number, vmBytes: Spread, baseBytes: Spread, startMs: Spread }} Module
 * @param {readonly Module[]} modules
 * @param {Spread | undefined} servingMs
 */
function moduleFigures(modules, servingMs) {
  if (modules.length === 0 || servingMs === undefined) return [];
  const kib = (bytes) => (bytes / 1024).toFixed(0);
  const mib = (bytes) => (bytes / 1024 / 1024).toFixed(1);
  const rows = modules.map(
    ({ module, bytes, gzipBytes, vmBytes, baseBytes, startMs }) =>
      `| ${module} | ${kib(bytes)} | ${kib(gzipBytes)} | ${mib(vmBytes.median)} | ${mib(baseBytes.median)} | ${startMs.median.toFixed(0)} |`,
  );
  return [
    "| Module | KiB | KiB, gzip | MiB for each worker's VM | MiB once | ms that Envoy starts later |",
    "|---|---:|---:|---:|---:|---:|",
    ...rows,
    "",
    `From the delivery of a module to a running Envoy to the first request that it serves: ${(servingMs.median / 1000).toFixed(1)} s.`,
    "",
  ];
}

function figures() {
  const file = join(ROOT, BENCH);
  if (!existsSync(file)) {
    return "No figures are committed: `npm run bench -- --write && npm run figures` measures them and brings them here.";
  }
  /** @type {{ about: About, results: Result[], modules: Module[], servingMs?: Spread }} */
  const { about, results, modules, servingMs } = JSON.parse(readFileSync(file, "utf8"));
  const { envoy, cpu, cores, rounds, closedSeconds } = about;
  const rows = compared(results);
  return [
    "CPU per request and requests per second of metaproto **divided by those of the other**: 0.50 / 2.0 is half the CPU and twice the requests.",
    `Envoy ${envoy}, one worker, ${cores} cores of ${cpu}, medians of ${rounds} rounds of ${closedSeconds} s each.`,
    "`8x8` is 8 connections with 8 requests in flight on each.",
    "",
    ...table(rows, OURS, OTHERS),
    "",
    ...allOnTable(rows),
    ...moduleFigures(modules, servingMs),
    "![CPU of Envoy for each request](docs/bench/cpu.svg)",
  ].join("\n");
}

const before = readFileSync(README, "utf8");
if (before.indexOf(BEGIN) === -1 || before.indexOf(END) < before.indexOf(BEGIN)) {
  throw new Error(`README.md has no ${BEGIN} ... ${END}`);
}
const head = before.slice(0, before.indexOf(BEGIN) + BEGIN.length);
const rest = before.slice(before.indexOf(END));
const text = `${head}\n\n${figures()}\n\n${rest}`;
const after = await format(text, { parser: "markdown", printWidth: 100 });
if (!process.argv.includes("--check")) writeFileSync(README, after);
else if (before !== after) {
  console.error(`the figures of README.md are not those of ${BENCH}: npm run figures`);
  process.exitCode = 1;
}
