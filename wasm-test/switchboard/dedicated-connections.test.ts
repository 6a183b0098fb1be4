// Upstream connections that are one client's alone: all of them (connectionMode DEDICATED), or those of
// clients that ask for something which changes what their connection is.
import { describe, expect, it } from "vitest";
import type { MeshOptions } from "./mesh.js";
import {
  encode,
  OWN,
  SessionsMesh,
  SessionsServer,
  told,
  UNANSWERABLE,
  UNTIMED,
} from "./sessions-fixture.js";

const DEDICATED = { connectionMode: "DEDICATED" };
const RESET = "A metaproto: the connection ended before the response, cluster v1";

function quiet(name = "v1"): SessionsServer {
  const server = new SessionsServer(name);
  server.answers = false;
  return server;
}

function inOrder(servers: readonly SessionsServer[], options: Partial<MeshOptions> = {}) {
  return new SessionsMesh(false, { clusters: { v1: servers }, ...options });
}

function push(text: string) {
  return { kind: "P", id: 0, text, flags: 0 } as const;
}

describe.each([
  { matched: "in order", isById: false },
  { matched: "by id", isById: true },
])("DEDICATED, matched $matched", ({ isById }) => {
  function meshOf(server: SessionsServer, options: Partial<MeshOptions> = {}): SessionsMesh {
    const plugin = { ...DEDICATED, ...options.plugin };
    return new SessionsMesh(isById, { clusters: { v1: [server] }, ...options, plugin });
  }

  it("gives each client a connection of its own, for as long as it stays", () => {
    const server = new SessionsServer("v1");
    const mesh = meshOf(server);
    const [a, b] = [mesh.connect(), mesh.connect()];
    for (let i = 0; i < 3; i++) {
      a.ask(`a${String(i)}`, 0, i);
      b.ask(`b${String(i)}`, 0, i);
      mesh.run();
    }
    expect(told(a.received)).toEqual(["A v1: a0", "A v1: a1", "A v1: a2"]);
    expect(a.received.map(({ id }) => id)).toEqual([0, 1, 2]);
    const used = (name: string) =>
      new Set(
        server.received.filter(({ text }) => text.startsWith(name)).map((it) => it.connection),
      );
    expect(used("a").size).toBe(1);
    expect(used("b").size).toBe(1);
    expect([...used("a")][0]).not.toBe([...used("b")][0]);
    mesh.host.advance(400_000);
    expect(server.server.openConnections).toHaveLength(2);
    a.socket.close();
    mesh.host.advance(1_000);
    expect([...used("a")][0]?.isOpen).toBe(false);
    expect([...used("b")][0]?.isOpen).toBe(true);
  });

  it("passes on what servers and clients send of their own accord, before, among and after answers", () => {
    const server = quiet();
    const mesh = meshOf(server);
    const client = mesh.connect();
    client.ask("one", 0, 1);
    client.ask("two", 0, 2);
    client.send(push("from the client"));
    mesh.run();
    const [one, two] = [server.frame("one"), server.frame("two")];
    server.reply(one, "P", "before");
    server.reply(one, "A", "first");
    server.reply(one, "P", "between");
    server.reply(two, "A", "second");
    server.reply(two, "G", "going");
    mesh.run();
    expect(told(client.received)).toEqual([
      "P before",
      "A first",
      "P between",
      "A second",
      "G going",
    ]);
    expect(told(server.received)).toEqual(["Q one", "Q two", "P from the client"]);
    expect(mesh.stat("upstream_push")).toBe(3);
  });

  it("closes the client after its answers when the server goes", () => {
    const server = quiet();
    const mesh = meshOf(server);
    const client = mesh.connect();
    client.ask("one", 0, 1);
    client.ask("two", 0, 2);
    mesh.run();
    server.reply(server.frame("one"), "A", "answered");
    server.frame("one").connection.close();
    mesh.run();
    mesh.host.advance(100);
    expect(told(client.received)).toEqual(["A answered", RESET]);
    expect(client.socket.closed).toBe(true);
  });

  it("closes an idle client when the server goes", () => {
    const server = new SessionsServer("v1");
    const mesh = meshOf(server);
    const client = mesh.connect();
    client.ask("one", 0, 1);
    mesh.run();
    server.frame("one").connection.close();
    mesh.run();
    mesh.host.advance(100);
    expect(client.socket.closed).toBe(true);
  });

  it("lets the last frame of a client out that closes behind it", () => {
    const server = quiet();
    const mesh = meshOf(server);
    const client = mesh.connect();
    client.ask("one", 0, 1);
    mesh.run();
    client.send({ kind: "O", id: 0, text: "bye", flags: 0 });
    client.socket.close();
    mesh.host.advance(1_000);
    expect(told(server.received)).toEqual(["Q one", "O bye"]);
    expect(server.frame("one").connection.isOpen).toBe(false);
  });

  it("keeps the order of what a client sends while its connection is dialled", () => {
    const server = quiet();
    server.server.acceptDelayMs = 100;
    const mesh = meshOf(server);
    const client = mesh.connect();
    client.send(
      { kind: "Q", id: 1, text: "one", flags: 0 },
      { kind: "O", id: 2, text: "two", flags: 0 },
      push("three"),
      { kind: "Q", id: 4, text: "four", flags: 0 },
    );
    mesh.host.advance(300);
    expect(told(server.received)).toEqual(["Q one", "O two", "P three", "Q four"]);
    expect(server.server.connections).toHaveLength(1);
  });

  it("refuses a client that no server can be found for, and the next one is served when there is one", () => {
    const server = new SessionsServer("v1");
    server.server.accept = "refuse";
    const mesh = meshOf(server);
    const first = mesh.connect();
    first.ask("one", 0, 1);
    mesh.host.advance(100);
    expect(told(first.received)).toEqual([
      expect.stringMatching(/^A metaproto: .* cluster v1$/) as string,
    ]);
    server.server.accept = "accept";
    first.ask("again", 0, 2);
    mesh.host.advance(100);
    expect(told(first.received).at(-1)).toBe("A v1: again");
  });

  it("dials no connection that no client has asked for", () => {
    const servers = [new SessionsServer("a"), new SessionsServer("b"), new SessionsServer("c")];
    const mesh = new SessionsMesh(isById, { clusters: { v1: servers }, plugin: DEDICATED });
    const client = mesh.connect();
    client.ask("one", 0, 1);
    mesh.host.advance(60_000);
    expect(servers.flatMap(({ server }) => server.connections)).toHaveLength(1);
  });

  it("judges each request by the routes, and keeps the server", () => {
    const [v1, v2] = [new SessionsServer("v1"), new SessionsServer("v2")];
    const mesh = new SessionsMesh(isById, {
      clusters: { v1: [v1], v2: [v2] },
      routes: [
        { match: [{ name: "text", exact: "two" }], destinations: [{ cluster: "v2" }] },
        { match: [{ name: "text", prefix: "t" }], destinations: [{ cluster: "v1" }] },
      ],
      plugin: DEDICATED,
    });
    const client = mesh.connect();
    for (const [id, text] of ["ten", "two", "nothing", "three"].entries()) {
      client.ask(text, 0, id);
      mesh.run();
    }
    expect(told(client.received)).toEqual([
      "A v1: ten",
      "A v1: two",
      "A metaproto: no route of demo_20880 matches this request",
      "A v1: three",
    ]);
  });
});

