// From what users wrote to the mesh that proxies are configured from.
import { type Fault, resourceKey } from "../../api/fault.js";
import type { Resource } from "../../api/kinds.js";
import { idOf } from "../../api/resource.js";
import type { Mesh } from "../../ir/mesh.js";
import type { Report } from "./report.js";
import { sharedMesh } from "./shared-mesh.js";
import { isSameVersion } from "./former.js";
import { type MeshInput, translateOnce } from "./translate-once.js";

export interface Translation {
  readonly mesh: Mesh;
  /** Resources that contradict others or refer to what does not exist. */
  readonly faults: readonly Fault[];
  readonly warnings: readonly Fault[];
  /** The versions of the resources that `mesh` was made from, by `resourceKey`. */
  readonly accepted: ReadonlyMap<string, Resource>;
}

/** Of two kinds that are wrong, the former may be the cause: it is put right first. */
const KINDS: readonly Resource["kind"][] = [
  "ApplicationProtocol",
  "WorkloadEntry",
  "ServiceEntry",
  "DestinationRule",
  "Gateway",
  "MetaRouter",
  "VirtualService",
  "RedisDestination",
  "RedisService",
  "MetaAuthorizationPolicy",
  "DubboAuthorizationPolicy",
];

/**
 * Resolves what resources say of each other. Pure: equal arguments give deeply equal results, and what of
 * the mesh is as in `previous` is the same object. Whatever the resources
 * say, there is a mesh:
 *
 * - of a resource that is refused, the version that was accepted in `previous` stays in effect; without one, what is
 *   wrong is left out, and a service without a good MetaRouter has its default route;
 * - a cluster that routes in effect still lead to stays as it was when its ServiceEntry or subset goes.
 *
 * @param previous the translation before this one.
 */
export function translateToMesh(input: MeshInput, previous?: Translation): Translation {
  const faults: Fault[] = [];
  const replaced = new Set<string>();
  let current = input.resources;
  for (;;) {
    const { mesh, report } = translateOnce({ ...input, resources: current }, previous);
    const next = replaceableKeys(current, report, previous);
    if (next.size === 0)
      return {
        mesh: sharedMesh(mesh, previous?.mesh),
        faults: [...faults, ...report.faults.values()],
        warnings: Array.from(report.warnings.values()).filter(
          (fault) => !replaced.has(ownerOf(fault)),
        ),
        accepted: acceptedOf(current, report),
      };
    for (const fault of report.faults.values())
      if (next.has(ownerOf(fault)))
        faults.push({ ...fault, message: `${fault.message}; the version before stays in effect` });
    current = current.map((resource) => {
      const key = keyOf(resource);
      return (next.has(key) ? previous?.accepted.get(key) : undefined) ?? resource;
    });
    next.forEach((key) => replaced.add(key));
  }
}

/** Refused resources of the first kind that has any with an earlier version. */
function replaceableKeys(
  resources: readonly Resource[],
  report: Report,
  previous: Translation | undefined,
): ReadonlySet<string> {
  const replaceable = resources.filter((resource) => {
    const key = keyOf(resource);
    const accepted = previous?.accepted.get(key);
    return report.refused.has(key) && accepted !== undefined && !isSameVersion(accepted, resource);
  });
  const kind = KINDS.find((item) => replaceable.some((resource) => resource.kind === item));
  return new Set(replaceable.filter((resource) => resource.kind === kind).map(keyOf));
}

function acceptedOf(resources: readonly Resource[], report: Report): ReadonlyMap<string, Resource> {
  return new Map(
    resources
      .map((resource) => [keyOf(resource), resource] as const)
      .filter(([key]) => !report.refused.has(key)),
  );
}

function keyOf(resource: Resource): string {
  return resourceKey(idOf(resource));
}

function ownerOf(fault: Fault): string {
  return fault.resource === undefined ? "" : resourceKey(fault.resource);
}
