// Endpoints that answer with errors get no requests for a while.
import { describe, expect, it } from "vitest";
import { DubboMesh } from "./dubbo-fixture.js";
import { type Outcome, ScriptedProvider } from "./scripted-provider.js";

function meshOf(
  providers: readonly ScriptedProvider[],
  outlierDetection: Readonly<Record<string, unknown>>,
): DubboMesh {
  const clusterSettings = { v1: { loadBalancer: "ROUND_ROBIN", outlierDetection } };
  return new DubboMesh({ clusters: { v1: providers }, clusterSettings });
}

function named(count: number, outcome: (name: string) => Outcome): ScriptedProvider[] {
  return Array.from({ length: count }, (_, index) => {
    const name = `p${String(index)}`;
    return new ScriptedProvider(name, () => outcome(name));
  });
}

let nextId = 1n;

/** Requests one after the other; how many of them each provider got. */
function ask(mesh: DubboMesh, providers: readonly ScriptedProvider[], count: number): number[] {
  const before = providers.map(({ requests }) => requests.length);
  const client = mesh.connect();
  for (let sent = 0; sent < count; sent++) {
    client.request({ id: nextId++, method: "m" });
    mesh.run();
  }
  return providers.map(({ requests }, index) => requests.length - (before[index] ?? 0));
}

const SETTINGS = { consecutiveErrors: 3, maxEjectionPercent: 100, baseEjectionTime: "10s" };

describe("errors in a row", () => {
  it("eject an endpoint, and it comes back after its time, which grows", () => {
    const providers = named(3, (name) => (name === "p0" ? "framework error" : "answer"));
    const mesh = meshOf(providers, SETTINGS);
    expect(ask(mesh, providers, 30)[0]).toBe(3);
    expect(mesh.stat("outlier_ejected")).toBe(1);
    expect(ask(mesh, providers, 30)).toEqual([0, 15, 15]);
    mesh.host.advance(12_000);
    expect(ask(mesh, providers, 30)[0]).toBe(3);
    mesh.host.advance(12_000);
    expect(ask(mesh, providers, 30)[0]).toBe(0);
    mesh.host.advance(10_000);
    expect(ask(mesh, providers, 30)[0]).toBe(3);
  });

  it("are not in a row when there is an answer between them", () => {
    const provider = new ScriptedProvider("p0", (count) =>
      count % 3 === 2 ? "answer" : "framework error",
    );
    const providers = [provider, new ScriptedProvider("p1")];
    const mesh = meshOf(providers, SETTINGS);
    expect(ask(mesh, providers, 40)).toEqual([20, 20]);
  });

  it.each([
    [false, 20],
    [true, 3],
  ])("are exceptions of the application, if they count: %j", (countBusinessErrors, expected) => {
    const providers = named(2, (name) => (name === "p0" ? "exception" : "answer"));
    const mesh = meshOf(providers, { ...SETTINGS, countBusinessErrors });
    expect(ask(mesh, providers, 40)[0]).toBe(expected);
  });

  it("are responses that do not come in time", () => {
    const providers = named(2, (name) => (name === "p0" ? "silence" : "answer"));
    const clusterSettings = { v1: { loadBalancer: "ROUND_ROBIN", outlierDetection: SETTINGS } };
    const routes = [{ destinations: [{ cluster: "v1" }], timeout: "0.1s" }];
    const mesh = new DubboMesh({ clusters: { v1: providers }, clusterSettings, routes });
    const client = mesh.connect();
    for (let sent = 0; sent < 20; sent++) {
      client.request({ id: nextId++, method: "m" });
      mesh.host.advance(200);
    }
    expect(providers[0]?.requests).toHaveLength(3);
  });
});

describe("a share of the endpoints", () => {
  it("at most is ejected, and at least one may be", () => {
    for (const [maxEjectionPercent, ejected] of [
      [10, 1],
      [50, 2],
      [100, 4],
    ] as const) {
      const providers = named(4, () => "framework error");
      const mesh = meshOf(providers, { ...SETTINGS, maxEjectionPercent });
      ask(mesh, providers, 60);
      expect(mesh.stat("outlier_ejected"), String(maxEjectionPercent)).toBe(ejected);
    }
  });

  it("that is too small to do without makes all of them be used", () => {
    const providers = named(4, (name) => (name === "p3" ? "answer" : "framework error"));
    const mesh = meshOf(providers, { ...SETTINGS, panicThresholdPercent: 50 });
    ask(mesh, providers, 60);
    expect(mesh.stat("outlier_ejected")).toBe(3);
    expect(Math.min(...ask(mesh, providers, 40))).toBe(10);
  });

  it("may be all: then requests are refused at once, and nothing is dialled", () => {
    const providers = named(2, () => "framework error");
    const mesh = meshOf(providers, SETTINGS);
    ask(mesh, providers, 20);
    const client = mesh.connect();
    client.request({ id: 77n, method: "m" });
    mesh.run();
    const text = client.response(77n).body.toString("latin1");
    expect(text).toContain("cluster v1 has no healthy endpoint");
    mesh.host.advance(5000);
    const dialled = providers.map(({ server }) => server.connections.length);
    expect(Math.max(...dialled)).toBeLessThan(3);
    expect(mesh.stat("local_reply_uh")).toBeGreaterThan(0);
  });
});

describe("success rates", () => {
  it("far below those of the others eject an endpoint", () => {
    const providers = Array.from({ length: 6 }, (_, index) => {
      const outcome = (count: number): Outcome =>
        index === 0 && count % 2 === 0 ? "framework error" : "answer";
      return new ScriptedProvider(`p${String(index)}`, outcome);
    });
    const mesh = meshOf(providers, {
      ...SETTINGS,
      consecutiveErrors: 0,
      successRateStdevFactor: 1900,
      successRateRequestVolume: 50,
      interval: "5s",
    });
    ask(mesh, providers, 600);
    mesh.host.advance(6000);
    expect(mesh.stat("outlier_ejected")).toBe(1);
    expect(ask(mesh, providers, 50)).toEqual([0, 10, 10, 10, 10, 10]);
  });
});
