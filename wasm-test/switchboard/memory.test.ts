// What peers can make a worker hold is bounded, and given back.
import { describe, expect, it } from "vitest";
import { FRAMED } from "../envoy/support/thrift-wire.js";
import { dubboFrame, dubboRequest, dubboResponse, valueBody } from "../envoy/support/dubbo-wire.js";
import { builtModule } from "../modules/built-module.js";
import { DubboMesh, Provider } from "./dubbo-fixture.js";
import { holdings } from "./probe.js";
import { ThriftMesh, Service } from "./thrift-fixture.js";
import { callFrame } from "./thrift-messages.js";

const DUBBO = await builtModule("test/switchboard-dubbo");
const THRIFT = await builtModule("test/switchboard-thrift");
const MIB = 1 << 20;

/** The header of a frame that announces `length` bytes in all. */
function announcement(id: bigint, length: number, isRequest = true): Buffer {
  const header = {
    isRequest,
    isTwoWay: isRequest,
    isEvent: false,
    serialization: 2,
    status: 0,
    id,
  };
  const frame = dubboFrame(header, Buffer.alloc(0));
  frame.writeUInt32BE(length - 16, 12);
  return frame;
}

describe("a frame that is announced and never sent", () => {
  it("takes little memory, however large it would be and however many announce one", () => {
    const mesh = new DubboMesh({ clusters: { v1: [new Provider("v1")] }, module: DUBBO });
    const before = holdings(mesh);
    const clients = Array.from({ length: 1000 }, () => mesh.connect());
    for (const client of clients) {
      client.socket.send(Buffer.concat([announcement(1n, 16 * MIB), Buffer.alloc(100)]));
    }
    mesh.run();
    const during = holdings(mesh);
    expect(during.bufferedBytes).toBeLessThanOrEqual(1000 * 8 * 1024);
    for (const client of clients) client.socket.reset();
    mesh.host.advance(20);
    expect(holdings(mesh).bufferedBytes).toBe(before.bufferedBytes);
  });

  it("holds up nobody else", () => {
    const mesh = new DubboMesh({
      clusters: { v1: [new Provider("v1")] },
      module: DUBBO,
      plugin: { frameTimeout: "60s" },
    });
    const slow = mesh.connect();
    const quick = mesh.connect();
    slow.socket.send(announcement(1n, 16 * MIB));
    for (let id = 1n; id <= 50n; id++) {
      slow.socket.send(Buffer.alloc(1));
      mesh.host.advance(1000);
      quick.request({ id, method: "m" });
      mesh.run();
      expect(quick.response(id).status).toBe(20);
    }
    expect(slow.socket.closed).toBe(false);
  });
});

describe("a frame that trickles in", () => {
  it("is copied a few times only, however small the pieces are", () => {
    const provider = new Provider("v1");
    const mesh = new DubboMesh({ clusters: { v1: [provider] }, module: DUBBO });
    const client = mesh.connect();
    const { stats } = mesh.host.vm;
    const bytes = dubboRequest({ id: 1n, method: "m", attachments: { big: "x".repeat(200_000) } });
    stats.reset();
    client.socket.send(bytes, [101]);
    mesh.run();
    expect(client.response(1n).status).toBe(20);
    // Each byte comes into the VM once; what else comes in are addresses and properties.
    expect(stats.bytesIn).toBeLessThan(bytes.length + 2000);
  });
});

