// One of several replicas writes. Who, says a Lease, as client-go's leader election reads and writes it.
// https://kubernetes.io/docs/concepts/architecture/leases/
import { ApiError, type KubernetesApi } from "./api.js";
import { type KubernetesObject, resourcePath, type ResourceType } from "./object.js";
import { pause } from "./pause.js";

export const LEASES: ResourceType = {
  kind: "Lease",
  group: "coordination.k8s.io",
  versions: ["v1"],
  plural: "leases",
  namespaced: true,
};

export interface LeaderElectionOptions {
  readonly api: KubernetesApi;
  /** Of the Lease. */
  readonly namespace: string;
  readonly name: string;
  /** Of this replica; no other has it, not even the one that was here before. */
  readonly identity: string;
  /** How long a leader that does not come back stays one. Milliseconds, default 15 000. */
  readonly leaseMs?: number;
  /** Between looks, and between renewals. Milliseconds, default 2 000. */
  readonly retryMs?: number;
  readonly onChange: (isLeader: boolean) => void;
  /** Told when the Lease cannot be read or written for a new reason. */
  readonly onFailure?: (error: ApiError) => void;
}

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

type Lease = KubernetesObject & { readonly spec?: LeaseSpec };

/** A leader gives up before others may take over: their clocks need not agree, only their speed. */
const SAFE_PART = 2 / 3;

export class LeaderElection {
  private readonly stopping = new AbortController();
  private readonly leaseMs: number;
  private running: Promise<void> | undefined;
  /** When this replica was leader for certain; of the steady clock. */
  private renewedAtMs = -Infinity;
  /** The last Lease of somebody else, and since when it has been like that. */
  private observed = { record: "", sinceMs: 0 };
  private told = false;
  private failure = "";

  constructor(private readonly options: LeaderElectionOptions) {
    this.leaseMs = options.leaseMs ?? 15_000;
  }

  /** False as soon as somebody else may believe to be it. */
  get isLeader(): boolean {
    return performance.now() - this.renewedAtMs < this.leaseMs * SAFE_PART;
  }

  start(): void {
    this.running ??= this.run(this.stopping.signal);
  }

  /** Lets another replica take over at once. */
  async stop(): Promise<void> {
    const wasLeader = this.isLeader;
    this.stopping.abort();
    await this.running;
    this.renewedAtMs = -Infinity;
    if (wasLeader) await this.release();
  }

  private async run(signal: AbortSignal): Promise<void> {
    const { retryMs = 2_000 } = this.options;
    while (!signal.aborted) {
      const askedAtMs = performance.now();
      try {
        const isHeld = await this.tryHold();
        this.renewedAtMs = isHeld ? askedAtMs : -Infinity;
        this.failure = "";
      } catch (error) {
        this.onFailure(ApiError.from(error));
      }
      this.tell();
      await pause(retryMs, signal);
    }
  }

  private tell(): void {
    const { isLeader } = this;
    if (isLeader === this.told || this.stopping.signal.aborted) return;
    this.told = isLeader;
    this.options.onChange(isLeader);
  }

  /** Somebody else being faster is no failure. */
  private onFailure(error: ApiError): void {
    if (error.isConflict) {
      this.renewedAtMs = -Infinity;
      return;
    }
    if (error.message !== this.failure) this.options.onFailure?.(error);
    this.failure = error.message;
  }

  private async tryHold(): Promise<boolean> {
    const { api, identity } = this.options;
    const lease = await this.read();
    if (lease === undefined) {
      const { name, namespace } = this.options;
      await api.request({
        method: "POST",
        path: resourcePath(LEASES, { namespace }),
        body: {
          apiVersion: "coordination.k8s.io/v1",
          kind: "Lease",
          metadata: { name, namespace },
          spec: this.ownSpec(undefined),
        },
      });
      return true;
    }
    const holder = lease.spec?.holderIdentity ?? "";
    if (holder !== identity && holder !== "" && !this.isExpired(lease)) return false;
    await this.write({ ...lease, spec: this.ownSpec(lease.spec) });
    return true;
  }

  private async read(): Promise<Lease | undefined> {
    const { api, namespace, name } = this.options;
    try {
      const path = resourcePath(LEASES, { namespace, name });
      return (await api.request({ method: "GET", path })) as Lease;
    } catch (error) {
      if (error instanceof ApiError && error.isNotFound) return undefined;
      throw error;
    }
  }

  /** As seen from here: since the holder's last sign of life was first read. */
  private isExpired({ spec = {} }: Lease): boolean {
    const record = JSON.stringify([spec.holderIdentity, spec.renewTime, spec.leaseTransitions]);
    const now = performance.now();
    if (record !== this.observed.record) this.observed = { record, sinceMs: now };
    const durationMs = (spec.leaseDurationSeconds ?? 0) * 1000;
    return now - this.observed.sinceMs > durationMs;
  }

  private ownSpec(before: LeaseSpec | undefined): LeaseSpec {
    const { identity } = this.options;
    const now = microTime();
    const isOurs = before?.holderIdentity === identity;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.max(1, Math.ceil(this.leaseMs / 1000)),
      acquireTime: isOurs ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before?.leaseTransitions ?? 0) + (isOurs || before === undefined ? 0 : 1),
    };
  }

  private async release(): Promise<void> {
    try {
      const lease = await this.read();
      if (lease?.spec?.holderIdentity !== this.options.identity) return;
      await this.write({
        ...lease,
        spec: {
          ...lease.spec,
          holderIdentity: "",
          leaseDurationSeconds: 1,
          renewTime: microTime(),
        },
      });
    } catch {
      // It expires.
    }
  }

  /** @throws ApiError with a conflict when it is not the newest version that is replaced. */
  private async write(lease: Lease): Promise<void> {
    const { api, namespace, name } = this.options;
    const path = resourcePath(LEASES, { namespace, name });
    await api.request({ method: "PUT", path, body: lease });
  }
}

/** RFC 3339 with microseconds, as the kind wants it. */
export function microTime(): string {
  return new Date().toISOString().replace("Z", "000Z");
}
