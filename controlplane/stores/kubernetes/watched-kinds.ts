import { RESOURCE_KINDS } from "../../api/kinds.js";
import { pluralOf } from "../../api/resource.js";
import type { ResourceType } from "../../kubernetes/object.js";
import { ENDPOINT_SLICES } from "./endpoint-slices.js";

const SERVICES: ResourceType = {
  kind: "Service",
  group: "",
  versions: ["v1"],
  plural: "services",
  namespaced: true,
};

/** Everything that configurations are made of: all kinds that are read from files, Services and what they lead to. */
export const WATCHED_KINDS: readonly ResourceType[] = [
  SERVICES,
  ENDPOINT_SLICES,
  ...RESOURCE_KINDS.map(({ kind, group, versions, namespaced }) => ({
    kind,
    group,
    versions,
    plural: pluralOf(kind),
    namespaced,
  })),
];

/** Those that have statuses of ours, by kind. */
export const OWN_KINDS: ReadonlyMap<string, ResourceType> = new Map(
  WATCHED_KINDS.filter(({ group }) => group.endsWith(".aeraki.io")).map((type) => [
    type.kind,
    type,
  ]),
);
