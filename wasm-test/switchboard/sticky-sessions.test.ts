// Responses name their endpoint, and requests that do so go there again.
import { describe, expect, it } from "vitest";
import type { DubboHeader } from "../envoy/support/dubbo-wire.js";
import type { ThriftWire } from "../envoy/support/thrift-wire.js";
import { DubboMesh, type DubboClient } from "./dubbo-fixture.js";
import type { MeshOptions } from "./mesh.js";
import { ScriptedProvider } from "./scripted-provider.js";
import { Service, ThriftMesh } from "./thrift-fixture.js";

const SESSION = { attribute: "X-Session" };
const HEADER: ThriftWire = { transport: "header", protocol: "binary" };

function providersOf(count: number): ScriptedProvider[] {
  return Array.from({ length: count }, (_, index) => {
    const provider = new ScriptedProvider(`p${String(index)}`);
    Object.assign(provider.server, { address: `10.1.0.${String(index + 1)}:20880` });
    return provider;
  });
}

function routeOf(stickySession: object, rest: object = {}): NonNullable<MeshOptions["routes"]> {
  return [{ destinations: [{ cluster: "v1" }], stickySession, ...rest }];
}

const tokenOf = (address: string): string => Buffer.from(address).toString("base64");

let nextId = 1n;

/** Asks once; who answered, and what the response says of its endpoint. */
function ask(
  mesh: DubboMesh,
  client: DubboClient,
  token?: string,
  waitMs = 0,
): { readonly owner: string; readonly token: string | undefined; readonly text: string } {
  const id = nextId++;
  const attachments: Record<string, string> = token === undefined ? {} : { "x-session": token };
  client.request({ id, method: "m", attachments });
  mesh.host.advance(waitMs);
  mesh.run();
  const text = textOf(client.response(id));
  return {
    owner: /p\d+(?!\d|\.)/.exec(text)?.[0] ?? text,
    token: /X-Session(?:[\0-\x1f]|[0-3][^])([\w+/=]+)/.exec(text)?.[1],
    text,
  };
}

function textOf({ body }: DubboHeader): string {
  // Hessian's H begins a map and Z ends it.
  return body.toString("latin1").replace(/Z$/, "");
}

describe("a response", () => {
  it("names its endpoint as Envoy's stateful session does, and a request that says so goes there", () => {
    const mesh = new DubboMesh({ clusters: { v1: providersOf(5) }, routes: routeOf(SESSION) });
    const client = mesh.connect();
    const first = ask(mesh, client);
    const number = Number(first.owner.slice(1));
    expect(first.token).toBe(tokenOf(`10.1.0.${String(number + 1)}:20880`));
    for (let i = 0; i < 50; i++) {
      const again = ask(mesh, mesh.connect(), first.token);
      expect(again.owner).toBe(first.owner);
      // The client knows.
      expect(again.token).toBeUndefined();
    }
  });

  it("says so on every worker, and the others know who is meant", () => {
    const clusters = { v1: providersOf(5) };
    const mesh = new DubboMesh({ clusters, routes: routeOf(SESSION), host: { workers: 2 } });
    const { owner, token } = ask(mesh, mesh.connect());
    // The first request of a worker that has met no endpoint yet.
    expect(ask(mesh, mesh.connect(undefined, 1), token).owner).toBe(owner);
  });

  it("replaces what the server says of the attribute only where the endpoint is another", () => {
    const mesh = new DubboMesh({ clusters: { v1: providersOf(1) }, routes: routeOf(SESSION) });
    expect(ask(mesh, mesh.connect(), tokenOf("10.9.9.9:1")).token).toBe(tokenOf("10.1.0.1:20880"));
  });

  it("comes with the cluster's policy too, unless the route has one", () => {
    const clusterSettings = { v1: { stickySession: { attribute: "X-Session" } } };
    const clusters = { v1: providersOf(2) };
    const routes = [{ destinations: [{ cluster: "v1" }] }];
    const mesh = new DubboMesh({ clusters, clusterSettings, routes });
    expect(ask(mesh, mesh.connect()).token).toBeDefined();
    const other = routeOf({ attribute: "other" });
    const own = new DubboMesh({ clusters, clusterSettings, routes: other });
    const { token, text } = ask(own, own.connect());
    expect(token).toBeUndefined();
    expect(text).toContain("other");
  });

  it("costs nothing where there is no such policy", () => {
    const mesh = new DubboMesh({ clusters: { v1: providersOf(2) } });
    expect(ask(mesh, mesh.connect(), tokenOf("10.1.0.1:20880")).token).toBeUndefined();
  });
});

