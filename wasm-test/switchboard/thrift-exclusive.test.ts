// Thrift's usual servers work through a connection in order, one call at a time: each call has an
// upstream connection to itself.
import { describe, expect, it } from "vitest";
import { assertFollowsWeights } from "../envoy/support/statistics.js";
import { FRAMED, MessageType, thriftFrame } from "../envoy/support/thrift-wire.js";
import type { Balancer } from "../host/index.js";
import { Service, ThriftMesh } from "./thrift-fixture.js";
import { callFrame, replyFrame } from "./thrift-messages.js";

const OVERLOAD = "exception 6: metaproto: too many requests are outstanding for cluster v1";

function held(name = "v1"): Service {
  const service = new Service(name);
  service.answers = false;
  return service;
}

describe("a call", () => {
  it("reaches the server untouched, and its answer the client", () => {
    const service = new Service("v1");
    const mesh = new ThriftMesh({ clusters: { v1: [service] } });
    const client = mesh.connect();
    client.call("hello", { seqid: 42, text: "world" });
    mesh.run();
    expect(client.answers).toEqual(["v1"]);
    expect(client.replies[0]?.seqid).toBe(42);
    const [request] = service.requests;
    expect(request && thriftFrame(request.wire, request.message)).toEqual(
      callFrame(FRAMED, "hello", { seqid: 42, text: "world" }),
    );
    expect(mesh.host.warnings).toEqual([]);
  });

  it("has an upstream connection to itself, however many come at once", () => {
    const service = held();
    const mesh = new ThriftMesh({ clusters: { v1: [service] } });
    const clients = Array.from({ length: 50 }, () => mesh.connect());
    clients.forEach((client, index) => {
      client.call("hello", { text: String(index) });
    });
    mesh.run();
    expect(service.requests).toHaveLength(50);
    expect(service.server.openConnections.length).toBeGreaterThanOrEqual(50);
    service.requests.forEach((request) => {
      request.reply(request.message.body.toString("latin1"));
    });
    mesh.run();
    clients.forEach((client, index) => {
      expect(client.answers).toHaveLength(1);
      expect(client.answers[0]).toContain(String(index));
    });
    expect(service.peakOutstanding).toBe(1);
  });

  it("of several of a client gets its own answer, whatever its size and whoever is answered meanwhile", () => {
    const service = held();
    const mesh = new ThriftMesh({ clusters: { v1: [service] } });
    const [client, other] = [mesh.connect(), mesh.connect()];
    client.call("hello", { seqid: 1 });
    client.call("hello", { seqid: 2 });
    mesh.run();
    other.call("hello", { seqid: 3 });
    mesh.run();
    const answers = ["first", "2".repeat(5000), "3".repeat(5000)];
    service.requests.forEach((request, index) => {
      request.reply(answers[index] ?? "");
    });
    mesh.run();
    expect([...client.answers, ...other.answers]).toEqual(answers);
    expect(mesh.host.warnings).toEqual([]);
  });

  it("takes a connection that is free rather than a new one", () => {
    const service = new Service("v1");
    const mesh = new ThriftMesh({ clusters: { v1: [service] } });
    const client = mesh.connect();
    for (let i = 0; i < 100; i++) {
      client.call("hello");
      mesh.run();
    }
    expect(client.answers).toHaveLength(100);
    expect(service.server.connections).toHaveLength(1);
  });

  it("is told from another client's of the same sequence id: 0, as some libraries number all", () => {
    const service = held();
    const mesh = new ThriftMesh({ clusters: { v1: [service] } });
    const clients = ["a", "b", "c"].map((name) => ({ name, client: mesh.connect() }));
    for (const { name, client } of clients) client.call("hello", { seqid: 0, text: name });
    mesh.run();
    expect(service.requests.map((request) => request.message.seqid)).toEqual([0, 0, 0]);
    for (const request of [...service.requests].reverse()) {
      request.reply(/[abc]/.exec(request.message.body.toString("latin1"))?.[0] ?? "");
    }
    mesh.run();
    for (const { name, client } of clients) {
      expect(client.answers).toEqual([name]);
      expect(client.replies[0]?.seqid).toBe(0);
    }
  });

  it("is balanced over the endpoints of the cluster, though its client has one connection", () => {
    const services = ["a", "b", "c"].map((name) => new Service(name));
    const mesh = new ThriftMesh({ clusters: { v1: services } });
    const client = mesh.connect();
    for (let i = 0; i < 300; i++) {
      client.call("hello");
      mesh.run();
    }
    for (const service of services) expect(service.requests.length).toBeGreaterThan(60);
  });
});

