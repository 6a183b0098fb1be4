// All filters at once, under load of the checking clients and of official ones, while routes flip and servers die.
// Whatever counts requests has to count the same ones.
import { waitUntil } from "../envoy/support/deadline.js";
import { parsePrometheus } from "../envoy/support/prometheus.js";
import { moduleStats, type ModuleStats } from "./accounts.js";
import { type CheckedReport, FLAGS } from "./checked-load.js";
import { EveryFilter, LINE, METHODS } from "./every-filter.js";
import type { Round, Scenario } from "./scenario.js";
import type { ChaosWorld, Side } from "./world.js";

/** Stats are told once a second, batches of records ten times. */
const TOLD = { timeoutMs: 20_000, intervalMs: 200 };

interface Ledger {
  /** Lines of the access log, by protocol. */
  readonly lines: Map<string, number>;
  /** Requests that failed, by protocol. */
  readonly failed: Map<string, number>;
}

/** Since the worlds began. */
const ledgers = new WeakMap<ChaosWorld, Ledger>();

function add(counts: Map<string, number>, key: string, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}

function ledgerOf(world: ChaosWorld): Ledger {
  const known = ledgers.get(world);
  if (known !== undefined) return known;
  const ledger: Ledger = { lines: new Map(), failed: new Map() };
  ledgers.set(world, ledger);
  world.envoy.onLog((line) => {
    const at = line.indexOf(LINE);
    if (at >= 0) add(ledger.lines, line.slice(at + LINE.length).split(" ", 1)[0] ?? "", 1);
  });
  return ledger;
}

async function disturb(
  world: ChaosWorld,
  round: Round,
  disturbances: readonly Scenario[],
): Promise<void> {
  const asking = await EveryFilter.of(world).ask(world);
  await Promise.all(disturbances.map((scenario) => scenario.disturb(world, round)));
  for (const [protocol, stop] of asking) round.others.set(protocol, await stop());
}

/** Of all samples of a protocol with this name. */
function totals(page: string, protocol: string, label: string): (name: string) => number {
  const samples = parsePrometheus(page).filter(({ labels }) => labels[label] === protocol);
  return (name) =>
    samples.reduce((sum, sample) => sum + (sample.name === name ? sample.value : 0), 0);
}

interface Sums {
  readonly stats: ModuleStats;
  readonly ledger: Ledger;
  readonly filters: EveryFilter;
  readonly total: (name: string) => number;
}

/** What must be equal, in pairs. */
function pairsOf(protocol: string, sums: Sums): [what: string, one: number, other: number][] {
  const { stats, ledger, filters, total } = sums;
  const stat = (name: string): number => stats.get(name) ?? 0;
  const requests = stat("downstream_rq_total");
  const kept = (filter: string): number => stat(`${filter}_written`) - stat(`${filter}_dropped`);
  const limited = stat("local_rate_limit_enforced") + stat("rate_limit_over_limit");
  const pairs: [string, number, number][] = [
    ["requests_total and requests", total("metaproto_requests_total"), requests],
    ["responses_total and requests", total("metaproto_responses_total"), requests],
    ["requests that were limited and RL", limited, stat("local_reply_rl")],
    ["requests that were denied and UAEX", stat("authorization_denied"), stat("local_reply_uaex")],
    ["requests that were aborted and FI", stat("fault_aborts_injected"), stat("local_reply_fi")],
    ["delays at rest and none", stat("fault_delays_active"), 0],
  ];
  const { collector } = filters;
  if (collector === undefined || protocol === "thrift") {
    const lines = ledger.lines.get(protocol) ?? 0;
    pairs.push(
      ["lines of the log and failures", lines, ledger.failed.get(protocol) ?? 0],
      ["access_log_written and lines", stat("access_log_written"), lines],
    );
  } else {
    pairs.push([
      "records of the collector and of the log",
      collector.logs().length,
      kept("access_log"),
    ]);
  }
  if (collector !== undefined) {
    const spans = collector.spans().filter(({ resource }) => resource["service.name"] === protocol);
    pairs.push(["spans of the collector and of the filter", spans.length, kept("tracing")]);
  }
  return pairs;
}

async function differencesOf(world: ChaosWorld, { protocol }: Side): Promise<string[]> {
  const page = await world.envoy.admin("/stats/prometheus");
  const sums = {
    stats: await moduleStats(world, protocol),
    ledger: ledgerOf(world),
    filters: EveryFilter.of(world),
    total: totals(page, protocol, "protocol"),
  };
  return pairsOf(protocol, sums)
    .filter(([, one, other]) => one !== other)
    .map(([what, one, other]) => `${protocol}: ${what}: ${String(one)}, ${String(other)}`);
}

async function audit(
  world: ChaosWorld,
  reports: Readonly<Record<string, CheckedReport>>,
): Promise<string[]> {
  const { failed } = ledgerOf(world);
  for (const [protocol, report] of Object.entries(reports)) {
    add(
      failed,
      protocol,
      FLAGS.reduce((sum, flag) => sum + report.failed[flag], 0),
    );
  }
  let found: string[] = [];
  try {
    await waitUntil(
      "equal counts",
      async () => {
        found = (await Promise.all(world.sides.map((side) => differencesOf(world, side)))).flat();
        return found.length === 0;
      },
      TOLD,
    );
  } catch (error) {
    if (found.length === 0) throw error;
  }
  return found;
}

/** `disturbances`: what happens meanwhile, all of it at a time. */
export function filtersUnder(disturbances: readonly Scenario[]): Scenario {
  return {
    name: "all-filters",
    about: "every filter at once, with official clients beside the load: routes flip, servers die",
    world: { surroundings: () => EveryFilter.start() },
    load: () => ({ methods: METHODS }),
    setUp: (world) => {
      ledgerOf(world);
      return Promise.resolve();
    },
    disturb: (world, round) => disturb(world, round, disturbances),
    audit,
  };
}
