// Reports that are made up: what they say must follow from the samples.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseCase } from "./cases.js";
import { ALL_ON, CONTENDERS, filterContenders } from "./contenders.js";
import type { Sample } from "./measure.js";
import { plotFiles } from "./plots.js";
import type { Report } from "./report.js";
import { differenceOf, ratioOf, spreadOf, type Result } from "./summary.js";
import { asText } from "./tables.js";
import { faultsOf, isReached, verdicts } from "./targets.js";
import { writeReport } from "./write-report.js";

const SAMPLE: Sample = {
  cpuUs: 10,
  rps: 20_000,
  p50Us: 100,
  p99Us: 300,
  p999Us: 900,
  envoyPercent: 50,
  loadPercent: 20,
  faults: 0,
};

/** Rounds of a path; each value of a sample that is given is one per round. */
function result(
  load: string,
  path: string,
  values: Partial<Record<keyof Sample, number[]>>,
): Result {
  const { protocol } = parseCase(load);
  const contender = [...CONTENDERS, ...filterContenders(protocol)].find(
    (one) => one.protocol === protocol && one.name === path,
  );
  if (contender === undefined) throw new Error(`there is no ${path}`);
  const rounds = Math.max(...Object.values(values).map((list) => list.length));
  const samples = Array.from({ length: rounds }, (_, round) => {
    const own = Object.entries(values).map(([key, list]) => [key, list[round]]);
    return { ...SAMPLE, ...Object.fromEntries(own) } as Sample;
  });
  const rate = parseCase(load).loop === "open" ? { rate: 5000 } : {};
  return { load: parseCase(load), contender, samples, ...rate };
}

function report(...results: Result[]): Report {
  const about = {
    date: "2026-01-01",
    envoy: "1.40.0",
    cpu: "a CPU",
    cores: 2,
    kernel: "Linux",
    loadBefore: 0.1,
    rounds: 3,
    closedSeconds: 1,
    openSeconds: 2,
  };
  return { about, results, filters: [], memory: [], modules: [], failures: [] };
}

describe("spread and ratio", () => {
  test("median, lowest, highest", () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, low: 1, high: 3 });
    expect(spreadOf([4, 1, 2, 3])).toEqual({ median: 2.5, low: 1, high: 4 });
    expect(() => spreadOf([])).toThrow(/no round/);
  });

  test("a ratio is taken round by round", () => {
    // A round in which the machine was three times as slow for both changes nothing.
    const own = result("dubbo:4x1", "metaproto", { cpuUs: [10, 30, 10] });
    const other = result("dubbo:4x1", "dubbo_proxy", { cpuUs: [20, 60, 25] });
    expect(ratioOf(own, other, "cpuUs")).toEqual({ median: 0.5, low: 0.4, high: 0.5 });
    expect(differenceOf(own, other, "cpuUs")).toEqual({ median: -15, low: -30, high: -10 });
  });
});

describe("targets", () => {
  const own = result("dubbo:4x1", "metaproto", { cpuUs: [19, 19, 19] });

  test.each([
    [22, true],
    [21, false],
  ])("at most 0.9 of dubbo_proxy's CPU, which is %f: %s", (cpuUs, expected) => {
    const other = result("dubbo:4x1", "dubbo_proxy", { cpuUs: [cpuUs, cpuUs, cpuUs] });
    const found = verdicts(report(own, other));
    expect(found.map(isReached)).toEqual([expected]);
    expect(asText(report(own, other)).includes("missed by 1%")).toBe(!expected);
  });

  test("against a filter and each of its variants", () => {
    const found = verdicts(
      report(
        result("thrift:4x1", "metaproto", { cpuUs: [15] }),
        result("thrift:4x1", "thrift_proxy", { cpuUs: [20] }),
        result("thrift:4x1", "thrift_proxy passthrough", { cpuUs: [16] }),
      ),
    );
    expect(found.map(isReached)).toEqual([true, false]);
  });

  test("who answers wrongly is not compared, and ours is told", () => {
    const other = result("dubbo:4x1", "dubbo_proxy", { cpuUs: [1, 1], faults: [0, 3] });
    expect(verdicts(report(own, other))).toEqual([]);
    expect(asText(report(own, other))).toContain("not comparable");
    const broken = result("dubbo:4x1", "metaproto", { faults: [1] });
    expect(faultsOf(report(broken, other))).toEqual([expect.stringContaining("dubbo:4x1")]);
    const failed = { ...report(broken, other), failures: ["a VM failed"] };
    expect(asText(failed)).toContain("FAULT dubbo:4x1");
    expect(asText(failed)).toContain("FAULT a VM failed");
  });

  test("throughput, latency, memory and modules", () => {
    const spread = { median: 1, low: 1, high: 1 };
    const [echo, metaproto] = ["echo", "metaproto"].map((name) => ({
      name,
      protocol: "dubbo" as const,
      kind: name === "echo" ? ("baseline" as const) : ("ours" as const),
    }));
    if (echo === undefined || metaproto === undefined) throw new Error("no contender");
    const found = verdicts({
      ...report(
        result("dubbo:64x64", "metaproto", { rps: [340_000, 350_000, 360_000] }),
        result("dubbo:4x1:open", "metaproto", { p99Us: [200] }),
        result("dubbo:4x1:open", "dubbo_proxy", { p99Us: [100] }),
      ),
      memory: [
        { contender: echo, idle: 10_000, silentBytes: 6 * 1024 },
        { contender: metaproto, idle: 10_000, silentBytes: 8 * 1024, idleBytes: 22 * 1024 },
      ],
      modules: [
        {
          module: "dubbo",
          bytes: 65_536,
          gzipBytes: 1,
          vmBytes: spread,
          baseBytes: spread,
          restUs: spread,
          startMs: spread,
        },
      ],
    });
    expect(found.map((verdict) => [verdict.measured.median, isReached(verdict)])).toEqual([
      [350_000, true],
      [2, false],
      [16, false],
      [64, true],
    ]);
  });
});

