// What `node scripts/build-peers.mjs chart-tools` has built, and the project's Helm chart.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import type { Document } from "./resources.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const CACHE = process.env["METAPROTO_CACHE"] ?? `${ROOT}.cache`;

export const CHART = `${ROOT}charts/metaproto`;

export type ChartTool = "helm" | "promtool";

/** Why it cannot be used here, or undefined. */
export function missingChartTool(name: ChartTool): string | undefined {
  if (existsSync(chartTool(name))) return undefined;
  return `${name} was not built: scripts/mesh-rig builds it, once, in about 10 minutes`;
}

export function chartTool(name: ChartTool): string {
  return `${CACHE}/peers/chart-tools/${name}`;
}

/** @throws Error with what the tool says. */
export function run(name: ChartTool, ...args: readonly string[]): string {
  // What helm keeps between runs is of no use here.
  const env = { ...process.env, HELM_NO_PLUGINS: "1" };
  return execFileSync(chartTool(name), args, { cwd: ROOT, encoding: "utf8", env, stdio: "pipe" });
}

/** What the chart makes, for the release `metaproto`. @param values as `--set` has them. */
export function render(namespace: string, ...values: readonly string[]): readonly Document[] {
  const sets = values.flatMap((value) => ["--set", value]);
  const yaml = run("helm", "template", "metaproto", CHART, "--namespace", namespace, ...sets);
  return parseAllDocuments(yaml).flatMap((document) => {
    const value = document.toJS() as Document | null;
    return value === null ? [] : [value];
  });
}
