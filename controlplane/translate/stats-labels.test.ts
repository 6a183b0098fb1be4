// The labels of Istio's metrics stand in three places: what users may write, what the modules tell, and what the
// page tells users to have Istio extract.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ISTIO_LABELS } from "../api/telemetry.js";
import { statsConfig } from "./ir-to-xds/stats-tags.js";

const PAGE = new URL("../../docs/operators/filters/stats.md", import.meta.url);
const MODULE = new URL("../../assembly/filters/stats/istio-labels.ts", import.meta.url);

test("Istio's labels: the same ones for users, modules and the page", () => {
  const keys = /const KEYS[^[]*\[([^\]]*)\]/.exec(readFileSync(MODULE, "utf8"))?.[1] ?? "";
  expect([...keys.matchAll(/"([a-z_]+)"/g)].map(([, key]) => key)).toEqual(ISTIO_LABELS);
  const page = readFileSync(PAGE, "utf8");
  const extracted = [...page.matchAll(/^ {6}- ([a-z_]+)$/gm)].map(([, label]) => label);
  for (const label of [...ISTIO_LABELS, "reporter", "response_code", "response_flags", "le"])
    expect(extracted).toContain(label);
  for (const { tagName, tagValue } of statsConfig().statsTags)
    if (tagValue.value?.includes("=") === true) expect(extracted).toContain(tagName);
});

test("every expression begins with what Envoy looks for first", () => {
  for (const { tagValue } of statsConfig().statsTags)
    expect(tagValue.value).toMatch(/^\^wasmcustom\\\./);
});
