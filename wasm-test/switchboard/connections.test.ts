// The life of upstream connections: endpoints that come and go, connections that are idle, silent or
// old. No request is lost over any of it.
import { describe, expect, it } from "vitest";
import { dubboHeartbeat, dubboReadonly, dubboRequest } from "../envoy/support/dubbo-wire.js";
import { DubboMesh, Provider, type DubboClient } from "./dubbo-fixture.js";
import { RouteControl } from "./route-control.js";
import { Service, ThriftMesh } from "./thrift-fixture.js";

const NAME = "demo_20880";
const HOUR = 3_600_000;

/** A mesh whose control plane says which endpoints the cluster has. */
class ChangingMesh {
  readonly control = new RouteControl();
  readonly mesh: DubboMesh;
  readonly client: DubboClient;
  #version = 0;
  #id = 0n;
  readonly #asked: bigint[] = [];

  constructor(providers: readonly Provider[], settings: object = {}, plugin: object = {}) {
    this.mesh = new DubboMesh({
      clusters: { v1: providers },
      plugin: { routeConfigurations: [], discoveryCluster: "control", ...plugin },
      host: { clusters: { control: { grpc: this.control.grpc } } },
    });
    this.client = this.mesh.connect(NAME);
    this.setEndpoints(providers, settings);
  }

  /** What EDS and the routes tell when the endpoints change. */
  setEndpoints(providers: readonly Provider[], settings: object = {}): void {
    const cluster = this.mesh.host.upstreams.tcp("v1");
    if (cluster === undefined) throw new Error("no cluster");
    cluster.endpoints = providers.map((provider) => provider.server);
    const endpointsVersion = String(++this.#version);
    this.control.publish([
      {
        name: NAME,
        routes: [{ destinations: [{ cluster: "v1" }] }],
        clusters: [{ name: "v1", endpoints: providers.length, endpointsVersion, ...settings }],
      },
    ]);
    this.mesh.run();
  }

  /** Asks once every 10 ms for so long. */
  load(ms: number): void {
    for (let elapsed = 0; elapsed < ms; elapsed += 10) {
      this.client.request({ id: ++this.#id, method: "m" });
      this.#asked.push(this.#id);
      this.mesh.host.advance(10);
    }
  }

  /** Requests that were not answered by a provider. */
  get failures(): string[] {
    return this.#asked.flatMap((id) => {
      const text = this.client.response(id).body.toString("latin1");
      const failure = /metaproto: [ -~]*/.exec(text)?.[0];
      return failure === undefined ? [] : [failure];
    });
  }
}

describe("endpoints that change", () => {
  it("under load cost no request: a new one is used, one that left is not", () => {
    const [a, b, c] = ["a", "b", "c"].map((name) => new Provider(name));
    if (a === undefined || b === undefined || c === undefined) throw new Error("three");
    const changing = new ChangingMesh([a, b]);
    changing.load(1000);
    expect(c.requests).toHaveLength(0);
    changing.setEndpoints([b, c]);
    changing.load(4000);
    expect(c.requests.length).toBeGreaterThan(50);
    expect(a.server.openConnections).toHaveLength(0);
    const before = a.requests.length;
    changing.load(2000);
    expect(a.requests).toHaveLength(before);
    expect(changing.failures).toEqual([]);
  });

  it("one after the other, all of them, cost no request", () => {
    const providers = Array.from({ length: 12 }, (_, index) => new Provider(String(index)));
    const changing = new ChangingMesh(providers.slice(0, 3));
    for (let first = 1; first <= 9; first++) {
      changing.load(1500);
      changing.setEndpoints(providers.slice(first, first + 3));
    }
    changing.load(5000);
    expect(changing.failures).toEqual([]);
    providers.forEach(({ server }, index) => {
      expect(server.openConnections.length > 0).toBe(index >= 9);
    });
  });

  it("let a request that is in flight to one that left be answered", () => {
    const [a, b] = [new Provider("a"), new Provider("b")];
    a.answers = false;
    const changing = new ChangingMesh([a], {}, { upstreamHeartbeat: "0s" });
    changing.client.request({ id: 1_000_000n, method: "slow" });
    changing.mesh.run();
    changing.setEndpoints([b]);
    changing.load(5000);
    expect(a.server.openConnections).toHaveLength(1);
    for (const request of a.requests) request.reply("late");
    changing.mesh.run();
    expect(changing.client.response(1_000_000n).body.includes("late")).toBe(true);
    changing.load(100);
    expect(a.server.openConnections).toHaveLength(0);
    expect(b.requests.length).toBeGreaterThan(100);
  });

  it("are followed although there is no room for one connection more", () => {
    const [a, b] = [new Provider("a"), new Provider("b")];
    const changing = new ChangingMesh([a], { maxConnections: 1 });
    changing.load(1000);
    changing.setEndpoints([b], { maxConnections: 1 });
    changing.load(5000);
    expect(b.requests.length).toBeGreaterThan(50);
    expect(a.server.openConnections).toHaveLength(0);
    expect(changing.failures).toEqual([]);
  });

  it("are followed although one of the new ones is down", () => {
    const [a, b, c] = ["a", "b", "c"].map((name) => new Provider(name));
    if (a === undefined || b === undefined || c === undefined) throw new Error("three");
    const changing = new ChangingMesh([a]);
    changing.load(500);
    c.server.accept = "refuse";
    changing.setEndpoints([b, c]);
    changing.load(10_000);
    expect(a.server.openConnections).toHaveLength(0);
    expect(b.requests.length).toBeGreaterThan(400);
    expect(changing.failures).toEqual([]);
  });

  it("that are all down leave the connections that work", () => {
    const [a, b] = [new Provider("a"), new Provider("b", { accept: "refuse" })];
    const changing = new ChangingMesh([a]);
    changing.load(500);
    changing.setEndpoints([b]);
    changing.load(5000);
    expect(changing.failures).toEqual([]);
    expect(a.requests.length).toBeGreaterThan(500);
  });
});

describe("a connection that the server announced to close", () => {
  it("is closed with its last answer, and requests go elsewhere meanwhile", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = new DubboMesh({ clusters: { v1: [provider] } });
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    mesh.run();
    const [old] = provider.server.openConnections;
    old?.write(dubboReadonly(1n));
    mesh.run();
    client.request({ id: 2n, method: "m" });
    mesh.run();
    expect(provider.requests[1]?.connection).not.toBe(old);
    expect(old?.ended).toBe(false);
    provider.requests[0]?.reply("the last");
    mesh.run();
    expect(client.response(1n).body.includes("the last")).toBe(true);
    expect(old?.ended).toBe(true);
  });

  it("is closed although one of its requests is never answered, once nobody waits for it", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = new DubboMesh({ clusters: { v1: [provider] }, plugin: { defaultTimeout: "2s" } });
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    mesh.run();
    const [old] = provider.server.openConnections;
    old?.write(dubboReadonly(1n));
    mesh.host.advance(3000);
    expect(client.response(1n).status).toBe(31);
    expect(old?.ended).toBe(true);
  });
});

