// Changes of a message's attributes.
import { object, optional, required, withDefault } from "./schema/composites.js";
import type { Schema } from "./schema/schema.js";
import { nonEmptyText, oneOf, textWithout } from "./schema/scalars.js";
import { textFormatFault } from "./text-format.js";

const OPERATIONS = ["set", "addIfAbsent", "remove"] as const;

export interface Mutation {
  readonly operation: (typeof OPERATIONS)[number];
  readonly key: string;
  /** May have operators. A `%` that begins none stands for itself, as in Aeraki. Empty: `remove`. */
  readonly value: string;
}

const written = object({
  key: required(nonEmptyText, "the attribute"),
  value: optional(
    textWithout((value) => textFormatFault(value, "request", true)),
    "what it becomes; [operators](#operators-in-texts) are possible. Required but with `remove`",
  ),
  operation: withDefault(oneOf(...OPERATIONS), "set", `\`${OPERATIONS.join("`, `")}\``, "`set`"),
});

export const mutation: Schema<Mutation> = {
  shape: written.shape,
  fallback: { operation: "set", key: "", value: "" },
  read(from, site) {
    const { key, value, operation } = written.read(from, site);
    if (operation === "remove" && value !== undefined)
      site.field("value").fault("must not be there with `remove`");
    if (operation !== "remove" && value === undefined) site.field("value").fault("is required");
    return { operation, key, value: value ?? "" };
  },
};
