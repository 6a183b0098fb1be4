// The example protocol through the whole engine, and with it the connection mode IN_ORDER: many requests in
// flight on one upstream connection, answered strictly in order.
import { describe, expect, it } from "vitest";
import { LineClient, LineMesh, LineServer } from "./line-fixture.js";
import type { MeshOptions } from "./mesh.js";

const RESET = "ERR metaproto: the connection ended before the response, cluster v1";
/** One upstream connection to one server: every order is seen. */
const ONE_CONNECTION = { limits: { maxConnections: 1 } };

function held(name = "v1"): LineServer {
  const server = new LineServer(name);
  server.answers = false;
  return server;
}

function meshOf(server: LineServer, options: Partial<MeshOptions> = {}): LineMesh {
  return new LineMesh({ clusters: { v1: [server] }, ...options });
}

function lines(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `GET ${prefix}${String(index)}`);
}

describe("a client", () => {
  it("gets the answer to its line, and the server the line as it was", () => {
    const server = new LineServer("v1");
    const mesh = meshOf(server);
    const client = mesh.connect();
    client.send("PUT user:1 some value");
    mesh.run();
    expect(client.answers).toEqual(["v1: PUT user:1 some value"]);
    expect(server.texts).toEqual(["PUT user:1 some value"]);
    expect(mesh.host.warnings).toEqual([]);
  });

  it("that pipelines has all its lines in flight on one upstream connection, answered in order", () => {
    const server = held();
    const mesh = meshOf(server, { plugin: ONE_CONNECTION });
    const client = mesh.connect();
    client.send(...lines("k", 200));
    mesh.run();
    expect(server.texts).toEqual(lines("k", 200));
    expect(server.server.connections).toHaveLength(1);
    server.answer();
    mesh.run();
    expect(client.answers).toEqual(lines("k", 200).map((line) => `v1: ${line}`));
  });

  it("shares an upstream connection with others, and gets its own answers only", () => {
    const server = held();
    const mesh = meshOf(server, { plugin: ONE_CONNECTION });
    const clients = ["a", "b", "c"].map((name) => ({ name, client: mesh.connect() }));
    for (let round = 0; round < 20; round++) {
      for (const { name, client } of clients) client.send(`GET ${name}${String(round)}`);
      mesh.run();
      if (round % 3 === 0) server.answer(4);
    }
    server.answer();
    mesh.run();
    expect(server.server.connections).toHaveLength(1);
    for (const { name, client } of clients) {
      expect(client.answers).toEqual(lines(name, 20).map((line) => `v1: ${line}`));
    }
  });

  it("gets answers in order when different servers answer in another", () => {
    const [slow, fast] = [held("slow"), new LineServer("fast")];
    const mesh = new LineMesh({
      clusters: { slow: [slow], fast: [fast] },
      routes: [
        { match: [{ name: "verb", exact: "SLOW" }], destinations: [{ cluster: "slow" }] },
        { destinations: [{ cluster: "fast" }] },
      ],
    });
    const client = mesh.connect();
    client.send("GET 1", "SLOW 2", "GET 3", "GET 4");
    mesh.run();
    expect(fast.texts).toEqual(["GET 1", "GET 3", "GET 4"]);
    expect(client.answers).toEqual(["fast: GET 1"]);
    slow.answer();
    mesh.run();
    expect(client.answers).toEqual(["fast: GET 1", "slow: SLOW 2", "fast: GET 3", "fast: GET 4"]);
  });

  it.each([1, 2, 7, 64])("is served when all bytes come in pieces of %i", (size) => {
    const server = new LineServer("v1");
    const mesh = meshOf(server, { host: { chunking: { sizes: [size] } } });
    const client = mesh.connect();
    client.send(...lines("k", 30));
    mesh.run();
    expect(client.answers).toEqual(lines("k", 30).map((line) => `v1: ${line}`));
  });

  it("that leaves with lines in flight takes nobody's answer with it", () => {
    const server = held();
    const mesh = meshOf(server, { plugin: ONE_CONNECTION });
    const [leaving, staying] = [mesh.connect(), mesh.connect()];
    leaving.send("GET gone1", "GET gone2");
    staying.send("GET here");
    mesh.run();
    leaving.socket.reset();
    mesh.run();
    server.answer();
    mesh.run();
    expect(staying.answers).toEqual(["v1: GET here"]);
    expect(server.server.openConnections).toHaveLength(1);
    expect(mesh.stat("upstream_rq_late")).toBe(2);
  });
});

describe("routes", () => {
  it("match on the verb and on the key", () => {
    const [v1, v2] = [new LineServer("v1"), new LineServer("v2")];
    const mesh = new LineMesh({
      clusters: { v1: [v1], v2: [v2] },
      routes: [
        { match: [{ name: "key", prefix: "user:" }], destinations: [{ cluster: "v2" }] },
        { match: [{ name: "verb", exact: "GET" }], destinations: [{ cluster: "v1" }] },
      ],
    });
    const client = mesh.connect();
    client.send("GET order:1", "GET user:1", "PUT user:2 x");
    mesh.run();
    expect(client.answers).toEqual(["v1: GET order:1", "v2: GET user:1", "v2: PUT user:2 x"]);
  });

  it("that match nothing are told to the client, in its turn", () => {
    const server = held();
    const mesh = meshOf(server, {
      routes: [{ match: [{ name: "verb", exact: "GET" }], destinations: [{ cluster: "v1" }] }],
    });
    const client = mesh.connect();
    client.send("GET 1", "DROP 2", "GET 3");
    mesh.run();
    expect(server.texts).toEqual(["GET 1", "GET 3"]);
    expect(client.answers).toEqual([]);
    server.answer();
    mesh.run();
    expect(client.answers).toEqual([
      "v1: GET 1",
      "ERR metaproto: no route of demo_20880 matches this request",
      "v1: GET 3",
    ]);
    expect(mesh.stat("local_reply_nr")).toBe(1);
  });

  it("cannot change a line: the mutation is skipped, and counted", () => {
    const server = new LineServer("v1");
    const mesh = meshOf(server, {
      routes: [
        {
          destinations: [{ cluster: "v1" }],
          requestMutation: [{ key: "tenant", value: "a" }],
        },
      ],
    });
    const client = mesh.connect();
    client.send("GET 1");
    mesh.run();
    expect(client.answers).toEqual(["v1: GET 1"]);
    expect(mesh.stat("mutation_skipped")).toBe(1);
  });
});

