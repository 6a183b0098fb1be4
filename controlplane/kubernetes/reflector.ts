// Keeps the objects of one kind as the cluster has them, by client-node's informers.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
import { type KubernetesObject as ClientObject, ListWatch } from "@kubernetes/client-node";
import { ApiError, type KubernetesApi } from "./api.js";
import { AwaitedWatch } from "./awaited-watch.js";
import { Backoff } from "./backoff.js";
import {
  apiVersionOf,
  type KubernetesObject,
  objectKey,
  resourcePath,
  type ResourceType,
} from "./object.js";
import { pause } from "./pause.js";

export interface ReflectorTimes {
  /** Between tries after failures. Milliseconds, defaults 250 and 30 000. */
  readonly minBackoffMs?: number;
  readonly maxBackoffMs?: number;
  /** Between looks for a kind that the cluster does not have. Milliseconds, default 10 000. */
  readonly missingRetryMs?: number;
  /** Between lists while all is well, should an event have been lost. Milliseconds, default 30 minutes. */
  readonly resyncMs?: number;
  /** A watch is begun anew after this long. Seconds, default 290. */
  readonly watchSeconds?: number;
}

export interface ReflectorOptions extends ReflectorTimes {
  readonly api: KubernetesApi;
  readonly type: ResourceType;
  /** Default: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string;
  /** Such as `metadata.name=istio`. */
  readonly fieldSelector?: string;
  /** What of an object is kept. */
  readonly project?: (object: KubernetesObject) => KubernetesObject;
  /** After each change of what the reflector tells. */
  readonly onChange: () => void;
}

interface ListPage {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly KubernetesObject[];
}

const PAGE_SIZE = "500";
/** A kind that was there is believed to be gone after so many answers that say so. */
const MISSING_COUNT = 3;
/** A watch that ends sooner is no success. */
const SHORT_WATCH_MS = 1_000;

/** Times are texts in what the API sends: nothing here makes the dates of them that client-node's types speak of. */
type Informed = KubernetesObject & ClientObject;

export class Reflector {
  /**
   * - `starting`: not listed yet
   * - `listed`: `objects` are those of the cluster, or were when it was reached last
   * - `missing`: the cluster does not have the kind
   */
  state: "starting" | "listed" | "missing" = "starting";
  /** Why the cluster cannot be read, while that is so. */
  failure: ApiError | undefined;
  private readonly known = new Map<string, KubernetesObject>();
  private readonly backoff: Backoff;
  private readonly stopping = new AbortController();
  private version: string;
  /** Undefined: the next one lists. */
  private informer: ListWatch<Informed> | undefined;
  private listedAtMs = 0;
  private openedAtMs = Infinity;
  private missingCount = 0;
  private running: Promise<void> | undefined;

  constructor(private readonly options: ReflectorOptions) {
    const { minBackoffMs = 250, maxBackoffMs = 30_000 } = options;
    this.version = options.type.versions[0];
    this.backoff = new Backoff({ minMs: minBackoffMs, maxMs: maxBackoffMs });
  }

  /** By `objectKey`. */
  get objects(): ReadonlyMap<string, KubernetesObject> {
    return this.known;
  }

  get type(): ResourceType {
    return this.options.type;
  }

  start(): void {
    this.running ??= this.run(this.stopping.signal);
  }

