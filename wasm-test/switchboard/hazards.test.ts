// The switchboard in the situations in which breaking a rule of the host would crash Envoy: the test
// host fails on each (wasm-test/host/rules.ts), and what users see must be right besides.
import { afterEach, describe, expect, it } from "vitest";
import { dubboRequest, dubboResponse, valueBody } from "../envoy/support/dubbo-wire.js";
import { DubboMesh, Provider, type DubboClient } from "./dubbo-fixture.js";
import type { MeshOptions } from "./mesh.js";
import { Service, ThriftMesh } from "./thrift-fixture.js";

let opened: (DubboMesh | ThriftMesh)[] = [];

afterEach(() => {
  const meshes = opened;
  opened = [];
  for (const mesh of meshes) {
    expect(mesh.host.vm.failure).toBeUndefined();
    expect(mesh.host.warnings).toEqual([]);
  }
});

function dubbo(options: MeshOptions): DubboMesh {
  const mesh = new DubboMesh(options);
  opened.push(mesh);
  return mesh;
}

function thrift(options: MeshOptions): ThriftMesh {
  const mesh = new ThriftMesh(options);
  opened.push(mesh);
  return mesh;
}

function held(name = "v1"): Provider {
  const provider = new Provider(name);
  provider.answers = false;
  return provider;
}

/** All answers at once, in one read of Envoy for each upstream connection. */
function answerAll(provider: Provider): void {
  const bytes = new Map<Provider["requests"][number]["connection"], Buffer[]>();
  for (const { connection, frame } of provider.requests) {
    const list = bytes.get(connection) ?? [];
    list.push(dubboResponse(frame.id, valueBody(`to ${String(frame.id)}`)));
    bytes.set(connection, list);
  }
  for (const [connection, responses] of bytes) connection.write(Buffer.concat(responses));
}

function texts(client: DubboClient): string[] {
  return [...client.responses.values()].map((list) => {
    const [response, second] = list;
    if (response === undefined || second !== undefined) throw new Error("not one response");
    return /metaproto: [ -~]*|to \d+/.exec(response.body.toString("latin1"))?.[0] ?? "";
  });
}

describe("4,000 responses for 4,000 clients", () => {
  it("in one read of one server reach each its own", () => {
    const provider = held();
    const mesh = dubbo({
      clusters: { v1: [provider] },
      plugin: { limits: { maxRequestsPerUpstreamConnection: 5000 } },
    });
    const clients = Array.from({ length: 4000 }, () => mesh.connect());
    for (const client of clients) client.request({ id: 1n, method: "m" });
    mesh.run();
    expect(provider.server.openConnections).toHaveLength(1);
    answerAll(provider);
    mesh.run();
    clients.forEach((client, index) => {
      const sent = provider.requests[index]?.frame.id;
      expect(texts(client)).toEqual([`to ${String(sent)}`]);
    });
    expect(mesh.host.vm.stats.peakNesting).toBeLessThan(100);
  });
});

describe("an upstream connection that ends", () => {
  it("with 500 requests of 500 clients outstanding answers each of them", () => {
    const provider = held();
    const mesh = dubbo({ clusters: { v1: [provider] } });
    const clients = Array.from({ length: 500 }, () => mesh.connect());
    for (const client of clients) client.request({ id: 1n, method: "m" });
    mesh.run();
    provider.server.openConnections[0]?.reset();
    mesh.run();
    for (const client of clients) {
      expect(texts(client)).toEqual([
        "metaproto: the connection ended before the response, cluster v1",
      ]);
    }
  });

  it("gracefully, with 500 outstanding and the last answers in the same read, loses none of them", () => {
    const provider = held();
    const mesh = dubbo({ clusters: { v1: [provider] } });
    const clients = Array.from({ length: 500 }, () => mesh.connect());
    for (const client of clients) client.request({ id: 1n, method: "m" });
    mesh.run();
    answerAll({ requests: provider.requests.slice(0, 250) } as Provider);
    provider.server.openConnections[0]?.close();
    mesh.run();
    const all = clients.flatMap((client) => texts(client));
    expect(all.filter((text) => text.startsWith("to "))).toHaveLength(250);
    expect(all.filter((text) => text.includes("the connection ended"))).toHaveLength(250);
  });

  it("again and again under load never leaves a request without its one answer", () => {
    const providers = ["a", "b", "c"].map((name) => new Provider(name));
    const mesh = dubbo({ clusters: { v1: providers } });
    const clients = Array.from({ length: 40 }, () => mesh.connect());
    let sent = 0;
    for (let round = 1; round <= 60; round++) {
      for (const client of clients) {
        client.request({ id: BigInt(round), method: "m" });
        sent++;
      }
      // The requests are on their way: some have been written upstream, some not yet.
      for (let turn = 0; turn < round % 7; turn++) mesh.host.loop.post(() => undefined);
      const victim = providers[round % 3]?.server.openConnections[0];
      mesh.host.loop.post(() => {
        if (round % 2 === 0) victim?.reset();
        else victim?.close();
      });
      mesh.run();
    }
    mesh.host.advance(2000);
    expect(clients.reduce((sum, client) => sum + texts(client).length, 0)).toBe(sent);
  });

  it("while all of its clients go away at the same moment hurts nobody", () => {
    const provider = held();
    const mesh = dubbo({ clusters: { v1: [provider] } });
    const clients = Array.from({ length: 200 }, () => mesh.connect());
    for (const client of clients) client.request({ id: 1n, method: "m" });
    mesh.run();
    clients.forEach((client, index) => {
      if (index === 100) provider.server.openConnections[0]?.reset();
      client.socket.reset();
    });
    mesh.run();
    const later = mesh.connect();
    provider.answers = true;
    later.request({ id: 1n, method: "m" });
    mesh.run();
    expect(later.response(1n).status).toBe(20);
  });
});

