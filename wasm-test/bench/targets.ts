// The targets of the project, and whether a report reaches them.
import { caseName, parseCase, payloadName, shapeName, type Case } from "./cases.js";
import { allOnUnder, casesOf, oursUnder, resultsOf, type Report } from "./report.js";
import { isSound, ratioOf, valueOf, type Result, type Spread } from "./summary.js";

/** One target and what was measured. */
export interface Verdict {
  readonly target: string;
  readonly limit: number;
  readonly isAtLeast: boolean;
  readonly unit: string;
  readonly measured: Spread;
}

const KIB = 1024;

/** CPU for each request, divided by that of Envoy's filter: case, filter, at most. */
const CPU_TARGETS: readonly (readonly [string, string, number])[] = [
  ["thrift:4x1", "thrift_proxy", 0.75],
  ["thrift:64x1", "thrift_proxy", 0.75],
  ["thrift:1000x1", "thrift_proxy", 0.75],
  ["dubbo:4x1", "dubbo_proxy", 0.9],
  ["dubbo:8x8", "dubbo_proxy", 0.4],
  ["dubbo:100x1", "dubbo_proxy", 0.6],
  ["dubbo:1000x1", "dubbo_proxy", 0.6],
  ["dubbo:64x64", "dubbo_proxy", 0.06],
  ["dubbo:4x1", "tcp_proxy", 1.4],
  ["dubbo:4x1:64KiB", "dubbo_proxy", 0.8],
  ["dubbo:8x4:64KiB", "dubbo_proxy", 0.8],
  ["dubbo:4x1:1MiB", "dubbo_proxy", 1.1],
  ["dubbo:8x4:1MiB", "dubbo_proxy", 1.1],
];

const THROUGHPUT = { load: "dubbo:64x64", rps: 350_000 };

/** Without a proxy there must be so many times as many requests, or the generator is what is measured. */
const GENERATOR_RESERVE = 1.5;
const IDLE_BYTES = 15 * KIB;
const MODULE_BYTES = 64 * KIB;

export function isReached({ measured, limit, isAtLeast }: Verdict): boolean {
  return isAtLeast ? measured.median >= limit : measured.median <= limit;
}

/** The variants of a filter, such as thrift_proxy with and without payload_passthrough. */
function variants(report: Report, load: Case, filter: string): Result[] {
  return resultsOf(report, load).filter(
    (result) => result.contender.name.split(" ")[0] === filter && isSound(result),
  );
}

function titleOf(load: Case): string {
  const workers = load.workers === 1 ? "" : `, w${load.workers}`;
  return `${load.protocol} ${shapeName(load)}, ${payloadName(load)}${workers}`;
}

function cpuVerdicts(report: Report): Verdict[] {
  return CPU_TARGETS.flatMap(([name, filter, limit]) => {
    const load = parseCase(name);
    const own = oursUnder(report, load);
    if (own === undefined) return [];
    return variants(report, load, filter).map((other) => ({
      target: `${titleOf(load)}: CPU, divided by that of ${other.contender.name}`,
      limit,
      isAtLeast: false,
      unit: "x",
      measured: ratioOf(own, other, "cpuUs"),
    }));
  });
}

/** With all filters on it still needs less CPU than Envoy's filters for the protocol, which have none. */
const ALL_ON_TARGETS = ["dubbo_proxy", "thrift_proxy"];

function allOnVerdicts(report: Report): Verdict[] {
  return casesOf(report).flatMap((load) => {
    const own = allOnUnder(report, load);
    if (own === undefined || !isSound(own) || load.loop !== "closed") return [];
    return ALL_ON_TARGETS.flatMap((filter) => variants(report, load, filter)).map((other) => ({
      target: `${titleOf(load)}: CPU with all filters on, divided by that of ${other.contender.name} with none`,
      limit: 1,
      isAtLeast: false,
      unit: "x",
      measured: ratioOf(own, other, "cpuUs"),
    }));
  });
}

/** At the same rate, our p99 is below that of each of Envoy's filters for the protocol. */
function latencyVerdicts(report: Report): Verdict[] {
  return casesOf(report).flatMap((load) => {
    const own = oursUnder(report, load);
    if (own === undefined || load.loop !== "open") return [];
    return resultsOf(report, load)
      .filter((other) => other.contender.kind === "envoy" && isSound(other))
      .map((other) => ({
        target: `${titleOf(load)}: p99 at ${own.rate ?? 0}/s, divided by that of ${other.contender.name}`,
        limit: 1,
        isAtLeast: false,
        unit: "x",
        measured: ratioOf(own, other, "p99Us"),
      }));
  });
}

function throughputVerdicts(report: Report): Verdict[] {
  const own = oursUnder(report, parseCase(THROUGHPUT.load));
  if (own === undefined) return [];
  const direct = resultsOf(report, own.load).filter(({ contender }) => contender.kind === "direct");
  return [
    ...direct.map((other) => ({
      target: `${titleOf(own.load)}: requests per second without a proxy, divided by ours`,
      limit: GENERATOR_RESERVE,
      isAtLeast: true,
      unit: "x",
      measured: ratioOf(other, own, "rps"),
    })),
    {
      target: `${titleOf(own.load)}: requests per second on one worker`,
      limit: THROUGHPUT.rps,
      isAtLeast: true,
      unit: "/s",
      measured: valueOf(own, "rps"),
    },
  ];
}

function memoryVerdicts({ memory, modules }: Report): Verdict[] {
  const envoys = memory.find(({ contender }) => contender.name === "echo")?.silentBytes;
  const connections = memory.flatMap((entry) => {
    if (entry.contender.kind !== "ours" || envoys === undefined) return [];
    const bytes = (entry.idleBytes ?? entry.silentBytes) - envoys;
    return [
      {
        target: `${entry.contender.protocol}: an idle connection, on top of Envoy's own (${entry.idle} of them)`,
        limit: IDLE_BYTES / KIB,
        isAtLeast: false,
        unit: " KiB",
        measured: { median: bytes / KIB, low: bytes / KIB, high: bytes / KIB },
      },
    ];
  });
  const [largest] = modules.toSorted((a, b) => b.bytes - a.bytes);
  if (largest === undefined) return connections;
  const size = largest.bytes / KIB;
  return [
    ...connections,
    {
      target: `the largest module, ${largest.module}`,
      limit: MODULE_BYTES / KIB,
      isAtLeast: false,
      unit: " KiB",
      measured: { median: size, low: size, high: size },
    },
  ];
}

/** The targets that the report says something about. */
export function verdicts(report: Report): Verdict[] {
  return [
    ...cpuVerdicts(report),
    ...allOnVerdicts(report),
    ...throughputVerdicts(report),
    ...latencyVerdicts(report),
    ...memoryVerdicts(report),
  ];
}

/** What no figure makes up for: wrong answers of ours, and Envoys that failed. */
export function faultsOf({ results, filters, failures }: Report): string[] {
  const broken = [...results, ...filters].filter(
    (result) => result.contender.module !== undefined && !isSound(result),
  );
  return [
    ...broken.map(
      ({ load, contender }) =>
        `${caseName(load)}: answers of ${contender.name} were wrong or missing`,
    ),
    ...failures,
  ];
}