describe("a server that accepts and never answers", () => {
  it("does not fill up with requests that nobody waits for any more", () => {
    const stuck = new Provider("stuck");
    stuck.answers = false;
    const mesh = new DubboMesh({
      clusters: { v1: [stuck] },
      plugin: {
        defaultTimeout: "0.1s",
        upstreamHeartbeat: "0s",
        limits: { maxRequestsPerUpstreamConnection: 64 },
      },
    });
    const client = mesh.connect();
    for (let id = 1n; id <= 3000n; id++) {
      client.request({ id, method: "m" });
      mesh.host.advance(10);
    }
    mesh.host.advance(1000);
    expect(client.responses.size).toBe(3000);
    expect(stuck.server.openConnections.length).toBeLessThanOrEqual(2);
    stuck.answers = true;
    client.request({ id: 4000n, method: "m" });
    mesh.run();
    expect(client.response(4000n).body.includes("stuck")).toBe(true);
  });
});

describe("connections without requests", () => {
  it("beyond the first of an endpoint are closed after upstreamIdleTimeout", () => {
    const services = [new Service("a"), new Service("b")];
    for (const service of services) service.answers = false;
    const mesh = new ThriftMesh({ clusters: { v1: services } });
    const clients = Array.from({ length: 40 }, () => mesh.connect());
    for (const client of clients) client.call("hello");
    mesh.run();
    const open = (): number =>
      services.reduce((sum, { server }) => sum + server.openConnections.length, 0);
    expect(open()).toBeGreaterThanOrEqual(40);
    for (const service of services) {
      service.answers = true;
      for (const request of service.requests) request.reply("done");
    }
    mesh.host.advance(50_000);
    expect(open()).toBeGreaterThanOrEqual(40);
    clients[0]?.call("hello");
    mesh.host.advance(25_000);
    for (const { server } of services) expect(server.openConnections.length).toBeLessThanOrEqual(2);
    mesh.host.advance(60_000);
    for (const { server } of services) expect(server.openConnections).toHaveLength(1);
    for (const client of clients) client.call("again");
    mesh.run();
    for (const client of clients) expect(client.answers.at(-1)).toMatch(/^[ab]$/);
  });

  it("of a cluster that nobody asks for minutes are closed, and made again for the next request", () => {
    const provider = new Provider("v1");
    const mesh = new DubboMesh({ clusters: { v1: [provider] } });
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    mesh.host.advance(400_000);
    expect(provider.server.openConnections).toHaveLength(0);
    client.request({ id: 2n, method: "m" });
    mesh.run();
    expect(client.response(2n).status).toBe(20);
  });
});

