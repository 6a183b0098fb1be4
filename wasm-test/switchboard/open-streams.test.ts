// Requests that open a stream of further frames: wasm-test/units/sessions-codec.ts, matched by id.
import { describe, expect, it } from "vitest";
import type { MeshOptions } from "./mesh.js";
import {
  ERROR,
  HALF,
  OPENS,
  SessionsMesh,
  SessionsServer,
  told,
  WHOLE,
  type SessionsClient,
} from "./sessions-fixture.js";

const ONE_CONNECTION = { limits: { maxConnections: 1 } };

function quiet(name = "v1"): SessionsServer {
  const server = new SessionsServer(name);
  server.answers = false;
  return server;
}

function meshOf(server: SessionsServer, options: Partial<MeshOptions> = {}): SessionsMesh {
  return new SessionsMesh(true, { clusters: { v1: [server] }, ...options });
}

/** A stream `id` that the server has taken. */
function openStream(mesh: SessionsMesh, server: SessionsServer, id = 7): SessionsClient {
  const client = mesh.connect();
  client.ask("open", OPENS, id);
  mesh.run();
  server.reply(server.frame("open"), "A", "taken");
  mesh.run();
  return client;
}

function frameOf(id: number, text: string, flags = 0) {
  return { kind: "S", id, text, flags } as const;
}

describe("a stream", () => {
  it("carries frames both ways under the client's id, on one connection to one server", () => {
    const [one, other] = [quiet("one"), quiet("other")];
    const mesh = new SessionsMesh(true, { clusters: { v1: [one, other] } });
    const client = mesh.connect();
    client.ask("open", OPENS, 7);
    mesh.run();
    const server = one.received.length > 0 ? one : other;
    const opening = server.frame("open");
    server.reply(opening, "A", "taken");
    client.send(frameOf(7, "up 1"), frameOf(7, "up 2"));
    mesh.run();
    server.reply(opening, "S", "down 1");
    server.reply(opening, "S", "down 2");
    mesh.run();
    expect(told(server.received)).toEqual(["Q open", "S up 1", "S up 2"]);
    expect(new Set(server.received.map(({ id }) => id))).toEqual(new Set([opening.id]));
    expect(told(client.received)).toEqual(["A taken", "S down 1", "S down 2"]);
    expect(new Set(client.received.map(({ id }) => id))).toEqual(new Set([7]));
  });

  it("is over when both sides are done, whichever is first", () => {
    for (const isClientFirst of [true, false]) {
      const server = quiet();
      const mesh = meshOf(server);
      const client = openStream(mesh, server);
      const ends = [
        () => {
          client.send(frameOf(7, "client done", HALF));
        },
        () => {
          server.reply(server.frame("open"), "S", "server done", HALF);
        },
      ];
      for (const end of isClientFirst ? ends : ends.reverse()) {
        expect(mesh.stat("downstream_rq_active")).toBe(1);
        end();
        mesh.run();
      }
      expect(mesh.stat("downstream_rq_active")).toBe(0);
      expect(told(client.received)).toEqual(["A taken", "S server done"]);
      // A late frame is nobody's, and harms nothing.
      client.send(frameOf(7, "late"));
      server.reply(server.frame("open"), "S", "late");
      mesh.run();
      expect(told(client.received)).toHaveLength(2);
      expect(mesh.stat("downstream_stream_unmatched")).toBe(1);
      expect(mesh.stat("upstream_rq_unmatched")).toBe(1);
      expect(client.socket.closed).toBe(false);
    }
  });

  it("is over when the server says so, with its first answer or later", () => {
    const server = quiet();
    const mesh = meshOf(server);
    const client = mesh.connect();
    client.ask("refused", OPENS, 1);
    client.ask("taken", OPENS, 2);
    mesh.run();
    server.reply(server.frame("refused"), "A", "no", WHOLE | ERROR);
    server.reply(server.frame("taken"), "A", "yes");
    server.reply(server.frame("taken"), "S", "bye", WHOLE);
    mesh.run();
    expect(told(client.received)).toEqual(["A no", "A yes", "S bye"]);
    expect(mesh.stat("downstream_rq_active")).toBe(0);
    expect(server.server.openConnections).toHaveLength(1);
  });

  it("shares a connection with requests and other streams, of other clients too, with the same ids", () => {
    const server = quiet();
    const mesh = meshOf(server, { plugin: ONE_CONNECTION });
    const clients = ["a", "b", "c"].map((name) => ({ name, client: mesh.connect() }));
    for (const { name, client } of clients) {
      client.ask(`open ${name}`, OPENS, 1);
      client.ask(`plain ${name}`, 0, 2);
    }
    mesh.run();
    for (const { name } of clients) {
      server.reply(server.frame(`open ${name}`), "A", `taken ${name}`);
      server.reply(server.frame(`plain ${name}`), "A", `answer ${name}`);
    }
    for (const { name, client } of clients) client.send(frameOf(1, `up ${name}`));
    mesh.run();
    for (const { name } of clients) {
      expect(server.frame(`up ${name}`).id).toBe(server.frame(`open ${name}`).id);
      server.reply(server.frame(`open ${name}`), "S", `down ${name}`);
    }
    mesh.run();
    expect(server.server.connections).toHaveLength(1);
    for (const { name, client } of clients) {
      expect(told(client.received)).toEqual([
        `A taken ${name}`,
        `A answer ${name}`,
        `S down ${name}`,
      ]);
    }
  });

  it("keeps its frames behind the request that opens it, while that waits for a connection", () => {
    const server = quiet();
    server.server.acceptDelayMs = 200;
    const mesh = meshOf(server);
    const client = mesh.connect();
    client.send(
      { kind: "Q", id: 7, text: "open", flags: OPENS },
      frameOf(7, "up 1"),
      frameOf(7, "up 2", HALF),
    );
    mesh.run();
    expect(server.received).toEqual([]);
    mesh.host.advance(400);
    expect(told(server.received)).toEqual(["Q open", "S up 1", "S up 2"]);
  });

  it("cannot be opened twice under one id", () => {
    const server = quiet();
    const mesh = meshOf(server);
    const client = openStream(mesh, server);
    client.ask("again", OPENS, 7);
    mesh.run();
    expect(told(client.received).at(-1)).toContain("A metaproto: the request is malformed");
    client.send(frameOf(7, "up"));
    mesh.run();
    expect(server.frame("up").id).toBe(server.frame("open").id);
  });
});

