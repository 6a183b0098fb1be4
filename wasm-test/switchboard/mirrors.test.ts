// Copies of requests for mirrors: fire and forget.
import { describe, expect, it } from "vitest";
import { assertFollowsWeights } from "../envoy/support/statistics.js";
import { DubboMesh } from "./dubbo-fixture.js";
import type { MeshOptions } from "./mesh.js";
import { ScriptedProvider } from "./scripted-provider.js";

const ALWAYS = 1_000_000;

function meshOf(
  clusters: Readonly<Record<string, readonly ScriptedProvider[]>>,
  mirrors: readonly object[],
  options: Partial<MeshOptions> = {},
): DubboMesh {
  const routes = [{ destinations: [{ cluster: "v1" }], mirrors }];
  return new DubboMesh({ clusters, routes, ...options });
}

function askAll(mesh: DubboMesh, count: number): void {
  const client = mesh.connect();
  for (let id = 1; id <= count; id++) {
    client.request({ id: BigInt(id), method: "m" });
    mesh.run();
    expect(client.response(BigInt(id)).body.toString("latin1")).toContain("one");
  }
}

describe("a mirror", () => {
  it("gets a marked copy under another id, and its answer reaches nobody", () => {
    const [one, two] = [new ScriptedProvider("one"), new ScriptedProvider("two")];
    const mesh = meshOf({ v1: [one], v2: [two] }, [{ cluster: "v2", perMillion: ALWAYS }]);
    askAll(mesh, 3);
    expect(one.requests).toHaveLength(3);
    expect(two.requests).toHaveLength(3);
    const copy = two.requests[0]?.frame.body.toString("latin1") ?? "";
    expect(copy).toContain("metaproto-shadow");
    expect(one.requests[0]?.frame.body.toString("latin1")).not.toContain("metaproto-shadow");
    expect(mesh.stat("mirror_rq_total")).toBe(3);
    expect(mesh.stat("downstream_rq_active")).toBe(0);
    expect(mesh.host.warnings).toEqual([]);
  });

  it.each(["reset", "silence", "framework error"] as const)(
    "that answers by %s is nobody's trouble",
    (outcome) => {
      const one = new ScriptedProvider("one");
      const two = new ScriptedProvider("two", () => outcome);
      const mesh = meshOf({ v1: [one], v2: [two] }, [{ cluster: "v2", perMillion: ALWAYS }]);
      askAll(mesh, 5);
      mesh.host.advance(20_000);
      expect(mesh.stat("downstream_rq_active")).toBe(0);
      expect(mesh.stat("timers_active")).toBe(0);
      expect(mesh.stat("mirror_rq_failed")).toBe(outcome === "framework error" ? 0 : 5);
      expect(mesh.stat("local_reply_uc")).toBe(0);
      expect(mesh.stat("local_reply_ut")).toBe(0);
    },
  );

  it("that cannot be reached is counted", () => {
    const [one, two] = [new ScriptedProvider("one"), new ScriptedProvider("two")];
    two.server.accept = "refuse";
    const mesh = meshOf({ v1: [one], v2: [two] }, [{ cluster: "v2", perMillion: ALWAYS }]);
    askAll(mesh, 4);
    mesh.host.advance(20_000);
    expect(mesh.stat("mirror_rq_failed")).toBe(4);
  });

  it("gets its share of requests", () => {
    const [one, two] = [new ScriptedProvider("one"), new ScriptedProvider("two")];
    const mesh = meshOf({ v1: [one], v2: [two] }, [{ cluster: "v2", perMillion: 250_000 }]);
    askAll(mesh, 2000);
    const copied = two.requests.length;
    const counts = new Map([
      ["copied", copied],
      ["not", 2000 - copied],
    ]);
    assertFollowsWeights(counts, { copied: 1, not: 3 });
  });

  it("is one of several, each with copies of its own", () => {
    const names = ["one", "two", "three"];
    const [one, two, three] = names.map((name) => new ScriptedProvider(name));
    if (one === undefined || two === undefined || three === undefined) throw new Error("three");
    const mesh = meshOf({ v1: [one], v2: [two], v3: [three] }, [
      { cluster: "v2", perMillion: ALWAYS },
      { cluster: "v3", perMillion: ALWAYS },
    ]);
    askAll(mesh, 3);
    expect([two.requests.length, three.requests.length]).toEqual([3, 3]);
  });

  it("takes no room of requests: beyond the bound copies are dropped", () => {
    const one = new ScriptedProvider("one");
    const two = new ScriptedProvider("two", () => "silence");
    const mesh = meshOf({ v1: [one], v2: [two] }, [{ cluster: "v2", perMillion: ALWAYS }], {
      clusterSettings: { v2: { maxRequests: 3 } },
    });
    askAll(mesh, 10);
    expect(two.requests).toHaveLength(3);
    expect(mesh.stat("mirror_rq_overflow")).toBe(7);
  });

  it("gets oneway requests too", () => {
    const [one, two] = [new ScriptedProvider("one"), new ScriptedProvider("two")];
    const mesh = meshOf({ v1: [one], v2: [two] }, [{ cluster: "v2", perMillion: ALWAYS }]);
    const client = mesh.connect();
    client.request({ id: 1n, method: "m", isTwoWay: false });
    mesh.run();
    expect([one.requests.length, two.requests.length]).toEqual([1, 1]);
    expect(two.requests[0]?.frame.isTwoWay).toBe(false);
  });
});
