// Replicas tell each other how far their proxies are: each keeps a Lease of its own, with what it has to tell in an
// annotation. A Lease has all that this takes: it is small, says when its holder was last alive, and nobody acts upon it.
import { createHash } from "node:crypto";
import { ApiError, type KubernetesApi } from "../kubernetes/api.js";
import { LEASES, microTime } from "../kubernetes/leader-election.js";
import { type KubernetesObject, resourcePath } from "../kubernetes/object.js";
import { pause } from "../kubernetes/pause.js";
import { Reflector, type ReflectorTimes } from "../kubernetes/reflector.js";
import { errorMessage } from "../runtime/error-message.js";
import { decodeReport, encodeReport, type ReplicaReport } from "./replica-report.js";

export interface ReplicaReportsTimes extends ReflectorTimes {
  /** Between looks at what there is to tell. Milliseconds, default 2 000. */
  readonly lookMs?: number;
  /** A replica says at least so often that it is alive. Milliseconds, default 5 000. */
  readonly renewMs?: number;
  /** One that has not said so for this long does not count any more. Milliseconds, default 20 000. */
  readonly expiryMs?: number;
}

export interface ReplicaReportsOptions extends ReplicaReportsTimes {
  readonly api: KubernetesApi;
  /** Of the Leases. */
  readonly namespace: string;
  /** Of this replica; no other has it. */
  readonly identity: string;
  /** What this replica has to tell; the same object while nothing has changed. */
  readonly report: () => ReplicaReport;
  /** Whether this replica deletes the Leases of those that are gone. */
  readonly isLeader: () => boolean;
  /** What others tell has changed. */
  readonly onChange: () => void;
  /** @param length of the report. */
  readonly onWritten?: (length: number) => void;
  /** Told of each failed write. @param isNew the one before did not fail for this reason. */
  readonly onFailed?: (error: ApiError, isNew: boolean) => void;
}

/** Another replica. */
export interface OtherReplica {
  readonly identity: string;
  /** Undefined: it cannot be read. */
  readonly report: ReplicaReport | undefined;
  /** Why not. */
  readonly fault: string | undefined;
}

interface Seen extends OtherReplica {
  readonly text: string;
  readonly renewTime: string;
  /** When the last sign of life came; of `aliveMs`. */
  readonly atMs: number;
  readonly object: KubernetesObject;
}

const COMPONENT = "metaproto.io/component";
const REPLICA = "replica";
const REPORT = "metaproto.io/report";

export class ReplicaReports {
  private readonly reflector: Reflector;
  private readonly name: string;
  private readonly renewMs: number;
  private readonly expiryMs: number;
  /** How long this replica's own signs of life have been seen: while they are not, nobody else can be taken for dead. */
  private aliveMs = 0;
  /** When its last one came; of the steady clock. */
  private ownSignMs = 0;
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private failure = "";
  /** By name of the Lease; this replica's own is among them. */
  private seen = new Map<string, Seen>();
  private told: { readonly report: ReplicaReport; readonly text: string } | undefined;
  private published: { readonly text: string; readonly atMs: number } | undefined;

  constructor(private readonly options: ReplicaReportsOptions) {
    const { api, namespace, identity, renewMs = 5_000, expiryMs = 20_000 } = options;
    const digest = createHash("sha256").update(identity).digest("hex");
    this.name = `metaproto-replica-${digest.slice(0, 10)}`;
    this.renewMs = renewMs;
    this.expiryMs = expiryMs;
    this.reflector = new Reflector({
      ...options,
      api,
      type: LEASES,
      namespace,
      labelSelector: `${COMPONENT}=${REPLICA}`,
      onChange: () => this.read(),
    });
  }

  /** Whether it is known what others tell. */
  get isListed(): boolean {
    return this.reflector.state === "listed";
  }

  /** Replicas that are alive, without this one. */
  get others(): readonly OtherReplica[] {
    return this.ofOthers().filter((replica) => !this.isStale(replica));
  }

  start(): void {
    this.reflector.start();
    this.running ??= this.run(this.stopping.signal);
  }