describe("the pool", () => {
  it("grows with the concurrency up to its bound; then calls wait, and then are refused", () => {
    const service = held();
    const mesh = new ThriftMesh({
      clusters: { v1: [service] },
      plugin: { limits: { maxConnections: 4, maxPendingRequests: 3 } },
    });
    const clients = Array.from({ length: 8 }, () => mesh.connect());
    for (const client of clients) {
      client.call("hello");
      mesh.run();
    }
    expect(service.server.connections).toHaveLength(4);
    expect(service.requests).toHaveLength(4);
    expect(clients.map((client) => client.answers)).toEqual([
      ...Array.from({ length: 7 }, () => []),
      [OVERLOAD],
    ]);
    // Those that wait get their turn as the connections become free, in the order in which they came.
    for (let answered = 0; answered < 7; answered++) {
      service.requests[answered]?.reply(`answer ${String(answered)}`);
      mesh.run();
    }
    expect(clients.slice(0, 7).flatMap((client) => client.answers)).toEqual(
      Array.from({ length: 7 }, (_, index) => `answer ${String(index)}`),
    );
    expect(service.server.connections).toHaveLength(4);
    expect(service.peakOutstanding).toBe(1);
    expect(mesh.host.warnings).toEqual([]);
  });

  it("takes the bound that the routes give for the cluster before the plugin's", () => {
    const service = held();
    const mesh = new ThriftMesh({
      clusters: { v1: [service] },
      clusterSettings: { v1: { maxConnections: 2, maxPendingRequests: 1, maxRequests: 3 } },
    });
    const clients = Array.from({ length: 4 }, () => mesh.connect());
    for (const client of clients) {
      client.call("hello");
      mesh.run();
    }
    expect(service.server.connections).toHaveLength(2);
    expect(clients.filter((client) => client.answers[0] === OVERLOAD)).toHaveLength(1);
  });
});

describe("weights of endpoints", () => {
  const WEIGHTS = { a: 1, b: 3, c: 6 };

  it.each(["ROUND_ROBIN", "RANDOM"])("are kept though calls come at once: %s", (loadBalancer) => {
    const names = ["a", "b", "c"];
    const services = names.map((name) => held(name));
    const endpoints = services.map(({ server }) => server);
    let dials = 0;
    // Each is met by one connection first, and then Envoy goes by weight.
    const order = [0, 1, 2, ...Array.from("2122012212", Number)];
    const lb: Balancer = (all) => all[order[dials++ % order.length] ?? 0];
    const weight = (index: number): number => Object.values(WEIGHTS)[index] ?? 1;
    const endpointWeights = endpoints.map(({ address }, index) => ({
      address,
      weight: weight(index),
    }));
    const mesh = new ThriftMesh({
      clusters: { v1: services },
      clusterSettings: { v1: { endpointWeights, loadBalancer } },
      host: { clusters: { v1: { endpoints, lb } } },
    });
    const clients = [mesh.connect(), mesh.connect()];
    const counts = new Map(names.map((name) => [name, 0]));
    for (let round = 0; round < 1_500; round++) {
      for (const client of clients) client.call("hello");
      mesh.run();
      for (const { name, requests } of services) {
        counts.set(name, (counts.get(name) ?? 0) + requests.length);
        for (const request of requests.splice(0)) request.reply("done");
      }
      mesh.run();
    }
    assertFollowsWeights(counts, WEIGHTS);
    expect(services.flatMap(({ server }) => server.openConnections).length).toBeLessThan(10);
  });
});

