import { object, optional } from "./schema/composites.js";
import type { Schema } from "./schema/schema.js";
import { boolean, nonEmptyText } from "./schema/scalars.js";

/** What the endpoint of a request depends on. */
export type HashKey =
  /** Lower case. */
  | { readonly kind: "attribute"; readonly name: string }
  | { readonly kind: "sourceIp" }
  | { readonly kind: "sourceConnection" };

const KEYS = ["attribute", "useSourceIp", "useSourceConnection"] as const;

const written = object({
  attribute: optional(nonEmptyText, "an attribute of the request"),
  useSourceIp: optional(boolean, "`true`: the client's address, without its port"),
  useSourceConnection: optional(boolean, "`true`: the client's connection"),
});

export const hashPolicy: Schema<HashKey> = {
  shape: written.shape,
  fallback: { kind: "sourceIp" },
  read(value, site) {
    const read = written.read(value, site);
    if (KEYS.filter((key) => (read[key] ?? false) !== false).length !== 1)
      site.fault("exactly one of attribute, useSourceIp and useSourceConnection is required");
    if (read.attribute !== undefined)
      return { kind: "attribute", name: read.attribute.toLowerCase() };
    return { kind: read.useSourceConnection === true ? "sourceConnection" : "sourceIp" };
  },
};
