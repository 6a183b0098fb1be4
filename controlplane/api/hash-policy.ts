import { object, optional } from "./schema/composites.js";
import type { Schema } from "./schema/schema.js";
import { boolean, nonEmptyText } from "./schema/scalars.js";

/** What the endpoint of a request depends on. */
export type HashKey =
  /** Lower case. */
  { readonly kind: "attribute"; readonly name: string } | { readonly kind: "sourceIp" };

const written = object({
  attribute: optional(nonEmptyText, "an attribute of the request"),
  useSourceIp: optional(boolean, "`true`: the client's address, without its port"),
});

export const hashPolicy: Schema<HashKey> = {
  shape: written.shape,
  fallback: { kind: "sourceIp" },
  read(value, site) {
    const { attribute, useSourceIp = false } = written.read(value, site);
    if ((attribute === undefined) !== useSourceIp)
      site.fault("exactly one of attribute and useSourceIp is required");
    return attribute === undefined
      ? { kind: "sourceIp" }
      : { kind: "attribute", name: attribute.toLowerCase() };
  },
};
