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

/** Paths that have a column, and ours. */
const SHOWN = ["tcp_proxy", "dubbo_proxy", "generic_proxy", "thrift_proxy", OURS];

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

/** One row for each load, one column for each filter of Envoy. */
function table(rows) {
  const others = rows.filter(({ path }) => path !== OURS);
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
      return ratio(find(load, protocol, OURS), find(load, protocol, path));
    });
    return `| ${[load, ...cells].join(" | ")} |`;
  });
  return [`| Load | ${names.join(" | ")} |`, `|---${"|---".repeat(columns.length)}|`, ...lines];
}

function figures() {
  const file = join(ROOT, BENCH);
  if (!existsSync(file)) {
    return "No figures are committed: `npm run bench -- --write && npm run figures` measures them and brings them here.";
  }
  /** @type {{ about: About, results: Result[] }} */
  const { about, results } = JSON.parse(readFileSync(file, "utf8"));
  const { envoy, cpu, cores, rounds, closedSeconds } = about;
  return [
    "CPU per request and requests per second of metaproto **divided by those of the other**: 0.50 / 2.0 is half the CPU and twice the requests.",
    `Envoy ${envoy}, one worker, ${cores} cores of ${cpu}, medians of ${rounds} rounds of ${closedSeconds} s each.`,
    "`8x8` is 8 connections with 8 requests in flight on each.",
    "",
    ...table(compared(results)),
    "",
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
