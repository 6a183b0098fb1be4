// Every way in which a request can fail ends in the protocol's own error, once, to the right client.
import { describe, expect, it } from "vitest";
import { dubboFrame, dubboReadonly, dubboRequest } from "../envoy/support/dubbo-wire.js";
import { DubboMesh, Provider, type DubboClient } from "./dubbo-fixture.js";

/** What the client's library would show of a local reply. */
function failure(client: DubboClient, id: bigint): string {
  const response = client.response(id);
  const text = /metaproto: [ -~]*/.exec(response.body.toString("latin1"))?.[0] ?? "";
  return `${String(response.status)} ${text}`;
}

function meshWith(provider: Provider, plugin: Record<string, unknown> = {}): DubboMesh {
  return new DubboMesh({ clusters: { v1: [provider] }, plugin });
}

describe("no route", () => {
  it("is told to the client by the name of the route configuration", () => {
    const provider = new Provider("v1");
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      routes: [{ match: [{ name: "method", exact: "other" }], destinations: [{ cluster: "v1" }] }],
    });
    const client = mesh.connect();
    client.request({ id: 3n, method: "m" });
    client.request({ id: 4n, method: "other" });
    mesh.run();
    expect(failure(client, 3n)).toBe("20 metaproto: no route of demo_20880 matches this request");
    expect(client.response(4n).status).toBe(20);
    expect(provider.requests).toHaveLength(1);
  });

  it("configuration at all is told likewise", () => {
    const mesh = meshWith(new Provider("v1"));
    const client = mesh.connect("unheard-of_1");
    client.request({ id: 3n, method: "m" });
    mesh.run();
    expect(failure(client, 3n)).toBe("20 metaproto: no routes have been received for unheard-of_1");
  });
});

describe("a cluster", () => {
  it("that Envoy does not know", () => {
    const mesh = new DubboMesh({
      clusters: {},
      routes: [{ destinations: [{ cluster: "nowhere" }] }],
    });
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    mesh.run();
    expect(failure(client, 1n)).toBe("20 metaproto: cluster nowhere is unknown");
  });

  it("without a healthy endpoint", () => {
    const mesh = new DubboMesh({ clusters: { v1: [] } });
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    mesh.run();
    expect(failure(client, 1n)).toBe("20 metaproto: cluster v1 has no healthy endpoint");
  });

  it("whose endpoints refuse connections, until they accept again", () => {
    const provider = new Provider("v1", { accept: "refuse" });
    const mesh = meshWith(provider);
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    mesh.run();
    expect(failure(client, 1n)).toContain("cannot connect to an endpoint of cluster v1");
    provider.server.accept = "accept";
    client.request({ id: 2n, method: "m" });
    mesh.run();
    expect(client.response(2n).body.includes("v1")).toBe(true);
  });

  it("with one endpoint of two down serves every request from the other", () => {
    const dead = new Provider("dead", { accept: "refuse" });
    const alive = new Provider("alive");
    const mesh = new DubboMesh({ clusters: { v1: [dead, alive] } });
    const client = mesh.connect();
    for (let id = 1n; id <= 50n; id++) client.request({ id, method: "m" });
    mesh.run();
    for (let id = 1n; id <= 50n; id++) {
      expect(client.response(id).body.includes("alive")).toBe(true);
    }
  });
});

describe("an upstream connection that ends", () => {
  it("fails what was in flight on it, and the next request finds a new one", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = meshWith(provider);
    const client = mesh.connect();
    for (let id = 1n; id <= 40n; id++) client.request({ id, method: "m" });
    mesh.run();
    expect(provider.requests).toHaveLength(40);
    provider.server.openConnections[0]?.reset();
    mesh.run();
    for (let id = 1n; id <= 40n; id++) {
      expect(failure(client, id)).toContain("the connection ended before the response, cluster v1");
    }
    provider.answers = true;
    client.request({ id: 50n, method: "m" });
    mesh.run();
    expect(client.response(50n).body.includes("v1")).toBe(true);
    expect(mesh.host.warnings).toEqual([]);
  });

  it("after it said that it would gets no further request, but is let finish", () => {
    const leaving = new Provider("leaving");
    leaving.answers = false;
    const staying = new Provider("staying");
    const mesh = new DubboMesh({ clusters: { v1: [leaving, staying] } });
    const client = mesh.connect();
    client.request({ id: 0n, method: "warm" });
    mesh.run();
    for (let id = 1n; id <= 10n; id++) client.request({ id, method: "m" });
    mesh.run();
    const held = leaving.requests.length;
    expect(held).toBeGreaterThan(0);
    leaving.server.openConnections[0]?.write(dubboReadonly(99n));
    mesh.run();
    for (let id = 11n; id <= 30n; id++) client.request({ id, method: "m" });
    mesh.run();
    const onOld = leaving.requests.filter(
      (request) => request.connection === leaving.requests[0]?.connection,
    );
    expect(onOld).toHaveLength(held);
    for (const request of onOld) request.reply("late but fine");
    mesh.run();
    expect(onOld[0]?.connection.ended).toBe(true);
    for (let id = 1n; id <= 10n; id++) expect(client.response(id).status).toBe(20);
  });
});

