// What one stream wants of one resource type, what it was sent and what it made of it.
//
// At most one response is unanswered at any time. What changes meanwhile is not queued: after the answer, the
// newest snapshot is compared with what was sent. A slow proxy thus skips what is outdated.
import type { ResourceType } from "./resource-type.js";
import { type Resource, type ResourceSet, stateVersion } from "./snapshot.js";
import { entryDigest, StateDigest } from "./state-digest.js";

/** The fields of a DiscoveryRequest that tell what is wanted and what was accepted. */
export interface SubscriptionRequest {
  readonly versionInfo: string;
  readonly resourceNames: readonly string[];
  readonly responseNonce: string;
  /** Undefined unless the request refuses the response it answers. */
  readonly errorMessage: string | undefined;
}

export interface ResponseContent {
  readonly versionInfo: string;
  readonly nonce: string;
  readonly resources: readonly Resource[];
  /** Names of those that the proxy was sent in another version before. */
  readonly replaced: readonly string[];
}

export interface Refusal {
  readonly message: string;
  readonly versionInfo: string;
  /** Name -> version of each refused resource. */
  readonly resources: ReadonlyMap<string, string>;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

export type RequestOutcome =
  | { readonly kind: "subscribed" }
  | { readonly kind: "accepted"; readonly versionInfo: string }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  /** It answers a response that was followed by another one; the proxy will answer that as well. */
  | { readonly kind: "stale" };

interface Unanswered {
  readonly nonce: string;
  readonly versionInfo: string;
  readonly versions: ReadonlyMap<string, string>;
}

const EVERYTHING = "*";

export class Subscription {
  /** Name -> version of what was accepted and is still wanted. */
  readonly accepted = new Map<string, string>();
  /** Name -> version of what was refused and is still the newest that was sent. */
  readonly refused = new Map<string, string>();
  private readonly sentVersions = new Map<string, string>();
  /** Of `sent`. */
  private readonly state = new StateDigest();
  acceptedVersionInfo: string | undefined;
  acceptedAt: number | undefined;
  lastRefusal: Refusal | undefined;
  private names: ReadonlySet<string> = new Set();
  private isSubscribed = false;
  private isWildcard = false;
  private unanswered: Unanswered | undefined;
  private lastNonce: string | undefined;
  /** Version info of the last response, or what the proxy already had when it came; state of the world only. */
  private sentVersionInfo: string | undefined;
  /** Names to send although they did not change. */
  private readonly requested = new Set<string>();
  private expectedAgain: ReadonlySet<string> = new Set();
  /** Groups of names to be sent apart, to find out which of a refused response are at fault. */
  private suspects: string[][] = [];
  private isResubscribed = false;
  private responses = 0;
  /** Id of the set of which everything that is wanted was sent, and of the one that `sent` was pruned by. */
  private completeOf: number | undefined;
  private prunedBy: number | undefined;

  constructor(readonly type: ResourceType) {}

  /** Name -> version of what was sent, accepted or not, and is still wanted. */
  get sent(): ReadonlyMap<string, string> {
    return this.sentVersions;
  }

  get wantsEverything(): boolean {
    return this.isWildcard;
  }

  /** Names asked for; with `wantsEverything`, beside everything. */
  get wantedNames(): ReadonlySet<string> {
    return this.names;
  }

  isSubscribedTo(name: string): boolean {
    return this.isWildcard || this.names.has(name);
  }

  /** @param set the newest resources of this type; undefined before there are any. */
  onRequest(
    request: SubscriptionRequest,
    set: ResourceSet | undefined,
    nowMs: number,
  ): RequestOutcome {
    if (!this.isSubscribed) return this.onSubscribe(request, set, nowMs);
    const { unanswered } = this;
    if (unanswered !== undefined && request.responseNonce !== this.lastNonce) {
      // Sent before the response under way came in, whose answer will tell the names once more.
      if (!this.wouldChange(request.resourceNames)) this.isResubscribed = true;
      return { kind: "stale" };
    }
    this.unanswered = undefined;
    const hasChanged = this.wouldChange(request.resourceNames);
    if (hasChanged || this.type.isStateOfTheWorld) this.setNames(request.resourceNames);
    if (unanswered === undefined || this.isResubscribed) this.sendAgain(hasChanged);
    this.isResubscribed = false;
    if (unanswered === undefined) return { kind: "subscribed" };
    return this.onAnswer(unanswered, request.errorMessage, nowMs);
  }