describe("a session", () => {
  it("goes on with another endpoint when its own is gone, and the response says so", () => {
    const endpoints = providersOf(3);
    const mesh = new DubboMesh({ clusters: { v1: endpoints }, routes: routeOf(SESSION) });
    const client = mesh.connect();
    const { owner, token } = ask(mesh, client);
    const gone = endpoints.find(({ name }) => name === owner);
    if (gone === undefined) throw new Error(owner);
    gone.server.accept = "refuse";
    for (const connection of gone.server.openConnections) connection.reset();
    mesh.host.advance(2000);
    const next = ask(mesh, client, token);
    expect(next.owner).not.toBe(owner);
    expect(next.token).toBeDefined();
    expect(ask(mesh, client, next.token)).toMatchObject({ owner: next.owner, token: undefined });
  });

  it("that is strict ends with an error instead", () => {
    const endpoints = providersOf(3);
    const routes = routeOf({ ...SESSION, strict: true });
    const mesh = new DubboMesh({ clusters: { v1: endpoints }, routes });
    const client = mesh.connect();
    ask(mesh, client);
    const { text } = ask(mesh, client, tokenOf("10.1.0.77:20880"), 2500);
    expect(text).toContain("metaproto: cluster v1 has no healthy endpoint");
    expect(ask(mesh, client, tokenOf("10.1.0.2:20880")).owner).toBe("p1");
  });

  it("is not broken by an ejected endpoint: it goes elsewhere until that is back", () => {
    const endpoints = [new ScriptedProvider("p0", () => "framework error"), ...providersOf(3)];
    endpoints.splice(1, 1);
    Object.assign(endpoints[0]?.server ?? {}, { address: "10.1.0.1:20880" });
    const outlierDetection = { consecutiveErrors: 1, maxEjectionPercent: 50 };
    const clusterSettings = { v1: { outlierDetection } };
    const clusters = { v1: endpoints };
    const mesh = new DubboMesh({ clusters, clusterSettings, routes: routeOf(SESSION) });
    const client = mesh.connect();
    const token = tokenOf("10.1.0.1:20880");
    expect(ask(mesh, client, token).text).toContain("no threads");
    expect(["p1", "p2"]).toContain(ask(mesh, client, token).owner);
  });

  it("has a time to live, in the format of Envoy's cookies", () => {
    const routes = routeOf({ ...SESSION, ttl: "10s" });
    const mesh = new DubboMesh({ clusters: { v1: providersOf(5) }, routes });
    const client = mesh.connect();
    const { owner, token = "" } = ask(mesh, client);
    const bytes = Buffer.from(token, "base64");
    const address = `10.1.0.${String(Number(owner.slice(1)) + 1)}:20880`;
    expect(bytes.subarray(0, 2 + address.length)).toEqual(
      Buffer.concat([Buffer.from([0x0a, address.length]), Buffer.from(address)]),
    );
    expect(bytes[2 + address.length]).toBe(0x10);
    mesh.host.advance(5_000);
    expect(ask(mesh, client, token)).toMatchObject({ owner, token: undefined });
    mesh.host.advance(6_000);
    const renewed = ask(mesh, client, token);
    expect(renewed.token).toBeDefined();
    expect(renewed.token).not.toBe(token);
  });

  it("comes before a hash, which decides where new sessions begin", () => {
    const routes = routeOf(SESSION, { hashPolicy: { sourceAddress: true } });
    const mesh = new DubboMesh({ clusters: { v1: providersOf(5) }, routes });
    const first = ask(mesh, mesh.connect());
    const others = ["p0", "p1", "p2", "p3", "p4"].filter((name) => name !== first.owner);
    for (const name of others) {
      const token = tokenOf(`10.1.0.${String(Number(name.slice(1)) + 1)}:20880`);
      expect(ask(mesh, mesh.connect(), token).owner).toBe(name);
      expect(ask(mesh, mesh.connect()).owner).toBe(first.owner);
    }
  });

  it("moves with a retry", () => {
    const endpoints = providersOf(2);
    Object.assign(endpoints[0]?.server ?? {}, {
      onData: (connection: { reset(): void }) => {
        connection.reset();
      },
    });
    const retryPolicy = { attempts: 1, retryOn: ["RESET"] };
    const routes = routeOf(SESSION, { retryPolicy });
    const mesh = new DubboMesh({ clusters: { v1: endpoints }, routes });
    const client = mesh.connect();
    const { owner, token } = ask(mesh, client, tokenOf("10.1.0.1:20880"), 1000);
    expect(owner).toBe("p1");
    expect(token).toBe(tokenOf("10.1.0.2:20880"));
  });

  it("survives a long time without requests, after which connections are made anew", () => {
    const endpoints = providersOf(4);
    const mesh = new DubboMesh({ clusters: { v1: endpoints }, routes: routeOf(SESSION) });
    const { owner, token } = ask(mesh, mesh.connect());
    mesh.host.advance(400_000);
    for (const { server } of endpoints) for (const open of server.openConnections) open.reset();
    mesh.host.advance(100_000);
    expect(ask(mesh, mesh.connect(), token, 50)).toMatchObject({ owner, token: undefined });
  });
});

