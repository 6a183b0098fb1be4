// npm run bench [-- --quick] [--rounds N] [--write]: Envoy's own filters and ours side by side, in one Envoy.
//
// Rounds are interleaved, so that what else the machine does meets all alike; medians are reported.
// --quick: one short round. --write: the table goes into docs/bench/README.md.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { envoyBinary } from "../envoy/support/envoy-binary.js";
import { Envoy } from "../envoy/support/envoy.js";
import { startEchoServer } from "../envoy/support/load.js";
import { benchBootstrap, CONTENDERS } from "./bootstrap.js";
import { measure, medians, shapeName, type Measurement, type Shape } from "./measure.js";
import { markdownTable, shortfalls } from "./report.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const REPORT = `${ROOT}docs/bench/README.md`;
const MARK_BEGIN = "<!-- bench:begin -->";
const MARK_END = "<!-- bench:end -->";

const SHAPES: readonly Shape[] = [
  { connections: 4, inFlight: 1 },
  { connections: 8, inFlight: 8 },
  { connections: 100, inFlight: 1 },
  { connections: 1000, inFlight: 1 },
  { connections: 64, inFlight: 64 },
];

async function run(rounds: number, seconds: number): Promise<Measurement[]> {
  const dubbo = await startEchoServer({ protocol: "dubbo" });
  const thrift = await startEchoServer({ protocol: "thrift" });
  const bootstrap = benchBootstrap({ dubbo: dubbo.port, thrift: thrift.port });
  const envoy = await Envoy.start({ bootstrap, cwd: ROOT, logLevel: "error" });
  try {
    const results: Measurement[] = [];
    for (const shape of SHAPES) {
      const measured = new Map(CONTENDERS.map((contender) => [contender, [] as Measurement[]]));
      for (let round = 1; round <= rounds; round++) {
        console.error(`${shapeName(shape)}: round ${String(round)} of ${String(rounds)}`);
        for (const [contender, list] of measured) {
          list.push(await measure(envoy, contender, shape, seconds));
        }
      }
      for (const list of measured.values()) results.push(medians(list));
    }
    return results;
  } finally {
    await envoy.stop();
    await dubbo.stop();
    await thrift.stop();
  }
}

function envoyVersion(): string {
  const line = execFileSync(envoyBinary(), ["--version"], { encoding: "utf8" });
  return /\d+\.\d+\.\d+/.exec(line)?.[0] ?? line.trim();
}

function write(table: string, rounds: number, seconds: number): void {
  const text = readFileSync(REPORT, "utf8");
  const begin = text.indexOf(MARK_BEGIN) + MARK_BEGIN.length;
  const end = text.indexOf(MARK_END);
  const about =
    `Envoy ${envoyVersion()}, one worker, 100 byte payloads, medians of ` +
    `${String(rounds)} rounds of ${String(seconds)} s each.`;
  const rest = `\n\n${about}\n\n${table}\n\n`;
  writeFileSync(REPORT, text.slice(0, begin) + rest + text.slice(end));
}

const isQuick = process.argv.includes("--quick");
const roundsAt = process.argv.indexOf("--rounds");
const rounds = roundsAt > 0 ? Number(process.argv[roundsAt + 1]) : isQuick ? 1 : 5;
const seconds = isQuick ? 2 : 3;
const measurements = await run(rounds, seconds);
const table = markdownTable(measurements);
console.log(table);
const missed = shortfalls(measurements);
console.log(
  missed.length === 0
    ? "metaproto is cheaper than Envoy's own protocol filters at every shape"
    : `metaproto is not cheaper here:\n  ${missed.join("\n  ")}`,
);
if (process.argv.includes("--write")) write(table, rounds, seconds);
