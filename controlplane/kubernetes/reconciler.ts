// Makes the cluster have exactly the objects that are wanted, among those that carry our label.
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { ApiError, type KubernetesApi } from "./api.js";
import { Backoff } from "./backoff.js";
import {
  apiVersionOf,
  type KubernetesObject,
  objectKey,
  resourcePath,
  type ResourceType,
} from "./object.js";
import { Reflector, type ReflectorTimes } from "./reflector.js";

export const MANAGED_BY = "app.kubernetes.io/managed-by";
const MANAGER = "metaproto";
/** Of what was written, so that what the server makes of it is not taken for somebody's edit. */
const CONTENT_HASH = "metaproto.io/content-hash";

/** `repair`: somebody has edited what is ours. */
export type Verb = "create" | "update" | "repair" | "delete";

export interface ReconcilerObserver {
  onWritten(verb: Verb, object: KubernetesObject): void;
  /** It is tried again. */
  onFailed(verb: Verb, object: KubernetesObject, error: ApiError): void;
  /** Its namespace does not exist: it is created when that does. Told once. */
  onWaiting(object: KubernetesObject): void;
  /** Once: `owned` is whole. */
  onListed?(): void;
}

export interface ReconcilerOptions extends ReflectorTimes {
  readonly api: KubernetesApi;
  /** Kinds of the objects that may be wanted. */
  readonly types: readonly ResourceType[];
  /** Nothing is written while this is false. */
  readonly mayWrite: () => boolean;
  readonly observer: ReconcilerObserver;
  /** A write whose result the watch does not show after this long is forgotten. Milliseconds, default 5000. */
  readonly echoMs?: number;
}

interface Wanted {
  readonly key: string;
  readonly type: ResourceType;
  /** With our label and the hash of what it says. */
  readonly object: KubernetesObject;
  readonly hash: string;
}

type Objects = ReadonlyMap<string, KubernetesObject>;

interface Task {
  readonly verb: Verb;
  readonly key: string;
  readonly type: ResourceType;
  readonly object: KubernetesObject;
  readonly run: () => Promise<KubernetesObject | undefined>;
}

interface Attempts {
  readonly backoff: Backoff;
  retryAtMs: number;
  /** Nothing has failed, its namespace is not there yet. */
  isWaiting: boolean;
}

/** What the watch must show before an object is looked at again. */
interface Echo {
  /** Undefined: that the object is gone. */
  readonly resourceVersion: string | undefined;
  readonly untilMs: number;
}

const CONCURRENCY = 8;
/** Reason of an error: what is to be created cannot be, for want of its namespace. */
const NO_NAMESPACE = "NoNamespace";

export class ObjectReconciler {
  private readonly reflectors: ReadonlyMap<string, Reflector>;
  /** By type and `objectKey`. Undefined: nobody has said yet, so nothing may be deleted. */
  private wanted: ReadonlyMap<ResourceType, ReadonlyMap<string, Wanted>> | undefined;
  /** By the object that was wanted: most are wanted again and again. */
  private readonly known = new WeakMap<KubernetesObject, Wanted>();
  private readonly attempts = new Map<string, Attempts>();
  private readonly echoes = new Map<string, Echo>();
  /** By key: which generation the server made of which content. */
  private readonly settled = new Map<string, string>();
  /** What was wanted, by the object that the watch has shown to be so. */
  private readonly asWanted = new WeakMap<KubernetesObject, Wanted>();
  private timer: NodeJS.Timeout | undefined;
  private isRunning = false;
  private isRunAgain = false;
  private isStopped = false;
  private isToldListed = false;

  constructor(private readonly options: ReconcilerOptions) {
    this.reflectors = new Map(
      options.types.map((type) => [
        kindKey(apiVersionOf(type), type.kind),
        new Reflector({
          ...options,
          type,
          labelSelector: `${MANAGED_BY}=${MANAGER}`,
          project: withoutManagedFields,
          onChange: () => this.onChange(),
        }),
      ]),
    );
  }

  /** Whether everything that is ours in the cluster is known. */
  get isListed(): boolean {
    return [...this.reflectors.values()].every(({ state }) => state !== "starting");
  }

