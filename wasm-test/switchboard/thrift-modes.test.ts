// Thrift with the other connection modes, and what holds in every mode.
import { describe, expect, it } from "vitest";
import { FRAMED, WIRES, MessageType, thriftFrame } from "../envoy/support/thrift-wire.js";
import { Service, ThriftMesh } from "./thrift-fixture.js";
import { callFrame, wireName } from "./thrift-messages.js";

function held(name = "v1"): Service {
  const service = new Service(name);
  service.answers = false;
  return service;
}

function meshInMode(connectionMode: string, service: Service, plugin: object = {}): ThriftMesh {
  return new ThriftMesh({ clusters: { v1: [service] }, plugin: { connectionMode, ...plugin } });
}

describe("IN_ORDER", () => {
  it("sends many calls on one connection and takes the answers in their order", () => {
    const service = held();
    const mesh = meshInMode("IN_ORDER", service);
    const clients = Array.from({ length: 30 }, () => mesh.connect());
    clients[0]?.call("warm");
    mesh.run();
    service.requests.shift()?.reply("warm");
    clients.forEach((client, index) => {
      client.call("hello", { seqid: 5, text: `client ${String(index)}` });
    });
    mesh.run();
    expect(service.server.connections).toHaveLength(1);
    expect(service.peakOutstanding).toBe(30);
    for (const request of service.requests) {
      request.reply(/client \d+/.exec(request.message.body.toString())?.[0] ?? "");
    }
    mesh.run();
    clients.forEach((client, index) => {
      expect(client.answers.at(-1)).toBe(`client ${String(index)}`);
      expect(client.replies.at(-1)?.seqid).toBe(5);
    });
  });

  it("drops the answer of a client that has gone, and nobody else's", () => {
    const service = held();
    const mesh = meshInMode("IN_ORDER", service);
    const clients = ["a", "b", "c"].map((name) => ({ name, client: mesh.connect() }));
    for (const { name, client } of clients) {
      client.call("hello", { text: name });
      mesh.run();
    }
    clients[1]?.client.socket.reset();
    mesh.run();
    for (const request of service.requests) {
      request.reply(/[abc]$/.exec(request.message.body.toString("latin1", 7, 8))?.[0] ?? "?");
    }
    mesh.run();
    expect(clients.map(({ client }) => client.answers)).toEqual([["a"], [], ["c"]]);
    expect(service.server.openConnections).toHaveLength(1);
  });

  it("gives up the connection of a call that takes too long, with all that wait behind it", () => {
    const service = held();
    const mesh = meshInMode("IN_ORDER", service, { defaultTimeout: "1s" });
    const [first, second] = [mesh.connect(), mesh.connect()];
    first.call("slow");
    mesh.host.advance(500);
    second.call("behind");
    mesh.host.advance(600);
    expect(first.answers[0]).toContain("no response within 1000 ms");
    expect(second.answers[0]).toContain("the connection ended before the response");
    service.answers = true;
    second.call("next");
    mesh.run();
    expect(second.answers[1]).toBe("v1");
  });

  it("takes an answer that nobody waits for as the end of the connection's order", () => {
    const service = held();
    const mesh = meshInMode("IN_ORDER", service);
    const client = mesh.connect();
    client.call("hello");
    mesh.run();
    service.requests[0]?.reply("one");
    service.requests[0]?.reply("one too many");
    mesh.run();
    expect(client.answers).toEqual(["one"]);
    expect(service.server.openConnections).toHaveLength(0);
  });
});

