import { expect, it } from "vitest";
import { BUILT_IN_FILTERS } from "../api/filter-setting.js";
import { FILTER_NAMES } from "./ir-to-routes/filters.js";

it("built-in filters have one name each, whoever names them", () => {
  const names = Object.entries(FILTER_NAMES).map(([kind, name]) => [
    name,
    // There is no field for policies.
    kind === "authorization" ? undefined : kind,
  ]);
  expect(BUILT_IN_FILTERS).toEqual(Object.fromEntries(names));
});
