// Keeps the statuses of objects as they are to be: written when they differ, not too many at once.
import { isDeepStrictEqual } from "node:util";
import { ApiError, type KubernetesApi } from "./api.js";
import { Backoff } from "./backoff.js";
import { type KubernetesObject, resourcePath, type ResourceType } from "./object.js";
import { pause } from "./pause.js";
import { RateLimit } from "./rate-limit.js";

/** https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties */
export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  /** In one word. */
  readonly reason: string;
  readonly message: string;
  /** RFC 3339. */
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
}

export interface ObjectStatus {
  readonly conditions: readonly Condition[];
  readonly [field: string]: unknown;
}

export interface StatusUpdate {
  readonly type: ResourceType;
  /** As it was read last, with the status that it has. */
  readonly object: KubernetesObject;
  readonly status: ObjectStatus;
}

export interface StatusWriterOptions {
  readonly api: KubernetesApi;
  /** Nothing is written while this is false. */
  readonly mayWrite: () => boolean;
  /** Writes per second, default 10, after a burst of 20. */
  readonly perSecond?: number;
  /** Between tries after failures. Milliseconds, defaults 500 and 60 000. */
  readonly minBackoffMs?: number;
  readonly maxBackoffMs?: number;
  /** A write that the watch does not show after this long is forgotten. Milliseconds, default 5000. */
  readonly echoMs?: number;
  readonly onWritten?: (object: KubernetesObject) => void;
  readonly onFailed?: (object: KubernetesObject, error: ApiError) => void;
}

interface Written {
  readonly status: ObjectStatus;
  /** Of the object that it was written over: one of another version shows what came of it. */
  readonly over: string | undefined;
  readonly untilMs: number;
}

const BURST = 20;

export class StatusWriter {
  private wanted: ReadonlyMap<string, StatusUpdate> = new Map();
  private readonly written = new Map<string, Written>();
  private readonly queue = new Set<string>();
  private readonly limit: RateLimit;
  private readonly backoff: Backoff;
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;

  constructor(private readonly options: StatusWriterOptions) {
    const { perSecond = 10, minBackoffMs = 500, maxBackoffMs = 60_000 } = options;
    this.limit = new RateLimit(perSecond, BURST);
    this.backoff = new Backoff({ minMs: minBackoffMs, maxMs: maxBackoffMs });
  }

  /** Replaces what is wanted; call it again with what has become of the objects. */
  want(updates: readonly StatusUpdate[]): void {
    this.wanted = new Map(updates.map((update) => [keyOf(update), update]));
    for (const key of this.written.keys()) if (!this.wanted.has(key)) this.written.delete(key);
    for (const [key, update] of this.wanted) if (this.isDue(key, update)) this.queue.add(key);
    this.pump();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private isDue(key: string, { object, status }: StatusUpdate): boolean {
    if (isSameStatus(object.status, status)) return false;
    const written = this.written.get(key);
    if (written === undefined || !isSameStatus(written.status, status)) return true;
    return written.over !== object.metadata.resourceVersion || performance.now() > written.untilMs;
  }

  private pump(): void {
    if (this.stopping.signal.aborted || this.queue.size === 0) return;
    this.running ??= this.run(this.stopping.signal).finally(() => {
      this.running = undefined;
      this.pump();
    });
  }

  private async run(signal: AbortSignal): Promise<void> {
    for (const key of this.queue) {
      this.queue.delete(key);
      const waitMs = this.limit.take();
      if (waitMs > 0) await pause(waitMs, signal);
      if (signal.aborted) return;
      const update = this.wanted.get(key);
      if (update === undefined || !this.isDue(key, update) || !this.options.mayWrite()) continue;
      await this.write(key, update, signal);
    }
  }

  private async write(key: string, update: StatusUpdate, signal: AbortSignal): Promise<void> {
    const { type, object } = update;
    const { namespace, name, resourceVersion } = object.metadata;
    const status = withTransitionTimes(update.status, object.status);
    const former = isFields(object.status) ? Object.keys(object.status) : [];
    const gone = former.filter((field) => status[field] === undefined);
    try {
      await this.options.api.request({
        method: "PATCH",
        path: resourcePath(type, {
          version: object.apiVersion.split("/").at(-1) ?? type.versions[0],
          namespace,
          name,
          subresource: "status",
        }),
        contentType: "application/merge-patch+json",
        // Over what was looked at only: what somebody else has written meanwhile may say more.
        body: {
          metadata: { resourceVersion },
          status: { ...status, ...Object.fromEntries(gone.map((field) => [field, null])) },
        },
      });
      const untilMs = performance.now() + (this.options.echoMs ?? 5_000);
      this.written.set(key, { status, over: resourceVersion, untilMs });
      this.backoff.reset();
      this.options.onWritten?.(object);
    } catch (error) {
      const failure = ApiError.from(error);
      // It is gone, and nobody waits for its status; or it is another one, which is told of soon.
      if (failure.isNotFound || failure.isConflict) return;
      this.options.onFailed?.(object, failure);
      this.queue.add(key);
      await pause(this.backoff.next(), signal);
    }
  }
}

function keyOf({ type, object }: StatusUpdate): string {
  return resourcePath(type, object.metadata);
}

/** Whether they say the same, whenever it began. */
export function isSameStatus(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(timeless(a), timeless(b));
}

function timeless(status: unknown): unknown {
  if (!isFields(status)) return status;
  const json = JSON.parse(JSON.stringify(status)) as Record<string, unknown>;
  const conditions = Array.isArray(json["conditions"]) ? (json["conditions"] as unknown[]) : [];
  return {
    ...json,
    conditions: conditions.map((condition) =>
      isFields(condition) ? { ...condition, lastTransitionTime: "" } : condition,
    ),
  };
}

/** A condition that is as it was has been so since then. */
function withTransitionTimes(status: ObjectStatus, former: unknown): ObjectStatus {
  const before =
    isFields(former) && Array.isArray(former["conditions"]) ? former["conditions"] : [];
  return {
    ...status,
    conditions: status.conditions.map((condition) => {
      const same = before.find(
        (item: unknown) =>
          isFields(item) && item["type"] === condition.type && item["status"] === condition.status,
      ) as Partial<Condition> | undefined;
      return {
        ...condition,
        lastTransitionTime: same?.lastTransitionTime ?? condition.lastTransitionTime,
      };
    }),
  };
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
