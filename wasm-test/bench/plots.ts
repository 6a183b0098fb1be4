// The plots of a report.
import { ALL_ON, OURS, PROTOCOLS, type Protocol } from "./contenders.js";
import { casesOf, resultsOf, type Report } from "./report.js";
import { isSound, valueOf, type Result, type Spread } from "./summary.js";
import { plotSvg, type Panel, type Point, type Row } from "./svg-plot.js";
import { loadName } from "./tables.js";

/** A file of docs/bench. */
export interface PlotFile {
  readonly file: string;
  readonly title: string;
  readonly svg: string;
}

const TITLES: Readonly<Record<Protocol, string>> = { dubbo: "Dubbo", thrift: "Thrift" };

/** Ours first, then what any proxy costs, then Envoy's own. */
const SERIES = [
  OURS,
  ALL_ON,
  "tcp_proxy",
  "dubbo_proxy",
  "generic_proxy",
  "thrift_proxy",
  "thrift_proxy passthrough",
];

function rowsOf(
  report: Report,
  protocol: Protocol,
  loop: "closed" | "open",
  spread: (result: Result) => Spread,
): Row[] {
  return casesOf(report)
    .filter((load) => load.protocol === protocol && load.loop === loop)
    .map((load) => ({
      label: loadName(load),
      points: resultsOf(report, load)
        .filter((result) => result.contender.kind !== "direct" && isSound(result))
        .map((result) => pointOf(result.contender.name, spread(result))),
    }));
}

function pointOf(series: string, { median, low, high }: Spread): Point {
  return { series, value: median, low, high };
}

function panelsOf(
  report: Report,
  loop: "closed" | "open",
  spread: (result: Result) => Spread,
): Panel[] {
  return PROTOCOLS.map((protocol) => ({
    title: TITLES[protocol],
    rows: rowsOf(report, protocol, loop, spread),
  }));
}

function memoryPanels({ memory }: Report): Panel[] {
  return PROTOCOLS.map((protocol) => ({
    title: TITLES[protocol],
    rows: (["silentBytes", "idleBytes", "busyBytes"] as const).map((key) => ({
      label: { silentBytes: "nothing sent", idleBytes: "idle", busyBytes: "busy" }[key],
      points: memory.flatMap((entry) => {
        const bytes = entry[key];
        const isOther = entry.contender.protocol !== protocol || entry.contender.name === "echo";
        if (bytes === undefined || isOther) return [];
        const kib = bytes / 1024;
        return [pointOf(entry.contender.name, { median: kib, low: kib, high: kib })];
      }),
    })),
  }));
}

const ROUNDS = "Mark: median of all rounds. Line: from the lowest to the highest round.";

export function plotFiles(report: Report): PlotFile[] {
  const plots = [
    {
      file: "cpu.svg",
      title: "CPU of Envoy for each request",
      note: `Closed loop. ${ROUNDS} Less is better.`,
      axis: "microseconds per request, all threads (log)",
      scale: "log",
      panels: panelsOf(report, "closed", (result) => valueOf(result, "cpuUs")),
    },
    {
      file: "throughput.svg",
      title: "Requests per second",
      note: `Closed loop. ${ROUNDS} More is better.`,
      axis: "requests per second (log)",
      scale: "log",
      panels: panelsOf(report, "closed", (result) => valueOf(result, "rps")),
    },
    {
      file: "latency.svg",
      title: "Latency at the same rate for all",
      note: "Open loop at half of what the weakest can do. Mark: p99. Line: from p50 to p99.9. Medians of all rounds. Less is better.",
      axis: "microseconds (log)",
      scale: "log",
      panels: panelsOf(report, "open", (result) => ({
        median: valueOf(result, "p99Us").median,
        low: valueOf(result, "p50Us").median,
        high: valueOf(result, "p999Us").median,
      })),
    },
    {
      file: "memory.svg",
      title: "Memory of Envoy for each connection",
      note: "Idle: after one request and its answer. Busy: a thousand connections with a request in flight each. Less is better.",
      axis: "KiB of resident memory per connection",
      scale: "linear",
      panels: memoryPanels(report),
    },
  ] as const;
  return plots.flatMap(({ file, ...plot }) => {
    const points = plot.panels.flatMap(({ rows }) => rows.flatMap((row) => row.points));
    if (points.length === 0) return [];
    const series = SERIES.filter((name) => points.some((point) => point.series === name));
    return [{ file, title: plot.title, svg: plotSvg({ ...plot, series }) }];
  });
}