  /**
   * Foretells for which of its resources the proxy is about to subscribe once more, having lost them: a cluster
   * that is replaced needs its endpoints again, and the names it subscribes to do not tell.
   */
  expectAgain(names: readonly string[]): void {
    this.expectedAgain = new Set(names);
  }

  /**
   * The response that is due, and counts it as sent; undefined: none.
   * @param isHeld tells whether a resource has to wait.
   */
  next(set: ResourceSet, isHeld: (resource: Resource) => boolean): ResponseContent | undefined {
    if (this.unanswered !== undefined) return undefined;
    this.prune(set);
    return this.type.isStateOfTheWorld ? this.nextState(set) : this.nextChanges(set, isHeld);
  }

  /** True: the proxy has answered, and was sent everything there is in `set` for it. */
  isUpToDate(set: ResourceSet): boolean {
    if (this.unanswered !== undefined) return false;
    if (this.type.isStateOfTheWorld) return this.sentVersionInfo === this.versionOf(set);
    return this.changed(set).length === 0;
  }

  private onSubscribe(
    request: SubscriptionRequest,
    set: ResourceSet | undefined,
    nowMs: number,
  ): RequestOutcome {
    this.isSubscribed = true;
    this.isWildcard = this.type.isStateOfTheWorld && request.resourceNames.length === 0;
    this.setNames(request.resourceNames);
    const { versionInfo } = request;
    if (set === undefined || versionInfo === "" || versionInfo !== this.versionOf(set)) {
      return { kind: "subscribed" };
    }
    // It comes back with what it would be sent.
    for (const resource of this.wanted(set)) {
      this.noteSent(resource);
      this.accepted.set(resource.name, resource.version);
    }
    this.sentVersionInfo = versionInfo;
    this.acceptedVersionInfo = versionInfo;
    this.acceptedAt = nowMs;
    return { kind: "accepted", versionInfo };
  }

  private onAnswer(
    { versionInfo, versions }: Unanswered,
    errorMessage: string | undefined,
    nowMs: number,
  ): RequestOutcome {
    if (errorMessage === undefined) {
      if (this.type.isStateOfTheWorld) this.accepted.clear();
      for (const [name, version] of versions) {
        if (this.isSubscribedTo(name)) this.accepted.set(name, version);
        this.refused.delete(name);
      }
      this.acceptedVersionInfo = versionInfo;
      this.acceptedAt = nowMs;
      return { kind: "accepted", versionInfo };
    }
    // A proxy may refuse all for one. What it did accept it gets again, and only the rest stays refused.
    const names = [...versions.keys()];
    if (!this.type.isStateOfTheWorld && names.length > 1) {
      const half = Math.ceil(names.length / 2);
      this.suspects.push(names.slice(0, half), names.slice(half));
    }
    // What it has accepted before is not at fault.
    const suspects = [...versions].filter(([name, version]) => this.accepted.get(name) !== version);
    const resources = suspects.length === 0 ? versions : new Map(suspects);
    for (const [name, version] of resources) this.refused.set(name, version);
    const refusal = { message: errorMessage, versionInfo, resources, at: nowMs };
    this.lastRefusal = refusal;
    return { kind: "refused", refusal };
  }

  private nextState(set: ResourceSet): ResponseContent | undefined {
    const versionInfo = this.versionOf(set);
    if (this.sentVersionInfo === versionInfo) return undefined;
    this.sentVersionInfo = versionInfo;
    return this.respond(versionInfo, this.wanted(set));
  }

  private nextChanges(
    set: ResourceSet,
    isHeld: (resource: Resource) => boolean,
  ): ResponseContent | undefined {
    const changed = this.changed(set).filter((resource) => !isHeld(resource));
    if (changed.length > 0) return this.respond(undefined, changed);
    for (;;) {
      const group = this.suspects.shift();
      if (group === undefined) return undefined;
      const resources = group.flatMap((name) =>
        this.sent.has(name) && this.accepted.get(name) !== this.sent.get(name)
          ? (set.resources.get(name) ?? [])
          : [],
      );
      if (resources.length > 0) return this.respond(undefined, resources);
    }
  }