describe("a timeout", () => {
  it("of the route answers in time, and the late response is dropped", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      routes: [{ destinations: [{ cluster: "v1" }], timeout: "0.200s" }],
    });
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    mesh.run();
    mesh.host.advance(190);
    expect(client.responses.size).toBe(0);
    mesh.host.advance(40);
    expect(failure(client, 1n)).toBe("31 metaproto: no response within 200 ms from cluster v1");
    provider.requests[0]?.reply("late");
    mesh.run();
    expect(client.responses.get(1n)).toHaveLength(1);
    // The id of the request that timed out is free again, and is not mixed up.
    provider.answers = true;
    client.request({ id: 2n, method: "m" });
    mesh.run();
    expect(client.response(2n).body.includes("v1")).toBe(true);
  });

  it("does not give the id of an unanswered request to another one", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      routes: [{ destinations: [{ cluster: "v1" }], timeout: "0.100s" }],
    });
    const client = mesh.connect();
    client.request({ id: 1n, method: "slow" });
    mesh.run();
    mesh.host.advance(200);
    for (let id = 2n; id <= 300n; id++) client.request({ id, method: "m" });
    mesh.run();
    provider.requests[0]?.reply("for request 1");
    mesh.run();
    expect(client.responses.size).toBe(1);
  });

  it("of the plugin holds where the route has none, and 0s means never", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      routes: [
        {
          match: [{ name: "method", exact: "patient" }],
          destinations: [{ cluster: "v1" }],
          timeout: "0s",
        },
        { destinations: [{ cluster: "v1" }] },
      ],
      plugin: { defaultTimeout: "1s", upstreamHeartbeat: "0s" },
    });
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    client.request({ id: 2n, method: "patient" });
    mesh.run();
    mesh.host.advance(1100);
    expect(failure(client, 1n)).toContain("31 metaproto: no response within 1000 ms");
    mesh.host.advance(3_600_000);
    expect(client.responses.has(2n)).toBe(false);
  });

  it("covers the time in which a connection is established", () => {
    const provider = new Provider("v1", { accept: "never-answer" });
    const mesh = meshWith(provider, { defaultTimeout: "0.5s" });
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    mesh.run();
    mesh.host.advance(600);
    expect(failure(client, 1n)).toContain("31 metaproto: no response within 500 ms");
  });
});

describe("bytes that are not Dubbo", () => {
  it("from a client close its connection, and hurt nobody else", () => {
    const provider = new Provider("v1");
    const mesh = meshWith(provider);
    const good = mesh.connect();
    const bad = mesh.connect();
    bad.socket.send(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
    mesh.run();
    expect(bad.socket.closed).toBe(true);
    good.request({ id: 1n, method: "m" });
    mesh.run();
    expect(good.response(1n).status).toBe(20);
  });

  it("in a frame beyond the limit are answered with the frame's id", () => {
    const mesh = meshWith(new Provider("v1"), { limits: { maxFrameBytes: 100_000 } });
    const client = mesh.connect();
    const header = dubboFrame(
      { isRequest: true, isTwoWay: true, isEvent: false, serialization: 2, status: 0, id: 8n },
      Buffer.alloc(0),
    );
    header.writeUInt32BE(100_001, 12);
    client.socket.send(header);
    mesh.run();
    expect(failure(client, 8n)).toContain("40 metaproto: the request is malformed or too large");
    // What the client still sends is dropped, or it would lose the answer in a reset.
    client.socket.send(Buffer.alloc(50_000));
    mesh.run();
    expect(client.socket.closed).toBe(false);
    client.socket.send(Buffer.alloc(50_001));
    mesh.run();
    expect(client.socket.closed).toBe(true);
  });

  it("that carry no id end the connection once earlier requests are answered", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = meshWith(provider);
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    mesh.run();
    client.socket.send(Buffer.from("no Dubbo frame"));
    client.socket.send(dubboRequest({ id: 2n, method: "m" }));
    mesh.host.advance(5000);
    expect(client.socket.closed).toBe(false);
    for (const request of provider.requests) request.reply("answer");
    mesh.run();
    expect(client.response(1n).body.includes("answer")).toBe(true);
    expect(client.responses.size).toBe(1);
    mesh.host.advance(2000);
    expect(client.socket.closed).toBe(true);
  });

  it("that carry no id do not hold a connection open whose requests are never answered", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = meshWith(provider, { defaultTimeout: "0s" });
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    mesh.run();
    client.socket.send(Buffer.from("no Dubbo frame"));
    mesh.host.advance(29_000);
    expect(client.socket.closed).toBe(false);
    mesh.host.advance(2000);
    expect(client.socket.closed).toBe(true);
    expect(mesh.stat("downstream_rq_active")).toBe(0);
  });

  it("from a server fail what is in flight on its connection only", () => {
    const bad = new Provider("bad");
    bad.answers = false;
    const good = new Provider("good");
    good.answers = false;
    const mesh = new DubboMesh({ clusters: { v1: [bad, good] } });
    const client = mesh.connect();
    client.request({ id: 0n, method: "warm" });
    mesh.run();
    for (let id = 1n; id <= 20n; id++) client.request({ id, method: "m" });
    mesh.run();
    bad.server.openConnections[0]?.write(Buffer.from("garbage, garbage, garbage"));
    mesh.run();
    for (const request of good.requests) request.reply("good");
    mesh.run();
    const failed = [...client.responses.keys()].filter((id) => failure(client, id).length > 3);
    expect(failed).toHaveLength(bad.requests.length);
    expect(client.responses.size).toBe(21);
    expect(failure(client, failed[0] ?? 0n)).toContain("the response is malformed, cluster v1");
  });
});

describe("a client that goes away", () => {
  it("mid-request takes nothing with it", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = meshWith(provider);
    const leaving = mesh.connect();
    const staying = mesh.connect();
    leaving.request({ id: 1n, method: "m" });
    staying.request({ id: 1n, method: "m" });
    leaving.socket.send(dubboRequest({ id: 2n, method: "half" }).subarray(0, 30));
    mesh.run();
    leaving.socket.reset();
    mesh.run();
    for (const request of provider.requests) request.reply("answer");
    mesh.run();
    expect(staying.response(1n).body.includes("answer")).toBe(true);
    expect(provider.server.openConnections).toHaveLength(1);
  });
});