describe("filters", () => {
  const bare = result("dubbo:4x1", "metaproto", { cpuUs: [10, 20] });
  const allOn = result("dubbo:4x1", ALL_ON, { cpuUs: [15, 30] });
  const dubboProxy = result("dubbo:4x1", "dubbo_proxy", { cpuUs: [20, 40] });

  test("all of them on are to cost less than Envoy's filter for the protocol, which has none", () => {
    const found = verdicts(report(bare, allOn, dubboProxy));
    expect(found.map(({ measured, limit }) => [measured.median, limit])).toEqual([
      [0.5, 0.9],
      [0.75, 1],
    ]);
    const text = asText(report(bare, allOn, dubboProxy));
    expect(text).toContain("| dubbo_proxy | 30.0 (20.0..40.0) | 0.50 | 0.75 |");
  });

  test("what each adds is told beside the bare module", () => {
    const stats = result("dubbo:4x1", "stats by method", { cpuUs: [12, 21] });
    const text = asText({ ...report(), filters: [bare, stats, allOn] });
    expect(text).toContain(
      "| stats by method | 16.5 (12.0..21.0) | 1.50 (1.00..2.00) | 1.13 (1.05..1.20) |",
    );
    expect(text).toContain(`| ${ALL_ON} | 22.5 (15.0..30.0) | 7.50 (5.00..10.00) | 1.50 |`);
  });

  test("that answer wrongly are told", () => {
    const broken = result("dubbo:4x1", "fault, by attributes", { faults: [1] });
    const told = faultsOf({ ...report(), filters: [bare, broken] });
    expect(told).toEqual([expect.stringContaining("fault, by attributes")]);
    expect(asText({ ...report(), filters: [bare, broken] })).toContain("answers wrong or missing");
  });

  test("each contender has a VM of its own", () => {
    const ids = filterContenders("dubbo").map(({ module }) => module?.id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

test("plots have a mark for each path that can be compared", () => {
  const [plot] = plotFiles(
    report(
      result("dubbo:4x1", "metaproto", { cpuUs: [10, 12, 11] }),
      result("dubbo:4x1", "dubbo_proxy", { cpuUs: [20, 21, 22] }),
      result("dubbo:4x1", "generic_proxy", { cpuUs: [1], faults: [1] }),
      result("dubbo:4x1", "direct", { cpuUs: [0] }),
    ),
  );
  expect(plot?.file).toBe("cpu.svg");
  expect(plot?.svg).toContain("<title>metaproto: 11 (10 to 12)</title>");
  expect(plot?.svg).toContain("<title>dubbo_proxy: 21 (20 to 22)</title>");
  expect(plot?.svg).not.toContain("generic_proxy");
  expect(plot?.svg).not.toContain("direct");
  expect(plot?.svg).not.toMatch(/NaN|Infinity|undefined/);
});

test("a report is written between the marks of a page", async () => {
  const folder = mkdtempSync(join(tmpdir(), "metaproto-report-"));
  const page = join(folder, "README.md");
  const results = [
    result("dubbo:4x1", "metaproto", { cpuUs: [10.123456] }),
    result("dubbo:4x1", "dubbo_proxy", { cpuUs: [20] }),
  ];
  try {
    writeFileSync(page, "# Title\n");
    await expect(writeReport(report(...results), folder)).rejects.toThrow(/bench:begin/);
    writeFileSync(page, "# Title\n\n<!-- bench:begin -->\nold\n<!-- bench:end -->\n\nRest.\n");
    await writeReport(report(...results), folder);
    const text = readFileSync(page, "utf8");
    expect(text).toMatch(/^# Title\n/);
    expect(text).toMatch(/Rest\.\n$/);
    expect(text).not.toContain("old");
    for (const [, image = ""] of text.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)) {
      expect(readdirSync(folder)).toContain(image);
    }
    expect(JSON.parse(readFileSync(join(folder, "results.json"), "utf8"))).toMatchObject({
      filters: [],
      results: [
        { load: "dubbo:4x1:100B", path: "metaproto", cpuUs: [10.12] },
        { path: "dubbo_proxy", cpuUs: [20] },
      ],
      targets: [{ isReached: true }],
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
