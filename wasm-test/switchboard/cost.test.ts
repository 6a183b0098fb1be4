// What a request costs at steady state, in calls to the host and bytes copied across the boundary of
// the VM: exact numbers, so that whoever adds to the path of a request sees it here.
import { describe, expect, it } from "vitest";
import { FRAMED } from "../envoy/support/thrift-wire.js";
import {
  dubboHeartbeat,
  dubboRequest,
  dubboResponse,
  valueBody,
} from "../envoy/support/dubbo-wire.js";
import { DubboMesh, Provider } from "./dubbo-fixture.js";
import type { Mesh } from "./mesh.js";
import { Service, ThriftMesh } from "./thrift-fixture.js";
import { callFrame, replyFrame } from "./thrift-messages.js";

/** Of a frame that is larger than its first read: where its length is. */
const PEEK_BYTES = 64;

interface Cost {
  /** Host calls by name, those that are not made left out. */
  readonly calls: Readonly<Record<string, number>>;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** What `action` costs, once everything it needs is there. */
function costOf(mesh: Mesh, action: () => void): Cost {
  for (let warm = 0; warm < 5; warm++) {
    action();
    mesh.run();
  }
  const { stats } = mesh.host.vm;
  stats.reset();
  action();
  mesh.run();
  return { calls: made(stats.hostCalls), bytesIn: stats.bytesIn, bytesOut: stats.bytesOut };
}

function made(hostCalls: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(hostCalls).filter(([, count]) => count > 0));
}

/** As Java writes it: in chunks. */
function hessianText(text: string): Buffer {
  const chunks: Buffer[] = [];
  for (let at = 0; at < text.length; at += 0x8000) {
    const chunk = text.slice(at, at + 0x8000);
    const tag = at + chunk.length < text.length ? 0x52 : 0x53;
    chunks.push(Buffer.from([tag, chunk.length >> 8, chunk.length & 0xff]), Buffer.from(chunk));
  }
  return Buffer.concat(chunks);
}

const REQUEST = dubboRequest({ id: 1n, method: "sayHello" });
const RESPONSE = dubboResponse(1n, valueBody("v1"));

/** Calls for reads, writes that replace what the host's buffer holds, appended writes, and handovers. */
function transfers(reads: number, writes: number, segments = writes): Record<string, number> {
  return {
    proxy_get_buffer_bytes: reads,
    // What a server sent is taken out of the host's buffer; what a client sent is replaced later.
    proxy_set_buffer_bytes: segments,
    proxy_set_effective_context: writes,
    proxy_continue_stream: writes,
  };
}

function dubboMesh(): { mesh: DubboMesh; provider: Provider } {
  const provider = new Provider("v1");
  provider.answersTogether = true;
  return { provider, mesh: new DubboMesh({ clusters: { v1: [provider] } }) };
}