describe("SHARED", () => {
  it("sends many calls of equal sequence ids on one connection, and tells the answers apart", () => {
    const service = held();
    const mesh = meshInMode("SHARED", service);
    const clients = Array.from({ length: 20 }, () => mesh.connect());
    clients[0]?.call("warm");
    mesh.run();
    service.requests.shift()?.reply("warm");
    clients.forEach((client, index) => {
      client.call("hello", { seqid: 0, text: `client ${String(index)}` });
    });
    mesh.run();
    expect(service.server.connections).toHaveLength(1);
    const ids = service.requests.map((request) => request.message.seqid);
    expect(new Set(ids).size).toBe(20);
    expect(Math.min(...ids)).toBeGreaterThanOrEqual(0);
    for (const request of [...service.requests].reverse()) {
      request.reply(/client \d+/.exec(request.message.body.toString())?.[0] ?? "");
    }
    mesh.run();
    clients.forEach((client, index) => {
      expect(client.answers.at(-1)).toBe(`client ${String(index)}`);
      expect(client.replies.at(-1)?.seqid).toBe(0);
    });
  });

  it.each(WIRES.map((wire) => [wireName(wire), wire] as const))(
    "restores the sequence ids of %s messages, large and negative ones too",
    (_, wire) => {
      const service = new Service("v1");
      const mesh = meshInMode("SHARED", service);
      const client = mesh.connect(wire);
      const seqids = [0, 1, 127, 128, 16_384, 2_147_483_647, -1, -2_147_483_648];
      for (const seqid of seqids) {
        client.call("hello", { seqid });
        mesh.run();
      }
      expect(client.replies.map((reply) => reply.seqid)).toEqual(seqids);
      expect(client.answers).toEqual(seqids.map(() => "v1"));
    },
  );

  it("drops a late answer and serves the next call on the same connection", () => {
    const service = held();
    const mesh = meshInMode("SHARED", service, { defaultTimeout: "1s" });
    const client = mesh.connect();
    client.call("slow", { seqid: 1 });
    mesh.host.advance(1100);
    client.call("next", { seqid: 1 });
    mesh.run();
    service.requests[0]?.reply("late");
    service.requests[1]?.reply("in time");
    mesh.run();
    expect(client.answers[0]).toContain("no response within 1000 ms");
    expect(client.answers.slice(1)).toEqual(["in time"]);
    expect(service.server.connections).toHaveLength(1);
  });
});

describe.each(["EXCLUSIVE", "IN_ORDER", "SHARED"])("in the mode %s", (mode) => {
  it("a client that sends many calls at once is answered in their order", () => {
    const service = held();
    const mesh = meshInMode(mode, service);
    const client = mesh.connect();
    const calls = Array.from({ length: 40 }, (_, seqid) =>
      callFrame(FRAMED, "hello", { seqid, text: `call ${String(seqid)}` }),
    );
    client.socket.send(Buffer.concat(calls));
    mesh.run();
    expect(service.requests).toHaveLength(40);
    const answer = (request: (typeof service.requests)[number]): void => {
      request.reply(/call \d+/.exec(request.message.body.toString())?.[0] ?? "");
    };
    // Servers that take calls one by one, or in order, answer each connection's in order.
    const order = mode === "IN_ORDER" ? service.requests : [...service.requests].reverse();
    order.forEach(answer);
    mesh.run();
    expect(client.replies.map((reply) => reply.seqid)).toEqual(calls.map((_, index) => index));
    expect(client.answers).toEqual(calls.map((_, index) => `call ${String(index)}`));
  });

  it("an error of the proxy takes its turn among the answers", () => {
    const service = held();
    const mesh = new ThriftMesh({
      clusters: { v1: [service] },
      routes: [{ match: [{ name: "method", prefix: "h" }], destinations: [{ cluster: "v1" }] }],
      plugin: { connectionMode: mode },
    });
    const client = mesh.connect();
    for (const name of ["hello", "nothing", "hello"]) client.call(name);
    mesh.run();
    expect(client.answers).toEqual([]);
    for (const request of service.requests) request.reply("v1");
    mesh.run();
    expect(client.answers).toEqual([
      "v1",
      "exception 1: metaproto: no route of demo_20880 matches this request",
      "v1",
    ]);
  });

  it("a timeout takes its turn as well, and does not hold up what comes after it", () => {
    const service = held();
    const mesh = meshInMode(mode, service, { defaultTimeout: "1s" });
    const client = mesh.connect();
    client.call("slow", { seqid: 1 });
    mesh.host.advance(300);
    client.call("quick", { seqid: 2 });
    mesh.run();
    if (mode !== "IN_ORDER") service.called("quick")[0]?.reply("quick");
    mesh.run();
    expect(client.answers).toEqual([]);
    mesh.host.advance(800);
    expect(client.answers[0]).toContain("no response within 1000 ms");
    if (mode === "IN_ORDER") expect(client.answers[1]).toContain("the connection ended");
    else expect(client.answers[1]).toBe("quick");
    expect(client.replies.map((reply) => reply.seqid)).toEqual([1, 2]);
  });

  it("a oneway call is sent, not answered, and takes no turn", () => {
    const service = new Service("v1");
    const mesh = meshInMode(mode, service);
    const client = mesh.connect();
    client.oneway("fire", { seqid: 1 });
    client.call("hello", { seqid: 2 });
    client.oneway("fire", { seqid: 3 });
    client.call("hello", { seqid: 4 });
    mesh.run();
    expect(service.called("fire")).toHaveLength(2);
    expect(client.replies.map((reply) => reply.seqid)).toEqual([2, 4]);
  });

  it("an exception of the server reaches its client like any answer", () => {
    const service = held();
    const mesh = meshInMode(mode, service);
    const client = mesh.connect();
    client.call("hello", { seqid: 7 });
    mesh.run();
    const [request] = service.requests;
    const { type, body } = { type: MessageType.Exception, body: Buffer.from([0]) };
    const seqid = request?.message.seqid ?? -1;
    request?.connection.write(thriftFrame(FRAMED, { type, name: "hello", seqid, body }));
    mesh.run();
    expect(client.replies[0]).toMatchObject({ type, name: "hello", seqid: 7 });
  });
});

