// Endpoints by consistent hash.
import { describe, expect, it } from "vitest";
import { dubboRequest } from "../envoy/support/dubbo-wire.js";
import { DubboMesh } from "./dubbo-fixture.js";
import type { MeshOptions } from "./mesh.js";
import { ScriptedProvider } from "./scripted-provider.js";

const KEYS = Array.from({ length: 300 }, (_, index) => `user-${String(index)}`);

function providers(count: number): ScriptedProvider[] {
  return Array.from({ length: count }, (_, index) => {
    const provider = new ScriptedProvider(`p${String(index)}`);
    Object.assign(provider.server, { address: `10.1.0.${String(index + 1)}:20880` });
    return provider;
  });
}

function meshOf(
  endpoints: readonly ScriptedProvider[],
  options: Partial<MeshOptions> = {},
): DubboMesh {
  const routes = [{ destinations: [{ cluster: "v1" }], hashPolicy: { attribute: "user" } }];
  return new DubboMesh({ clusters: { v1: endpoints }, routes, ...options });
}

let nextId = 1n;

/** Who answers for each key. */
function owners(mesh: DubboMesh, keys: readonly string[] = KEYS, worker = 0): Map<string, string> {
  const client = mesh.connect(undefined, worker);
  return new Map(
    keys.map((user) => {
      const id = nextId++;
      client.request({ id, method: "m", attachments: { user } });
      mesh.run();
      const text = client.response(id).body.toString("latin1");
      return [user, /p\d+/.exec(text)?.[0] ?? text] as const;
    }),
  );
}

describe("a key's endpoint", () => {
  it("is the same for each request, worker, proxy and start", () => {
    const [one, two] = [meshOf(providers(5), { host: { workers: 2 } }), meshOf(providers(5))];
    const expected = owners(one);
    expect(owners(one)).toEqual(expected);
    expect(owners(one, KEYS, 1)).toEqual(expected);
    expect(owners(two, [...KEYS].reverse()).get("user-17")).toBe(expected.get("user-17"));
    expect(owners(two)).toEqual(expected);
    expect(new Set(expected.values()).size).toBe(5);
  });

  it("is right from the first request on, although not all endpoints have been met", () => {
    const expected = owners(meshOf(providers(5)));
    for (const user of KEYS.slice(0, 30)) {
      expect(owners(meshOf(providers(5)), [user]).get(user)).toBe(expected.get(user));
    }
  });

  it("stays when others leave, and only their keys move", () => {
    const before = owners(meshOf(providers(5)));
    const after = owners(meshOf(providers(4)));
    for (const [user, owner] of before) if (owner !== "p4") expect(after.get(user)).toBe(owner);
    const moved = [...before].filter(([user, owner]) => after.get(user) !== owner);
    expect(moved.length).toBeGreaterThan(300 / 5 / 2);
    expect(moved.length).toBeLessThan((300 / 5) * 2);
  });

  it("keys are spread evenly", () => {
    const counts = new Map<string, number>();
    for (const owner of owners(meshOf(providers(5))).values()) {
      counts.set(owner, (counts.get(owner) ?? 0) + 1);
    }
    for (const count of counts.values()) {
      expect(count).toBeGreaterThan(30);
      expect(count).toBeLessThan(90);
    }
  });

  it("comes from the cluster's policy, unless the route has one", () => {
    const settings = { v1: { hashPolicy: { attribute: "user" } } };
    const routes = [{ destinations: [{ cluster: "v1" }] }];
    const mesh = meshOf(providers(5), { routes, clusterSettings: settings });
    expect(owners(mesh)).toEqual(owners(meshOf(providers(5))));
    const other = [{ destinations: [{ cluster: "v1" }], hashPolicy: { attribute: "none" } }];
    const free = meshOf(providers(2), { routes: other, clusterSettings: settings });
    const twice = [owners(free, Array<string>(40).fill("user-1")), owners(free)];
    expect(new Set(twice.flatMap((map) => [...map.values()])).size).toBe(2);
  });

  it("may come from the client's address, without its port", () => {
    const routes = [{ destinations: [{ cluster: "v1" }], hashPolicy: { sourceAddress: true } }];
    const endpoints = providers(5);
    const mesh = meshOf(endpoints, { routes });
    const seen = new Map<string, Set<string>>();
    for (let client = 0; client < 40; client++) {
      const ip = `10.9.0.${String(client % 10)}`;
      const socket = mesh.host.connect({ sourceAddress: `${ip}:${String(40_000 + client)}` });
      mesh.run();
      socket.send(dubboRequest({ id: nextId++, method: "m" }));
      mesh.run();
      const owner = endpoints.find(({ requests }) => requests.length > 0);
      if (owner === undefined) throw new Error("nobody got it");
      owner.requests.length = 0;
      seen.set(ip, (seen.get(ip) ?? new Set()).add(owner.name));
    }
    for (const names of seen.values()) expect(names.size).toBe(1);
    expect(new Set([...seen.values()].flatMap((names) => [...names])).size).toBeGreaterThan(2);
  });

  it("may come from the client's connection", () => {
    const hashPolicy = { sourceConnection: true };
    const endpoints = providers(5);
    const mesh = meshOf(endpoints, { routes: [{ destinations: [{ cluster: "v1" }], hashPolicy }] });
    const seen = new Set<string>();
    for (let port = 40_000; port < 40_030; port++) {
      const socket = mesh.host.connect({ sourceAddress: `10.9.0.1:${String(port)}` });
      mesh.run();
      for (let i = 0; i < 3; i++) socket.send(dubboRequest({ id: nextId++, method: "m" }));
      mesh.run();
      const asked = endpoints.filter(({ requests }) => requests.length > 0);
      expect(asked.map(({ requests }) => requests.length)).toEqual([3]);
      asked.forEach(({ requests, name }) => {
        requests.length = 0;
        seen.add(name);
      });
    }
    expect(seen.size).toBe(5);
  });

  it("is passed over in a retry", () => {
    const endpoints = providers(3);
    const routes = [
      {
        destinations: [{ cluster: "v1" }],
        hashPolicy: { attribute: "user" },
        retryPolicy: { attempts: 1, retryOn: ["RESET"] },
      },
    ];
    const mesh = meshOf(endpoints, { routes });
    const owner = owners(mesh, ["user-1"]).get("user-1");
    const broken = endpoints.find(({ name }) => name === owner);
    if (broken === undefined) throw new Error("no owner");
    broken.server.onData = (connection) => {
      connection.reset();
    };
    const client = mesh.connect();
    client.request({ id: 9999n, method: "m", attachments: { user: "user-1" } });
    mesh.host.advance(1000);
    const text = client.response(9999n).body.toString("latin1");
    expect(text).toMatch(/p\d/);
    expect(text).not.toContain(broken.name);
  });
});
