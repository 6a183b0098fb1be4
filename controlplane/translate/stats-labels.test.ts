// The labels of Istio's metrics stand in three places: what users may write, what the modules tell, and what the
// bootstrap makes of that.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ISTIO_LABELS } from "../api/telemetry.js";
import { statsConfig } from "./ir-to-xds/stats-tags.js";

const MODULE = new URL("../../assembly/filters/stats/istio-labels.ts", import.meta.url);

test("Istio's labels: the same ones for users, modules and the bootstrap", () => {
  const keys = /const KEYS[^[]*\[([^\]]*)\]/.exec(readFileSync(MODULE, "utf8"))?.[1] ?? "";
  expect([...keys.matchAll(/"([a-z_]+)"/g)].map(([, key]) => key)).toEqual(ISTIO_LABELS);
  const tags = statsConfig().statsTags.map(({ tagName }) => tagName);
  for (const label of [...ISTIO_LABELS, "reporter", "response_code", "response_flags", "le"])
    expect(tags).toContain(label);
});

test("every expression begins with what Envoy looks for first", () => {
  for (const { tagValue } of statsConfig().statsTags)
    expect(tagValue.value).toMatch(/^\^wasmcustom\\\./);
});