describe("clients of all transports and protocols", () => {
  it("share a cluster at once, but no upstream connection", () => {
    const service = held();
    const mesh = new ThriftMesh({ clusters: { v1: [service] } });
    const clients = WIRES.flatMap((wire) => [mesh.connect(wire), mesh.connect(wire)]);
    for (let round = 0; round < 3; round++) {
      for (const client of clients) client.call("hello", { seqid: round });
      mesh.run();
      for (const request of service.requests.splice(0)) request.reply(wireName(request.wire));
      mesh.run();
    }
    for (const client of clients) {
      expect(client.answers).toEqual(Array(3).fill(wireName(client.wire)));
    }
    expect(service.peakOutstanding).toBe(1);
    expect(service.server.openConnections.length).toBeGreaterThanOrEqual(2 * WIRES.length);
  });

  it.each(WIRES.map((wire) => [wireName(wire), wire] as const))(
    "are understood byte by byte, and so are their servers: %s",
    (_, wire) => {
      const service = new Service("v1");
      const mesh = new ThriftMesh({
        clusters: { v1: [service] },
        host: { chunking: { sizes: [1] } },
      });
      const client = mesh.connect(wire);
      const headers = wire.transport === "header" ? { user: "somebody" } : {};
      for (let seqid = 1; seqid <= 3; seqid++) {
        client.call("hello", { seqid, text: "x".repeat(seqid * 50), headers });
      }
      mesh.run();
      expect(client.answers).toEqual(["v1", "v1", "v1"]);
      expect(service.requests.map(({ message }) => message.name)).toEqual(Array(3).fill("hello"));
      expect(mesh.host.warnings).toEqual([]);
    },
  );

  it.each([1, 2, 3])("are understood in pieces of any size, drawn from seed %d", (seed) => {
    const service = new Service("v1");
    const mesh = new ThriftMesh({
      clusters: { v1: [service] },
      host: { chunking: { seed, max: 40 } },
    });
    const clients = WIRES.map((wire) => mesh.connect(wire));
    for (let seqid = 1; seqid <= 20; seqid++) {
      for (const client of clients) {
        client.call("hello", { seqid, text: "x".repeat((seqid * 37) % 300) });
      }
    }
    mesh.run();
    for (const client of clients) {
      expect(client.answers).toEqual(Array(20).fill("v1"));
      expect(client.replies.map((reply) => reply.seqid)).toEqual(
        Array.from({ length: 20 }, (_, index) => index + 1),
      );
    }
  });

  it.each(WIRES.map((wire) => [wireName(wire), wire] as const))(
    "read the proxy's own errors: %s",
    (_, wire) => {
      const mesh = new ThriftMesh({ clusters: { v1: [] } });
      const client = mesh.connect(wire);
      client.call("hello", { seqid: 3 });
      mesh.run();
      expect(client.answers).toEqual([
        "exception 6: metaproto: cluster v1 has no healthy endpoint",
      ]);
      expect(client.replies[0]).toMatchObject({ name: "hello", seqid: 3 });
    },
  );
});