describe("the end of a stream before its time", () => {
  it("reaches the server when the client leaves", () => {
    const server = quiet();
    const mesh = meshOf(server);
    const client = openStream(mesh, server);
    client.socket.reset();
    mesh.run();
    const last = server.received.at(-1);
    expect(last).toMatchObject({ kind: "S", flags: WHOLE, id: server.frame("open").id });
    expect(mesh.stat("downstream_rq_active")).toBe(0);
    expect(server.server.openConnections).toHaveLength(1);
  });

  it("reaches the server when the client ends it, as the client says it", () => {
    const server = quiet();
    const mesh = meshOf(server);
    const client = openStream(mesh, server);
    client.send(frameOf(7, "cancelled", WHOLE));
    mesh.run();
    expect(told(server.received)).toEqual(["Q open", "S cancelled"]);
    expect(mesh.stat("downstream_rq_active")).toBe(0);
  });

  it("leaves the connection as it was if the server ends it as well", () => {
    for (const isReset of [true, false]) {
      const server = quiet();
      const mesh = meshOf(server);
      const client = openStream(mesh, server);
      if (isReset) client.socket.reset();
      else client.send(frameOf(7, "cancelled", WHOLE));
      mesh.run();
      const { connection } = server.frame("open");
      server.reply(server.frame("open"), "S", "late");
      server.reply(server.frame("open"), "S", "over", WHOLE);
      mesh.run();
      mesh.host.advance(10_000);
      expect(server.server.openConnections).toContain(connection);
      expect(mesh.stat("upstream_rq_unmatched")).toBe(0);
      expect(told(client.received)).toEqual(["A taken"]);
    }
  });

  it("retires the connection if the server does not, as soon as nothing else is on it", () => {
    const server = quiet();
    const mesh = meshOf(server, { plugin: ONE_CONNECTION });
    const leaving = openStream(mesh, server);
    const staying = mesh.connect();
    staying.ask("stays", OPENS, 9);
    mesh.run();
    server.reply(server.frame("stays"), "A", "taken");
    leaving.socket.reset();
    mesh.host.advance(6_000);
    const { connection } = server.frame("open");
    expect(server.frame("stays").connection).toBe(connection);
    staying.send(frameOf(9, "up"));
    staying.ask("elsewhere", 0, 10);
    mesh.host.advance(1_000);
    expect(server.frame("up").connection).toBe(connection);
    expect(server.server.openConnections).toContain(connection);
    server.reply(server.frame("stays"), "S", "bye", WHOLE);
    mesh.host.advance(100);
    expect(told(staying.received).slice(0, 2)).toEqual(["A taken", "S bye"]);
    expect(server.server.openConnections).not.toContain(connection);
  });

  it("reaches the client as the protocol's own end when the server's connection is lost", () => {
    const server = quiet();
    const mesh = meshOf(server);
    const client = openStream(mesh, server);
    client.ask("second", OPENS, 8);
    mesh.run();
    server.frame("open").connection.reset();
    mesh.run();
    const text = "metaproto: the connection ended before the response, cluster v1";
    expect(client.received.slice(1)).toEqual([
      { kind: "S", id: 7, text, flags: WHOLE | ERROR },
      { kind: "A", id: 8, text, flags: WHOLE | ERROR },
    ]);
    expect(client.socket.closed).toBe(false);
  });

  it("comes when the server does not take it in time, and is told to both", () => {
    const server = quiet();
    const mesh = meshOf(server, { plugin: { defaultTimeout: "1s" } });
    const client = mesh.connect();
    client.ask("open", OPENS, 7);
    mesh.run();
    mesh.host.advance(1_100);
    expect(told(client.received)).toEqual([
      "A metaproto: no response within 1000 ms from cluster v1",
    ]);
    expect(server.received.at(-1)).toMatchObject({ kind: "S", flags: WHOLE });
  });

  it("comes when nothing happens on it for too long, and not while something does", () => {
    const server = quiet();
    const mesh = meshOf(server, { plugin: { defaultTimeout: "1s", streamIdleTimeout: "2s" } });
    const client = openStream(mesh, server);
    for (let i = 0; i < 4; i++) {
      mesh.host.advance(1_500);
      if (i % 2 === 0) client.send(frameOf(7, "up"));
      else server.reply(server.frame("open"), "S", "down");
      mesh.run();
    }
    expect(told(client.received)).toEqual(["A taken", "S down", "S down"]);
    mesh.host.advance(2_100);
    expect(told(client.received).at(-1)).toBe(
      "S metaproto: no response within 2000 ms from cluster v1",
    );
    expect(server.received.at(-1)).toMatchObject({ kind: "S", flags: WHOLE });
  });

  it("comes at the timeout that a route sets for all of it", () => {
    const server = quiet();
    const routes = [{ destinations: [{ cluster: "v1" }], timeout: "3s" }];
    const mesh = meshOf(server, { routes });
    const client = openStream(mesh, server);
    for (let i = 0; i < 5; i++) {
      mesh.host.advance(500);
      server.reply(server.frame("open"), "S", "down");
    }
    mesh.host.advance(600);
    expect(told(client.received).at(-1)).toContain("S metaproto: no response within 3000 ms");
  });
});

