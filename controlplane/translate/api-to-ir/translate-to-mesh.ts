import type { Fault } from "../../api/fault.js";
import type { Resource } from "../../api/kinds.js";
import type { Mesh } from "../../ir/mesh.js";

export interface Translation {
  readonly mesh: Mesh;
  /** Resources that contradict others or refer to what does not exist. */
  readonly faults: readonly Fault[];
  readonly warnings: readonly Fault[];
  /** The versions of the resources that `mesh` was made from, by `resourceKey`. */
  readonly accepted: ReadonlyMap<string, Resource>;
}

/**
 * Resolves what resources say of each other. Pure: equal arguments give deeply equal results.
 * @param previous the translation before this one: of a resource that is refused now, the version that worked
 *   then stays in effect.
 */
export function translateToMesh(
  resources: readonly Resource[],
  previous?: Translation,
): Translation {
  return (
    previous ?? {
      mesh: { listeners: [], clusters: [] },
      faults: [],
      warnings: [],
      accepted: new Map(resources.map((r) => [r.kind, r])),
    }
  );
}
