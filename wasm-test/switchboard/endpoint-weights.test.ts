// Weights of endpoints: the control plane tells them, since Envoy tells a module nothing of them.
import { describe, expect, it } from "vitest";
import { assertFollowsWeights } from "../envoy/support/statistics.js";
import type { Balancer } from "../host/index.js";
import { DubboMesh } from "./dubbo-fixture.js";
import type { MeshOptions, RouteOptions } from "./mesh.js";
import { ScriptedProvider } from "./scripted-provider.js";

const WEIGHTS = [1, 2, 3, 6];

function providersOf(count: number): ScriptedProvider[] {
  return Array.from({ length: count }, (_, index) => {
    const provider = new ScriptedProvider(`p${String(index)}`);
    Object.assign(provider.server, { address: `10.1.0.${String(index + 1)}:20880` });
    return provider;
  });
}

function weightsOf(endpoints: readonly ScriptedProvider[], weights: readonly number[]): object[] {
  return endpoints.flatMap(({ server }, index) =>
    weights[index] === 1 ? [] : [{ address: server.address, weight: weights[index] }],
  );
}

interface WeightedOptions {
  readonly weights?: readonly number[];
  readonly cluster?: object;
  readonly route?: Partial<RouteOptions>;
  readonly lb?: Balancer;
}

function meshOf(options: WeightedOptions = {}): {
  readonly mesh: DubboMesh;
  readonly endpoints: ScriptedProvider[];
} {
  const weights = options.weights ?? WEIGHTS;
  const endpoints = providersOf(weights.length);
  const { lb } = options;
  const mesh: MeshOptions = {
    clusters: { v1: endpoints },
    clusterSettings: {
      v1: { endpointWeights: weightsOf(endpoints, weights), ...options.cluster },
    },
    routes: [{ destinations: [{ cluster: "v1" }], ...options.route }],
    host: {
      ...(lb && { clusters: { v1: { endpoints: endpoints.map(({ server }) => server), lb } } }),
    },
  };
  return { mesh: new DubboMesh(mesh), endpoints };
}

/** Sends one request after the other; how many each endpoint got. */
function shares(
  { mesh, endpoints }: ReturnType<typeof meshOf>,
  count: number,
  attachmentsOf: (index: number) => Readonly<Record<string, string>> = () => ({}),
): number[] {
  const client = mesh.connect();
  for (let index = 0; index < count; index++) {
    client.request({ id: BigInt(index + 1), method: "m", attachments: attachmentsOf(index) });
    mesh.run();
  }
  return endpoints.map(({ requests }) => requests.length);
}

function expectShares(counts: readonly number[], weights: readonly number[] = WEIGHTS): void {
  const named = (values: readonly number[]): [string, number][] =>
    values.map((value, index) => [`p${String(index)}`, value]);
  assertFollowsWeights(new Map(named(counts)), Object.fromEntries(named(weights)));
}

describe("requests", () => {
  it("in turn go to each endpoint as often as its weight says", () => {
    const mesh = meshOf({ cluster: { loadBalancer: "ROUND_ROBIN" } });
    shares(mesh, 1200).forEach((count, index) => {
      expect(Math.abs(count - (1200 * (WEIGHTS[index] ?? 0)) / 12)).toBeLessThan(3);
    });
  });

  it("at random likewise, by and large", () => {
    expectShares(shares(meshOf({ cluster: { loadBalancer: "RANDOM" } }), 3000));
  });

  it("that are answered at once go to the least busy endpoints by weight", () => {
    expectShares(shares(meshOf(), 3000));
  });

  it("that stay outstanding are as many at each endpoint as its weight says", () => {
    const { mesh, endpoints } = meshOf();
    for (const endpoint of endpoints) Object.assign(endpoint, { outcome: () => "silence" });
    const client = mesh.connect();
    for (let id = 1n; id <= 120n; id++) {
      client.request({ id, method: "m" });
      mesh.run();
    }
    endpoints.forEach(({ requests }, index) => {
      const fair = (120 * (WEIGHTS[index] ?? 0)) / 12;
      expect(requests.length).toBeGreaterThan(fair * 0.6);
      expect(requests.length).toBeLessThan(fair * 1.6 + 2);
    });
  });

  it("find an endpoint of little weight, which Envoy rarely chooses for a connection", () => {
    let dials = 0;
    const lb: Balancer = (healthy) => healthy[dials++ % 100 === 50 ? 0 : 1];
    const mesh = meshOf({ weights: [1, 99], lb, cluster: { loadBalancer: "ROUND_ROBIN" } });
    const counts = shares(mesh, 1000);
    expect(counts[0]).toBeGreaterThan(5);
    expect(counts[0]).toBeLessThan(15);
  });
});

describe("keys", () => {
  const hashed = { route: { hashPolicy: { attribute: "user" } } };
  const owners = (weights: readonly number[]): string[] => {
    const { mesh, endpoints } = meshOf({ ...hashed, weights });
    const client = mesh.connect();
    return Array.from({ length: 1200 }, (_, index) => {
      client.request({
        id: BigInt(index + 1),
        method: "m",
        attachments: { user: `user-${String(index)}` },
      });
      mesh.run();
      const owner = endpoints.find(({ requests }) => requests.length > 0);
      owner?.requests.splice(0);
      return owner?.name ?? "";
    });
  };

  it("are spread by weight", () => {
    const count = (name: string): number =>
      owners(WEIGHTS).filter((owner) => owner === name).length;
    expectShares(["p0", "p1", "p2", "p3"].map(count));
  });

  it("move only as much as a weight changes, and only to the endpoint that gains", () => {
    const [before, after] = [owners([1, 1, 1]), owners([1, 1, 2])];
    const moved = before.flatMap((owner, index) =>
      owner === after[index] ? [] : [after[index] ?? ""],
    );
    expect(new Set(moved)).toEqual(new Set(["p2"]));
    // From a third of the keys to a half of them.
    expect(moved.length).toBeGreaterThan(1200 / 6 - 60);
    expect(moved.length).toBeLessThan(1200 / 6 + 60);
  });

  it("stay where they are when all weights are multiplied", () => {
    expect(owners([2, 2, 2])).toEqual(owners([1, 1, 1]));
    expect(owners([20, 40, 60])).toEqual(owners([1, 2, 3]));
  });
});

describe("localities", () => {
  it("of which Envoy prefers one are followed: its other endpoints get no connection and no request", () => {
    let dials = 0;
    const near: Balancer = (healthy) => healthy[dials++ % 2];
    const mesh = meshOf({ weights: [1, 1, 1, 1], lb: near });
    const counts = shares(mesh, 400);
    expect(counts[2]).toBe(0);
    expect(counts[3]).toBe(0);
    expect(Math.min(counts[0] ?? 0, counts[1] ?? 0)).toBeGreaterThan(100);
  });

  it("that Envoy falls back to take over when the preferred one is gone", () => {
    let from = 0;
    const lb: Balancer = (healthy) => healthy[from];
    const { mesh, endpoints } = meshOf({ weights: [1, 1], lb });
    const counts = () => endpoints.map(({ requests }) => requests.length);
    shares({ mesh, endpoints }, 5);
    expect(counts()).toEqual([5, 0]);
    from = 1;
    for (const connection of endpoints[0]?.server.openConnections ?? []) connection.reset();
    mesh.host.advance(3000);
    shares({ mesh, endpoints }, 5);
    expect(counts()).toEqual([5, 5]);
  });
});
