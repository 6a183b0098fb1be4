// Rules of alerts and queries of dashboards, by Prometheus' own parser and engine.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { describeWith } from "../envoy/support/describe-with.js";
import { CHART, missingChartTool, render, run } from "./support/chart-tools.js";

const RULES = `${CHART}/alerts/metaproto.rules.yaml`;

interface Dashboard {
  readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[];
}

describeWith("alerts", [missingChartTool("promtool"), missingChartTool("helm")], () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "metaproto-alerts-"));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function written(name: string, text: string): string {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  }

  test("are rules that Prometheus takes", () => {
    expect(run("promtool", "check", "rules", "--lint=all", "--lint-fatal", RULES)).toContain(
      "SUCCESS",
    );
  });

  test("fire when they should, and say what they should", () => {
    const source = new URL("testdata/rules.test.yaml", import.meta.url);
    const file = written(
      "rules.test.yaml",
      readFileSync(source, "utf8").replace("[RULES]", `[${RULES}]`),
    );
    expect(run("promtool", "test", "rules", file)).toContain("SUCCESS");
  });

  test("are in the PrometheusRule as they are in the file", () => {
    const rule = render("a", "monitoring.rules.enabled=true").find(
      ({ kind }) => kind === "PrometheusRule",
    );
    expect(rule).toMatchObject({ spec: parse(readFileSync(RULES, "utf8")) as object });
  });

  test("dashboards ask what Prometheus understands, and are in ConfigMaps", () => {
    const files = readdirSync(`${CHART}/dashboards`);
    const texts = files.map((file) => readFileSync(`${CHART}/dashboards/${file}`, "utf8"));
    const queries = texts.flatMap((text) =>
      (JSON.parse(text) as Dashboard).panels.flatMap(({ targets = [] }) => targets),
    );
    expect(queries.length).toBeGreaterThan(50);
    const rules = queries.map(({ expr }, index) => ({
      record: `query_${String(index)}`,
      expr: expr.replaceAll("$__rate_interval", "5m").replaceAll(/\$[a-z]+/g, ".*"),
    }));
    const file = written("queries.yaml", stringify({ groups: [{ name: "queries", rules }] }));
    expect(run("promtool", "check", "rules", file)).toContain(
      `${String(rules.length)} rules found`,
    );
    const maps = render("a", "monitoring.dashboards.enabled=true").filter(
      ({ kind }) => kind === "ConfigMap",
    ) as unknown as readonly { readonly data: Readonly<Record<string, string>> }[];
    expect(maps.map(({ data }) => data)).toEqual(
      files.map((name, index) => ({ [name]: texts[index] })),
    );
  });
});
