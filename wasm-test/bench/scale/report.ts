// What was measured, as tables of a page.
import type { LookupCost } from "../../switchboard/lookup-bench.js";
import type { ControlPlaneResult } from "./control-plane.js";
import type { LoadResult } from "../../envoy/support/load.js";
import type { Cost, DescribedReport } from "./described.js";
import type { EditResult } from "./edit.js";
import type { FleetReport } from "./fleet.js";
import { type HostileResult, type Situation, SITUATIONS } from "./hostile.js";
import type { ListenerCost, MeshResult } from "./mesh.js";
import { quantile, spread } from "./quantiles.js";
import type { SwapResult } from "./swap.js";

type Row = readonly (string | number)[];

const MEGABYTE = 1e6;

function table(header: Row, rows: readonly Row[]): string {
  const lines = [header, header.map((_, column) => (column === 0 ? "---" : "---:")), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

export function editReport(results: readonly EditResult[]): string {
  const rows = results.map(({ kind, edits, envoys, delaysMs, lastDelaysMs, answers, faults }) => [
    ...[kind, edits * envoys, ...spread(delaysMs), ...spread(lastDelaysMs).slice(0, 2)],
    ...[answers, faults],
  ]);
  return table(
    [
      ...["file", "samples", "p50 ms", "p99 ms", "most ms"],
      ...["last Envoy p50 ms", "p99 ms", "requests meanwhile", "failed"],
    ],
    rows,
  );
}

export function swapReport(results: readonly SwapResult[]): string {
  const rows = results.map(({ shape, bytes, swaps, swapMs, still, swapping, longestTurnMs }) => [
    ...[shape, (bytes / MEGABYTE).toFixed(1), swaps, quantile(swapMs, 0.5).toFixed(0)],
    ...[still, swapping].flatMap((load) =>
      [load.p99_us, load.p999_us, load.max_us].map((us) => (us / 1000).toFixed(2)),
    ),
    ...[longestTurnMs.toFixed(1), still.errors + swapping.errors],
  ]);
  return table(
    [
      ...["10,000 routes", "MB", "swaps", "until in force, ms", "without: p99 ms", "p99.9", "most"],
      ...["with swaps: p99 ms", "p99.9", "most", "longest turn of the worker, ms", "failed"],
    ],
    rows,
  );
}

/** Costs by number of routes, for each shape. */
export type LookupReport = ReadonlyMap<string, ReadonlyMap<number, LookupCost>>;

export function lookupReport(shapes: LookupReport): string {
  const sizes = [...(shapes.values().next().value?.keys() ?? [])];
  const rows = Array.from(shapes, ([shape, costs]) => [
    shape,
    ...Array.from(costs.values(), ({ steps, spreadNs, hotNs }) =>
      [steps.toFixed(1), spreadNs.toFixed(0), hotNs.toFixed(0)].join(", "),
    ),
  ]);
  return table(
    ["steps, ns, ns for a few", ...sizes.map((count) => `${String(count)} routes`)],
    rows,
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / MEGABYTE).toFixed(0)} MB`;
}

/** Responses, resources and bytes, for each type that came. */
function sentCells(sent: FleetReport): Row {
  const types = Object.entries(sent);
  const each = (of: "responses" | "resources"): string =>
    types.map(([type, received]) => `${type} ${String(received[of])}`).join(", ");
  const bytes = types.reduce((sum, [, received]) => sum + received.bytes, 0);
  return [each("responses"), each("resources"), bytes];
}

function milliseconds(sample: readonly number[], fraction: number): string {
  const value = quantile(
    sample.filter((ms) => !Number.isNaN(ms)),
    fraction,
  );
  return Number.isNaN(value) ? "" : value.toFixed(0);
}

export function meshReport(result: MeshResult): string {
  const states = table(
    ["state", "after s", "CPU s", "resident"],
    [
      ["serving", result.readySeconds.toFixed(1), result.readyCpuSeconds.toFixed(1), ""],
      [
        ...[`${String(result.objects)} objects of Istio written`],
        ...[result.writtenSeconds.toFixed(1), result.writtenCpuSeconds.toFixed(1)],
        megabytes(result.writtenBytes),
      ],
      [
        ...["every proxy has its routes", result.connectSeconds.toFixed(1)],
        ...[result.connectCpuSeconds.toFixed(1), megabytes(result.connectedBytes)],
      ],
      ["after all edits", "", "", megabytes(result.endBytes)],
    ],
  );
  const edits = table(
    [
      ...["edit", "last response after ms: p50", "most", "objects written", "after ms: p50"],
      ...["CPU ms", "responses", "resources", "bytes"],
    ],
    result.edits.map(({ kind, delaysMs, writtenMs, cpuMs, sent, objects }) => [
      ...[kind, milliseconds(delaysMs, 0.5), milliseconds(delaysMs, 1), objects],
      ...[milliseconds(writtenMs, 0.5), milliseconds(cpuMs, 0.5), ...sentCells(sent)],
    ]),
  );
  const row = (name: string, cost: ListenerCost): Row => {
    const [without, withThem] = [quantile(cost.without, 0.5), quantile(cost.with, 0.5)];
    return [
      ...[name, cost.listeners, without.toFixed(0), withThem.toFixed(0)],
      (withThem / without).toFixed(1),
    ];
  };
  const istiod = table(
    ["istiod makes all listeners of a sidecar", "listeners", "without, ms", "with, ms", "ratio"],
    [
      row("that knows every service", result.istiod.all),
      row("that knows those it talks to, by a Sidecar", result.istiod.scoped),
    ],
  );
  return [states, edits, istiod].join("\n\n");
}

export function controlPlaneReport(result: ControlPlaneResult): string {
  const { startSeconds, startCpuSeconds, connectSeconds, connectCpuSeconds } = result;
  const states = table(
    ["state", "after s", "CPU s", "resident"],
    [
      [
        "serving",
        startSeconds.toFixed(1),
        startCpuSeconds.toFixed(1),
        megabytes(result.startBytes),
      ],
      [
        ...["every proxy has everything", connectSeconds.toFixed(1)],
        ...[connectCpuSeconds.toFixed(1), megabytes(result.connectedBytes)],
      ],
      ["after all edits", "", "", megabytes(result.endBytes)],
    ],
  );
  const edits = table(
    ["edit", "last response after ms: p50", "most", "CPU ms", "responses", "resources", "bytes"],
    result.edits.map(({ kind, delaysMs, cpuMs, sent }) => [
      ...[kind, quantile(delaysMs, 0.5).toFixed(0), Math.max(...delaysMs).toFixed(0)],
      ...[quantile(cpuMs, 0.5).toFixed(0), ...sentCells(sent)],
    ]),
  );
  return `${states}\n\nIdle: ${result.idlePercent.toFixed(1)} % of one core.\n\n${edits}`;
}

/** Medians of the rounds. */
export function hostileReport(results: readonly HostileResult[]): string {
  const rows = results.map(({ protocol, loads }) => {
    const median = (situation: Situation, of: (load: LoadResult) => number): number =>
      quantile(loads[situation].map(of), 0.5);
    const p99 = (situation: Situation): number => median(situation, (load) => load.p99_us);
    const times = SITUATIONS.flatMap((situation) =>
      [median(situation, (load) => load.p50_us), p99(situation)].map((us) =>
        (us / 1000).toFixed(2),
      ),
    );
    const failed = SITUATIONS.flatMap((situation) => loads[situation]).reduce(
      (sum, { errors, mismatched, closed }) => sum + errors + mismatched + closed,
      0,
    );
    const ratios = [p99("attacked") / p99("beside"), p99("attacked") / p99("alone")];
    return [protocol, ...times, ...ratios.map((ratio) => ratio.toFixed(2)), failed];
  });
  return table(
    [
      ...["good clients", "alone: p50 ms", "p99", "beside: p50 ms", "p99"],
      ...["attacked: p50 ms", "p99", "p99, attacked / beside", "attacked / alone", "failed"],
    ],
    rows,
  );
}

function ratio({ described, code }: Cost<number>): string {
  return (described / code).toFixed(2);
}

export function describedReport({ decodes, proxies }: DescribedReport): string {
  const names: Readonly<Record<string, string>> = { bolt: "SOFA Bolt", brpc: "bRPC", trpc: "tRPC" };
  const rows = decodes.map(({ protocol, attributes, ...cost }) => [
    `${names[protocol] ?? protocol}, ${String(attributes.length)}`,
    ...[cost.described.toFixed(0), cost.code.toFixed(0), ratio(cost)],
  ]);
  const us = ({ median, low, high }: DescribedReport["proxies"]["code"]): string =>
    `${median.toFixed(1)} (${low.toFixed(1)} to ${high.toFixed(1)})`;
  return [
    table(["decoding a request, attributes asked for", "described, ns", "code, ns", "ratio"], rows),
    table(
      ["CPU of Envoy for a request", "described, µs", "code, µs", "ratio"],
      [["bRPC", us(proxies.described), us(proxies.code), proxies.ratio.median.toFixed(2)]],
    ),
  ].join("\n\n");
}
