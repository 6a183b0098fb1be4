// Every bound that an operator can set: what is just within it passes, one more gets the protocol's
// own overload error (or, where bytes cannot be understood, ends its own connection), and nobody else
// notices.
import { describe, expect, it } from "vitest";
import { FRAMED } from "../envoy/support/thrift-wire.js";
import { dubboRequest, dubboResponse, hessianString } from "../envoy/support/dubbo-wire.js";
import { GrpcServer } from "../host/index.js";
import { DubboMesh, Provider, type DubboClient } from "./dubbo-fixture.js";
import { Service, ThriftMesh } from "./thrift-fixture.js";
import { callFrame } from "./thrift-messages.js";

function held(name = "v1"): Provider {
  const provider = new Provider(name);
  provider.answers = false;
  return provider;
}

function meshWith(provider: Provider, limits: Readonly<Record<string, number>>): DubboMesh {
  return new DubboMesh({ clusters: { v1: [provider] }, plugin: { limits } });
}

/** What a user reads in the response to `id`: "answer", or the message of the proxy's error. */
function outcome(client: DubboClient, id: bigint): string {
  const { body } = client.response(id);
  return /metaproto: [ -~]*/.exec(body.toString("latin1"))?.[0] ?? "answer";
}

function outcomes(client: DubboClient): string[] {
  return [...client.responses.keys()].sort().map((id) => outcome(client, id));
}

const OVERLOAD = "metaproto: too many requests are outstanding";
const OVERLOAD_V1 = `${OVERLOAD} for cluster v1`;

/** A refused client that pauses for so long is closed. */
const LINGER_MS = 1_100;

/** A request whose frame has exactly `length` bytes. */
function requestOfLength(id: bigint, length: number): Buffer {
  const empty = dubboRequest({ id, method: "m", args: [hessianString("")] });
  for (let size = length - empty.length - 40; ; size++) {
    const frame = dubboRequest({ id, method: "m", args: [hessianString("x".repeat(size))] });
    if (frame.length === length) return frame;
    if (frame.length > length) throw new Error(`no request of ${String(length)} bytes`);
  }
}

describe("maxFrameBytes", () => {
  it("holds for requests: one byte more is answered with an error, then the connection ends", () => {
    const provider = new Provider("v1");
    const mesh = meshWith(provider, { maxFrameBytes: 5000 });
    const [within, beyond] = [mesh.connect(), mesh.connect()];
    within.socket.send(requestOfLength(1n, 5000));
    beyond.socket.send(requestOfLength(1n, 5001));
    mesh.run();
    expect(outcome(within, 1n)).toBe("answer");
    expect(outcome(beyond, 1n)).toBe("metaproto: the request is malformed or too large");
    mesh.host.advance(LINGER_MS);
    expect(within.socket.closed).toBe(false);
    expect(beyond.socket.closed).toBe(true);
    expect(provider.requests).toHaveLength(1);
    expect(mesh.stat("downstream_decode_error")).toBe(1);
    expect(mesh.stat("local_reply_dpe")).toBe(1);
  });

  it("is seen in the header: nothing of a frame that is too large is kept", () => {
    const mesh = meshWith(new Provider("v1"), { maxFrameBytes: 5000 });
    const client = mesh.connect();
    client.socket.send(requestOfLength(1n, 5001).subarray(0, 16));
    mesh.run();
    expect(outcome(client, 1n)).toBe("metaproto: the request is malformed or too large");
    expect(client.socket.closed).toBe(false);
    mesh.host.advance(LINGER_MS);
    expect(client.socket.closed).toBe(true);
  });

  it("holds for responses: the server's connection ends, its requests fail", () => {
    const provider = held();
    const mesh = meshWith(provider, { maxFrameBytes: 5000 });
    const client = mesh.connect();
    for (const id of [1n, 2n, 3n]) client.request({ id, method: "m" });
    mesh.run();
    const [first, second] = provider.requests;
    first?.connection.write(dubboResponse(first.frame.id, Buffer.alloc(4984)));
    mesh.run();
    expect(client.response(1n).body).toHaveLength(4984);
    second?.connection.write(dubboResponse(second.frame.id, Buffer.alloc(4985)));
    mesh.run();
    for (const id of [2n, 3n]) {
      expect(outcome(client, id)).toBe("metaproto: the response is malformed, cluster v1");
    }
    expect(first?.connection.ended).toBe(true);
    expect(mesh.stat("upstream_decode_error")).toBe(1);
    expect(mesh.stat("local_reply_upe")).toBe(2);
  });

  it("holds for Thrift's frames as well", () => {
    const service = new Service("v1");
    const bytes = callFrame(FRAMED, "hello", { text: "x".repeat(1000) }).length;
    const mesh = new ThriftMesh({
      clusters: { v1: [service] },
      plugin: { limits: { maxFrameBytes: bytes } },
    });
    const [within, beyond] = [mesh.connect(), mesh.connect()];
    within.call("hello", { text: "x".repeat(1000) });
    beyond.call("hello", { seqid: 9, text: "x".repeat(1001) });
    mesh.run();
    expect(within.answers).toEqual(["v1"]);
    expect(beyond.answers).toEqual([
      "exception 7: metaproto: the request is malformed or too large",
    ]);
    expect(beyond.replies[0]?.seqid).toBe(9);
    mesh.host.advance(LINGER_MS);
    expect(beyond.socket.closed).toBe(true);
  });

  it("takes nothing from earlier calls, whose answers come first", () => {
    const service = new Service("v1");
    service.answers = false;
    const mesh = new ThriftMesh({
      clusters: { v1: [service] },
      plugin: { limits: { maxFrameBytes: 1000 } },
    });
    const client = mesh.connect();
    client.call("hello", { seqid: 1 });
    client.call("hello", { seqid: 2 });
    mesh.run();
    client.call("hello", { seqid: 3, text: "x".repeat(1000) });
    client.call("hello", { seqid: 4 });
    mesh.host.advance(5 * LINGER_MS);
    expect(client.replies).toHaveLength(0);
    expect(client.socket.closed).toBe(false);
    for (const request of [...service.requests].reverse()) {
      request.reply(`answer ${String(request.message.seqid)}`);
    }
    mesh.run();
    expect(client.answers).toEqual([
      "answer 1",
      "answer 2",
      "exception 7: metaproto: the request is malformed or too large",
    ]);
    expect(client.replies.map((reply) => reply.seqid)).toEqual([1, 2, 3]);
    mesh.host.advance(LINGER_MS);
    expect(client.socket.closed).toBe(true);
    expect(mesh.stat("downstream_rq_active")).toBe(0);
  });
});

