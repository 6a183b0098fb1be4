import { isDeepStrictEqual } from "node:util";
import type { Configuration } from "../../api/configuration.js";
import { DEFAULT_CLUSTER_DOMAIN } from "../../api/host-name.js";
import { type Fault, resourceKey } from "../../api/fault.js";
import type { Resource } from "../../api/kinds.js";
import { idOf } from "../../api/resource.js";
import type { KubernetesApi } from "../../kubernetes/api.js";
import {
  isSameContent,
  type KubernetesObject,
  objectKey,
  type ResourceType,
} from "../../kubernetes/object.js";
import { Reflector, type ReflectorTimes } from "../../kubernetes/reflector.js";
import { ENDPOINT_SLICES, endpointsByService, projectSlice } from "./endpoint-slices.js";
import { identityOf, type JudgedObject, judgeObject } from "./judge-object.js";
import { type ServiceFacts, serviceFactsOf } from "./service-facts.js";
import { WATCHED_KINDS } from "./watched-kinds.js";
import { API_GATEWAYS, NAMESPACES, WAYPOINT_KINDS, Waypoints } from "./waypoints.js";

export interface KubernetesStoreOptions extends ReflectorTimes {
  readonly api: KubernetesApi;
  /** Undefined: all. Kinds that belong to no namespace are read in any case. */
  readonly namespaces?: readonly string[] | undefined;
  /** A change counts after this long without a further one. Milliseconds, default 50. */
  readonly quietMs?: number;
  /** At the latest after this long. Milliseconds, default 1000. */
  readonly maxDelayMs?: number;
  /** Of the hosts of Services. Default: `cluster.local`. */
  readonly clusterDomain?: string | undefined;
  /** Default: all that configurations are made of. */
  readonly kinds?: readonly ResourceType[];
  /** Whether it is read which waypoints services have. Default: no. */
  readonly hasWaypoints?: boolean | undefined;
}

/** What a cluster says at one moment. */
export interface ClusterSnapshot {
  readonly configuration: Configuration;
  /** By `resourceKey` of the resources of the configuration and of the faults. */
  readonly objects: ReadonlyMap<string, KubernetesObject>;
  /** What resources do not say, by `<namespace>/<name>` of ServiceEntries, those that stand for Services included. */
  readonly services: ReadonlyMap<string, ServiceFacts>;
}

interface Entry {
  readonly object: KubernetesObject;
  readonly judged: JudgedObject | undefined;
  readonly lastGood: Resource | undefined;
}

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/**
 * Keeps the configuration of a cluster, and tells of its changes. Nothing is told before every kind has been listed once:
 * half a configuration would take away what the other half is about.
 */
export class KubernetesStore {
  private readonly listeners = new Set<(snapshot: ClusterSnapshot) => void>();
  private readonly waitListeners = new Set<(lines: readonly string[]) => void>();
  private readonly reflectors: readonly Reflector[];
  private entries: ReadonlyMap<string, Entry> = new Map();
  private last: ClusterSnapshot | undefined;
  private lastWaiting: readonly string[] = [];
  private timer: NodeJS.Timeout | undefined;
  private firstChangeMs: number | undefined;

  constructor(private readonly options: KubernetesStoreOptions) {
    const { kinds = WATCHED_KINDS, namespaces, hasWaypoints = false } = options;
    const all = [...kinds, ...(hasWaypoints ? WAYPOINT_KINDS : [])];
    this.reflectors = all.flatMap((type) => {
      const scopes = type.namespaced && namespaces !== undefined ? namespaces : [undefined];
      return scopes.map(
        (namespace) =>
          new Reflector({
            ...options,
            type,
            namespace,
            project: type === ENDPOINT_SLICES ? projectSlice : project,
            onChange: () => this.touch(),
          }),
      );
    });
  }