  private onChange(): void {
    if (!this.isToldListed && this.isListed) {
      this.isToldListed = true;
      this.options.observer.onListed?.();
    }
    this.wake();
  }

  start(): void {
    for (const reflector of this.reflectors.values()) reflector.start();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await Promise.all([...this.reflectors.values()].map((reflector) => reflector.stop()));
  }

  /**
   * From now on these objects are to be there and no others of ours. They must not change: one that is wanted once more
   * is not looked into again.
   * @throws Error for a kind that is none of `types`.
   */
  want(objects: readonly KubernetesObject[]): void {
    const all = new Map<ResourceType, Map<string, Wanted>>();
    for (const object of objects) {
      const wanted = this.known.get(object) ?? this.wantedOf(object);
      this.known.set(object, wanted);
      const ofType = all.get(wanted.type) ?? new Map<string, Wanted>();
      all.set(wanted.type, ofType.set(objectKey(object), wanted));
    }
    this.wanted = all;
    this.wake();
  }

  private wantedOf(object: KubernetesObject): Wanted {
    const type = this.reflectors.get(kindKey(object.apiVersion, object.kind))?.type;
    if (type === undefined) throw new Error(`${object.apiVersion} ${object.kind} is not applied`);
    return wantedOf(type, object);
  }

  /** Objects that are ours in the cluster. */
  get owned(): readonly KubernetesObject[] {
    return [...this.reflectors.values()].flatMap(({ objects }) => [...objects.values()]);
  }

  /** How many writes are due, but for those that wait for a namespace. Undefined before it is known what is wanted and what there is. */
  get pending(): number | undefined {
    if (this.wanted === undefined || !this.isListed) return undefined;
    return this.tasks().filter(({ key }) => this.attempts.get(key)?.isWaiting !== true).length;
  }

  /** Call it when `mayWrite` has become true. */
  wake(): void {
    this.schedule(0);
  }