describe("what a client says of an endpoint", () => {
  const garbage = [
    "",
    "=",
    "====",
    "not base64!",
    "A",
    tokenOf(""),
    tokenOf("10.1.0.1"),
    tokenOf("255.255.255.255:65535"),
    tokenOf("x".repeat(126)),
    tokenOf("x".repeat(127)),
    "A".repeat(50_000),
    Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]).toString("base64"),
    Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]).toString(
      "base64",
    ),
  ];

  it.each([
    ["without", {}],
    ["with", { ttl: "1s" }],
  ])("is ignored if it is none, %s a time to live", (_, ttl) => {
    const routes = routeOf({ ...SESSION, ...ttl });
    const mesh = new DubboMesh({ clusters: { v1: providersOf(2) }, routes });
    const client = mesh.connect();
    for (const token of garbage) {
      const { owner, token: answer } = ask(mesh, client, token);
      expect(["p0", "p1"]).toContain(owner);
      expect(answer).toBeDefined();
    }
    expect(mesh.host.warnings).toEqual([]);
  });
});

describe("a Thrift call", () => {
  function services(count: number): Service[] {
    return Array.from({ length: count }, (_, index) => {
      const service = new Service(`s${String(index)}`);
      Object.assign(service.server, { address: `10.1.0.${String(index + 1)}:9090` });
      return service;
    });
  }

  it("of THeader carries it in an info header", () => {
    const mesh = new ThriftMesh({ clusters: { v1: services(4) }, routes: routeOf(SESSION) });
    const client = mesh.connect(HEADER);
    client.call("hello");
    mesh.run();
    const token = client.replies[0]?.headers?.["X-Session"];
    const owner = client.answers[0] ?? "";
    expect(token).toBe(tokenOf(`10.1.0.${String(Number(owner.slice(1)) + 1)}:9090`));
    for (let i = 0; i < 20; i++) {
      client.call("hello", { headers: { "X-Session": token ?? "" } });
      mesh.run();
    }
    expect(new Set(client.answers)).toEqual(new Set([owner]));
    expect(client.replies.slice(1).map(({ headers }) => headers?.["X-Session"])).toEqual(
      Array(20).fill(undefined),
    );
  });

  it("waits for another connection to its endpoint rather than go to one that is free", () => {
    const endpoints = services(3);
    for (const service of endpoints) service.answers = false;
    const mesh = new ThriftMesh({ clusters: { v1: endpoints }, routes: routeOf(SESSION) });
    const token = tokenOf("10.1.0.2:9090");
    const clients = Array.from({ length: 10 }, () => mesh.connect(HEADER));
    for (const client of clients) client.call("hello", { headers: { "X-Session": token } });
    mesh.run();
    expect(endpoints.map(({ requests }) => requests.length)).toEqual([0, 10, 0]);
    expect(endpoints[1]?.peakOutstanding).toBe(1);
  });
});
