// Tells people about objects by Events, as `kubectl describe` shows them. The same is told once.
import { createHash } from "node:crypto";
import { ApiError, type KubernetesApi } from "./api.js";
import { microTime } from "./leader-election.js";
import { type KubernetesObject, resourcePath, type ResourceType } from "./object.js";
import { pause } from "./pause.js";
import { RateLimit } from "./rate-limit.js";

export const EVENTS: ResourceType = {
  kind: "Event",
  group: "events.k8s.io",
  versions: ["v1"],
  plural: "events",
  namespaced: true,
};

export interface EventText {
  readonly type: "Normal" | "Warning";
  /** In one word, such as `Invalid`. */
  readonly reason: string;
  readonly note: string;
}

export interface EventRecorderOptions {
  readonly api: KubernetesApi;
  /** Nothing is written while this is false. */
  readonly mayWrite: () => boolean;
  /** Of this replica. */
  readonly identity: string;
  /** Default 5, after a burst of 25. */
  readonly perSecond?: number;
  /** What cannot be written is left out, since it is only told beside the status. */
  readonly onFailed?: (error: ApiError) => void;
}

const CONTROLLER = "metaproto.io/controller";
const BURST = 25;
/** Of the kind. */
const MAX_NOTE_LENGTH = 1024;
const MAX_NAME_LENGTH = 200;
/** What is remembered, and what waits. */
const MAX_KNOWN = 10_000;
const MAX_QUEUED = 1_000;

interface Pending {
  readonly name: string;
  readonly body: object;
  readonly namespace: string;
}

export class EventRecorder {
  /** Names of what was told, the oldest first. */
  private readonly known = new Set<string>();
  private readonly queue: Pending[] = [];
  private readonly limit: RateLimit;
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;

  constructor(private readonly options: EventRecorderOptions) {
    this.limit = new RateLimit(options.perSecond ?? 5, BURST);
  }

  /**
   * The name of an Event is made from what it says of which version of the object, so that not even another replica
   * says it again.
   */
  record(object: KubernetesObject, text: EventText): void {
    if (!this.options.mayWrite()) return;
    const { uid = "", generation = 0, namespace = "default" } = object.metadata;
    const note = text.note.slice(0, MAX_NOTE_LENGTH);
    const digest = createHash("sha256")
      .update(JSON.stringify([object.kind, uid, generation, text.type, text.reason, note]))
      .digest("hex")
      .slice(0, 16);
    const name = `${object.metadata.name.slice(0, MAX_NAME_LENGTH)}.${digest}`;
    const key = `${namespace}/${name}`;
    if (this.known.has(key) || this.queue.length >= MAX_QUEUED) return;
    this.remember(key);
    this.queue.push({ name, namespace, body: this.bodyOf(object, { ...text, note }, name) });
    this.running ??= this.run(this.stopping.signal).finally(() => {
      this.running = undefined;
    });
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private remember(key: string): void {
    this.known.add(key);
    const [oldest] = this.known;
    if (this.known.size > MAX_KNOWN && oldest !== undefined) this.known.delete(oldest);
  }

  private bodyOf({ apiVersion, kind, metadata }: KubernetesObject, text: EventText, name: string) {
    const { name: of, namespace, uid, resourceVersion } = metadata;
    return {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name, namespace: namespace ?? "default" },
      eventTime: microTime(),
      reportingController: CONTROLLER,
      reportingInstance: this.options.identity.slice(0, 128),
      action: "Translate",
      ...text,
      regarding: { apiVersion, kind, name: of, namespace, uid, resourceVersion },
    };
  }

  private async run(signal: AbortSignal): Promise<void> {
    for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) {
      const waitMs = this.limit.take();
      if (waitMs > 0) await pause(waitMs, signal);
      if (signal.aborted || !this.options.mayWrite()) return;
      const { namespace, body } = next;
      try {
        const path = resourcePath(EVENTS, { namespace });
        await this.options.api.request({ method: "POST", path, body });
      } catch (error) {
        const failure = ApiError.from(error);
        // It was told before, by whoever was here then.
        if (!failure.isConflict) this.options.onFailed?.(failure);
      }
    }
  }
}