describe("a call with a key", () => {
  const routes = [{ destinations: [{ cluster: "v1" }], hashPolicy: { sourceAddress: true } }];

  function heldServices(count: number): Service[] {
    return Array.from({ length: count }, (_, index) => held(`s${String(index)}`));
  }

  it("waits for one more connection to its endpoint, though others are free", () => {
    const services = heldServices(4);
    const mesh = new ThriftMesh({ clusters: { v1: services }, routes });
    const clients = Array.from({ length: 40 }, () => mesh.connect());
    for (const client of clients) client.call("hello");
    mesh.run();
    expect(services.map(({ requests }) => requests.length).sort()).toEqual([0, 0, 0, 40]);
    // What was dialled in vain was closed again.
    const others = services.filter(({ requests }) => requests.length === 0);
    for (const { server } of others) expect(server.openConnections.length).toBeLessThan(3);
    for (const { requests } of services) requests.forEach((request) => request.reply("done"));
    mesh.run();
    expect(clients.flatMap(({ answers }) => answers)).toEqual(Array(40).fill("done"));
  });

  it("waits for its endpoint's turn when no more connections may be made", () => {
    const services = heldServices(2);
    const plugin = { limits: { maxConnections: 3 } };
    const mesh = new ThriftMesh({ clusters: { v1: services }, routes, plugin });
    const clients = Array.from({ length: 5 }, () => mesh.connect());
    for (const client of clients) client.call("hello");
    mesh.run();
    const owner = services.find(({ requests }) => requests.length > 0);
    for (let answered = 0; answered < 5; answered++) {
      owner?.requests[answered]?.reply("done");
      mesh.run();
    }
    expect(owner?.requests).toHaveLength(5);
    expect(clients.flatMap(({ answers }) => answers)).toEqual(Array(5).fill("done"));
  });

  it("goes to the next in rank when its endpoint is gone, also one that waits", () => {
    const services = heldServices(3);
    const mesh = new ThriftMesh({ clusters: { v1: services }, routes });
    mesh.connect().call("first");
    mesh.run();
    const owner = services.find(({ requests }) => requests.length > 0);
    if (owner === undefined) throw new Error("nobody got it");
    owner.server.accept = "refuse";
    const client = mesh.connect();
    client.call("second");
    mesh.run();
    expect(client.answers).toEqual([]);
    for (const service of services) service.answers = service !== owner;
    for (const connection of owner.server.openConnections) connection.reset();
    mesh.host.advance(3000);
    expect(client.answers).toHaveLength(1);
    expect(client.answers[0]).toMatch(/^s\d$/);
  });

  it("does not make Envoy dial without end for an endpoint that it chooses no more", () => {
    const services = heldServices(3);
    let isLeftOut = false;
    let dials = 0;
    const lb: Balancer = (healthy) => {
      dials++;
      const able = isLeftOut ? healthy.filter(({ address }) => address !== owned) : healthy;
      return able[dials % able.length];
    };
    let owned = "";
    const endpoints = services.map(({ server }) => server);
    const host = { clusters: { v1: { endpoints, lb } } };
    const mesh = new ThriftMesh({ clusters: { v1: services }, routes, host });
    mesh.connect().call("first");
    mesh.run();
    const owner = services.find(({ requests }) => requests.length > 0);
    owned = owner?.server.address ?? "";
    isLeftOut = true;
    const before = dials;
    const client = mesh.connect();
    client.call("second");
    mesh.host.advance(10_000);
    expect(dials - before).toBeGreaterThan(8);
    expect(dials - before).toBeLessThan(120);
    owner?.requests[0]?.reply("done");
    mesh.run();
    expect(owner?.called("second")).toHaveLength(1);
  });

  it("holds up no other call", () => {
    const services = heldServices(3);
    const mesh = new ThriftMesh({
      clusters: { v1: services },
      routes: [
        {
          match: [{ name: "method", exact: "keyed" }],
          destinations: [{ cluster: "v1" }],
          hashPolicy: { sourceAddress: true },
        },
        { destinations: [{ cluster: "v1" }] },
      ],
      plugin: { limits: { maxConnections: 3 } },
    });
    const keyed = Array.from({ length: 3 }, () => mesh.connect());
    for (const client of keyed) client.call("keyed");
    mesh.run();
    const free = [mesh.connect(), mesh.connect()];
    for (const client of free) client.call("free");
    mesh.run();
    expect(services.flatMap((service) => service.called("free"))).toHaveLength(2);
    expect(services.flatMap((service) => service.called("keyed"))).toHaveLength(1);
  });
});

describe("a timeout", () => {
  it("closes the connection of the call, whose late answer nobody can tell from the next one", () => {
    const service = held();
    const mesh = new ThriftMesh({ clusters: { v1: [service] }, plugin: { defaultTimeout: "1s" } });
    const client = mesh.connect();
    client.call("slow");
    mesh.run();
    const connection = service.requests[0]?.connection;
    mesh.host.advance(1100);
    expect(client.answers).toEqual([
      "exception 6: metaproto: no response within 1000 ms from cluster v1",
    ]);
    expect(connection?.ended).toBe(true);
    service.answers = true;
    client.call("next");
    mesh.run();
    expect(client.answers[1]).toBe("v1");
    expect(service.called("next")[0]?.connection).not.toBe(connection);
  });

  it("makes room for a call that waits, at once", () => {
    const service = held();
    const mesh = new ThriftMesh({
      clusters: { v1: [service] },
      routes: [
        {
          match: [{ name: "method", exact: "slow" }],
          destinations: [{ cluster: "v1" }],
          timeout: "0.5s",
        },
        { destinations: [{ cluster: "v1" }], timeout: "10s" },
      ],
      plugin: { limits: { maxConnections: 2 } },
    });
    const [slow, busy, waiting] = [mesh.connect(), mesh.connect(), mesh.connect()];
    slow.call("slow");
    busy.call("busy");
    mesh.run();
    waiting.call("waiting");
    mesh.host.advance(540);
    expect(slow.answers).toHaveLength(1);
    expect(service.called("waiting")).toHaveLength(1);
  });
});

