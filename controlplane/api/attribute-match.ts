import { compileRegex } from "../regex/compile-regex.js";
import { fieldPath, ObjectReader } from "./object-reader.js";

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

/**
 * Reads a match of Aeraki: an object with `attributes`. At its edges, existing MetaRouters keep the meaning that they
 * have in Aeraki's proxy, and what it documents where it does something else by accident:
 *
 * - no `attributes`, or none in them: every request;
 * - `{}`: the attribute is present, as Aeraki documents it (its generator drops such a match, so that the route takes
 *   every request);
 * - `exact: ""` and `prefix: ""`: the attribute is present, since that is what Envoy makes of an empty string. Exactly
 *   the empty value is `regex: "^$"`;
 * - `regex: ""`, `regex: "*"` and `null` are faults, as they are for Aeraki's webhook.
 */
export function readAttributeMatches(reader: ObjectReader): AttributeMatches {
  const seen = new Map<string, string>();
  const matches = reader.map("attributes", (value, path, name) => {
    const lower = name.toLowerCase();
    const other = seen.get(lower);
    if (name === "") reader.findings.fault(path, "the name of an attribute must not be empty");
    if (other !== undefined)
      reader.findings.fault(
        path,
        `is the same attribute as \`${other}\`: names do not differ by case`,
      );
    seen.set(lower, name);
    return ObjectReader.read(value, path, reader.findings, readStringMatch);
  });
  return Object.fromEntries(
    Object.entries(matches).map(([name, match]) => [
      name.toLowerCase(),
      match ?? { kind: "present" as const },
    ]),
  );
}

function readStringMatch(reader: ObjectReader): StringMatch {
  const fields = ["exact", "prefix", "regex"] as const;
  const [first, second] = fields.filter((field) => reader.has(field));
  if (first === undefined) return { kind: "present" };
  if (second !== undefined) reader.fault(second, `must not be there together with \`${first}\``);
  const value = reader.string(first) ?? "";
  if (first === "regex") {
    const fault = regexFault(value);
    if (fault !== undefined) reader.findings.fault(fieldPath(reader.path, "regex"), fault);
    return { kind: "regex", pattern: value };
  }
  return value === "" ? { kind: "present" } : { kind: first, value };
}

function regexFault(pattern: string): string | undefined {
  if (pattern === "") return 'must not be empty; the empty value alone is `"^$"`';
  if (pattern === "*") return "`*` is not a regular expression; any value is `{}` instead of it";
  const compiled = compileRegex(pattern);
  return "error" in compiled ? compiled.error : undefined;
}