describe("heartbeats", () => {
  /** A client that asks once a minute keeps the pool in use. */
  function askHourly(mesh: DubboMesh, client: DubboClient, hours: number): void {
    for (let minute = 1; minute <= hours * 60; minute++) {
      client.request({ id: BigInt(minute), method: "m" });
      mesh.host.advance(60_000);
      expect(client.response(BigInt(minute)).status).toBe(20);
    }
  }

  it("probe a silent connection over hours, which stays as long as the server answers", () => {
    const provider = new Provider("v1", {
      onConnection: () => undefined,
    });
    const mesh = new DubboMesh({ clusters: { v1: [provider] } });
    const client = mesh.connect();
    askHourly(mesh, client, 3);
    const probes = provider.requests.filter(({ frame }) => frame.isEvent && frame.isTwoWay);
    expect(probes.length).toBeGreaterThan(100);
    expect(probes[0]?.frame.body).toEqual(Buffer.from("4e", "hex"));
    expect(mesh.stat("upstream_rq_unmatched")).toBe(0);
  });

  it("that a server sends are answered", () => {
    const provider = new Provider("v1");
    const mesh = new DubboMesh({ clusters: { v1: [provider] } });
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    mesh.run();
    provider.server.openConnections[0]?.write(dubboHeartbeat(77n));
    mesh.run();
    const answer = provider.requests.find(({ frame }) => frame.isEvent)?.frame;
    expect(answer).toMatchObject({ id: 77n, isRequest: false, isEvent: true, status: 20 });
  });

  it("that a client sends are answered over hours in which it asks nothing", () => {
    const mesh = new DubboMesh({ clusters: { v1: [new Provider("v1")] } });
    const client = mesh.connect();
    for (let minute = 1n; minute <= 120n; minute++) {
      client.socket.send(dubboHeartbeat(minute));
      mesh.host.advance(60_000);
      expect(client.response(minute)).toMatchObject({ isEvent: true, isRequest: false });
    }
    client.request({ id: 1000n, method: "m" });
    mesh.run();
    expect(client.response(1000n).status).toBe(20);
  });

  it("that stay unanswered end the connection; what is in flight on it fails, the next request not", () => {
    const silent = new Provider("v1");
    silent.answers = false;
    silent.answersHeartbeats = false;
    const mesh = new DubboMesh({ clusters: { v1: [silent] }, plugin: { defaultTimeout: "0s" } });
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    mesh.host.advance(80_000);
    expect(client.responses.size).toBe(0);
    mesh.host.advance(15_000);
    expect(client.response(1n).body.toString("latin1")).toContain(
      "the connection ended before the response, cluster v1",
    );
    expect(silent.requests[0]?.connection.ended).toBe(true);
    silent.answers = true;
    client.request({ id: 2n, method: "m" });
    mesh.run();
    expect(client.response(2n).status).toBe(20);
  });
});

describe("old connections", () => {
  it("are replaced in time, under load, and no request is lost over it", () => {
    const providers = ["a", "b", "c"].map((name) => new Provider(name));
    const mesh = new DubboMesh({ clusters: { v1: providers } });
    const clients = Array.from({ length: 4 }, () => mesh.connect());
    let sent = 0;
    for (let elapsed = 0; elapsed < HOUR; elapsed += 2000) {
      for (const client of clients) {
        client.socket.send(
          Buffer.concat([1, 2].map((k) => dubboRequest({ id: BigInt(++sent), method: String(k) }))),
        );
      }
      mesh.host.advance(2000);
    }
    const all = clients.flatMap((client) => [...client.responses.values()]);
    expect(all).toHaveLength(sent);
    expect(all.every(([response]) => response?.body.includes("metaproto") === false)).toBe(true);
    for (const { server } of providers) {
      expect(server.connections.length).toBeGreaterThan(6);
      expect(server.openConnections.length).toBeLessThan(3);
    }
    expect(mesh.host.warnings).toEqual([]);
  });
});

describe("a server that is killed and comes back", () => {
  it("again and again is used again, and each request gets one answer", () => {
    const [steady, shaky] = [new Provider("steady"), new Provider("shaky")];
    const mesh = new DubboMesh({ clusters: { v1: [steady, shaky] } });
    const client = mesh.connect();
    let id = 0n;
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 50; i++) {
        client.request({ id: ++id, method: "m" });
        if (i === 25 && round % 2 === 0) shaky.server.kill();
        if (i === 25 && round % 2 === 1) shaky.server.accept = "accept";
        mesh.host.advance(100);
      }
      if (round % 2 === 1) {
        mesh.host.advance(11_000);
        const before = shaky.requests.length;
        for (let i = 0; i < 20; i++) {
          client.request({ id: ++id, method: "m" });
          mesh.run();
        }
        expect(shaky.requests.length).toBeGreaterThan(before);
      }
    }
    for (let i = 1n; i <= id; i++) expect(client.responses.get(i)).toHaveLength(1);
  });
});
