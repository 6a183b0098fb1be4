// Operations of a DubboAuthorizationPolicy as matches on attributes.
import type { DubboOperation } from "../../api/dubbo-authorization-policy.js";
import type { AttributeMatch } from "../../ir/attribute-match.js";

/**
 * Each result is one way to match the operation. Of two lists of patterns, the longer is spread over the results, and
 * the shorter is one regular expression, so that neither results nor automata grow with the product of both.
 */
export function dubboOperations(operation: DubboOperation): readonly (readonly AttributeMatch[])[] {
  const { interfaces, methods, notInterfaces, notMethods } = operation;
  const never = [
    ...notInterfaces.map((pattern) => matchOf("interface", [pattern], true)),
    ...notMethods.map((pattern) => matchOf("method", [pattern], true)),
  ];
  const lists = [
    { name: "interface", patterns: interfaces },
    { name: "method", patterns: methods },
  ].filter(({ patterns }) => patterns.length > 0);
  const [longest, other] = lists.sort((a, b) => b.patterns.length - a.patterns.length);
  const always = [...(other === undefined ? [] : [matchOf(other.name, other.patterns)]), ...never];
  if (longest === undefined) return [always];
  return longest.patterns.map((pattern) => [matchOf(longest.name, [pattern]), ...always]);
}

/** One of the patterns: `abc`, `abc*`, `*abc`, or `*`. */
function matchOf(name: string, patterns: readonly string[], invert = false): AttributeMatch {
  const [pattern = ""] = patterns;
  if (patterns.length > 1) {
    const alternatives = patterns.map(regexOf).join("|");
    return { name, invert, specifier: { kind: "regex", pattern: alternatives } };
  }
  if (pattern === "*") return { name, invert, specifier: { kind: "present" } };
  if (pattern.endsWith("*"))
    return { name, invert, specifier: { kind: "prefix", value: pattern.slice(0, -1) } };
  if (pattern.startsWith("*"))
    return { name, invert, specifier: { kind: "regex", pattern: regexOf(pattern) } };
  return { name, invert, specifier: { kind: "exact", value: pattern } };
}

function regexOf(pattern: string): string {
  if (pattern === "*") return "(?s:.+)";
  const literal = pattern.replaceAll("*", "").replaceAll(/[\\.+*?()|[\]{}^$]/g, String.raw`\$&`);
  if (pattern.endsWith("*")) return `${literal}(?s:.*)`;
  return pattern.startsWith("*") ? `(?s:.*)${literal}` : literal;
}
