// At steady state nothing is allocated: after a warm-up neither the VM's memory nor its heap grows,
// however many requests, connections and endpoints come and go.
import { describe, expect, it } from "vitest";
import { FRAMED } from "../envoy/support/thrift-wire.js";
import { dubboRequest, dubboResponse, valueBody } from "../envoy/support/dubbo-wire.js";
import { TcpServer, type ServerConnection } from "../host/index.js";
import { builtModule } from "../modules/built-module.js";
import { DubboMesh, Provider } from "./dubbo-fixture.js";
import type { Mesh } from "./mesh.js";
import { holdings } from "./probe.js";
import { Service, ThriftMesh } from "./thrift-fixture.js";
import { callFrame, replyFrame } from "./thrift-messages.js";

const DUBBO = await builtModule("test/switchboard-dubbo");
const THRIFT = await builtModule("test/switchboard-thrift");

/** A server that turns each frame of a fixed size into a response of a fixed size, as fast as it can. */
function fastServer(request: Buffer, response: Buffer, copyId: (from: Buffer, to: Buffer) => void) {
  const rests = new Map<ServerConnection, Buffer>();
  return new TcpServer({
    onData: (connection, bytes) => {
      const rest = rests.get(connection);
      const input = rest === undefined ? Buffer.from(bytes) : Buffer.concat([rest, bytes]);
      const count = Math.floor(input.length / request.length);
      const output = Buffer.alloc(count * response.length);
      for (let i = 0; i < count; i++) {
        const to = output.subarray(i * response.length);
        response.copy(to);
        copyId(input.subarray(i * request.length), to);
      }
      const left = input.subarray(count * request.length);
      if (left.length > 0) rests.set(connection, left);
      else rests.delete(connection);
      if (count > 0) connection.write(output);
    },
  });
}

interface Load {
  readonly mesh: Mesh;
  readonly clients: number;
  /** What each client sends in one read. */
  readonly batch: Buffer;
  /** What it gets for that. */
  readonly answered: number;
}

/** Sends the batch of every client, again and again, and checks that all are answered. */
function rounds({ mesh, clients, batch, answered }: Load): (count: number) => void {
  let received = 0;
  const sockets = Array.from({ length: clients }, () => {
    const socket = mesh.connectSocket();
    socket.onData = (bytes) => {
      received += bytes.length;
      socket.take();
    };
    return socket;
  });
  return (count) => {
    for (let round = 0; round < count; round++) {
      received = 0;
      for (const socket of sockets) socket.send(batch);
      mesh.run();
      if (received !== clients * answered) throw new Error(`${String(received)} bytes in a round`);
      // Ticks, statistics, heartbeats and renewed connections are part of it.
      mesh.host.advance(round % 16 === 0 ? 200 : 1);
    }
  };
}

function expectConstant(mesh: Mesh, warmUp: () => void, load: () => void): void {
  warmUp();
  // Meanwhile the pool looks for further endpoints, with one connection more.
  mesh.host.advance(15_000);
  warmUp();
  const before = holdings(mesh);
  load();
  expect(holdings(mesh)).toEqual(before);
  expect(mesh.host.warnings).toEqual([]);
}

describe("memory stays what it was", () => {
  it("over 1,000,000 Dubbo requests of 8 clients with 125 in flight each", () => {
    const request = dubboRequest({ id: 0n, method: "sayHello" });
    const response = dubboResponse(0n, valueBody("hello"));
    const servers = Array.from({ length: 3 }, () =>
      fastServer(request, response, (from, to) => from.copy(to, 4, 4, 12)),
    );
    const mesh = new DubboMesh({
      clusters: { v1: servers.map((server) => ({ server })) },
      module: DUBBO,
    });
    const inFlight = 125;
    const requests = Array.from({ length: inFlight }, (_, id) =>
      dubboRequest({ id: BigInt(id), method: "sayHello" }),
    );
    const batch = Buffer.concat(requests);
    const run = rounds({ mesh, clients: 8, batch, answered: inFlight * response.length });
    expectConstant(
      mesh,
      () => run(50),
      () => run(1000),
    );
  });

  it("over 1,000,000 Thrift calls of 20 clients, each call with a connection to itself", () => {
    const call = callFrame(FRAMED, "hello", { seqid: 1 });
    const reply = replyFrame(FRAMED, { name: "hello", seqid: 1, value: "world" });
    const servers = Array.from({ length: 3 }, () => fastServer(call, reply, () => undefined));
    const mesh = new ThriftMesh({
      clusters: { v1: servers.map((server) => ({ server })) },
      module: THRIFT,
    });
    const batch = Buffer.concat([call, call, call, call, call]);
    const run = rounds({ mesh, clients: 20, batch, answered: 5 * reply.length });
    expectConstant(
      mesh,
      () => run(100),
      () => run(10_000),
    );
  });

  it("while 20,000 clients come, ask and go, some of them without waiting for the answer", () => {
    const provider = new Provider("v1");
    const mesh = new DubboMesh({ clusters: { v1: [provider] }, module: DUBBO });
    const visit = (count: number): void => {
      for (let i = 0; i < count; i += 100) {
        const clients = Array.from({ length: 100 }, () => mesh.connect());
        clients.forEach((client, index) => {
          client.request({ id: BigInt(index), method: "m" });
          if (index % 3 === 0) client.socket.reset();
        });
        mesh.run();
        for (const client of clients) client.socket.close();
        mesh.host.advance(20);
        provider.requests.length = 0;
      }
    };
    expectConstant(
      mesh,
      () => visit(1000),
      () => visit(20_000),
    );
  });

  it("while upstream connections end and are made anew 2,000 times", () => {
    const service = new Service("v1");
    const mesh = new ThriftMesh({ clusters: { v1: [service] }, module: THRIFT });
    const client = mesh.connect();
    const cycle = (count: number): void => {
      for (let i = 0; i < count; i++) {
        client.call("hello");
        mesh.run();
        for (const connection of service.server.openConnections) connection.close();
        mesh.host.advance(20);
        service.server.connections.length = 0;
        service.requests.length = 0;
      }
    };
    expectConstant(
      mesh,
      () => cycle(500),
      () => cycle(2000),
    );
  });

  it("while endpoints of a cluster come and go 300 times", () => {
    const mesh = new DubboMesh({
      clusters: { v1: [new Provider("first")] },
      clusterSettings: { v1: { endpoints: 0 } },
      module: DUBBO,
    });
    const client = mesh.connect();
    let id = 0n;
    const replace = (count: number): void => {
      for (let i = 0; i < count; i++) {
        const cluster = mesh.host.upstreams.tcp("v1");
        const next = new Provider("next", {
          address: `10.1.${String(i >> 8)}.${String(i & 255)}:1`,
        });
        for (const server of cluster?.endpoints ?? []) server.kill();
        if (cluster !== undefined) cluster.endpoints = [next.server];
        mesh.host.advance(20);
        client.request({ id: ++id, method: "m" });
        mesh.run();
        expect(client.response(id).body.includes("next")).toBe(true);
        client.responses.clear();
        mesh.host.advance(2000);
      }
    };
    expectConstant(
      mesh,
      () => replace(40),
      () => replace(300),
    );
  });
});
