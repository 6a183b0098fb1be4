import { compileRegex } from "../regex/compile-regex.js";
import { map, object, optional, withDefault } from "./schema/composites.js";
import { constrained, mapped, type Schema } from "./schema/schema.js";
import { text } from "./schema/scalars.js";

/** What one attribute must be. Values are compared with regard to case. */
export type StringMatch =
  | { readonly kind: "exact"; readonly value: string }
  | { readonly kind: "prefix"; readonly value: string }
  /** RE2 syntax, the whole value. */
  | { readonly kind: "regex"; readonly pattern: string }
  /** The attribute is there, whatever its value. */
  | { readonly kind: "present" };

/** By the name of the attribute in lower case; all must hold. */
export type AttributeMatches = Readonly<Record<string, StringMatch>>;

/** Modules refuse a whole configuration with more. */
const MAX_MATCHES = 64;

const writtenMatch = constrained(
  object({
    exact: optional(text, "it is this"),
    prefix: optional(text, "it begins with this"),
    regex: optional(text, "as a whole it is in this language, RE2 syntax"),
  }),
  { maxProperties: 1 },
);

const stringMatch: Schema<StringMatch> = {
  shape: writtenMatch.shape,
  fallback: { kind: "present" },
  read(written, site) {
    const value = writtenMatch.read(written, site);
    const fields = (["exact", "prefix", "regex"] as const).filter(
      (field) => value[field] !== undefined,
    );
    const [first, second] = fields;
    if (first === undefined) return { kind: "present" };
    if (second !== undefined)
      site.field(second).fault(`must not be there together with \`${first}\``);
    const operand = value[first] ?? "";
    if (first === "regex") {
      const fault = regexFault(operand);
      if (fault !== undefined) site.field("regex").fault(fault);
      return { kind: "regex", pattern: operand };
    }
    return operand === "" ? { kind: "present" } : { kind: first, value: operand };
  },
};

const writtenMatches = map(stringMatch);

/**
 * Matches of Aeraki by names of attributes. At their edges, existing MetaRouters keep the meaning that they have in
 * Aeraki's proxy, and what it documents where it does something else by accident:
 *
 * - none: every request;
 * - `{}`: the attribute is present, as Aeraki documents it (its generator drops such a match, so that the route takes
 *   every request);
 * - `exact: ""` and `prefix: ""`: the attribute is present, since that is what Envoy makes of an empty string. Exactly
 *   the empty value is `regex: "^$"`;
 * - `regex: ""`, `regex: "*"` and `null` are faults, as they are for Aeraki's webhook.
 */
export const attributeMatches: Schema<AttributeMatches> = {
  ...writtenMatches,
  read(value, site) {
    const seen = new Map<string, string>();
    const written = Object.entries(writtenMatches.read(value, site));
    if (written.length > MAX_MATCHES)
      site.fault(`must have at most ${MAX_MATCHES} attributes, not ${written.length}`);
    const entries = written.map(([name, match]) => {
      const lower = name.toLowerCase();
      const other = seen.get(lower);
      if (name === "") site.field(name).fault("the name of an attribute must not be empty");
      if (other !== undefined)
        site
          .field(name)
          .fault(`is the same attribute as \`${other}\`: names do not differ by case`);
      seen.set(lower, name);
      return [lower, match] as const;
    });
    return Object.fromEntries(entries);
  },
};

/** An object with `attributes`. */
export const match: Schema<AttributeMatches> = mapped(
  object({
    attributes: withDefault(
      attributeMatches,
      {},
      "all must hold: see [matches](#matches)",
      "every request",
    ),
  }),
  ({ attributes }) => attributes,
);

function regexFault(pattern: string): string | undefined {
  if (pattern === "") return 'must not be empty; the empty value alone is `"^$"`';
  if (pattern === "*") return "`*` is not a regular expression; any value is `{}` instead of it";
  const compiled = compileRegex(pattern);
  return "error" in compiled ? compiled.error : undefined;
}
