// Tells in the cluster what has become of each resource: by its status, and by an Event when something is wrong with it.
import { resourceKey } from "../api/fault.js";
import { EventRecorder, type EventRecorderOptions } from "../kubernetes/event-recorder.js";
import type { KubernetesObject } from "../kubernetes/object.js";
import {
  isSameStatus,
  type StatusUpdate,
  StatusWriter,
  type StatusWriterOptions,
} from "../kubernetes/status-writer.js";
import { OWN_KINDS } from "../stores/kubernetes/watched-kinds.js";
import { withFormerProgress } from "./former-progress.js";
import { ResourceStatuses, type StatusInput } from "./resource-status.js";

export interface ResourceReporterOptions {
  readonly statuses: StatusWriterOptions;
  readonly events: EventRecorderOptions;
  /** How long proxies that are not seen are taken for some that have yet to come. Milliseconds, default 30 000. */
  readonly settleMs?: number | undefined;
  /**
   * How long fewer proxies must be seen before they are believed to be fewer: one that comes back has nothing
   * acknowledged for a moment. Milliseconds, default 5 000.
   */
  readonly doubtMs?: number | undefined;
}

export class ResourceReporter {
  private readonly writer: StatusWriter;
  private readonly events: EventRecorder;
  private readonly settleMs: number;
  /** Of the steady clock. */
  private settledAtMs = Infinity;
  private readonly doubtMs: number;
  /** By key of a resource: since when fewer proxies have it than its status says. */
  private doubts: ReadonlyMap<string, number> = new Map();

  constructor(options: ResourceReporterOptions) {
    const { statuses, events, settleMs = 30_000, doubtMs = 5_000 } = options;
    this.doubtMs = doubtMs;
    this.writer = new StatusWriter(statuses);
    this.events = new EventRecorder(events);
    this.settleMs = settleMs;
  }

  /** Proxies come from now on. To be called once at least: before that none are believed to be gone. */
  settle(): void {
    this.settledAtMs = performance.now() + this.settleMs;
  }

  /**
   * Compares the statuses of all resources with what they are to be.
   * @param objects by `resourceKey` of resources and faults.
   * @param areAllKnown whether what replicas tell of their proxies is known.
   */
  report(
    input: StatusInput,
    objects: ReadonlyMap<string, KubernetesObject>,
    areAllKnown: boolean,
  ): void {
    const statuses = new ResourceStatuses(input);
    const nowMs = performance.now();
    const isSettling = !areAllKnown || nowMs < this.settledAtMs;
    const doubts = new Map<string, number>();
    const updates: StatusUpdate[] = [];
    for (const [key, object] of objects) {
      const type = OWN_KINDS.get(object.kind);
      const now = type && key === keyOf(object) ? statuses.of(key, object) : undefined;
      const former = now && withFormerProgress(now, object.status);
      const sinceMs = this.doubts.get(key) ?? nowMs;
      if (former !== now) doubts.set(key, sinceMs);
      const status = isSettling || nowMs - sinceMs < this.doubtMs ? former : now;
      if (type !== undefined && status !== undefined) updates.push({ type, object, status });
      // What the status says already was told when it was written.
      if (status !== undefined && isSameStatus(object.status, status)) continue;
      const note = statuses.notesOf(key).join("\n");
      if (note !== "") this.events.record(object, { type: "Warning", reason: "NotInEffect", note });
    }
    this.doubts = doubts;
    this.writer.want(updates);
  }

  async stop(): Promise<void> {
    await Promise.all([this.writer.stop(), this.events.stop()]);
  }
}

function keyOf({ kind, metadata }: KubernetesObject): string {
  const { name, namespace = "" } = metadata;
  return resourceKey({ kind, namespace, name });
}