describe("a server", () => {
  it("that closes in the middle of a pipeline: each line that is unanswered gets one error, in order", () => {
    const server = held();
    const mesh = meshOf(server, { plugin: ONE_CONNECTION });
    const client = mesh.connect();
    client.send(...lines("k", 5));
    mesh.run();
    server.answer(2);
    mesh.run();
    server.requests[0]?.connection.reset();
    mesh.run();
    expect(client.answers).toEqual(["v1: GET k0", "v1: GET k1", RESET, RESET, RESET]);
    expect(client.socket.closed).toBe(false);
    // The client goes on, on a new upstream connection.
    server.answers = true;
    client.send("GET again");
    mesh.run();
    expect(client.answers.at(-1)).toBe("v1: GET again");
    expect(server.server.connections).toHaveLength(2);
  });

  it("that closes right behind an answer: the answer counts", () => {
    const server = held();
    const mesh = meshOf(server, { plugin: ONE_CONNECTION });
    const client = mesh.connect();
    client.send("GET 1", "GET 2");
    mesh.run();
    server.answer(1);
    server.requests[0]?.connection.close();
    mesh.run();
    expect(client.answers).toEqual(["v1: GET 1", RESET]);
  });

  it("that says more than it was asked loses its connection: nothing after it could be trusted", () => {
    const server = new LineServer("v1");
    const mesh = meshOf(server);
    const client = mesh.connect();
    client.send("GET 1");
    mesh.run();
    const [connection] = server.server.openConnections;
    connection?.write(Buffer.from("unasked\n"));
    mesh.run();
    expect(connection?.ended).toBe(true);
    expect(mesh.stat("upstream_rq_unmatched")).toBe(1);
    client.send("GET 2");
    mesh.run();
    expect(client.answers).toEqual(["v1: GET 1", "v1: GET 2"]);
  });

  it("that answers too late costs its connection, with all that waits behind the late answer", () => {
    const server = held();
    const mesh = meshOf(server, {
      plugin: { ...ONE_CONNECTION, defaultTimeout: "1s" },
    });
    const [early, late] = [mesh.connect(), mesh.connect()];
    early.send("GET 1");
    mesh.run();
    mesh.host.advance(500);
    late.send("GET 2");
    mesh.host.advance(600);
    expect(early.answers).toEqual(["ERR metaproto: no response within 1000 ms from cluster v1"]);
    expect(late.answers).toEqual([RESET]);
    expect(server.requests[0]?.connection.ended).toBe(true);
  });

  it("whose error is an answer like any other", () => {
    const server = held();
    const mesh = meshOf(server);
    const client = mesh.connect();
    client.send("GET 1");
    mesh.run();
    server.requests[0]?.connection.write(Buffer.from("ERR no such key\n"));
    mesh.run();
    expect(client.answers).toEqual(["ERR no such key"]);
  });
});

it("cannot be matched by id, which it has not: a configuration that says so is refused", () => {
  expect(() => meshOf(new LineServer("v1"), { plugin: { connectionMode: "SHARED" } })).toThrow(
    "Envoy rejects the plugin",
  );
  expect(() =>
    meshOf(new LineServer("v1"), { plugin: { connectionMode: "EXCLUSIVE" } }),
  ).not.toThrow();
});

describe("bounds", () => {
  it("a client with as many lines in flight as allowed is read no further until one is answered", () => {
    const server = held();
    const mesh = meshOf(server, {
      plugin: { limits: { maxConnections: 1, maxRequestsPerDownstreamConnection: 3 } },
    });
    const client = mesh.connect();
    client.send(...lines("k", 8));
    mesh.run();
    expect(server.texts).toEqual(lines("k", 3));
    server.answer(1);
    mesh.run();
    expect(server.texts).toEqual(lines("k", 4));
    server.answers = true;
    server.answer();
    mesh.run();
    expect(client.answers).toEqual(lines("k", 8).map((line) => `v1: ${line}`));
  });

  it("a line that is too long is answered, and its connection closed", () => {
    const server = new LineServer("v1");
    const mesh = meshOf(server, { plugin: { limits: { maxFrameBytes: 64 } } });
    const client = mesh.connect();
    client.send(`GET ${"x".repeat(100)}`);
    mesh.run();
    expect(client.answers).toEqual(["ERR metaproto: the request is malformed or too large"]);
    mesh.host.advance(1_100);
    expect(client.socket.closed).toBe(true);
    expect(server.requests).toEqual([]);
    expect(mesh.stat("downstream_decode_error")).toBe(1);
  });

  it("a client that speaks something else is answered, and its connection closed", () => {
    const mesh = meshOf(new LineServer("v1"));
    const client = new LineClient(mesh.connectSocket());
    client.socket.send(Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00));
    mesh.run();
    expect(client.answers).toEqual(["ERR metaproto: the request is malformed or too large"]);
    mesh.host.advance(1_100);
    expect(client.socket.closed).toBe(true);
  });
});
