import type { Metadata } from "../../api/resource.js";

/**
 * Orders resources that may claim the same thing: the oldest first, as Istio does. Without times of creation, which
 * only Kubernetes knows, the order is the given one, which is that of files and of places in them.
 */
export function byPrecedence<R extends { readonly metadata: Metadata }>(
  resources: readonly R[],
): readonly R[] {
  const created = resources.map((resource) =>
    Date.parse(resource.metadata.creationTimestamp ?? ""),
  );
  if (created.some(Number.isNaN)) return resources;
  return resources
    .map((resource, index) => ({ resource, created: created[index] ?? 0 }))
    .sort((a, b) => a.created - b.created)
    .map(({ resource }) => resource);
}
