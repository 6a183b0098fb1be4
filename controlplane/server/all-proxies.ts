// The proxies of all replicas: those that are connected here, and those that other replicas tell of.
import {
  type Acknowledgement,
  acknowledgements,
  measuredBy,
  type Progress,
  ProgressState,
} from "../xds/acknowledgements.js";
import type { RunningPlugins } from "./plugin-rollout.js";
import type { ReplicaReport } from "./replica-report.js";
import type { OtherReplica } from "./replica-reports.js";
import { withoutSecretText } from "./secrets.js";

/** Those that are connected to this replica. */
export interface OwnProxies {
  routeProgress(): Progress;
  /** Of routes. Undefined: there are none. */
  routeVersion(name: string): string | undefined;
  runningPlugins(): RunningPlugins;
  readonly connectedProxies: number;
  /** While this is the same, so is everything above. */
  readonly changeCount: number;
}

export interface AllProxiesOptions {
  /** Version of this package. */
  readonly build: string;
  readonly own: OwnProxies;
  /** Those that are alive. */
  readonly others: () => readonly OtherReplica[];
}

/** A proxy of another replica. */
export interface ProxyElsewhere {
  readonly node: string;
  readonly replica: string;
  /** Undefined: it asks for none, or that is not known. */
  readonly routes: "synced" | "pending" | "refused" | undefined;
  /** Names of the modules that it runs. */
  readonly plugins: readonly string[];
}

/** What is not counted, and why. */
interface Uncounted {
  readonly identity: string;
  readonly reason: string;
}

export class AllProxies {
  private last: { readonly changeCount: number; readonly report: ReplicaReport } | undefined;

  constructor(private readonly options: AllProxiesOptions) {}

  /** Of those that are connected here; the same object while nothing changes. */
  report(): ReplicaReport {
    const { build, own } = this.options;
    const { changeCount } = own;
    if (this.last?.changeCount !== changeCount) {
      const progress = withoutSecretsIn(own.routeProgress());
      const [plugins, proxies] = [own.runningPlugins(), own.connectedProxies];
      this.last = { changeCount, report: { build, proxies, progress, plugins } };
    }
    return this.last.report;
  }

  /** Of routes, by the name of their listener. */
  acknowledgements(): ReadonlyMap<string, Acknowledgement> {
    const own = this.report().progress;
    const parts = this.options.others().flatMap(({ report }) => this.comparable(report) ?? []);
    return acknowledgements([...(own === undefined ? [] : [own]), ...parts]);
  }

  /** Of modules, by the names that they tell: the nodes that run them. */
  runningPlugins(): RunningPlugins {
    const own = this.options.own.runningPlugins();
    const reported = this.options.others().flatMap(({ report }) => report?.plugins ?? []);
    if (reported.length === 0) return own;
    const all = new Map<string, ReadonlySet<string>>();
    for (const plugins of [own, ...reported])
      for (const [name, nodes] of plugins)
        all.set(name, new Set([...(all.get(name) ?? []), ...nodes]));
    return all;
  }

  /** Whose proxies are not counted; undefined: all are. */
  get incomplete(): string | undefined {
    const uncounted = this.options.others().flatMap((other) => uncountedOf(other) ?? []);
    if (uncounted.length === 0) return undefined;
    const lines = uncounted.map(({ identity, reason }) => `those of ${identity} (${reason})`);
    return `Not counted: ${lines.join(", ")}.`;
  }

  /** By replica, and node. */
  elsewhere(): readonly ProxyElsewhere[] {
    return this.options.others().flatMap(({ identity, report }) => {
      const states = this.comparable(report)?.nodes ?? new Map<string, Uint8Array>();
      const plugins = new Map<string, string[]>();
      for (const [plugin, nodes] of report?.plugins ?? [])
        for (const node of nodes) plugins.set(node, [...(plugins.get(node) ?? []), plugin]);
      const nodes = [...new Set([...states.keys(), ...plugins.keys()])].sort();
      return nodes.map((node) => ({
        node,
        replica: identity,
        routes: worstOf(states.get(node)),
        plugins: plugins.get(node) ?? [],
      }));
    });
  }

  /**
   * A replica that lags behind has routes of other versions. One of another build may make other routes of the same
   * resources, so nothing is known but what it says.
   */
  private comparable(report: ReplicaReport | undefined): Progress | undefined {
    const { build, own } = this.options;
    const progress = report?.progress;
    return progress !== undefined && report?.build === build
      ? measuredBy(progress, (name) => own.routeVersion(name))
      : progress;
  }
}

function uncountedOf({ identity, report, fault }: OtherReplica): Uncounted | undefined {
  if (report === undefined)
    return { identity, reason: `its report cannot be read: ${fault ?? ""}` };
  if (report.progress !== undefined) return undefined;
  return { identity, reason: `${report.proxies} proxies: its report would be too large` };
}

function worstOf(states: Uint8Array | undefined): ProxyElsewhere["routes"] {
  switch (states?.reduce((worst, state) => Math.max(worst, state), ProgressState.NotAsked)) {
    case ProgressState.Accepted:
      return "synced";
    case ProgressState.Pending:
      return "pending";
    case ProgressState.Refused:
      return "refused";
    default:
      return undefined;
  }
}

function withoutSecretsIn(progress: Progress): Progress {
  const refusals = Array.from(progress.refusals, ([name, notes]) => {
    const safe = notes.map(({ node, message }) => ({ node, message: withoutSecretText(message) }));
    return [name, safe] as const;
  });
  return { ...progress, refusals: new Map(refusals) };
}
