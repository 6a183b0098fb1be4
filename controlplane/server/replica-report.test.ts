import { createHash } from "node:crypto";
import { brotliCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type Progress, ProgressState } from "../xds/acknowledgements.js";
import {
  decodeReport,
  encodeReport,
  MAX_REPORT_LENGTH,
  type ReplicaReport,
} from "./replica-report.js";

const { NotAsked, Accepted, Pending, Refused } = ProgressState;

const SMALL: ReplicaReport = {
  build: "1.2.3",
  proxies: 3,
  progress: {
    names: ["a", "b"],
    versions: ["11", ""],
    nodes: new Map([
      ["p", Uint8Array.of(Accepted, Pending)],
      ["q", Uint8Array.of(Accepted, Pending)],
      ["r", Uint8Array.of(Refused, NotAsked)],
    ]),
    refusals: new Map([["a", [{ node: "r", message: "no" }]]]),
  },
  plugins: new Map([["metaproto.dubbo.1", new Set(["q", "s"])]]),
};

/** Names that are as long and as different as real ones. */
function fleet(proxies: number, services: number, asked: number): ReplicaReport {
  const digest = (text: string): string => createHash("sha256").update(text).digest("hex");
  const numbers = Array.from({ length: services }, (_, number) => number);
  const names = numbers.map((number) => `service-${number}.shop.svc.cluster.local_20880`).sort();
  const nodes = new Map<string, Uint8Array>();
  for (let proxy = 0; proxy < proxies; proxy++) {
    const id = digest(String(proxy));
    const states = new Uint8Array(services);
    for (let number = 0; number < asked; number++) {
      // Spread over all of them, as by chance.
      const place =
        asked === services ? number : (proxy * 7_919 + number * number * 104_729) % services;
      states[place] = Accepted;
    }
    nodes.set(`sidecar~10.1.${proxy >> 8}.${proxy & 255}~greeter-${id.slice(0, 16)}.shop`, states);
  }
  const versions = names.map((name) => digest(name).slice(0, 16));
  const plugins = new Map([["metaproto.dubbo.0123456789ab", new Set(nodes.keys())]]);
  const progress: Progress = { names, versions, nodes, refusals: new Map() };
  return { build: "1.2.3", proxies, progress, plugins };
}

describe("the report of a replica", () => {
  it("is read back as it was", () => {
    expect(decodeReport(encodeReport(SMALL))).toEqual(SMALL);
  });

  it("is the same for the same, whatever the order of streams", () => {
    const nodes = new Map([...(SMALL.progress?.nodes ?? [])].reverse());
    const turned = { ...SMALL, progress: { ...(SMALL.progress as Progress), nodes } };
    expect(encodeReport(turned)).toBe(encodeReport(SMALL));
  });

  it.each([
    // Proxies, services, services that each of them asks for, bytes.
    [200, 500, 500, 16_000],
    [200, 3_000, 3_000, 60_000],
    [1_000, 3_000, 50, 200_000],
  ])("of %d proxies x %d services, %d of which each asks for, has few bytes: %d", (...of) => {
    const [proxies, services, asked, most] = of;
    const report = fleet(proxies, services, asked);
    const text = encodeReport(report);
    expect(text.length).toBeLessThan(most);
    expect(encodeReport(decodeReport(text))).toBe(text);
  });

  it("leaves out what makes it too long, and says how many proxies there are all the same", () => {
    const report = fleet(300, 100, 30);
    const whole = encodeReport(report).length;
    const short = decodeReport(encodeReport(report, whole - 1));
    expect(short).toEqual({ ...report, progress: undefined });
    expect(decodeReport(encodeReport(report, 200))).toEqual({
      ...report,
      progress: undefined,
      plugins: undefined,
    });
    expect(whole).toBeLessThan(MAX_REPORT_LENGTH);
  });

  it("has the beginning of long messages", () => {
    const progress: Progress = {
      ...(SMALL.progress as Progress),
      refusals: new Map([["a", [{ node: "r", message: "x".repeat(10_000) }]]]),
    };
    const decoded = decodeReport(encodeReport({ ...SMALL, progress }));
    expect(decoded.progress?.refusals.get("a")?.[0]?.message).toBe("x".repeat(300));
  });

  const text = (content: unknown): string =>
    brotliCompressSync(JSON.stringify(content)).toString("base64");
  const content = { format: 1, build: "1", proxies: 1, nodes: ["p"] };

  it.each([
    ["nothing", ""],
    ["no report", "AAAA"],
    ["another format", text({ ...content, format: 2 })],
    ["no object", text([])],
    ["no list", text({ ...content, nodes: "p" })],
    ["a place that is not there", text({ ...content, plugins: { a: "1" } })],
    [
      "a name that is not there",
      text({ ...content, names: ["a"], versions: ["1"], groups: [["0-1", "", "", "0"]] }),
    ],
    ["no groups", text({ ...content, names: ["a"], versions: ["1"], groups: [7] })],
  ])("is refused when it is %s", (_, wrong) => {
    expect(() => decodeReport(wrong)).toThrow();
  });
});
