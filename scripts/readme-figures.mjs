// Brings the figures of docs/bench/README.md into README.md as ratios: `npm run figures`. With --check it
// only tells whether they are there already.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { format } from "prettier";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const BENCH = "docs/bench/README.md";
const README = join(ROOT, "README.md");
const BEGIN = "<!-- figures:begin -->";
const END = "<!-- figures:end -->";
const OURS = "metaproto";

/** What stands between two marks. */
function between(text, begin, end) {
  const start = text.indexOf(begin);
  const stop = text.indexOf(end);
  if (start === -1 || stop < start) throw new Error(`there is no ${begin} ... ${end}`);
  return text.slice(start + begin.length, stop);
}

/** Rows of the bench's table: load, protocol, path, CPU microseconds per request, requests per second. */
function measurements(section) {
  const cells = section
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) => line.split("|").map((cell) => cell.trim()));
  return cells.slice(2).map(([, load, protocol, path, cpu, rps, , , remark = ""]) => {
    return { load, protocol, path, cpu: Number(cpu), rps: Number(rps), remark };
  });
}

function ratio(own, other) {
  if (own === undefined || other === undefined) return "";
  if (other.remark.startsWith("not comparable")) return "not comparable";
  const cpu = (own.cpu / other.cpu).toFixed(2);
  const rps = (own.rps / other.rps).toFixed(1);
  return `${cpu} / ${rps}`;
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
  const section = between(
    readFileSync(join(ROOT, BENCH), "utf8"),
    "<!-- bench:begin -->",
    "<!-- bench:end -->",
  );
  const rows = measurements(section);
  if (rows.length === 0) {
    return "No figures are committed: `npm run bench -- --write && npm run figures` measures them and brings them here.";
  }
  const about = section
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("|"))
    .join(" ");
  return [
    `CPU per request and requests per second of metaproto **divided by those of the other**: 0.50 / 2.0 is half the CPU and twice the requests. ${about}`,
    "",
    ...table(rows),
  ].join("\n");
}

const before = readFileSync(README, "utf8");
between(before, BEGIN, END);
const head = before.slice(0, before.indexOf(BEGIN) + BEGIN.length);
const rest = before.slice(before.indexOf(END));
const text = `${head}\n\n${figures()}\n\n${rest}`;
const after = await format(text, { parser: "markdown", printWidth: 100 });
if (!process.argv.includes("--check")) writeFileSync(README, after);
else if (before !== after) {
  console.error(`the figures of README.md are not those of ${BENCH}: npm run figures`);
  process.exitCode = 1;
}
