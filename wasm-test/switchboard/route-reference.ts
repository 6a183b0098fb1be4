// What a route table means, in the most obvious way: every route in order, every match of it. The
// compiled tables are held against this.
import type { RouteConfigurationInit } from "./route-harness.js";
import { compileRegex } from "../../controlplane/regex/compile-regex.js";
import { literalThenLetters } from "./literal-automaton.js";

export interface ReferenceMatch {
  readonly name: string;
  readonly kind: "exact" | "prefix" | "regex" | "present";
  /** The value, the prefix, or the pattern in a syntax that RE2 and JavaScript share. */
  readonly value: string;
  readonly invert: boolean;
}

export interface ReferenceRoute {
  readonly matches: readonly ReferenceMatch[];
}

export type TextAttributes = Readonly<Record<string, string>>;

const expressions = new Map<string, RegExp>();

function expression(pattern: string): RegExp {
  let known = expressions.get(pattern);
  if (known === undefined) {
    known = new RegExp(`^(?:${pattern})$`, "u");
    expressions.set(pattern, known);
  }
  return known;
}

function matchHolds(match: ReferenceMatch, attributes: TextAttributes): boolean {
  const value = attributes[match.name.toLowerCase()];
  if (value === undefined) return match.invert;
  switch (match.kind) {
    case "exact":
      return (value === match.value) !== match.invert;
    case "prefix":
      return value.startsWith(match.value) !== match.invert;
    case "regex":
      return expression(match.value).test(value) !== match.invert;
    case "present":
      return !match.invert;
  }
}

/** Position of the first route whose matches all hold, or -1. */
export function referenceRoute(
  routes: readonly ReferenceRoute[],
  attributes: TextAttributes,
): number {
  return routes.findIndex((route) => route.matches.every((match) => matchHolds(match, attributes)));
}

const LITERAL_THEN_LETTERS = /^([A-Za-z0-9]+)\[a-z\]\+$/;

/** The `regex` specifier of a pattern, as the control plane sends it. */
export function regex(pattern: string) {
  const literal = LITERAL_THEN_LETTERS.exec(pattern)?.[1];
  if (literal !== undefined) return { case: "regex" as const, value: literalThenLetters(literal) };
  const compiled = compileRegex(pattern);
  if ("error" in compiled) throw new Error(`${pattern}: ${compiled.error}`);
  return {
    case: "regex" as const,
    value: { pattern, dfa: compiled.dfa, literalPrefix: compiled.literalPrefix },
  };
}

export function specifier(match: Pick<ReferenceMatch, "kind" | "value">) {
  switch (match.kind) {
    case "exact":
      return { case: "exact" as const, value: match.value };
    case "prefix":
      return { case: "prefix" as const, value: match.value };
    case "regex":
      return regex(match.value);
    case "present":
      return { case: "present" as const, value: true };
  }
}

/** The configuration of such routes, each with a cluster of its own. */
export function configurationOf(routes: readonly ReferenceRoute[]): RouteConfigurationInit {
  return {
    name: "test_1",
    routes: routes.map((route, order) => ({
      name: `route-${String(order)}`,
      match: route.matches.map((match) => ({
        name: match.name,
        specifier: specifier(match),
        invert: match.invert,
      })),
      destinations: [{ cluster: `cluster-${String(order % 7)}` }],
    })),
  };
}