it("is sent again to another server only before anything else of it was sent", () => {
  const retryPolicy = {
    attempts: 2,
    retryOn: ["RESET", "CONNECT_FAILURE"],
    budgetPercent: 100,
    minRetries: 10,
  };
  const routes = [{ destinations: [{ cluster: "v1" }], retryPolicy }];
  const servers = [quiet("one"), quiet("other")];
  const mesh = new SessionsMesh(true, { clusters: { v1: servers }, routes });
  const client = mesh.connect();
  client.ask("open", OPENS, 7);
  mesh.run();
  servers.find(({ received }) => received.length > 0)?.received[0]?.connection.reset();
  client.send(frameOf(7, "up"));
  mesh.host.advance(500);
  const second = servers.find(({ received }) => received.some(({ text }) => text === "up"));
  expect(second?.received.map(({ text }) => text).slice(-2)).toEqual(["open", "up"]);
  second?.frame("up").connection.reset();
  mesh.host.advance(500);
  expect(told(client.received)).toEqual([
    "A metaproto: the connection ended before the response, cluster v1",
  ]);
});

it("leaves no memory behind, however it ends", () => {
  const server = quiet();
  const mesh = meshOf(server);
  const round = (): void => {
    const client = mesh.connect();
    for (let id = 1; id <= 200; id++) client.ask(`open ${String(id)}`, OPENS, id);
    mesh.run();
    const opened = server.received.filter(({ kind }) => kind === "Q");
    for (const [index, opening] of opened.entries()) {
      server.reply(opening, "A", "taken");
      if (index % 3 === 0) server.reply(opening, "S", "bye", WHOLE);
    }
    mesh.run();
    for (let id = 2; id <= 200; id += 3) client.send(frameOf(id, "bye", WHOLE));
    mesh.run();
    client.socket.reset();
    // The server ends none of them: in the end their connections go.
    mesh.host.advance(6_000);
    server.received.length = 0;
  };
  for (let i = 0; i < 5; i++) round();
  const [memory, buffered] = [mesh.stat("memory_bytes"), mesh.stat("buffered_bytes")];
  for (let i = 0; i < 20; i++) round();
  expect(mesh.stat("memory_bytes")).toBe(memory);
  expect(mesh.stat("buffered_bytes")).toBe(buffered);
  expect(mesh.stat("downstream_rq_active")).toBe(0);
});