describe("maxRequestsPerDownstreamConnection", () => {
  it("bounds what one client has outstanding, and no other client", () => {
    const provider = held();
    const mesh = meshWith(provider, { maxRequestsPerDownstreamConnection: 3 });
    const [greedy, other] = [mesh.connect(), mesh.connect()];
    for (let id = 1n; id <= 4n; id++) greedy.request({ id, method: "m" });
    for (let id = 1n; id <= 3n; id++) other.request({ id, method: "m" });
    mesh.run();
    expect([...greedy.responses.keys()]).toEqual([4n]);
    expect(outcome(greedy, 4n)).toBe(OVERLOAD);
    expect(other.responses.size).toBe(0);
    expect(provider.requests).toHaveLength(6);
    provider.requests[0]?.reply("room again");
    mesh.run();
    greedy.request({ id: 5n, method: "m" });
    mesh.run();
    expect(provider.requests).toHaveLength(7);
    expect(mesh.stat("downstream_rq_overflow")).toBe(1);
    expect(mesh.stat("local_reply_uo")).toBe(1);
  });

  it("lets a Thrift client's next call wait, since its answers keep their order", () => {
    const service = new Service("v1");
    service.answers = false;
    const mesh = new ThriftMesh({
      clusters: { v1: [service] },
      plugin: { limits: { maxRequestsPerDownstreamConnection: 2 } },
    });
    const client = mesh.connect();
    for (let seqid = 1; seqid <= 4; seqid++) client.call("hello", { seqid });
    mesh.run();
    expect(service.requests).toHaveLength(2);
    for (let answered = 0; answered < 4; answered++) {
      service.requests[answered]?.reply(`answer ${String(answered)}`);
      mesh.run();
    }
    expect(client.replies.map((reply) => reply.seqid)).toEqual([1, 2, 3, 4]);
    // By the second call, and by the fourth; the third had room when it was read.
    expect(mesh.stat("downstream_cx_paused")).toBe(3);
    expect(mesh.stat("downstream_rq_overflow")).toBe(0);
  });
});

describe("maxRequestsPerUpstreamConnection", () => {
  it("makes the pool open another connection to the same endpoint", () => {
    const provider = held();
    const mesh = meshWith(provider, { maxRequestsPerUpstreamConnection: 3 });
    const clients = [mesh.connect(), mesh.connect()];
    for (let id = 1n; id <= 4n; id++)
      for (const client of clients) client.request({ id, method: "m" });
    mesh.run();
    expect(provider.requests).toHaveLength(8);
    const perConnection = new Map<unknown, number>();
    for (const { connection } of provider.requests) {
      perConnection.set(connection, (perConnection.get(connection) ?? 0) + 1);
    }
    expect(perConnection.size).toBe(3);
    expect(Math.max(...perConnection.values())).toBe(3);
    for (const request of provider.requests) request.reply("answer");
    mesh.run();
    for (const client of clients) expect(outcomes(client)).toEqual(Array(4).fill("answer"));
    expect(mesh.stat("upstream_cx_full")).toBe(2);
    expect(mesh.stat("local_reply_uo")).toBe(0);
  });
});