describe("Dubbo", () => {
  it("1 request of 1 client: each frame is copied in once and out once", () => {
    const { mesh } = dubboMesh();
    const client = mesh.connect();
    const cost = costOf(mesh, () => {
      client.request({ id: 1n, method: "sayHello" });
    });
    expect(cost).toEqual({
      calls: transfers(2, 2, 3),
      bytesIn: REQUEST.length + RESPONSE.length,
      bytesOut: REQUEST.length + RESPONSE.length,
    });
  });

  it("64 requests in one read, answered in one read: as many host calls as 1 request", () => {
    const { mesh } = dubboMesh();
    const client = mesh.connect();
    const batch = Buffer.concat(
      Array.from({ length: 64 }, (_, id) => dubboRequest({ id: BigInt(id), method: "sayHello" })),
    );
    const cost = costOf(mesh, () => {
      client.socket.send(batch);
    });
    expect(cost).toEqual({
      calls: transfers(2, 2, 5),
      bytesIn: batch.length + 64 * RESPONSE.length,
      bytesOut: batch.length + 64 * RESPONSE.length,
    });
  });

  it("64 requests of 64 clients, answered in one read: 32 clients are written to in one VM call", () => {
    const { mesh } = dubboMesh();
    const clients = Array.from({ length: 64 }, () => mesh.connect());
    const cost = costOf(mesh, () => {
      for (const client of clients) client.request({ id: 1n, method: "sayHello" });
    });
    expect(cost.calls).toEqual({
      ...transfers(65, 128, 129),
      proxy_enqueue_shared_queue: 1,
      proxy_dequeue_shared_queue: 1,
    });
  });

  it("with attributes matched and a mutation applied: no host call more", () => {
    const provider = new Provider("v1");
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      routes: [
        {
          match: [
            { name: "method", prefix: "say" },
            { name: "tag", exact: "gray" },
          ],
          destinations: [{ cluster: "v1" }],
          requestMutation: [{ operation: "SET", key: "x", value: "y" }],
        },
      ],
    });
    const client = mesh.connect();
    const cost = costOf(mesh, () => {
      client.request({ id: 1n, method: "sayHello", attachments: { tag: "gray" } });
    });
    expect(cost.calls).toEqual(transfers(2, 2, 3));
    expect(provider.requests.at(-1)?.frame.body.includes("x\x01y")).toBe(true);
  });

  it("a heartbeat of a client", () => {
    const { mesh } = dubboMesh();
    const client = mesh.connect();
    const cost = costOf(mesh, () => {
      client.socket.send(dubboHeartbeat(1n));
    });
    expect(cost).toEqual({ calls: transfers(1, 1), bytesIn: 17, bytesOut: 17 });
  });

  it("a frame that comes byte by byte: one host call a byte, and each byte copied in once", () => {
    const { mesh } = dubboMesh();
    const client = mesh.connect();
    const cost = costOf(mesh, () => {
      client.request({ id: 1n, method: "sayHello" }, [1]);
    });
    expect(cost).toEqual({
      calls: transfers(REQUEST.length + 1, 2, 3),
      bytesIn: REQUEST.length + RESPONSE.length,
      bytesOut: REQUEST.length + RESPONSE.length,
    });
  });

  it("a frame of 256 KiB in five reads: besides a look at its head each byte is copied in once", () => {
    const { mesh } = dubboMesh();
    const client = mesh.connect();
    const attachments = { big: "x".repeat(1 << 18) };
    const length = dubboRequest({ id: 1n, method: "sayHello", attachments }).length;
    const reads = Math.ceil(length / 65_536);
    const cost = costOf(mesh, () => {
      client.request({ id: 1n, method: "sayHello", attachments }, Array(reads).fill(65_536));
    });
    expect(cost.bytesIn).toBe(PEEK_BYTES + length + RESPONSE.length);
    expect(cost.bytesOut).toBe(length + RESPONSE.length);
    // Each long read is taken out of the host's buffer at once, or the client would be held back.
    expect(cost.calls).toEqual(transfers(1 + reads + 1, 2, reads + 2));
  });

  it("a frame of 256 KiB with a mutation: nothing but its ends is copied besides", () => {
    const provider = new Provider("v1");
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      routes: [
        {
          destinations: [{ cluster: "v1" }],
          requestMutation: [{ operation: "SET", key: "x", value: "y" }],
        },
      ],
    });
    const client = mesh.connect();
    const text = "x".repeat(1 << 18);
    const argument = hessianText(text);
    const length = dubboRequest({ id: 1n, method: "sayHello", args: [argument] }).length;
    const reads = Math.ceil(length / 65_536);
    const cost = costOf(mesh, () => {
      client.request({ id: 1n, method: "sayHello", args: [argument] }, Array(reads).fill(65_536));
    });
    const added = Buffer.from("\x01x\x01y").length;
    expect(cost.bytesIn).toBe(PEEK_BYTES + length + RESPONSE.length);
    expect(cost.bytesOut).toBe(length + added + RESPONSE.length);
    // The head, what stays as it is, and the map of attachments: three segments.
    expect(cost.calls).toEqual(transfers(1 + reads + 1, 2, reads + 2 + 2));
    const sent = provider.requests.at(-1)?.frame.body ?? Buffer.alloc(0);
    expect(sent.length).toBe(length + added - 16);
    expect(sent.includes(argument)).toBe(true);
    expect(sent.subarray(-added - 1).toString("latin1")).toBe("\x01x\x01yZ");
  });

  it("a second at rest: the two calls of ten ticks", () => {
    const { mesh } = dubboMesh();
    const client = mesh.connect();
    client.request({ id: 1n, method: "sayHello" });
    mesh.host.advance(2500);
    const { stats } = mesh.host.vm;
    stats.reset();
    mesh.host.advance(1000);
    expect(made(stats.hostCalls)).toEqual({
      proxy_get_current_time_nanoseconds: 10,
      proxy_get_log_level: 10,
    });
  });
});

describe("Thrift", () => {
  it("1 call of 1 client: each message is copied in once and out once", () => {
    const mesh = new ThriftMesh({ clusters: { v1: [new Service("v1")] } });
    const client = mesh.connect();
    const cost = costOf(mesh, () => {
      client.call("hello");
    });
    const bytes =
      callFrame(FRAMED, "hello").length +
      replyFrame(FRAMED, { name: "hello", seqid: 0, value: "v1" }).length;
    expect(cost).toEqual({ calls: transfers(2, 2, 3), bytesIn: bytes, bytesOut: bytes });
  });

  it("64 calls of 64 clients: 64 times as many", () => {
    const mesh = new ThriftMesh({ clusters: { v1: [new Service("v1")] } });
    const clients = Array.from({ length: 64 }, () => mesh.connect());
    const cost = costOf(mesh, () => {
      for (const client of clients) client.call("hello");
    });
    expect(cost.calls).toEqual(transfers(128, 128, 192));
  });
});