describe("a client that goes away", () => {
  it("during its call leaves a connection that is used again once the server has answered", () => {
    const service = held();
    const mesh = new ThriftMesh({ clusters: { v1: [service] } });
    const leaving = mesh.connect();
    leaving.call("first");
    mesh.run();
    leaving.socket.reset();
    mesh.run();
    const staying = mesh.connect();
    staying.call("second");
    mesh.run();
    // The server has not answered the first call yet: the second must not share its connection.
    expect(service.requests.map((request) => request.message.name)).toEqual(["first", "second"]);
    expect(service.peakOutstanding).toBe(1);
    for (const request of service.requests) request.reply(request.message.name);
    mesh.run();
    expect(staying.answers).toEqual(["second"]);
    service.answers = true;
    for (let i = 0; i < 10; i++) {
      staying.call("again");
      mesh.run();
    }
    expect(service.server.connections).toHaveLength(2);
  });

  it("while its call waits for a connection takes the call with it", () => {
    const service = held();
    const mesh = new ThriftMesh({
      clusters: { v1: [service] },
      plugin: { limits: { maxConnections: 1 } },
    });
    const busy = mesh.connect();
    const leaving = mesh.connect();
    const staying = mesh.connect();
    busy.call("busy");
    mesh.run();
    leaving.call("leaving");
    staying.call("staying");
    mesh.run();
    leaving.socket.close();
    mesh.run();
    service.requests[0]?.reply("done");
    mesh.run();
    expect(service.requests.map((request) => request.message.name)).toEqual(["busy", "staying"]);
  });

  it("in the middle of a message leaves nothing behind", () => {
    const service = new Service("v1");
    const mesh = new ThriftMesh({ clusters: { v1: [service] } });
    const leaving = mesh.connect();
    leaving.socket.send(callFrame(FRAMED, "half").subarray(0, 20));
    mesh.run();
    leaving.socket.reset();
    const staying = mesh.connect();
    staying.call("whole");
    mesh.run();
    expect(staying.answers).toEqual(["v1"]);
    expect(service.requests).toHaveLength(1);
  });
});

describe("a server", () => {
  it("that closes with a call outstanding ends that call, and no other", () => {
    const service = held();
    const mesh = new ThriftMesh({ clusters: { v1: [service] } });
    const clients = [mesh.connect(), mesh.connect()];
    for (const client of clients) client.call("hello");
    mesh.run();
    service.requests[0]?.connection.reset();
    service.requests[1]?.reply("fine");
    mesh.run();
    expect(clients.map((client) => client.answers)).toEqual([
      ["exception 6: metaproto: the connection ended before the response, cluster v1"],
      ["fine"],
    ]);
  });

  it("that answers what nobody asked loses its connection, and no call is mixed up", () => {
    const service = new Service("v1");
    const mesh = new ThriftMesh({ clusters: { v1: [service] } });
    const client = mesh.connect();
    client.call("hello");
    mesh.run();
    const connection = service.server.openConnections[0];
    connection?.write(replyFrame(FRAMED, { name: "hello", seqid: 0, value: "unasked" }));
    mesh.run();
    expect(connection?.ended).toBe(true);
    client.call("hello");
    mesh.run();
    expect(client.answers).toEqual(["v1", "v1"]);
  });

  it("whose exception is an answer like any other", () => {
    const service = held();
    const mesh = new ThriftMesh({ clusters: { v1: [service] } });
    const client = mesh.connect();
    client.call("hello", { seqid: 7 });
    mesh.run();
    const body = Buffer.from([0]);
    const type = MessageType.Exception;
    service.requests[0]?.connection.write(
      thriftFrame(FRAMED, { type, name: "hello", seqid: 7, body }),
    );
    mesh.run();
    expect(client.replies[0]).toMatchObject({ type, seqid: 7 });
  });
});