describe("maxBufferedBytes", () => {
  it("bounds the half frames of all clients together; who comes too late is told, and closed", () => {
    const provider = new Provider("v1");
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      module: DUBBO,
      plugin: { limits: { maxBufferedBytes: 4 * MIB } },
    });
    const clients = Array.from({ length: 40 }, () => mesh.connect());
    clients.forEach((client, index) => {
      const frame = Buffer.concat([announcement(BigInt(index), 300_000), Buffer.alloc(150_000)]);
      client.socket.send(frame, [16_384]);
      mesh.run();
      expect(holdings(mesh).bufferedBytes).toBeLessThanOrEqual(4 * MIB);
    });
    mesh.host.advance(1_100);
    const closed = clients.filter((client) => client.socket.closed);
    expect(mesh.stat("buffer_overflow")).toBe(closed.length);
    expect(closed.length).toBeGreaterThan(20);
    expect(closed.length).toBeLessThan(40);
    clients.forEach((client, index) => {
      // Whoever is closed has got an answer to its own request, and to no other.
      const expected = client.socket.closed ? [BigInt(index)] : [];
      expect([...client.responses.keys()]).toEqual(expected);
    });
    for (const client of clients) client.socket.close();
    // Until the next tick of a worker that rests.
    mesh.host.advance(110);
    expect(holdings(mesh).bufferedBytes).toBeLessThan(100_000);
    const later = mesh.connect();
    later.request({ id: 1n, method: "m" });
    mesh.run();
    expect(later.response(1n).status).toBe(20);
  });

  it("answers whom it refuses with the id of its own request, whatever others sent meanwhile", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      module: DUBBO,
      plugin: { limits: { maxBufferedBytes: MIB } },
    });
    const [large, small] = [mesh.connect(), mesh.connect()];
    large.socket.send(Buffer.concat([announcement(7n, 2 * MIB), Buffer.alloc(1000)]));
    for (let sent = 0; sent < 200 && !large.socket.closed; sent++) {
      small.request({ id: BigInt(1000 + sent), method: "m" });
      mesh.run();
      large.socket.send(Buffer.alloc(10_000));
      mesh.run();
    }
    mesh.host.advance(1_100);
    expect(large.socket.closed).toBe(true);
    expect([...large.responses.keys()]).toEqual([7n]);
    for (const request of provider.requests) request.reply("answer");
    mesh.run();
    expect(small.responses.size).toBe(provider.requests.length);
  });

  it("bounds what waits for a connection; beyond it requests are refused", () => {
    const provider = new Provider("v1", { acceptDelayMs: 100 });
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      module: DUBBO,
      plugin: { limits: { maxBufferedBytes: 2 * MIB } },
    });
    const clients = Array.from({ length: 5 }, () => mesh.connect());
    const attachments = { big: "x".repeat(30_000) };
    for (const client of clients) {
      for (let id = 1n; id <= 30n; id++) client.request({ id, method: "m", attachments });
    }
    mesh.run();
    const refused = clients.reduce((sum, client) => sum + client.responses.size, 0);
    expect(refused).toBeGreaterThan(80);
    expect(refused).toBeLessThan(100);
    for (const client of clients) {
      for (const [response] of client.responses.values()) {
        expect(response?.body.toString("latin1")).toContain("too many requests are outstanding");
      }
    }
    mesh.host.advance(200);
    for (const client of clients) expect(client.responses.size).toBe(30);
    expect(provider.requests).toHaveLength(150 - refused);
    expect(holdings(mesh).streams).toBe(0);
  });

  it("bounds half responses; the server's connection ends, and its requests fail", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      module: DUBBO,
      plugin: { limits: { maxBufferedBytes: MIB } },
    });
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    mesh.run();
    const [request] = provider.requests;
    const id = request?.frame.id ?? 0n;
    const response = dubboResponse(id, Buffer.alloc(3 * MIB));
    for (let at = 0; at < response.length; at += 65_536) {
      request?.connection.write(response.subarray(at, at + 65_536));
    }
    mesh.run();
    expect(client.response(1n).body.toString("latin1")).toContain("the response is malformed");
    expect(request?.connection.ended).toBe(true);
  });

  it("is not touched by a large frame that comes and goes in one read", () => {
    const provider = new Provider("v1");
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      module: DUBBO,
      plugin: { limits: { maxBufferedBytes: MIB } },
      host: { bufferLimitBytes: 4 * MIB },
    });
    const client = mesh.connect();
    client.request({ id: 1n, method: "warm" });
    mesh.run();
    client.request({ id: 2n, method: "m", attachments: { big: "x".repeat(2 * MIB) } });
    mesh.run();
    expect(client.response(2n).status).toBe(20);
  });

  it("is not used up for ever by what answers to many clients at once have needed", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      module: DUBBO,
      plugin: { limits: { maxBufferedBytes: 4 * MIB } },
    });
    const clients = Array.from({ length: 280 }, () => mesh.connect());
    for (const client of clients) client.request({ id: 1n, method: "m" });
    mesh.run();
    const [connection] = provider.server.openConnections;
    const answers = provider.requests
      .splice(0)
      .map(({ frame }) => dubboResponse(frame.id, valueBody("x".repeat(1500))));
    connection?.write(Buffer.concat(answers));
    mesh.run();
    expect(holdings(mesh).bufferedBytes).toBeLessThan(2 * MIB);
    provider.answers = true;
    const [late] = clients;
    const request = dubboRequest({ id: 2n, method: "m", attachments: { big: "x".repeat(MIB) } });
    late?.socket.send(request.subarray(0, MIB / 2));
    mesh.run();
    late?.socket.send(request.subarray(MIB / 2));
    mesh.run();
    expect(late?.response(2n).status).toBe(20);
  });

  it("bounds a Thrift client that sends on and on while its calls wait", () => {
    const service = new Service("v1");
    service.answers = false;
    const mesh = new ThriftMesh({
      clusters: { v1: [service] },
      module: THRIFT,
      plugin: { limits: { maxFrameBytes: 100_000, maxRequestsPerDownstreamConnection: 4 } },
    });
    const greedy = mesh.connect();
    const call = callFrame(FRAMED, "hello", { text: "x".repeat(1000) });
    for (let sent = 0; sent < 300; sent++) {
      greedy.socket.send(call);
      mesh.run();
      expect(holdings(mesh).bufferedBytes).toBeLessThan(200_000);
    }
    expect(mesh.stat("downstream_decode_error")).toBe(1);
    // It may read the answers to its calls for half a minute, and sends in vain.
    expect(greedy.socket.closed).toBe(false);
    mesh.host.advance(30_100);
    expect(greedy.socket.closed).toBe(true);
    expect(holdings(mesh).streams).toBe(0);
    service.answers = true;
    const other = mesh.connect();
    other.call("hello");
    mesh.run();
    expect(other.answers).toEqual(["v1"]);
  });
});

describe("what a module tells of itself", () => {
  it("is what it holds, and nothing once all is done", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = new DubboMesh({ clusters: { v1: [provider] }, module: DUBBO });
    const rest = mesh.stat("buffered_bytes");
    const client = mesh.connect();
    for (let id = 1n; id <= 3n; id++) client.request({ id, method: "m" });
    client.socket.send(dubboRequest({ id: 4n, method: "m" }).subarray(0, 50));
    mesh.run();
    expect(mesh.stat("timers_active")).toBe(3);
    expect(mesh.stat("buffered_bytes")).toBe(holdings(mesh).bufferedBytes);
    expect(mesh.stat("buffered_bytes")).toBeGreaterThan(rest);
    expect(mesh.stat("memory_bytes")).toBeGreaterThanOrEqual(holdings(mesh).memoryBytes);
    client.socket.close();
    mesh.host.advance(30_000);
    expect(mesh.stat("timers_active")).toBe(0);
  });
});
