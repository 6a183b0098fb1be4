// Which endpoint a request goes to: the pool meets every endpoint of the cluster, whatever Envoy's
// balancer does, and spreads requests over them.
import { describe, expect, it } from "vitest";
import { assertFollowsWeights } from "../envoy/support/statistics.js";
import type { Balancer } from "../host/index.js";
import { DubboMesh, Provider } from "./dubbo-fixture.js";
import type { MeshOptions } from "./mesh.js";

function providersNamed(...names: string[]): Provider[] {
  return names.map((name) => new Provider(name));
}

function meshOf(
  providers: readonly Provider[],
  options: Partial<MeshOptions> & { readonly lb?: Balancer } = {},
): DubboMesh {
  const endpoints = providers.map((provider) => provider.server);
  const { lb } = options;
  return new DubboMesh({
    ...options,
    clusters: { v1: providers },
    host: { ...(lb === undefined ? {} : { clusters: { v1: { endpoints, lb } } }) },
  });
}

/** One request after the other; returns the names of who answered. */
function ask(mesh: DubboMesh, count: number): string[] {
  const client = mesh.connect();
  const names: string[] = [];
  for (let id = 1; id <= count; id++) {
    client.request({ id: BigInt(id), method: "m" });
    mesh.run();
    const body = client.response(BigInt(id)).body.toString("latin1");
    names.push(/[a-h](?=H)/.exec(body)?.[0] ?? body);
  }
  return names;
}

function counts(names: readonly string[]): Map<string, number> {
  const counted = new Map<string, number>();
  for (const name of names) counted.set(name, (counted.get(name) ?? 0) + 1);
  return counted;
}

describe("the endpoints of a cluster", () => {
  it("are all met at the first request, when their number is known, by one connection each", () => {
    const providers = providersNamed("a", "b", "c", "d");
    const mesh = meshOf(providers);
    ask(mesh, 1);
    for (const provider of providers) expect(provider.server.openConnections).toHaveLength(1);
  });

  it("are met although Envoy's balancer is random, and connections that are not needed go", () => {
    const providers = providersNamed("a", "b", "c", "d", "e", "f");
    const mesh = meshOf(providers, { lb: "random" });
    ask(mesh, 1);
    mesh.host.advance(120_000);
    for (const provider of providers) expect(provider.server.openConnections).toHaveLength(1);
  });

  it("stay met for hours, although connections are made anew and Envoy's balancer is random", () => {
    const providers = Array.from({ length: 20 }, (_, index) => new Provider(String(index)));
    const mesh = meshOf(providers, { lb: "random" });
    const client = mesh.connect();
    for (let minute = 1; minute <= 120; minute++) {
      client.request({ id: BigInt(minute), method: "m" });
      mesh.host.advance(60_000);
      const open = providers.map((provider) => provider.server.openConnections.length);
      if (minute > 10) expect(Math.min(...open)).toBe(1);
    }
    const made = providers.reduce((sum, { server }) => sum + server.connections.length, 0);
    expect(made).toBeGreaterThan(20 * 20);
    expect(made).toBeLessThan(20 * 250);
  });

  it("are found although their number is not known", () => {
    const providers = providersNamed("a", "b", "c", "d", "e");
    const mesh = meshOf(providers, { clusterSettings: { v1: { endpoints: 0 } } });
    ask(mesh, 1);
    mesh.host.advance(60_000);
    for (const provider of providers) {
      expect(provider.server.openConnections.length).toBeGreaterThan(0);
    }
  });

  it("of which one is down are served by the others, and it is used soon after it is up", () => {
    const [down, up] = providersNamed("a", "b");
    if (down === undefined || up === undefined) throw new Error("two providers");
    down.server.accept = "refuse";
    const mesh = meshOf([down, up]);
    expect(new Set(ask(mesh, 20))).toEqual(new Set(["b"]));
    mesh.host.advance(60_000);
    const attempts = mesh.stat("upstream_cx_connect_fail");
    expect(attempts).toBeGreaterThan(3);
    mesh.host.advance(60_000);
    // The pause between attempts has grown, and half of them find the other endpoint.
    expect(mesh.stat("upstream_cx_connect_fail") - attempts).toBeLessThan(8);
    down.server.accept = "accept";
    ask(mesh, 1);
    mesh.host.advance(25_000);
    expect(new Set(ask(mesh, 50))).toEqual(new Set(["a", "b"]));
  });
});

describe("LEAST_REQUEST", () => {
  it("shares requests that are answered at once evenly", () => {
    const names = ask(meshOf(providersNamed("a", "b", "c", "d")), 4000);
    assertFollowsWeights(counts(names.slice(1)), { a: 1, b: 1, c: 1, d: 1 });
  });

  it("spares an endpoint that is slow", () => {
    const providers = providersNamed("a", "b", "c");
    const [slow] = providers;
    if (slow !== undefined) slow.answers = false;
    const mesh = meshOf(providers);
    const client = mesh.connect();
    for (let id = 1n; id <= 300n; id++) {
      client.request({ id, method: "m" });
      mesh.run();
    }
    // It is drawn in two of three pairs and taken while it has no more in flight than the other.
    expect(slow?.requests.length).toBeLessThan(10);
    expect(client.responses.size).toBe(300 - (slow?.requests.length ?? 0));
  });
});

describe("ROUND_ROBIN", () => {
  it("goes through the endpoints in turn, exactly", () => {
    const providers = providersNamed("a", "b", "c", "d");
    const mesh = meshOf(providers, { clusterSettings: { v1: { loadBalancer: "ROUND_ROBIN" } } });
    const names = ask(mesh, 401).slice(1);
    expect(counts(names)).toEqual(
      new Map([...counts(names).keys()].map((name) => [name, 100] as const)),
    );
    const turn = names.slice(0, 4).join("");
    expect(names.join("")).toBe(turn.repeat(100));
  });

  it("counts endpoints, not connections", () => {
    const providers = providersNamed("a", "b");
    const mesh = meshOf(providers, {
      clusterSettings: { v1: { loadBalancer: "ROUND_ROBIN" } },
      plugin: { limits: { maxRequestsPerUpstreamConnection: 1 } },
    });
    const client = mesh.connect();
    for (const provider of providers) provider.answers = false;
    for (let id = 1n; id <= 6n; id++) client.request({ id, method: "m" });
    mesh.run();
    for (const provider of providers) {
      provider.answers = true;
      for (const request of provider.requests) request.reply(provider.name);
    }
    mesh.run();
    for (const provider of providers) provider.requests.length = 0;
    for (let id = 7n; id <= 106n; id++) {
      client.request({ id, method: "m" });
      mesh.run();
    }
    expect(providers.map((provider) => provider.requests.length)).toEqual([50, 50]);
  });
});

describe("RANDOM", () => {
  it("draws each endpoint as often as the others", () => {
    const mesh = meshOf(providersNamed("a", "b", "c", "d"), {
      clusterSettings: { v1: { loadBalancer: "RANDOM" } },
    });
    assertFollowsWeights(counts(ask(mesh, 4000).slice(1)), { a: 1, b: 1, c: 1, d: 1 });
  });
});