describe("answers in order, of the server and of ours", () => {
  const routes = [
    { match: [{ name: "text", prefix: "r" }], destinations: [{ cluster: "v1" }] },
  ] as const;
  const NO_ROUTE = "A metaproto: no route of demo_20880 matches this request";

  it("a push stays behind the answers that the server has sent before it", () => {
    const server = quiet();
    const mesh = inOrder([server], { routes, plugin: DEDICATED });
    const client = mesh.connect();
    for (const text of ["r1", "nothing", "r2"]) client.ask(text);
    mesh.run();
    const answers = (["A", "A", "P"] as const).map((kind, index) =>
      encode({ kind, id: 0, text: ["first", "second", "pushed"][index] ?? "", flags: 0 }),
    );
    server.frame("r1").connection.write(Buffer.concat(answers));
    mesh.run();
    mesh.host.advance(10);
    expect(told(client.received)).toEqual(["A first", NO_ROUTE, "A second", "P pushed"]);
  });

  it("closes a client to whose request the protocol has no error", () => {
    const mesh = inOrder([quiet()], { routes, plugin: DEDICATED });
    const client = mesh.connect();
    client.ask("nothing", UNANSWERABLE);
    mesh.run();
    mesh.host.advance(10);
    expect(told(client.received)).toEqual([]);
    expect(client.socket.closed).toBe(true);
  });

  it("and not before it has its earlier answers", () => {
    const server = quiet();
    const mesh = inOrder([server], { routes, plugin: DEDICATED });
    const client = mesh.connect();
    client.ask("r1");
    client.ask("nothing", UNANSWERABLE);
    client.ask("r2");
    mesh.run();
    mesh.host.advance(10);
    expect(client.socket.closed).toBe(false);
    server.reply(server.frame("r1"), "A", "first");
    mesh.run();
    mesh.host.advance(10);
    expect(told(client.received)).toEqual(["A first"]);
    expect(client.socket.closed).toBe(true);
  });
});