describe("dials", () => {
  it("of 300 connections for 300 calls that come in one turn are all made", () => {
    const service = new Service("v1");
    service.answers = false;
    const mesh = thrift({ clusters: { v1: [service] } });
    const clients = Array.from({ length: 300 }, () => mesh.connect());
    for (const client of clients) client.call("hello");
    mesh.run();
    expect(service.requests).toHaveLength(300);
    for (const request of service.requests) request.reply("answer");
    mesh.run();
    for (const client of clients) expect(client.answers).toEqual(["answer"]);
    expect(service.peakOutstanding).toBe(1);
  });

  it("to many clusters at once, some of which refuse, fail or are unknown", () => {
    const names = Array.from({ length: 40 }, (_, index) => `c${String(index)}`);
    const providers = names.map((name, index) => {
      return new Provider(name, { accept: index % 3 === 1 ? "refuse" : "accept" });
    });
    const clusters = Object.fromEntries(
      names.map((name, index) => {
        const provider = providers[index];
        return [name, index % 3 === 2 || provider === undefined ? [] : [provider]];
      }),
    );
    const routes = [...names, "unknown"].map((name) => ({
      match: [{ name: "method", exact: name }],
      destinations: [{ cluster: name }],
    }));
    const mesh = dubbo({ clusters, routes });
    const client = mesh.connect();
    const frames = [...names, "unknown"].map((method, index) =>
      dubboRequest({ id: BigInt(index), method }),
    );
    client.socket.send(Buffer.concat(frames));
    mesh.run();
    names.forEach((name, index) => {
      const text = client.response(BigInt(index)).body.toString("latin1");
      if (index % 3 === 0) expect(text).toContain(name);
      else if (index % 3 === 1)
        expect(text).toContain(`cannot connect to an endpoint of cluster ${name}`);
      else expect(text).toContain(`cluster ${name} has no healthy endpoint`);
    });
    expect(client.response(40n).body.toString("latin1")).toContain("cluster unknown is unknown");
  });

  it("while responses stream in neither delay nor confuse them", () => {
    const providers = Array.from({ length: 20 }, (_, index) => new Provider(String(index)));
    const mesh = dubbo({
      clusters: { v1: providers },
      plugin: { limits: { maxRequestsPerUpstreamConnection: 2 } },
    });
    const clients = Array.from({ length: 30 }, () => mesh.connect());
    for (let round = 1; round <= 20; round++) {
      for (const client of clients) {
        for (let id = 0; id < 5; id++) {
          client.request({ id: BigInt(round * 10 + id), method: "m" });
        }
      }
      // A few turns only: the next round comes while this one is under way.
      for (let turn = 0; turn < 30; turn++) mesh.host.loop.post(() => undefined);
      mesh.host.runUntilIdle();
    }
    for (const client of clients) expect(client.responses.size).toBe(100);
  });
});

describe("a client", () => {
  it("that asks 1,000 times in one read and is answered in one read gets 1,000 answers", () => {
    const provider = held();
    const mesh = dubbo({ clusters: { v1: [provider] } });
    const client = mesh.connect();
    const frames = Array.from({ length: 1000 }, (_, id) =>
      dubboRequest({ id: BigInt(id), method: "m" }),
    );
    client.socket.send(Buffer.concat(frames));
    mesh.run();
    answerAll(provider);
    mesh.run();
    expect(texts(client)).toHaveLength(1000);
  });

  it("that sends more before it is answered, again and again, never gets its own request back", () => {
    const provider = held();
    const mesh = dubbo({ clusters: { v1: [provider] } });
    const client = mesh.connect();
    for (let id = 1n; id <= 200n; id++) {
      client.request({ id, method: "m" });
      mesh.run();
      if (id % 3n === 0n) answerAll({ requests: provider.requests.splice(0) } as Provider);
      client.request({ id: id + 1000n, method: "m" });
      mesh.run();
    }
    answerAll(provider);
    mesh.run();
    expect(texts(client)).toHaveLength(400);
    expect(
      [...client.responses.values()].every(([response]) => response?.isRequest === false),
    ).toBe(true);
  });

  it("that is refused and closed does not take the answers of others with it", () => {
    const provider = held();
    const mesh = dubbo({ clusters: { v1: [provider] } });
    const clients = Array.from({ length: 100 }, () => mesh.connect());
    clients.forEach((client) => {
      client.request({ id: 1n, method: "m" });
    });
    mesh.run();
    answerAll(provider);
    clients.forEach((client, index) => {
      if (index % 2 === 0) client.socket.send(Buffer.from("neither Dubbo nor anything else"));
    });
    mesh.run();
    clients.forEach((client, index) => {
      if (index % 2 === 1) expect(texts(client)).toHaveLength(1);
      else expect(client.socket.closed).toBe(true);
    });
  });
});
