import { describe, expect, it } from "vitest";
import { type Progress, ProgressState } from "../xds/acknowledgements.js";
import { AllProxies } from "./all-proxies.js";
import type { OtherReplica } from "./replica-reports.js";

const { Accepted, Refused } = ProgressState;

function progress(version: string, states: Readonly<Record<string, number>>): Progress {
  const nodes = new Map(
    Object.entries(states).map(([node, state]) => [node, Uint8Array.of(state)] as const),
  );
  const refused = Object.entries(states).filter(([, state]) => state === Refused);
  const refusals = refused.map(([node]) => ({ node, message: 'inline_string: "secret"' }));
  return { names: ["a"], versions: [version], nodes, refusals: new Map([["a", refusals]]) };
}

function replica(build: string, of: Progress | undefined): OtherReplica {
  const plugins = new Map([["metaproto.dubbo.1", new Set(of?.nodes.keys() ?? [])]]);
  const report = { build, proxies: of?.nodes.size ?? 9, progress: of, plugins };
  return { identity: "other", report, fault: undefined };
}

function proxies(...others: readonly OtherReplica[]) {
  const own = {
    changeCount: 1,
    asked: 0,
    connectedProxies: 1,
    routeProgress: () => {
      own.asked++;
      return progress("1", { p: Accepted });
    },
    routeVersion: () => "1",
    runningPlugins: () => new Map([["metaproto.dubbo.1", new Set(["p"])]]),
  };
  return { own, all: new AllProxies({ build: "1.2.3", own, others: () => others }) };
}

const counted = (all: AllProxies): unknown => {
  const { accepted, proxies: asking, refused } = all.acknowledgements().get("a") ?? {};
  return [accepted, asking, refused];
};

describe("the proxies of all replicas", () => {
  it("are those of this one and of the others, each once", () => {
    const { all } = proxies(replica("1.2.3", progress("1", { p: Accepted, q: Accepted })));
    expect(counted(all)).toEqual([2, 2, 0]);
    expect(all.runningPlugins()).toEqual(new Map([["metaproto.dubbo.1", new Set(["p", "q"])]]));
    expect(all.incomplete).toBeUndefined();
    expect(all.elsewhere()).toEqual([
      { node: "p", replica: "other", routes: "synced", plugins: ["metaproto.dubbo.1"] },
      { node: "q", replica: "other", routes: "synced", plugins: ["metaproto.dubbo.1"] },
    ]);
  });

  it("have not got what a replica has not got that lags behind", () => {
    const { all } = proxies(replica("1.2.3", progress("0", { q: Accepted, r: Refused })));
    expect(counted(all)).toEqual([1, 3, 0]);
  });

  it("are as a replica says whose routes are of another build, and differ by that", () => {
    const { all } = proxies(replica("1.3.0", progress("x", { q: Accepted, r: Refused })));
    expect(counted(all)).toEqual([2, 3, 1]);
  });

  it("are not all counted when a report is too large, or is no report", () => {
    const unreadable = { identity: "odd", report: undefined, fault: "it is of another format" };
    const { all } = proxies(replica("1.2.3", undefined), unreadable);
    expect(counted(all)).toEqual([1, 1, 0]);
    expect(all.incomplete).toBe(
      "Not counted: those of other (9 proxies: its report would be too large), " +
        "those of odd (its report cannot be read: it is of another format).",
    );
  });

  it("are looked at again when something has changed only, and keep secrets", () => {
    const { all, own } = proxies();
    const first = all.report();
    expect(all.report()).toBe(first);
    own.changeCount++;
    own.routeProgress = () => progress("1", { p: Refused });
    expect(all.report().progress?.refusals.get("a")?.[0]?.message).not.toContain("secret");
    expect(own.asked).toBe(1);
  });
});
