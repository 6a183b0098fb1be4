import { beforeAll, describe, expect, test } from "vitest";
import { type Attributes, RouteHarness, type RouteConfigurationInit } from "./route-harness.js";

let harness: RouteHarness;
beforeAll(async () => {
  harness = await RouteHarness.load();
}, 120_000);

test("smoke", () => {
  const table = harness.build({
    name: "a_1",
    routes: [
      {
        match: [{ name: "Interface", specifier: { case: "exact", value: "Foo" } }],
        destinations: [{ cluster: "c1" }],
      },
      {
        match: [{ name: "Interface", specifier: { case: "prefix", value: "Fo" } }],
        destinations: [{ cluster: "c2" }],
      },
      { destinations: [{ cluster: "c3" }] },
    ],
  });
  expect(harness.route(table, { interface: "Foo" })).toBe(0);
  expect(harness.route(table, { interface: "Foz" })).toBe(1);
  expect(harness.route(table, { interface: "F" })).toBe(2);
  expect(harness.route(table, {})).toBe(2);
});