  /** What was told stays until it expires: by then the proxies are with others. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all([this.running, this.reflector.stop()]);
  }

  private ofOthers(): readonly Seen[] {
    return [...this.seen].flatMap(([name, replica]) => (name === this.name ? [] : [replica]));
  }

  private isStale({ atMs }: Seen): boolean {
    return this.aliveMs - atMs > this.expiryMs;
  }

  private read(): void {
    const before = this.seen;
    const objects = [...this.reflector.objects.values()];
    const own = objects.find(({ metadata }) => metadata.name === this.name);
    if (own !== undefined && renewTimeOf(own) !== before.get(this.name)?.renewTime) this.onSign();
    this.seen = new Map(
      objects.map((object) => {
        const { name } = object.metadata;
        return [name, seenOf(object, before.get(name), this.aliveMs)] as const;
      }),
    );
    const isSame =
      before.size === this.seen.size &&
      [...this.seen].every(([name, { text }]) => before.get(name)?.text === text);
    if (!isSame) this.options.onChange();
  }

  /** After an outage others may be the later ones to be seen again: it does not count. */
  private onSign(): void {
    const now = performance.now();
    if (this.ownSignMs > 0) this.aliveMs += Math.min(now - this.ownSignMs, 2 * this.renewMs);
    this.ownSignMs = now;
  }

  private async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.publish();
        await this.clean();
        this.failure = "";
      } catch (error) {
        const failure = ApiError.from(error);
        this.options.onFailed?.(failure, failure.message !== this.failure);
        this.failure = failure.message;
      }
      await pause(this.options.lookMs ?? 2_000, signal);
    }
  }

  private async publish(): Promise<void> {
    const report = this.options.report();
    if (this.told?.report !== report) this.told = { report, text: encodeReport(report) };
    const { text } = this.told;
    const now = performance.now();
    const isSame = this.published?.text === text;
    if (isSame && now - (this.published?.atMs ?? 0) < this.renewMs) return;
    if (this.published === undefined || !(await this.update(isSame ? undefined : text)))
      await this.create(text);
    this.published = { text, atMs: now };
    this.options.onWritten?.(text.length);
  }

  /** @param text undefined: it is as it was. @returns false when there is no such Lease any more. */
  private async update(text: string | undefined): Promise<boolean> {
    const { api, namespace } = this.options;
    try {
      await api.request({
        method: "PATCH",
        path: resourcePath(LEASES, { namespace, name: this.name }),
        contentType: "application/merge-patch+json",
        body: {
          ...(text !== undefined && { metadata: metadataWith(text) }),
          spec: { renewTime: microTime() },
        },
      });
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.isNotFound) return false;
      throw error;
    }
  }

  private async create(text: string): Promise<void> {
    const { api, namespace, identity } = this.options;
    const now = microTime();
    const spec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.max(1, Math.ceil(this.expiryMs / 1000)),
      acquireTime: now,
      renewTime: now,
    };
    const metadata = { name: this.name, namespace, ...metadataWith(text) };
    const body = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec };
    try {
      await api.request({ method: "POST", path: resourcePath(LEASES, { namespace }), body });
    } catch (error) {
      // Of the one that had this identity before.
      if (!(error instanceof ApiError) || !error.isConflict) throw error;
      await this.update(text);
    }
  }

  private async clean(): Promise<void> {
    if (!this.options.isLeader()) return;
    const { api, namespace } = this.options;
    for (const replica of this.ofOthers()) {
      if (!this.isStale(replica)) continue;
      const { name, uid, resourceVersion } = replica.object.metadata;
      try {
        await api.request({
          method: "DELETE",
          path: resourcePath(LEASES, { namespace, name }),
          body: {
            apiVersion: "v1",
            kind: "DeleteOptions",
            preconditions: { uid, resourceVersion },
          },
        });
      } catch (error) {
        // Somebody else was faster, or it is alive after all.
        if (!(error instanceof ApiError) || !(error.isNotFound || error.isConflict)) throw error;
      }
    }
  }
}

function metadataWith(text: string): object {
  return { labels: { [COMPONENT]: REPLICA }, annotations: { [REPORT]: text } };
}

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly renewTime?: string;
}

function renewTimeOf(lease: KubernetesObject): string {
  return (lease.spec as LeaseSpec | undefined)?.renewTime ?? "";
}

function seenOf(object: KubernetesObject, before: Seen | undefined, aliveMs: number): Seen {
  const text = object.metadata.annotations?.[REPORT] ?? "";
  const { holderIdentity = object.metadata.name } = (object.spec ?? {}) as LeaseSpec;
  const renewTime = renewTimeOf(object);
  const atMs = before?.renewTime === renewTime ? before.atMs : aliveMs;
  const known = before?.text === text ? before : readReport(text);
  const { report, fault } = known;
  return { identity: holderIdentity, text, renewTime, atMs, object, report, fault };
}

function readReport(text: string): Pick<OtherReplica, "report" | "fault"> {
  try {
    return { report: decodeReport(text), fault: undefined };
  } catch (error) {
    return { report: undefined, fault: errorMessage(error) };
  }
}
