// What a soak has shown, as a graph and as a page.
import { FLAGS, type CheckedReport } from "./checked-load.js";
import { type Line, lineChart } from "./line-chart.js";
import { MIXED } from "./mixed-scenario.js";
import type { RoundResult } from "./run-scenario.js";

const MEBIBYTE = 1024 * 1024;

/** Memory in bytes; the other numbers are of the time since the sample before. */
export interface Sample {
  readonly minutes: number;
  readonly rss: number;
  readonly allocated: number;
  readonly heap: number;
  readonly linear: number;
  readonly answered: number;
  readonly failed: number;
  /** Of the worst second. */
  readonly p99Us: number;
}

export interface SoakReport {
  readonly minutes: number;
  readonly seed: number;
  /** What else the machine did. */
  readonly note: string;
  readonly cores: number;
  readonly faults: readonly string[];
  readonly samples: readonly Sample[];
  readonly results: readonly RoundResult[];
}

function line(name: string, samples: readonly Sample[], value: (sample: Sample) => number): Line {
  return {
    name,
    points: samples.map((sample) => [sample.minutes, value(sample)] as const),
  };
}

export function soakChart({ samples }: SoakReport): string {
  const busy = samples.filter(({ p99Us }) => p99Us > 0);
  return lineChart({
    title: "Soak: all disturbances mixed",
    xTitle: "minutes",
    panels: [
      {
        title: "memory of Envoy",
        unit: "MiB",
        lines: [
          line("RSS", samples, ({ rss }) => rss / MEBIBYTE),
          line("allocated by Envoy", samples, ({ allocated }) => allocated / MEBIBYTE),
          line("VMs, linear", samples, ({ linear }) => linear / MEBIBYTE),
        ],
      },
      {
        title: "heap in use, all VMs",
        unit: "MiB",
        lines: [line("heap", samples, ({ heap }) => heap / MEBIBYTE)],
      },
      {
        title: "p99 of answers by servers, worst second of five",
        unit: "ms",
        isLogarithmic: true,
        lines: [line("p99", busy, ({ p99Us }) => p99Us / 1000)],
      },
      {
        title: "requests in five seconds",
        unit: "requests",
        isLogarithmic: true,
        lines: [
          line("answered", samples, ({ answered }) => answered),
          line("failed, as told", samples, ({ failed }) => failed),
        ],
      },
    ],
  });
}

function total(results: readonly RoundResult[], value: (report: CheckedReport) => number): string {
  const reports = results.flatMap((result) => Object.values(result.reports));
  return reports.reduce((sum, report) => sum + value(report), 0).toLocaleString("en");
}

function failed(report: CheckedReport): number {
  return FLAGS.reduce((sum, flag) => sum + report.failed[flag], 0);
}

function memoryRows(results: readonly RoundResult[]): string[] {
  const shown = [0, Math.floor((results.length - 1) / 2), results.length - 1];
  return [...new Set(shown)].flatMap((index) => {
    const memory = results[index]?.memory;
    if (memory === undefined) return [];
    const cells = [memory.rss, memory.allocated, memory.linear, memory.heap].map((bytes) =>
      (bytes / MEBIBYTE).toFixed(1),
    );
    return [`| ${String(index + 1)} | ${cells.join(" | ")} |`];
  });
}

export function soakMarkdown(report: SoakReport): string {
  const { results, faults } = report;
  const rows: readonly (readonly [string, (report: CheckedReport) => number])[] = [
    ["sent", ({ sent }) => sent],
    ["answered by servers", ({ answered }) => answered],
    ["answered with the protocol's error", failed],
    ["abandoned by clients that left", ({ abandoned }) => abandoned],
    ["on connections that nobody had accepted", ({ unserved }) => unserved],
    ["**lost**", ({ lost }) => lost],
    ["**someone else's**", ({ foreign }) => foreign],
    ["**answered twice**", ({ duplicated }) => duplicated],
    ["**malformed**", ({ malformed }) => malformed],
  ];
  return [
    "# Soak",
    "",
    `\`npm run soak -- --minutes ${String(report.minutes)} --seed ${String(report.seed)}\`: ${MIXED.about}; Dubbo and Thrift, 400`,
    `connections that come and go, one stock Envoy with two workers, ${String(report.cores)} cores. ${report.note}`,
    "",
    "![memory, latency and requests over time](soak.svg)",
    "",
    "| Requests | |",
    "| --- | ---: |",
    ...rows.map(([name, value]) => `| ${name} | ${total(results, value)} |`),
    "",
    `At rest after each of ${String(results.length)} rounds: no request, timer or connection of a client left; upstream`,
    "connections are as many as the servers count; what was started was finished. Memory then, in MiB:",
    "",
    "| After round | RSS | allocated by Envoy | linear memory of VMs | heap in use |",
    "| ---: | ---: | ---: | ---: | ---: |",
    ...memoryRows(results),
    "",
    faults.length === 0 ? "Every invariant held." : "What did not hold:",
    ...(faults.length === 0 ? [] : ["", ...faults.map((fault) => `- ${fault}`)]),
    "",
  ].join("\n");
}
