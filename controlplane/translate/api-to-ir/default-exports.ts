import type { Resource } from "../../api/kinds.js";
import type { DefaultExportTo } from "./istio-facts.js";

/** By what it was; what a cluster says of that does not change while a control plane runs. */
const known = new WeakMap<DefaultExportTo, WeakMap<Resource, Resource>>();

/** The resources as if each of them said to whom it is exported. */
export function withDefaultExports(
  resources: readonly Resource[],
  defaults: DefaultExportTo | undefined,
): readonly Resource[] {
  if (defaults === undefined) return resources;
  const { services, destinationRules } = defaults;
  if (services.length === 0 && destinationRules.length === 0) return resources;
  const before = known.get(defaults) ?? new WeakMap<Resource, Resource>();
  known.set(defaults, before);
  return resources.map((resource) => {
    const exported = before.get(resource) ?? exportedBy(resource, defaults);
    before.set(resource, exported);
    return exported;
  });
}

function exportedBy(resource: Resource, { services, destinationRules }: DefaultExportTo): Resource {
  switch (resource.kind) {
    case "ServiceEntry":
      return resource.spec.exportTo.length > 0
        ? resource
        : { ...resource, spec: { ...resource.spec, exportTo: services } };
    case "DestinationRule":
      return resource.spec.exportTo.length > 0
        ? resource
        : { ...resource, spec: { ...resource.spec, exportTo: destinationRules } };
    default:
      return resource;
  }
}