describe("maxRequests", () => {
  it("bounds what a cluster has outstanding for all clients together, and no other cluster", () => {
    const [v1, v2] = [held("v1"), held("v2")];
    const mesh = new DubboMesh({
      clusters: { v1: [v1], v2: [v2] },
      routes: [
        { match: [{ name: "method", exact: "two" }], destinations: [{ cluster: "v2" }] },
        { destinations: [{ cluster: "v1" }] },
      ],
      plugin: { limits: { maxRequests: 5 } },
    });
    const clients = [mesh.connect(), mesh.connect(), mesh.connect()];
    for (const client of clients) {
      for (let id = 1n; id <= 2n; id++) client.request({ id, method: "one" });
      mesh.run();
    }
    const last = clients[2];
    expect(last && outcome(last, 2n)).toBe(OVERLOAD_V1);
    clients[0]?.request({ id: 3n, method: "two" });
    mesh.run();
    expect([v1.requests.length, v2.requests.length]).toEqual([5, 1]);
    expect(mesh.stat("upstream_rq_overflow")).toBe(1);
  });

  it("counts neither what was answered, nor timed out, nor whose client has gone", () => {
    const provider = held();
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      plugin: { limits: { maxRequests: 2 }, defaultTimeout: "1s" },
    });
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    client.request({ id: 2n, method: "m" });
    mesh.run();
    provider.requests[0]?.reply("answer");
    mesh.run();
    mesh.host.advance(1100);
    expect(outcomes(client)[1]).toContain("no response within 1000 ms");
    const leaving = mesh.connect();
    leaving.request({ id: 1n, method: "m" });
    leaving.request({ id: 2n, method: "m" });
    mesh.run();
    leaving.socket.reset();
    mesh.run();
    client.request({ id: 3n, method: "m" });
    client.request({ id: 4n, method: "m" });
    client.request({ id: 5n, method: "m" });
    mesh.run();
    expect([...client.responses.keys()]).toEqual([1n, 2n, 5n]);
    expect(outcome(client, 5n)).toBe(OVERLOAD_V1);
  });

  it("of the cluster in the routes comes before the plugin's", () => {
    const provider = held();
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      clusterSettings: { v1: { maxRequests: 1 } },
    });
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    client.request({ id: 2n, method: "m" });
    mesh.run();
    expect([...client.responses.keys()]).toEqual([2n]);
  });
});

describe("maxPendingRequests", () => {
  it("bounds what waits while connections are established", () => {
    const provider = new Provider("v1", { acceptDelayMs: 50 });
    const mesh = meshWith(provider, { maxPendingRequests: 4 });
    const clients = [mesh.connect(), mesh.connect()];
    for (const client of clients) {
      for (let id = 1n; id <= 3n; id++) client.request({ id, method: "m" });
    }
    mesh.run();
    const refused = clients.flatMap((client) => outcomes(client));
    expect(refused).toEqual([OVERLOAD_V1, OVERLOAD_V1]);
    mesh.host.advance(100);
    const all = clients.flatMap((client) => outcomes(client));
    expect(all.filter((text) => text === "answer")).toHaveLength(4);
    expect(mesh.stat("upstream_rq_pending_overflow")).toBe(2);
  });
});

describe("maxConnections", () => {
  it("bounds the connections of a cluster, those being established included", () => {
    const provider = held();
    const mesh = meshWith(provider, { maxConnections: 3, maxRequestsPerUpstreamConnection: 1 });
    const client = mesh.connect();
    for (let id = 1n; id <= 10n; id++) client.request({ id, method: "m" });
    mesh.run();
    mesh.host.advance(5000);
    expect(provider.server.connections).toHaveLength(3);
    for (let answered = 0; answered < 10; answered++) {
      provider.requests[answered]?.reply("answer");
      mesh.run();
    }
    expect(outcomes(client)).toEqual(Array(10).fill("answer"));
    expect(provider.server.openConnections).toHaveLength(3);
    expect(mesh.stat("upstream_cx_overflow")).toBe(7);
    for (let id = 11n; id <= 14n; id++) client.request({ id, method: "m" });
    mesh.run();
    expect(mesh.stat("upstream_cx_overflow")).toBe(8);
  });
});

describe("maxRequestsAwaitingRoutes", () => {
  it("bounds what waits for the first route configuration", () => {
    const mesh = new DubboMesh({
      clusters: {},
      plugin: {
        routeConfigurations: [],
        discoveryCluster: "control",
        initialFetchTimeout: "2s",
        limits: { maxRequestsAwaitingRoutes: 3 },
      },
      host: { clusters: { control: { grpc: new GrpcServer() } } },
    });
    const clients = [mesh.connect("demo_20880"), mesh.connect("demo_20880")];
    for (const client of clients) {
      client.request({ id: 1n, method: "m" });
      client.request({ id: 2n, method: "m" });
    }
    mesh.run();
    expect(clients.flatMap((client) => outcomes(client))).toEqual([OVERLOAD]);
    mesh.host.advance(2200);
    const missing = "metaproto: no routes have been received for demo_20880";
    expect(clients.flatMap((client) => outcomes(client)).sort()).toEqual([
      missing,
      missing,
      missing,
      OVERLOAD,
    ]);
    expect(mesh.stat("downstream_rq_awaiting_overflow")).toBe(1);
    expect(mesh.stat("local_reply_uo")).toBe(1);
    expect(mesh.stat("local_reply_nr")).toBe(3);
  });
});