describe("a request that needs a connection of its own", () => {
  it("takes its client to one, behind the answers that are missing, and leaves the others alone", () => {
    const server = quiet();
    const mesh = inOrder([server], { plugin: { limits: { maxConnections: 2 } } });
    const [client, other] = [mesh.connect(), mesh.connect()];
    client.ask("before");
    other.ask("other 1");
    mesh.run();
    client.ask("begin", OWN);
    client.ask("inside");
    mesh.run();
    expect(told(server.received)).toEqual(["Q before", "Q other 1"]);
    server.reply(server.frame("before"), "A", "1");
    mesh.run();
    mesh.host.advance(50);
    other.ask("other 2");
    mesh.run();
    const [begin, inside] = [server.frame("begin"), server.frame("inside")];
    expect(inside.connection).toBe(begin.connection);
    expect(server.frame("other 1").connection).toBe(server.frame("other 2").connection);
    expect(begin.connection).not.toBe(server.frame("other 1").connection);
    server.reply(begin, "A", "2");
    server.reply(begin, "P", "pushed");
    server.reply(begin, "A", "3");
    server.reply(server.frame("other 1"), "A", "4");
    server.reply(server.frame("other 1"), "A", "5");
    mesh.run();
    expect(told(client.received)).toEqual(["A 1", "A 2", "P pushed", "A 3"]);
    expect(told(other.received)).toEqual(["A 4", "A 5"]);
  });

  it("gives the connection up with its client: nobody else gets it", () => {
    const server = new SessionsServer("v1");
    const mesh = inOrder([server]);
    const client = mesh.connect();
    client.ask("begin", OWN);
    mesh.run();
    client.socket.reset();
    mesh.host.advance(100);
    const second = mesh.connect();
    second.ask("plain");
    mesh.run();
    expect(server.frame("begin").connection.isOpen).toBe(false);
    expect(told(second.received)).toEqual(["A v1: plain"]);
  });

  it("waits for a connection without holding up those that need none of their own", () => {
    const server = new SessionsServer("v1");
    const mesh = inOrder([server], { plugin: { limits: { maxConnections: 1 } } });
    const [plain, own] = [mesh.connect(), mesh.connect()];
    server.answers = false;
    plain.ask("busy");
    mesh.run();
    own.ask("begin", OWN);
    mesh.run();
    plain.ask("more");
    mesh.run();
    expect(told(server.received)).toEqual(["Q busy", "Q more"]);
    server.reply(server.frame("busy"), "A", "1");
    server.reply(server.frame("more"), "A", "2");
    mesh.run();
    // The only connection is idle now.
    expect(told(server.received).at(-1)).toBe("Q begin");
  });

  it("is not copied to mirrors, and neither is what follows", () => {
    const [server, mirror] = [new SessionsServer("v1"), new SessionsServer("m")];
    const mirrors = [{ cluster: "m", perMillion: 1_000_000 }];
    const mesh = inOrder([server], {
      clusters: { v1: [server], m: [mirror] },
      routes: [{ destinations: [{ cluster: "v1" }], mirrors }],
    });
    const client = mesh.connect();
    client.ask("plain");
    mesh.run();
    client.ask("begin", OWN);
    client.ask("inside");
    mesh.host.advance(50);
    expect(told(mirror.received)).toEqual(["Q plain"]);
    expect(told(client.received)).toHaveLength(3);
  });
});

describe("what answers nothing", () => {
  it("is dropped where the connection is not one client's: a push, of either side", () => {
    const server = new SessionsServer("v1");
    const mesh = inOrder([server]);
    const client = mesh.connect();
    client.ask("one");
    client.send(push("up"));
    mesh.run();
    server.reply(server.frame("one"), "P", "down");
    client.ask("two");
    mesh.run();
    expect(told(client.received)).toEqual(["A v1: one", "A v1: two"]);
    expect(told(server.received)).toEqual(["Q one", "Q two"]);
    expect(mesh.stat("downstream_push_dropped")).toBe(1);
  });
});

it("an untimed request waits as long as it takes, unless its route says how long", () => {
  const server = quiet();
  const routes = [
    {
      match: [{ name: "text", exact: "bounded" }],
      destinations: [{ cluster: "v1" }],
      timeout: "2s",
    },
    { destinations: [{ cluster: "v1" }] },
  ];
  const mesh = new SessionsMesh(true, { clusters: { v1: [server] }, routes });
  const client = mesh.connect();
  client.ask("bounded", UNTIMED, 1);
  client.ask("free", UNTIMED, 2);
  mesh.host.advance(100_000);
  expect(told(client.received)).toEqual([
    "A metaproto: no response within 2000 ms from cluster v1",
  ]);
  server.reply(server.frame("free"), "A", "at last");
  mesh.run();
  expect(told(client.received).at(-1)).toBe("A at last");
});

it("leaves no memory and no connection behind", () => {
  const server = new SessionsServer("v1");
  const mesh = inOrder([server]);
  const round = (): void => {
    const clients = Array.from({ length: 20 }, () => mesh.connect());
    for (const client of clients) client.ask("begin", OWN);
    mesh.host.advance(20);
    for (const client of clients) client.ask("inside");
    mesh.run();
    for (const [index, client] of clients.entries()) {
      if (index % 2 === 0) client.socket.reset();
      else client.socket.close();
    }
    mesh.host.advance(100);
    server.received.length = 0;
  };
  for (let i = 0; i < 5; i++) round();
  const before = mesh.stat("memory_bytes");
  for (let i = 0; i < 20; i++) round();
  expect(mesh.stat("memory_bytes")).toBe(before);
  expect(mesh.stat("upstream_cx_active")).toBeLessThanOrEqual(2);
});