  /** `onChange` is not called any more. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.isResyncDue(performance.now())) this.informer = undefined;
      this.informer ??= this.newInformer(signal);
      this.openedAtMs = Infinity;
      const failure = await this.informer.start().then(
        () => undefined,
        (error: unknown) => ApiError.from(error),
      );
      const hasLasted = performance.now() - this.openedAtMs > SHORT_WATCH_MS;
      if (hasLasted) this.backoff.reset();
      if (failure !== undefined) await this.onFailure(failure, signal);
      else if (!hasLasted) await pause(this.backoff.next(), signal);
    }
  }

  private newInformer(signal: AbortSignal): ListWatch<Informed> {
    const { type, namespace, labelSelector, fieldSelector, watchSeconds = 290 } = this.options;
    const { version } = this;
    const path = resourcePath(type, { version, namespace });
    const watch = new AwaitedWatch({
      config: this.options.api.config,
      signal,
      seconds: watchSeconds,
      onOpen: () => this.onOpen(),
      read: (object) => this.read(object),
    });
    const list = (): Promise<{ items: Informed[] }> => this.list(path, signal);
    const informer = new ListWatch<Informed>(
      path,
      watch,
      list,
      false,
      labelSelector,
      fieldSelector,
    );
    for (const verb of ["add", "update"] as const)
      informer.on(verb, (object) => this.onObject(object));
    informer.on("delete", (object) => {
      if (this.known.delete(objectKey(object))) this.options.onChange();
    });
    informer.on("error", (error) => {
      throw error;
    });
    return informer;
  }

  private isResyncDue(nowMs: number): boolean {
    return nowMs - this.listedAtMs > (this.options.resyncMs ?? 30 * 60_000);
  }

  private async onFailure(error: ApiError, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    if (error.isGone) {
      this.informer = undefined;
    } else if (error.isNotFound) {
      this.informer = undefined;
      if (this.onNotFound()) {
        await pause(this.options.missingRetryMs ?? 10_000, signal);
        return;
      }
    } else if (this.failure?.message !== error.message) {
      this.failure = error;
      this.options.onChange();
    }
    await pause(this.backoff.next(), signal);
  }

  /** Whether the cluster does not have the kind, in any version. */
  private onNotFound(): boolean {
    const { versions } = this.options.type;
    const next = versions[versions.indexOf(this.version) + 1];
    this.version = next ?? versions[0];
    if (next !== undefined) {
      this.backoff.reset();
      return false;
    }
    this.missingCount++;
    if (this.state === "listed" && this.missingCount < MISSING_COUNT) return false;
    if (this.state !== "missing") {
      this.state = "missing";
      this.failure = undefined;
      this.known.clear();
      this.options.onChange();
    }
    return true;
  }

  private async list(
    path: string,
    signal: AbortSignal,
  ): Promise<{ metadata: ListPage["metadata"]; items: Informed[] }> {
    const { api, labelSelector, fieldSelector } = this.options;
    const items: Informed[] = [];
    let page: ListPage = {};
    do {
      const token = page.metadata?.continue;
      page = (await api.request({
        method: "GET",
        path,
        query: {
          ...(labelSelector !== undefined && { labelSelector }),
          ...(fieldSelector !== undefined && { fieldSelector }),
          limit: PAGE_SIZE,
          ...(token !== undefined && { continue: token }),
        },
      })) as ListPage;
      signal.throwIfAborted();
      for (const item of page.items ?? []) items.push(this.read(item) as Informed);
    } while ((page.metadata?.continue ?? "") !== "");
    this.onListed(items);
    return { metadata: page.metadata, items };
  }

  private onListed(objects: readonly KubernetesObject[]): void {
    this.known.clear();
    for (const object of objects) this.known.set(objectKey(object), object);
    this.listedAtMs = performance.now();
    this.missingCount = 0;
    this.state = "listed";
    this.failure = undefined;
    this.options.onChange();
  }

  private onOpen(): void {
    this.openedAtMs = performance.now();
    if (this.failure === undefined) return;
    this.failure = undefined;
    this.options.onChange();
  }

  /** Of what has been listed the informer tells as well. */
  private onObject(object: KubernetesObject): void {
    const key = objectKey(object);
    if (this.known.get(key) === object) return;
    this.known.set(key, object);
    this.options.onChange();
  }

  /** Lists leave out what all of their items have in common. */
  private read(object: KubernetesObject): KubernetesObject {
    const { type, project = (whole: KubernetesObject) => whole } = this.options;
    const apiVersion = apiVersionOf(type, this.version);
    return project({ ...object, apiVersion, kind: type.kind });
  }
}