  private respond(
    versionInfo: string | undefined,
    resources: readonly Resource[],
  ): ResponseContent {
    const replaced = resources
      .filter(({ name, version }) => (this.sent.get(name) ?? version) !== version)
      .map(({ name }) => name);
    for (const resource of resources) {
      const { name, version } = resource;
      if (this.sent.get(name) !== version) this.refused.delete(name);
      this.noteSent(resource);
      this.requested.delete(name);
    }
    this.responses++;
    const nonce = String(this.responses);
    this.lastNonce = nonce;
    const version = versionInfo ?? this.state.version;
    this.unanswered = {
      nonce,
      versionInfo: version,
      versions: new Map(resources.map(({ name, version }) => [name, version])),
    };
    return { versionInfo: version, nonce, resources, replaced };
  }

  private wanted(set: ResourceSet): readonly Resource[] {
    if (this.isWildcard) return set.all;
    return [...this.names].flatMap((name) => set.resources.get(name) ?? []);
  }

  private changed(set: ResourceSet): Resource[] {
    const changed = this.candidates(set).filter(
      ({ name, version }) => this.sent.get(name) !== version || this.requested.has(name),
    );
    if (changed.length === 0) this.completeOf = set.id;
    return changed;
  }

  /** Those that may have changed: few, where everything of the set before was sent. */
  private candidates(set: ResourceSet): readonly Resource[] {
    if (this.requested.size > 0) return this.wanted(set);
    if (this.completeOf === set.id) return [];
    const { since, changed } = set.changes;
    if (this.completeOf !== since) return this.wanted(set);
    return changed.flatMap((name) =>
      this.isSubscribedTo(name) ? (set.resources.get(name) ?? []) : [],
    );
  }

  /** Forgets what is not there any more. */
  private prune(set: ResourceSet): void {
    if (this.prunedBy === set.id) return;
    const { since, removed } = set.changes;
    const gone =
      this.prunedBy === since
        ? removed
        : [...this.sent.keys()].filter((name) => !set.resources.has(name));
    for (const name of gone) this.forget(name);
    this.prunedBy = set.id;
  }

  private noteSent({ name, version, digest }: Resource): void {
    const before = this.sent.get(name);
    if (before === version) return;
    if (before !== undefined) this.state.remove(entryDigest(name, before));
    this.state.add(digest);
    this.sentVersions.set(name, version);
  }

  private versionOf(set: ResourceSet): string {
    if (this.isWildcard) return set.version;
    return stateVersion(this.wanted(set));
  }

  /**
   * A subscription that answers nothing: the proxy lacks something. What, is known if it was foretold or if it
   * names more or fewer resources than before; else it gets all that it names.
   */
  private sendAgain(hasChanged: boolean): void {
    const lost = this.expectedAgain.size > 0 || hasChanged ? this.expectedAgain : this.sent.keys();
    for (const name of lost) if (this.sent.has(name)) this.requested.add(name);
  }

  private wouldChange(requested: readonly string[]): boolean {
    const names = requested.filter((name) => name !== EVERYTHING);
    return names.length !== this.names.size || names.some((name) => !this.names.has(name));
  }

  private setNames(names: readonly string[]): void {
    this.completeOf = undefined;
    this.names = new Set(names.filter((name) => name !== EVERYTHING));
    if (this.type.isStateOfTheWorld && names.length > 0) {
      this.isWildcard = names.includes(EVERYTHING);
    }
    if (!this.isWildcard) {
      for (const name of [...this.sent.keys()]) if (!this.names.has(name)) this.forget(name);
    }
  }

  private forget(name: string): void {
    const version = this.sent.get(name);
    if (version !== undefined) this.state.remove(entryDigest(name, version));
    this.sentVersions.delete(name);
    this.accepted.delete(name);
    this.refused.delete(name);
    this.requested.delete(name);
  }
}
