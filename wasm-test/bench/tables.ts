// A report as Markdown.
import { payloadName, shapeName, type Case } from "./cases.js";
import type { Sample } from "./measure.js";
import type { ConnectionMemory } from "./memory.js";
import { allOnUnder, casesOf, oursUnder, resultsOf, type Report } from "./report.js";
import { differenceOf, isSound, ratioOf, valueOf, type Result, type Spread } from "./summary.js";
import { faultsOf, isReached, verdicts, type Verdict } from "./targets.js";

const KIB = 1024;

function digits(value: number): string {
  return value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0);
}

/** Median, and from the lowest to the highest round. */
function spread({ median, low, high }: Spread): string {
  const range = `${digits(low)}..${digits(high)}`;
  return digits(low) === digits(high) ? digits(median) : `${digits(median)} (${range})`;
}

function table(
  columns: readonly (readonly [string, "left" | "right"])[],
  rows: string[][],
): string {
  const header = columns.map(([name]) => name);
  const rule = columns.map(([, side]) => (side === "left" ? "---" : "---:"));
  return [header, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Load and number of workers if it is not one, without the loop. */
export function loadName(load: Case): string {
  const workers = load.workers === 1 ? "" : `, w${load.workers}`;
  return `${shapeName(load)}, ${payloadName(load)}${workers}`;
}

/** `own` divided by the other, or why it cannot be told. */
function ratioCell(own: Result | undefined, result: Result, key: keyof Sample): string {
  if (!isSound(result)) return "not comparable: answers wrong or missing";
  const isSame = own === result || result.contender.kind === "direct";
  return own === undefined || isSame ? "" : spread(ratioOf(own, result, key));
}

function allOnCell(report: Report, result: Result): string {
  return isSound(result) ? ratioCell(allOnUnder(report, result.load), result, "cpuUs") : "";
}

function closedTable(report: Report): string {
  const rows = report.results
    .filter(({ load }) => load.loop === "closed")
    .map((result) => {
      const isProxy = result.contender.kind !== "direct";
      return [
        result.load.protocol,
        loadName(result.load),
        result.contender.name,
        isProxy ? spread(valueOf(result, "cpuUs")) : "",
        ratioCell(oursUnder(report, result.load), result, "cpuUs"),
        allOnCell(report, result),
        spread(valueOf(result, "rps")),
        isProxy ? `${valueOf(result, "envoyPercent").median.toFixed(0)}%` : "",
        `${valueOf(result, "loadPercent").median.toFixed(0)}%`,
      ];
    });
  return table(
    [
      ["protocol", "left"],
      ["load", "left"],
      ["path", "left"],
      ["CPU us/request", "right"],
      ["metaproto's / its CPU", "right"],
      ["all filters on / its CPU", "right"],
      ["requests/s", "right"],
      ["Envoy", "right"],
      ["generator", "right"],
    ],
    rows,
  );
}

/** Of fewer requests in a round, the slowest one of a thousand is chance. */
const ENOUGH_FOR_P999 = 3000;

function isEnoughForP999({ rate = 0 }: Result, { about }: Report): boolean {
  return rate * about.openSeconds >= ENOUGH_FOR_P999;
}

function openTable(report: Report): string {
  const rows = report.results
    .filter(({ load }) => load.loop === "open")
    .map((result) => [
      result.load.protocol,
      loadName(result.load),
      String(result.rate ?? 0),
      result.contender.name,
      spread(valueOf(result, "p50Us")),
      spread(valueOf(result, "p99Us")),
      ratioCell(oursUnder(report, result.load), result, "p99Us"),
      isEnoughForP999(result, report) ? spread(valueOf(result, "p999Us")) : "",
      result.contender.kind === "direct" ? "" : spread(valueOf(result, "cpuUs")),
    ]);
  return table(
    [
      ["protocol", "left"],
      ["load", "left"],
      ["requests/s", "right"],
      ["path", "left"],
      ["p50 us", "right"],
      ["p99 us", "right"],
      ["metaproto's / its p99", "right"],
      ["p99.9 us", "right"],
      ["CPU us/request", "right"],
    ],
    rows,
  );
}

/** What each filter adds: a row for each, two columns for each load. */
function filterTable({ filters }: Report): string {
  const loads = casesOf({ results: filters });
  const names = [...new Set(filters.map(({ contender }) => contender.name))];
  const rows = names.map((name) => [
    name,
    ...loads.flatMap((load) => filterCells(filters, load, name)),
  ]);
  const columns = loads.flatMap((load) => {
    const shape = `${load.protocol} ${shapeName(load)}`;
    return [
      [`${shape}: CPU us/request`, "right"],
      ["added us", "right"],
      ["of the bare module's", "right"],
    ] as const;
  });
  return table([["filter", "left"], ...columns], rows);
}

function filterCells(filters: readonly Result[], load: Case, name: string): string[] {
  const results = resultsOf({ results: filters }, load);
  const own = results.find(({ contender }) => contender.name === name);
  const bare = oursUnder({ results: filters }, load);
  if (own === undefined || own.samples.length === 0) return ["", "", ""];
  if (!isSound(own)) return ["answers wrong or missing", "", ""];
  const cpu = spread(valueOf(own, "cpuUs"));
  if (bare === undefined || own === bare) return [cpu, "", ""];
  return [cpu, signed(differenceOf(own, bare, "cpuUs")), spread(ratioOf(own, bare, "cpuUs"))];
}

function signed({ median, low, high }: Spread): string {
  return `${median.toFixed(2)} (${low.toFixed(2)}..${high.toFixed(2)})`;
}

function memoryTable(memory: readonly ConnectionMemory[]): string {
  const kib = (bytes?: number): string => (bytes === undefined ? "" : (bytes / KIB).toFixed(1));
  return table(
    [
      ["protocol", "left"],
      ["path", "left"],
      ["idle connections", "right"],
      ["KiB each, nothing sent yet", "right"],
      ["KiB each, after one request", "right"],
      ["MiB for 1,000 that are busy", "right"],
    ],
    memory.map(({ contender, idle, silentBytes, idleBytes, busyBytes }) => [
      contender.name === "echo" ? "" : contender.protocol,
      contender.name,
      String(idle),
      kib(silentBytes),
      kib(idleBytes),
      busyBytes === undefined ? "" : ((busyBytes * 1000) / KIB ** 2).toFixed(1),
    ]),
  );
}

function moduleTable({ modules }: Report): string {
  const mib = (bytes: Spread): string => spread(scaled(bytes, 1 / KIB ** 2));
  return table(
    [
      ["module", "left"],
      ["KiB", "right"],
      ["KiB, gzip", "right"],
      ["MiB for each worker's VM", "right"],
      ["MiB once", "right"],
      ["CPU at rest, ms a second", "right"],
      ["start, ms", "right"],
    ],
    modules.map(({ module, bytes, gzipBytes, vmBytes, baseBytes, restUs, startMs }) => [
      module,
      (bytes / KIB).toFixed(1),
      (gzipBytes / KIB).toFixed(1),
      mib(vmBytes),
      mib(baseBytes),
      spread(scaled(restUs, 1 / 1000)),
      spread(startMs),
    ]),
  );
}

function scaled({ median, low, high }: Spread, factor: number): Spread {
  return { median: median * factor, low: low * factor, high: high * factor };
}

function outcome(verdict: Verdict): string {
  const { measured, limit, isAtLeast } = verdict;
  if (isReached(verdict)) return "reached";
  const by = Math.abs(measured.median / limit - 1) * 100;
  const isWithinSpread = isAtLeast ? measured.high >= limit : measured.low <= limit;
  return `**missed by ${by.toFixed(0)}%**${isWithinSpread ? ", reached in some rounds" : ""}`;
}

function targetTable(report: Report): string {
  return table(
    [
      ["target", "left"],
      ["limit", "left"],
      ["measured", "right"],
      ["", "left"],
    ],
    verdicts(report).map((verdict) => [
      verdict.target,
      `${verdict.isAtLeast ? "at least" : "at most"} ${verdict.limit}${verdict.unit}`,
      spread(verdict.measured),
      outcome(verdict),
    ]),
  );
}

/** One part of a report: what it is called, what its columns mean, its table. */
export interface Section {
  readonly title: string;
  readonly text: string;
  readonly table: string;
}

/** The parts of a report that hold something, in the order in which they are read. */
export function sections(report: Report): Section[] {
  const { servingMs } = report;
  const serving =
    servingMs === undefined
      ? ""
      : ` From the delivery of a new module by ECDS to the first request that it serves: ${spread(servingMs)} ms.`;
  const all: Section[] = [
    {
      title: "Targets",
      text: "What the project wants of itself. Ratios are taken round by round.",
      table: targetTable(report),
    },
    {
      title: "CPU and throughput",
      text: "Closed loop: each connection always has its requests in flight. `w2`: two workers.",
      table: closedTable(report),
    },
    {
      title: "Latency",
      text: "Open loop at half of what the weakest path can do, the same rate for all; a latency counts from the time at which the request was due.",
      table: openTable(report),
    },
    {
      title: "What each filter adds",
      text: "Each alone on the bare module, closed loop. Differences and ratios are taken round by round.",
      table: filterTable(report),
    },
    { title: "Memory of connections", text: "", table: memoryTable(report.memory) },
    { title: "Modules", text: serving.trim(), table: moduleTable(report) },
  ];
  return all.filter(({ table }) => table.split("\n").length > 2);
}

/** All of it, for a terminal: targets last, where they are seen. */
export function asText(report: Report): string {
  const [targets, ...rest] = sections(report);
  const faults = faultsOf(report).map((line) => `FAULT ${line}`);
  const parts = [...rest, ...(targets === undefined ? [] : [targets])];
  return [
    ...parts.map(({ title, text, table }) =>
      [`## ${title}`, text, table].filter((part) => part !== "").join("\n\n"),
    ),
    ...faults,
  ].join("\n\n");
}
