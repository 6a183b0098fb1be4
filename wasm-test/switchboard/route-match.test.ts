// What each kind of match means, on its own.
import { beforeAll, describe, expect, test } from "vitest";
import { RouteHarness } from "./route-harness.js";
import { regex } from "./route-reference.js";

type Specifier =
  | { case: "exact" | "prefix"; value: string }
  | { case: "present"; value: boolean }
  | ReturnType<typeof regex>;

let harness: RouteHarness;
beforeAll(async () => {
  harness = await RouteHarness.load();
});

/** Whether the only route, with this match, takes a request with this value of `method`. */
function takes(specifier: Specifier, value: string | Uint8Array | undefined, invert = false) {
  const table = harness.build({
    name: "test_1",
    routes: [{ match: [{ name: "method", specifier, invert }], destinations: [{ cluster: "c" }] }],
  });
  const route = harness.route(table, value === undefined ? {} : { method: value });
  harness.exports.release(table);
  return route === 0;
}

const LONG = "x".repeat(4096);
const cases: [name: string, specifier: Specifier, value: string | undefined, matches: boolean][] = [
  ["exact, equal", { case: "exact", value: "sayHello" }, "sayHello", true],
  ["exact, longer", { case: "exact", value: "sayHello" }, "sayHello2", false],
  ["exact, shorter", { case: "exact", value: "sayHello" }, "sayHell", false],
  ["exact, other case", { case: "exact", value: "sayHello" }, "sayhello", false],
  ["exact, empty on empty", { case: "exact", value: "" }, "", true],
  ["exact, empty on other", { case: "exact", value: "" }, "a", false],
  ["exact, other on empty", { case: "exact", value: "a" }, "", false],
  ["exact, longest", { case: "exact", value: LONG }, LONG, true],
  ["exact, differs in the last byte", { case: "exact", value: LONG }, `${LONG.slice(1)}y`, false],
  ["exact, beyond ASCII", { case: "exact", value: "größe 🙂" }, "größe 🙂", true],
  ["exact, absent", { case: "exact", value: "" }, undefined, false],
  ["prefix, proper", { case: "prefix", value: "say" }, "sayHello", true],
  ["prefix, whole", { case: "prefix", value: "say" }, "say", true],
  ["prefix, shorter value", { case: "prefix", value: "say" }, "sa", false],
  ["prefix, other case", { case: "prefix", value: "say" }, "SayHello", false],
  ["prefix, empty on any", { case: "prefix", value: "" }, "x", true],
  ["prefix, empty on empty", { case: "prefix", value: "" }, "", true],
  ["prefix, empty on absent", { case: "prefix", value: "" }, undefined, false],
  ["prefix, longest", { case: "prefix", value: LONG }, `${LONG}!`, true],
  ["regex, whole value", regex("say.*"), "sayHello", true],
  ["regex, not a part", regex("say"), "sayHello", false],
  ["regex, alternatives", regex("get|put[0-9]+"), "put17", true],
  ["regex, alternatives, no digit", regex("get|put[0-9]+"), "put", false],
  ["regex, empty pattern", regex(""), "", true],
  ["regex, empty pattern on other", regex(""), "a", false],
  ["regex, a character of several bytes", regex("gr.ße"), "größe", true],
  ["regex, end only", regex(".*Hello"), "sayHello", true],
  ["regex, end only, no match", regex(".*Hello"), "sayHellO", false],
  ["regex, absent", regex(".*"), undefined, false],
  ["present", { case: "present", value: true }, "anything", true],
  ["present, empty", { case: "present", value: true }, "", true],
  ["present, absent", { case: "present", value: true }, undefined, false],
];

describe("a match", () => {
  test.each(cases)("%s", (_, specifier, value, matches) => {
    expect(takes(specifier, value)).toBe(matches);
  });

  test.each(cases)("inverted: %s", (_, specifier, value, matches) => {
    expect(takes(specifier, value, true)).toBe(!matches);
  });

  test("a regex executes over bytes that are no text", () => {
    expect(takes(regex("(?s).*"), Uint8Array.of(0xff, 0xfe))).toBe(false);
    expect(takes(regex("a.c"), Uint8Array.of(0x61, 0xc3, 0x63))).toBe(false);
  });
});

describe("the matches of a route", () => {
  test("must all hold", () => {
    const table = harness.build({
      name: "test_1",
      routes: [
        {
          match: [
            { name: "interface", specifier: { case: "exact", value: "Greeter" } },
            { name: "method", specifier: { case: "prefix", value: "say" } },
            { name: "x-tier", specifier: { case: "exact", value: "gold" }, invert: true },
          ],
          destinations: [{ cluster: "c" }],
        },
      ],
    });
    expect(harness.route(table, { interface: "Greeter", method: "sayHello" })).toBe(0);
    const silver = { interface: "Greeter", method: "sayHello", "x-tier": "silver" };
    expect(harness.route(table, silver)).toBe(0);
    const gold = { interface: "Greeter", method: "sayHello", "x-tier": "gold" };
    expect(harness.route(table, gold)).toBe(-1);
    expect(harness.route(table, { interface: "Greeter", method: "get" })).toBe(-1);
    expect(harness.route(table, { interface: "Other", method: "sayHello" })).toBe(-1);
    expect(harness.route(table, { method: "sayHello" })).toBe(-1);
    harness.exports.release(table);
  });

  test("may contradict each other, and then never hold", () => {
    const table = harness.build({
      name: "test_1",
      routes: [
        {
          match: [
            { name: "method", specifier: { case: "exact", value: "a" } },
            { name: "method", specifier: { case: "exact", value: "b" } },
          ],
          destinations: [{ cluster: "c" }],
        },
      ],
    });
    expect(harness.route(table, { method: "a" })).toBe(-1);
    expect(harness.route(table, { method: "b" })).toBe(-1);
    harness.exports.release(table);
  });

  test("compare names without regard to case, and values with regard to it", () => {
    const table = harness.build({
      name: "test_1",
      routes: [
        {
          match: [
            { name: "METHOD", specifier: { case: "exact", value: "A" } },
            { name: "X-User", specifier: { case: "present", value: true } },
          ],
          destinations: [{ cluster: "c" }],
        },
      ],
    });
    expect(harness.route(table, { method: "A", "x-user": "1" })).toBe(0);
    expect(harness.route(table, { method: "a", "x-user": "1" })).toBe(-1);
    harness.exports.release(table);
  });

  test("none of them: every request", () => {
    const table = harness.build({ name: "test_1", routes: [{ destinations: [{ cluster: "c" }] }] });
    expect(harness.route(table, {})).toBe(0);
    expect(harness.route(table, { method: "any" })).toBe(0);
    harness.exports.release(table);
  });

  test("no route: nothing is found", () => {
    const table = harness.build({ name: "test_1" });
    expect(harness.route(table, {})).toBe(-1);
    harness.exports.release(table);
  });
});
