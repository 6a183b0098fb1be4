// What Envoy and the modules tell, and what must be true of it when all is quiet.
import { waitUntil } from "../envoy/support/deadline.js";
import type { LoadProtocol } from "../envoy/support/load.js";
import { type CheckedReport, FLAGS } from "./checked-load.js";
import type { ChaosWorld } from "./world.js";

/** Of one module: totals and gauges by their names in docs/operators/stats.md. */
export type ModuleStats = ReadonlyMap<string, number>;

/** What is held, in bytes. */
export interface Memory {
  /** Envoy's resident memory. */
  readonly rss: number;
  /** Allocated by Envoy itself; what its allocator keeps for later is not among it, but in `rss`. */
  readonly allocated: number;
  /** Allocated in the heaps of all VMs, garbage included. */
  readonly heap: number;
  /** Held for the network, chunks that are kept for reuse included. */
  readonly buffered: number;
  /** Linear memory of all VMs. */
  readonly linear: number;
}

/** Shared connections keep what a server may still answer; exclusive ones are closed. */
const GAUGES_AT_REST = [
  "downstream_rq_active",
  "downstream_cx_active",
  "timers_active",
  "probe_streams",
];

const SETTLED = { timeoutMs: 30_000, intervalMs: 100 };

export async function moduleStats(world: ChaosWorld, protocol: LoadProtocol): Promise<ModuleStats> {
  const prefix = `wasmcustom.metaproto.${protocol}.`;
  const stats = await world.envoy.stats(`^${prefix.replaceAll(".", "\\.")}`);
  return new Map([...stats].map(([name, value]) => [name.slice(prefix.length), value]));
}

export async function memoryOf(world: ChaosWorld): Promise<Memory> {
  let heap = 0;
  let buffered = 0;
  let linear = 0;
  for (const { protocol } of world.sides) {
    const stats = await moduleStats(world, protocol);
    heap += stats.get("probe_heap_bytes") ?? 0;
    buffered += stats.get("buffered_bytes") ?? 0;
    linear += stats.get("memory_bytes") ?? 0;
  }
  const own = JSON.parse(await world.envoy.admin("/memory")) as { readonly allocated: string };
  const allocated = Number(own.allocated);
  return { rss: world.envoy.residentBytes(), allocated, heap, buffered, linear };
}

function busy(stats: ModuleStats): string[] {
  return GAUGES_AT_REST.filter((name) => stats.get(name) !== 0).map(
    (name) => `${name} is ${String(stats.get(name))}`,
  );
}

async function sumOf(world: ChaosWorld, filter: string): Promise<number> {
  return [...(await world.envoy.stats(filter)).values()].reduce((sum, value) => sum + value, 0);
}

/** Upstream connections of a protocol as each party counts them; they have to agree. */
async function upstreamConnections(
  world: ChaosWorld,
  protocol: LoadProtocol,
  stats: ModuleStats,
): Promise<Record<string, number>> {
  const servers = world.allServers.filter((server) => server.protocol === protocol);
  const counts = await Promise.all(servers.map((server) => server.counts()));
  const dials = String.raw`^cluster\.metaproto\.${protocol}\..*\.upstream_cx_active$`;
  const clusters = String.raw`^cluster\.outbound.*${protocol}.*\.upstream_cx_active$`;
  return {
    module: stats.get("upstream_cx_active") ?? 0,
    dials: await sumOf(world, dials),
    clusters: await sumOf(world, clusters),
    servers: counts.reduce((sum, { open }) => sum + open, 0),
  };
}

async function restOf(world: ChaosWorld, protocol: LoadProtocol): Promise<string[]> {
  const stats = await moduleStats(world, protocol);
  const restless = busy(stats);
  const connections = await upstreamConnections(world, protocol, stats);
  const counts = Object.values(connections);
  // Idle pools keep one connection to each endpoint of each cluster that has been used: all, v1, v2.
  const endpoints = world.allServers.reduce((sum, { ports }) => sum + ports.length, 0);
  const bound = 2 * world.workers * endpoints;
  if (new Set(counts).size > 1 || counts.some((count) => count > bound)) {
    restless.push(`upstream connections: ${JSON.stringify(connections)}, at most ${String(bound)}`);
  }
  return restless.map((text) => `${protocol}: ${text}`);
}

/** Waits until nothing is held for anybody; returns what still is when that takes too long. */
export async function settle(world: ChaosWorld): Promise<string[]> {
  let rest: string[] = [];
  try {
    await waitUntil(
      "rest",
      async () => {
        rest = [];
        for (const { protocol } of world.sides) rest.push(...(await restOf(world, protocol)));
        return rest.length === 0;
      },
      SETTLED,
    );
  } catch (error) {
    if (rest.length === 0) throw error;
  }
  return rest;
}

/** What of the clients' accounts and the module's does not add up. */
export function discrepancies(
  report: CheckedReport,
  before: ModuleStats,
  after: ModuleStats,
): string[] {
  const grown = (name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
  const found: string[] = [];
  // What a client abandoned may have been answered, or not even have arrived.
  const slack = report.abandoned + report.unserved;
  const expectBetween = (what: string, value: number, least: number, most: number): void => {
    if (value >= least && value <= most) return;
    found.push(`${what}: ${String(value)}, not ${String(least)} to ${String(most)}`);
  };
  const started = grown("downstream_rq_total");
  expectBetween("requests", started, report.sent - slack, report.sent);
  // What mirrors answered is counted with what servers answered.
  const lostShadows = grown("mirror_rq_overflow") + grown("mirror_rq_failed");
  const shadows = grown("mirror_rq_total") - lostShadows;
  const completed = grown("upstream_rq_completed") - shadows;
  expectBetween("completed", completed, report.answered, report.answered + slack);
  let finished = completed;
  for (const flag of FLAGS) {
    const replies = grown(`local_reply_${flag}`);
    finished += replies;
    expectBetween(
      `local replies ${flag}`,
      replies,
      report.failed[flag],
      report.failed[flag] + slack,
    );
  }
  expectBetween("started and finished", started - finished, 0, slack);
  expectBetween("decode errors of clients", grown("downstream_decode_error"), 0, 0);
  return found;
}

/** What no client may ever see. */
export function violations(report: CheckedReport, mayBeTurnedAway: boolean): string[] {
  const { lost, foreign, duplicated, malformed, cut, unserved, refused } = report;
  const never = { lost, foreign, duplicated, malformed, cut };
  const forbidden = mayBeTurnedAway ? never : { ...never, unserved, refused };
  const found = Object.entries(forbidden)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name}: ${String(count)}`);
  if (found.length > 0 && report.fault !== null) found.push(report.fault);
  const failed = FLAGS.reduce((sum, flag) => sum + report.failed[flag], 0);
  const accounted = report.answered + failed + report.abandoned + unserved;
  if (found.length === 0 && accounted !== report.sent) {
    found.push(`${String(report.sent)} sent, ${String(accounted)} accounted for`);
  }
  return found;
}
