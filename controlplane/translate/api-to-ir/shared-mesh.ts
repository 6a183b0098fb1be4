// What has not changed from one mesh to the next is the same object: whoever makes something of it need not look inside.
import { isDeepStrictEqual } from "node:util";
import type { Mesh } from "../../ir/mesh.js";

interface Named {
  readonly name: string;
}

/** Deeply equal to `mesh`, with as many parts of `former` as are equal. */
export function sharedMesh(mesh: Mesh, former: Mesh | undefined): Mesh {
  if (former === undefined) return mesh;
  const { redisListeners, tcpListeners } = mesh;
  return {
    listeners: shared(mesh.listeners, former.listeners),
    ...(redisListeners && { redisListeners: shared(redisListeners, former.redisListeners) }),
    ...(tcpListeners && { tcpListeners: shared(tcpListeners, former.tcpListeners) }),
    protocols: shared(mesh.protocols, former.protocols),
    clusters: shared(mesh.clusters, former.clusters),
  };
}

/** Most are where they were, or not far from there. */
function shared<T extends Named>(items: readonly T[], former: readonly T[] = []): readonly T[] {
  let byName: ReadonlyMap<string, T> | undefined;
  let isSame = items.length === former.length;
  const result = items.map((item, index) => {
    let before = former[index];
    if (before?.name !== item.name) {
      byName ??= new Map(former.map((one) => [one.name, one]));
      before = byName.get(item.name);
    }
    if (before !== undefined && isEqual(item, before)) {
      isSame &&= before === former[index];
      return before;
    }
    isSame = false;
    return item;
  });
  return isSame ? former : result;
}

/** As `isDeepStrictEqual`, several times as fast for what meshes are made of: values of JSON and `undefined`. */
function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => isEqual(item, b[i]));
  if (!isPlain(a) || !isPlain(b)) return isDeepStrictEqual(a, b);
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isEqual(a[key], b[key]))
  );
}

function isPlain(value: object): value is Readonly<Record<string, unknown>> {
  return Object.getPrototypeOf(value) === Object.prototype;
}