  private schedule(delayMs: number): void {
    if (this.isStopped) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.run(), delayMs);
    this.timer.unref();
  }

  private async run(): Promise<void> {
    if (this.isStopped || !this.options.mayWrite()) return;
    if (this.isRunning) {
      this.isRunAgain = true;
      return;
    }
    this.isRunning = true;
    try {
      const now = performance.now();
      const tasks = this.tasks();
      for (const [key, { untilMs }] of this.echoes) if (untilMs <= now) this.echoes.delete(key);
      const keys = new Set(tasks.map(({ key }) => key));
      for (const key of this.attempts.keys()) if (!keys.has(key)) this.attempts.delete(key);
      const due = tasks.filter(({ key }) => this.isDue(key, now));
      // What comes must be there before others count on it, and before what it takes the place of goes.
      await this.work(due.filter(({ verb }) => verb === "create"));
      await this.work(due.filter(({ verb }) => verb === "update" || verb === "repair"));
      await this.work(due.filter(({ verb }) => verb === "delete"));
    } finally {
      this.isRunning = false;
    }
    this.scheduleNext();
  }

  /** When the first failed write or unseen result falls due. */
  private scheduleNext(): void {
    if (this.isRunAgain) {
      this.isRunAgain = false;
      this.schedule(0);
      return;
    }
    const times = [
      ...[...this.attempts.values()].map(({ retryAtMs }) => retryAtMs),
      ...[...this.echoes.values()].map(({ untilMs }) => untilMs),
    ];
    if (times.length > 0) this.schedule(Math.max(5, Math.min(...times) - performance.now()));
  }

  private isDue(key: string, nowMs: number): boolean {
    return (this.attempts.get(key)?.retryAtMs ?? 0) <= nowMs;
  }

  private async work(tasks: readonly Task[]): Promise<void> {
    const queue = [...tasks];
    const worker = async (): Promise<void> => {
      for (let task = queue.shift(); task !== undefined; task = queue.shift()) await this.do(task);
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENCY, queue.length) }, worker));
  }

  private async do(task: Task): Promise<void> {
    const { verb, key, object } = task;
    if (this.isStopped || !this.options.mayWrite()) return;
    try {
      const written = await task.run();
      this.attempts.delete(key);
      this.awaitEcho(task, written?.metadata.resourceVersion);
      this.noteSettled(key, written);
      this.options.observer.onWritten(verb, object);
    } catch (error) {
      this.onFailed(task, ApiError.from(error));
    }
  }

  /** Unless the watch was faster than the answer. */
  private awaitEcho({ key, type, object }: Task, resourceVersion: string | undefined): void {
    const reflector = this.reflectors.get(kindKey(apiVersionOf(type), type.kind));
    const live = reflector?.objects.get(objectKey(object));
    if (live?.metadata.resourceVersion === resourceVersion) return;
    const untilMs = performance.now() + (this.options.echoMs ?? 5_000);
    this.echoes.set(key, { resourceVersion, untilMs });
  }

  private onFailed({ verb, key, object }: Task, error: ApiError): void {
    const { minBackoffMs = 250, maxBackoffMs = 60_000 } = this.options;
    const attempts = this.attempts.get(key) ?? {
      backoff: new Backoff({ minMs: minBackoffMs, maxMs: maxBackoffMs }),
      retryAtMs: 0,
      isWaiting: false,
    };
    attempts.retryAtMs = performance.now() + attempts.backoff.next();
    this.attempts.set(key, attempts);
    const wasWaiting = attempts.isWaiting;
    attempts.isWaiting = error.reason === NO_NAMESPACE;
    if (!attempts.isWaiting) this.options.observer.onFailed(verb, object, error);
    else if (!wasWaiting) this.options.observer.onWaiting(object);
  }

  /** The server may have changed what it was given: that is no edit. */
  private noteSettled(key: string, written: KubernetesObject | undefined): void {
    const { generation, annotations } = written?.metadata ?? {};
    if (generation === undefined) this.settled.delete(key);
    else this.settled.set(key, `${annotations?.[CONTENT_HASH] ?? ""} ${generation}`);
  }

  private tasks(): readonly Task[] {
    const { wanted } = this;
    if (wanted === undefined) return [];
    return [...this.reflectors.values()].flatMap(({ type, objects, state }) => {
      if (state !== "listed") return [];
      const ofType = wanted.get(type) ?? new Map<string, Wanted>();
      return [...this.writes(ofType, objects), ...this.deletions(type, ofType, objects)];
    });
  }

  /** @param objects those of the cluster, by `objectKey`. */
  private writes(wanted: ReadonlyMap<string, Wanted>, objects: Objects): readonly Task[] {
    const tasks: Task[] = [];
    for (const [id, item] of wanted) {
      const live = objects.get(id);
      if (live !== undefined && this.asWanted.get(live) === item) continue;
      if (this.isAwaited(item.key, live)) continue;
      if (live === undefined) tasks.push(this.creation(item));
      else if (this.isAsWanted(item, live)) this.asWanted.set(live, item);
      else tasks.push(this.update(item, live));
    }
    return tasks;
  }

  private deletions(
    type: ResourceType,
    wanted: ReadonlyMap<string, Wanted>,
    objects: Objects,
  ): readonly Task[] {
    const tasks: Task[] = [];
    for (const [id, live] of objects) {
      if (wanted.has(id) || live.metadata.deletionTimestamp !== undefined) continue;
      const key = keyOf(type, live);
      if (!this.isAwaited(key, live)) tasks.push(this.deletion(key, type, live));
    }
    return tasks;
  }

  /** Whether the watch has yet to show what was written. */
  private isAwaited(key: string, live: KubernetesObject | undefined): boolean {
    const echo = this.echoes.get(key);
    if (echo === undefined) return false;
    const isSeen = live?.metadata.resourceVersion === echo.resourceVersion;
    if (!isSeen && performance.now() < echo.untilMs) return true;
    this.echoes.delete(key);
    return false;
  }

  private isAsWanted({ key, object, hash }: Wanted, live: KubernetesObject): boolean {
    const { labels, annotations } = object.metadata;
    if (!includes(live.metadata.labels, labels)) return false;
    if (!includes(live.metadata.annotations, annotations)) return false;
    if (isDeepStrictEqual(live.spec, jsonOf(object.spec))) return true;
    return this.settled.get(key) === `${hash} ${live.metadata.generation ?? ""}`;
  }

  private creation({ key, type, object }: Wanted): Task {
    const { namespace } = object.metadata;
    const create = {
      method: "POST",
      path: resourcePath(type, { namespace }),
      body: object,
    } as const;
    const run = async (): Promise<KubernetesObject> => {
      try {
        return (await this.options.api.request(create)) as KubernetesObject;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        // The kind is there, else its objects could not have been listed.
        if (error.isNotFound) throw new ApiError(error.status, NO_NAMESPACE, error.message);
        if (!error.isConflict) throw error;
        return this.adopt(type, object);
      }
    };
    return { verb: "create", key, type, object, run };
  }

  /** Of an object that has lost our label. */
  private async adopt(type: ResourceType, object: KubernetesObject): Promise<KubernetesObject> {
    const { namespace, name } = object.metadata;
    const path = resourcePath(type, { namespace, name });
    const live = (await this.options.api.request({ method: "GET", path })) as KubernetesObject;
    const { labels = {}, annotations = {} } = live.metadata;
    if (labels[MANAGED_BY] !== MANAGER && annotations[CONTENT_HASH] === undefined)
      throw new ApiError(409, "AlreadyExists", "an object of this name exists and is not ours");
    return this.replace(type, live, object);
  }

  private update({ key, type, object, hash }: Wanted, live: KubernetesObject): Task {
    const verb = live.metadata.annotations?.[CONTENT_HASH] === hash ? "repair" : "update";
    return { verb, key, type, object, run: () => this.replace(type, live, object) };
  }

  /** What others have added to labels and annotations stays. */
  private async replace(
    type: ResourceType,
    live: KubernetesObject,
    { apiVersion, kind, metadata, spec }: KubernetesObject,
  ): Promise<KubernetesObject> {
    const { namespace, name } = metadata;
    const body = {
      ...live,
      apiVersion,
      kind,
      metadata: {
        ...live.metadata,
        labels: { ...live.metadata.labels, ...metadata.labels },
        annotations: { ...live.metadata.annotations, ...metadata.annotations },
      },
      spec,
    };
    const path = resourcePath(type, { namespace, name });
    return (await this.options.api.request({ method: "PUT", path, body })) as KubernetesObject;
  }

  private deletion(key: string, type: ResourceType, live: KubernetesObject): Task {
    const { namespace, name, uid } = live.metadata;
    const run = async (): Promise<undefined> => {
      try {
        await this.options.api.request({
          method: "DELETE",
          path: resourcePath(type, { namespace, name }),
          body: {
            apiVersion: "v1",
            kind: "DeleteOptions",
            ...(uid !== undefined && { preconditions: { uid } }),
          },
        });
      } catch (error) {
        if (!(error instanceof ApiError) || !error.isNotFound) throw error;
      }
    };
    return { verb: "delete", key, type, object: live, run };
  }
}

