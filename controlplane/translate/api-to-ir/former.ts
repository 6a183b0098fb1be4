// What was in effect before, for what stays of it.
import { isDeepStrictEqual } from "node:util";
import { resourceKey } from "../../api/fault.js";
import type { Resource } from "../../api/kinds.js";
import { idOf } from "../../api/resource.js";
import type { Cluster } from "../../ir/cluster.js";
import type { Listener, Mesh, RedisListener, TcpListener } from "../../ir/mesh.js";
import type { Protocol } from "../../ir/protocol.js";

export interface InEffect {
  readonly mesh: Mesh;
  readonly accepted: ReadonlyMap<string, Resource>;
}

export class Former {
  /** Few translations look for any. */
  private clusters: ReadonlyMap<string, Cluster> | undefined;
  private listeners: ReadonlyMap<string, Listener> | undefined;
  private readonly protocols: ReadonlyMap<string, Protocol>;
  private readonly redisListeners: ReadonlyMap<string, RedisListener>;
  private readonly tcpListeners: readonly TcpListener[];

  constructor(private readonly inEffect: InEffect | undefined) {
    this.protocols = byName(inEffect?.mesh.protocols ?? []);
    this.redisListeners = byName(inEffect?.mesh.redisListeners ?? []);
    this.tcpListeners = inEffect?.mesh.tcpListeners ?? [];
  }

  cluster(name: string): Cluster | undefined {
    this.clusters ??= byName(this.inEffect?.mesh.clusters ?? []);
    return this.clusters.get(name);
  }

  listener(name: string): Listener | undefined {
    this.listeners ??= byName(this.inEffect?.mesh.listeners ?? []);
    return this.listeners.get(name);
  }

  protocol(name: string): Protocol | undefined {
    return this.protocols.get(name);
  }

  redisListener(name: string): RedisListener | undefined {
    return this.redisListeners.get(name);
  }

  bound(): readonly (Listener | RedisListener | TcpListener)[] {
    const listeners = this.inEffect?.mesh.listeners ?? [];
    return [...listeners, ...this.redisListeners.values(), ...this.tcpListeners];
  }

  isInEffect(resource: Resource): boolean {
    const accepted = this.inEffect?.accepted.get(resourceKey(idOf(resource)));
    return accepted !== undefined && isSameVersion(accepted, resource);
  }
}

/** Whether two versions of a resource say the same. */
export function isSameVersion(a: Resource, b: Resource): boolean {
  return (
    a === b || (isDeepStrictEqual(a.spec, b.spec) && isDeepStrictEqual(a.metadata, b.metadata))
  );
}

export function byName<T extends { readonly name: string }>(
  items: readonly T[],
): ReadonlyMap<string, T> {
  return new Map(items.map((item) => [item.name, item]));
}
