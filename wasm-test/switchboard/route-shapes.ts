// Tables of routes as meshes have them, and some as they hopefully do not, in any size.
import { RandomSource } from "../inputs/random-source.js";
import type { ReferenceMatch, ReferenceRoute, TextAttributes } from "./route-reference.js";

const LETTERS = ["a", "b", "c", "d", "e", "f", "g", "h"] as const;

export interface Shape {
  readonly name: string;
  /** Bound for 10,000 routes. */
  readonly mostSteps: number;
  routes(count: number): ReferenceRoute[];
  /** A request for the route at `order`. */
  request(order: number): TextAttributes;
}

function match(
  name: string,
  kind: ReferenceMatch["kind"],
  value: string,
  invert = false,
): ReferenceMatch {
  return { name, kind, value, invert };
}

function times(count: number, route: (order: number) => ReferenceMatch[]): ReferenceRoute[] {
  return Array.from({ length: count }, (_, order) => ({ matches: route(order) }));
}

const service = (order: number) => `org.apache.dubbo.demo.Service${String(order >> 3)}`;
const operation = (order: number) => `operation${String(order & 7)}`;
const random = new RandomSource(7);
const words = Array.from({ length: 10_000 }, (_, order) => {
  const letters = Array.from({ length: 3 + ((order * 17 + 20) % 40) }, () => random.pick(LETTERS));
  return `${letters.join("")}${String(order)}Z`;
});
const word = (order: number) => words[order] ?? "";
const exactPair = (order: number) => [
  match("interface", "exact", service(order)),
  match("method", "exact", operation(order)),
];

export const SHAPES: readonly Shape[] = [
  {
    name: "exact on interface and method",
    mostSteps: 9,
    routes: (count) => times(count, exactPair),
    request: (order) => ({ interface: service(order), method: operation(order) }),
  },
  {
    name: "exact on interface, regex on method",
    mostSteps: 9,
    routes: (count) =>
      times(count, (order) => [
        match("interface", "exact", service(order << 3)),
        match("method", "regex", `get${String(order)}[a-z]+`),
      ]),
    request: (order) => ({ interface: service(order << 3), method: `get${String(order)}x` }),
  },
  {
    name: "one interface, regexes with literal prefixes",
    mostSteps: 10,
    routes: (count) =>
      times(count, (order) => [
        match("interface", "exact", service(0)),
        match("method", "regex", `${word(order)}[a-z]+`),
      ]),
    request: (order) => ({ interface: service(0), method: `${word(order)}abc` }),
  },
  {
    name: "prefixes of many lengths",
    mostSteps: 7,
    routes: (count) => times(count, (order) => [match("interface", "prefix", word(order))]),
    request: (order) => ({ interface: `${word(order)}suffix`, method: "m" }),
  },
  {
    name: "exact pairs, catch-all at the end",
    mostSteps: 9,
    routes: (count) => [...times(count, exactPair), { matches: [] }],
    request: (order) => ({ interface: service(order), method: operation(order) }),
  },
  {
    name: "catch-all at the start",
    mostSteps: 2,
    routes: (count) => [{ matches: [] }, ...times(count, exactPair)],
    request: (order) => ({ interface: service(order), method: operation(order) }),
  },
];