function kindKey(apiVersion: string, kind: string): string {
  return `${apiVersion} ${kind}`;
}

function keyOf(type: ResourceType, object: KubernetesObject): string {
  return `${type.group}/${type.kind}/${objectKey(object)}`;
}

function wantedOf(type: ResourceType, wanted: KubernetesObject): Wanted {
  const { apiVersion, kind, metadata, spec } = wanted;
  const { name, namespace, labels, annotations } = metadata;
  const ownLabels = { ...labels, [MANAGED_BY]: MANAGER };
  const content = JSON.stringify([ownLabels, annotations, spec]);
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 16);
  return {
    key: keyOf(type, wanted),
    type,
    hash,
    object: {
      apiVersion,
      kind,
      metadata: {
        name,
        ...(namespace !== undefined && { namespace }),
        labels: ownLabels,
        annotations: { ...annotations, [CONTENT_HASH]: hash },
      },
      spec,
    },
  };
}

function jsonOf(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

function includes(
  all: Readonly<Record<string, string>> = {},
  some: Readonly<Record<string, string>> = {},
): boolean {
  return Object.entries(some).every(([key, value]) => all[key] === value);
}

function withoutManagedFields(object: KubernetesObject): KubernetesObject {
  const metadata: Record<string, unknown> = { ...object.metadata };
  delete metadata["managedFields"];
  return { ...object, metadata: metadata as unknown as KubernetesObject["metadata"] };
}