  /** Calls `listener` with each snapshot that differs from the one before; returns how to end that. */
  onSnapshot(listener: (snapshot: ClusterSnapshot) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Calls `listener` with `waitingFor` when it changes. */
  onWaiting(listener: (lines: readonly string[]) => void): () => void {
    this.waitListeners.add(listener);
    return () => this.waitListeners.delete(listener);
  }

  start(): void {
    for (const reflector of this.reflectors) reflector.start();
  }

  /** No listener is called any more. */
  async stop(): Promise<void> {
    this.listeners.clear();
    this.waitListeners.clear();
    await Promise.all(this.reflectors.map((reflector) => reflector.stop()));
    clearTimeout(this.timer);
  }

  /** What keeps the first snapshot back, one line for each kind. */
  get waitingFor(): readonly string[] {
    const waiting = this.reflectors.filter(({ state }) => state === "starting");
    return unique(
      waiting.map(({ type, failure }) =>
        failure === undefined
          ? `${type.plural} are not listed yet`
          : `${type.plural} cannot be listed: ${failure.message}`,
      ),
    );
  }

  /** How many kinds cannot be read now; what is known of them stays. */
  get unreadableKinds(): number {
    const failing = this.reflectors.filter(({ failure }) => failure !== undefined);
    return new Set(failing.map(({ type }) => type)).size;
  }

  private touch(): void {
    const { quietMs = 50, maxDelayMs = 1_000 } = this.options;
    const now = performance.now();
    this.firstChangeMs ??= now;
    clearTimeout(this.timer);
    const delayMs = Math.max(0, Math.min(quietMs, this.firstChangeMs + maxDelayMs - now));
    this.timer = setTimeout(() => this.settle(), delayMs);
  }

  private settle(): void {
    this.firstChangeMs = undefined;
    const waiting = this.waitingFor;
    if (!isDeepStrictEqual(waiting, this.lastWaiting)) {
      this.lastWaiting = waiting;
      for (const listener of this.waitListeners) listener(waiting);
    }
    if (waiting.length > 0) return;
    const snapshot = this.read();
    const isSame = this.last !== undefined && isSameConfiguration(snapshot, this.last);
    // Versions and statuses of objects are for those who write them, whenever they do.
    this.last =
      isSame && this.last ? { ...snapshot, configuration: this.last.configuration } : snapshot;
    if (!isSame) for (const listener of this.listeners) listener(snapshot);
  }

  /** The objects as they are now, newer than those of the last snapshot where only their statuses have changed. */
  get objects(): ReadonlyMap<string, KubernetesObject> {
    return this.last?.objects ?? new Map();
  }

  private read(): ClusterSnapshot {
    const entries = new Map<string, Entry>();
    const resources: Resource[] = [];
    const faults: Fault[] = [...this.readFaults()];
    const warnings: Fault[] = [...this.missingKinds()];
    const objects = new Map<string, KubernetesObject>();
    const services = new Map<string, ServiceFacts>();
    const { clusterDomain = DEFAULT_CLUSTER_DOMAIN } = this.options;
    const endpoints = endpointsByService(this.ofType(ENDPOINT_SLICES));
    const waypoints = new Waypoints(this.ofType(NAMESPACES), this.ofType(API_GATEWAYS));
    for (const object of this.sorted()) {
      const key = resourceKey(identityOf(object));
      const entry = judge(object, this.entries.get(key), clusterDomain);
      entries.set(key, entry);
      objects.set(key, object);
      if (entry.judged === undefined) continue;
      const { resource } = entry.judged;
      if (resource !== undefined) {
        resources.push(resource);
        objects.set(resourceKey(idOf(resource)), object);
        const { namespace, name } = resource.metadata;
        const id = `${namespace}/${name}`;
        const own = endpoints.get(objectKey(object));
        const facts = serviceFactsOf(object, own, this.last?.services.get(id));
        const waypoint = this.options.hasWaypoints === true ? waypoints.of(object) : undefined;
        if (waypoint !== undefined) services.set(id, { ...facts, waypoint });
        else if (facts !== undefined) services.set(id, facts);
      }
      faults.push(...entry.judged.faults);
      warnings.push(...entry.judged.warnings);
    }
    this.entries = entries;
    return { configuration: { resources, faults, warnings }, objects, services };
  }

  /** By kind, namespace and name. */
  private sorted(): readonly KubernetesObject[] {
    return this.reflectors
      .filter(({ type }) => type !== ENDPOINT_SLICES && !WAYPOINT_KINDS.includes(type))
      .flatMap(({ objects }) =>
        [...objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object),
      );
  }

  private ofType(wanted: ResourceType): readonly KubernetesObject[] {
    return this.reflectors
      .filter(({ type }) => type === wanted)
      .flatMap(({ objects }) => [...objects.values()]);
  }

  private readFaults(): readonly Fault[] {
    return unique(
      this.reflectors.flatMap(({ type, failure }) =>
        failure === undefined
          ? []
          : [
              // What has no status of the server's is no kind's own trouble.
              failure.status === 0
                ? `the cluster cannot be read, everything stays as it was: ${failure.message}`
                : `${type.plural} cannot be read, they stay as they were: ${failure.message}`,
            ],
      ),
    ).map(unplaced);
  }

  private missingKinds(): readonly Fault[] {
    return unique(
      this.reflectors.flatMap(({ type, state }) =>
        state === "missing" ? [`the cluster does not have ${type.plural}.${type.group}`] : [],
      ),
    ).map(unplaced);
  }
}

function judge(object: KubernetesObject, before: Entry | undefined, clusterDomain: string): Entry {
  if (before !== undefined && isSameContent(before.object, object)) return { ...before, object };
  const lastGood =
    before?.object.metadata.uid === object.metadata.uid ? before?.lastGood : undefined;
  const judged = judgeObject(object, lastGood, clusterDomain);
  return { object, judged, lastGood: judged?.resource };
}

function isSameConfiguration(a: ClusterSnapshot, b: ClusterSnapshot): boolean {
  const { resources, faults, warnings } = a.configuration;
  const other = b.configuration;
  return (
    resources.length === other.resources.length &&
    resources.every((resource, index) => resource === other.resources[index]) &&
    isDeepStrictEqual([faults, warnings], [other.faults, other.warnings]) &&
    isDeepStrictEqual(a.services, b.services)
  );
}

/** Without what is long and of no use here. */
function project(object: KubernetesObject): KubernetesObject {
  const { apiVersion, kind, metadata, spec, status } = object;
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp, labels } = metadata;
  const annotations = Object.entries(metadata.annotations ?? {});
  const kept = {
    name,
    namespace,
    uid,
    resourceVersion,
    generation,
    creationTimestamp,
    labels,
    annotations: Object.fromEntries(annotations.filter(([key]) => key !== LAST_APPLIED)),
  };
  return {
    apiVersion,
    kind,
    metadata: Object.fromEntries(
      Object.entries(kept).filter(([, value]) => value !== undefined),
    ) as unknown as KubernetesObject["metadata"],
    spec,
    ...(status !== undefined && { status }),
  };
}

function unplaced(message: string): Fault {
  return { file: undefined, line: undefined, resource: undefined, path: "", message };
}

function unique(lines: readonly string[]): readonly string[] {
  return [...new Set(lines)];
}
