// Changes of a message's attributes.
import { object, optional, required, withDefault } from "./schema/composites.js";
import { constrained, type Rule, type Schema } from "./schema/schema.js";
import { nonEmptyText, oneOf, textWithout } from "./schema/scalars.js";
import { type Moment, textFormatFault } from "./text-format.js";

const OPERATIONS = ["set", "addIfAbsent", "remove"] as const;

export interface Mutation {
  readonly operation: (typeof OPERATIONS)[number];
  readonly key: string;
  /** May have operators. A `%` that begins none stands for itself, as in Aeraki. Empty: `remove`. */
  readonly value: string;
}

const VALUE_RULE: Rule = {
  expression: "(has(self.operation) && self.operation == 'remove') != has(self.value)",
  message: "value is required, but must not be there with the operation remove",
};

/** Of a message that is there at that moment. */
function mutation(moment: Moment): Schema<Mutation> {
  const fields = object({
    key: required(nonEmptyText, "the attribute"),
    value: optional(
      textWithout((value) => textFormatFault(value, moment, true)),
      "what it becomes; [operators](#operators-in-texts) are possible. Required but with `remove`",
    ),
    operation: withDefault(oneOf(...OPERATIONS), "set", `\`${OPERATIONS.join("`, `")}\``, "`set`"),
  });
  const written = constrained(fields, { rules: [VALUE_RULE] });
  return {
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
}

export const requestMutation = mutation("request");
export const responseMutation = mutation("response");
