// Kinds that tests make up.
import type { ResourceType } from "../object.js";

export const WIDGETS: ResourceType = {
  kind: "Widget",
  group: "test.io",
  versions: ["v1"],
  plural: "widgets",
  namespaced: true,
};

/** Served in its second version only. */
export const GADGETS: ResourceType = { ...WIDGETS, kind: "Gadget", plural: "gadgets" };

export function widget(name: string, spec: object = {}, labels: Record<string, string> = {}) {
  return {
    apiVersion: "test.io/v1",
    kind: "Widget",
    metadata: { name, namespace: "shop", labels },
    spec,
  };
}
