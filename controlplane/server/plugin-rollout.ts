// From one version of a plugin to the next, where nobody tells what proxies make of it but the modules themselves: a
// version is used when the proxies have it, and it runs there. One that nobody starts in time is taken back for a while:
// a proxy that cannot have one of its plugins gets none, and what it could not fetch it fetches when it is asked anew.
import type { PluginVersion } from "../translate/ir-to-xds/plugin-version.js";

/** Of modules, by the names that they tell: the nodes that run them. */
export type RunningPlugins = ReadonlyMap<string, ReadonlySet<string>>;

export interface RolloutTimes {
  /** How long proxies have a version at least before connections begin with it. Milliseconds. */
  readonly stageMs: number;
  /** How long it is waited for all proxies that run the version before. Milliseconds. */
  readonly deadlineMs: number;
}

/** How many times as long as the deadline a version rests at most before it is offered again. */
const MAX_REST = 16;

interface Staged {
  readonly version: PluginVersion;
  readonly sinceMs: number;
  /** Proxies are not to have it for now. */
  readonly isResting: boolean;
  /** Since when it has been offered, or has rested. */
  readonly turnMs: number;
  /** How long it rests the next time. Milliseconds. */
  readonly restMs: number;
  /** It was under way when this control plane began, which does not know yet who is there. */
  readonly isRecovered: boolean;
}

/** What one kind of proxies of one protocol begin connections with, and what comes after it. */
export class PluginRollout {
  private staged: Staged | undefined;

  /**
   * @param current undefined: there was none before.
   * @param isForSome it is not known which of the proxies it is for: one that runs it is enough.
   */
  constructor(
    private readonly times: RolloutTimes,
    private version: PluginVersion | undefined,
    private readonly isForSome: boolean,
  ) {}

  get current(): PluginVersion | undefined {
    return this.version;
  }

  /** What proxies are to have beside `current`. */
  get next(): PluginVersion | undefined {
    return this.staged?.isResting === true ? undefined : this.staged?.version;
  }

  /** What comes after `current`, whether or not proxies are to have it now. */
  get pending(): PluginVersion | undefined {
    return this.staged?.version;
  }

  /** @returns whether `current` or `next` is another one. */
  want(
    version: PluginVersion,
    nowMs: number,
    running: RunningPlugins,
    isRecovered = false,
  ): boolean {
    if (this.version === undefined || this.version.digest === version.digest) {
      const isSame = this.version?.digest === version.digest && this.staged === undefined;
      // Its settings and its place may be others, though it is the same.
      this.version = version;
      this.staged = undefined;
      return !isSame;
    }
    if (this.staged?.version.digest !== version.digest) {
      const restMs = this.times.deadlineMs;
      const turn = { isResting: false, turnMs: nowMs, restMs };
      this.staged = { version, sinceMs: nowMs, isRecovered, ...turn };
      return true;
    }
    this.staged = { ...this.staged, version };
    return this.advance(nowMs, running);
  }

  /** @returns whether `current` or `next` is another one. */
  advance(nowMs: number, running: RunningPlugins): boolean {
    const { staged } = this;
    if (staged === undefined) return false;
    if (this.isReady(staged, nowMs, running)) {
      this.version = staged.version;
      this.staged = undefined;
      return true;
    }
    const { isResting, restMs } = staged;
    if (!this.isTurnOver(staged, nowMs, running)) return false;
    this.staged = {
      ...staged,
      isResting: !isResting,
      turnMs: nowMs,
      restMs: isResting ? Math.min(restMs * 2, this.times.deadlineMs * MAX_REST) : restMs,
    };
    return true;
  }

  private isTurnOver(staged: Staged, nowMs: number, running: RunningPlugins): boolean {
    const ageMs = nowMs - staged.turnMs;
    if (staged.isResting) return ageMs >= staged.restMs;
    // Canaries may come at any time, and only they are held up by what they cannot have.
    if (this.isForSome || ageMs < this.times.deadlineMs) return false;
    return this.progressOf(staged, running).ready.length === 0;
  }

  /** Why what was to come has not come, long after it was due; undefined: nothing is wrong. */
  faultOf(nowMs: number, running: RunningPlugins): string | undefined {
    const { staged, version } = this;
    if (staged === undefined || version === undefined) return undefined;
    if (nowMs - staged.sinceMs < this.times.deadlineMs) return undefined;
    const proxies = nodesOf(this.progressOf(staged, running).expected);
    const who = this.isForSome ? "no canary" : `none of ${proxies.length} proxies`;
    const nodes = this.isForSome ? "" : ` (${proxies.slice(0, 3).join(", ")})`;
    return (
      `${who}${nodes} has started it, sha256 ${staged.version.module.digest}; ` +
      `the version before stays in use, sha256 ${version.module.digest}`
    );
  }

  private isReady(staged: Staged, nowMs: number, running: RunningPlugins): boolean {
    const { stageMs, deadlineMs } = this.times;
    const ageMs = nowMs - staged.turnMs;
    if (staged.isResting || ageMs < stageMs) return false;
    const { expected, ready } = this.progressOf(staged, running);
    if (this.isForSome) return ready.length > 0;
    if (expected.length === 0) return !staged.isRecovered || ageMs >= deadlineMs;
    return ready.length === expected.length || (ready.length > 0 && ageMs >= deadlineMs);
  }

  /** Nodes that run the version before, and those of them that run what is to come. */
  private progressOf(
    { version }: Staged,
    running: RunningPlugins,
  ): { readonly expected: readonly string[]; readonly ready: readonly string[] } {
    const before = this.version && nodesWith(this.version, running);
    const after = nodesWith(version, running);
    if (this.isForSome) return { expected: [], ready: [...after.keys()] };
    const expected = [...(before?.keys() ?? [])];
    return { expected, ready: expected.filter((place) => after.has(place)) };
  }
}

function nodesOf(places: readonly string[]): readonly string[] {
  return Array.from(new Set(places.map((place) => place.split(" ", 1).join(""))));
}

/** `metaproto.<protocol>.<digest>`, or with what tells plugins of inbound listeners apart before the digest. */
function nodesWith(
  { protocol, digest }: PluginVersion,
  running: RunningPlugins,
): ReadonlyMap<string, true> {
  const prefix = `metaproto.${protocol.name}.`;
  const found = new Map<string, true>();
  for (const [plugin, nodes] of running) {
    const at = plugin.lastIndexOf(".") + 1;
    const isOurs = plugin.startsWith(prefix) && digest.startsWith(plugin.slice(at));
    // Each plugin of a node counts: one for outbound listeners, and one for each service that it is of.
    const key = plugin.slice(prefix.length, at);
    if (isOurs) for (const node of nodes) found.set(key === "" ? node : `${node} ${key}`, true);
  }
  return found;
}
