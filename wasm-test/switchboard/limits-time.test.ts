// Every bound in time that is not one of a request's: what is in time passes, what is late ends, and nobody
// else notices. Many connections at once, since that is how they are met.
import { describe, expect, it } from "vitest";
import {
  dubboHeartbeat,
  dubboRequest,
  dubboResponse,
  Status,
  valueBody,
} from "../envoy/support/dubbo-wire.js";
import { FRAMED } from "../envoy/support/thrift-wire.js";
import { DubboMesh, Provider, type DubboClient } from "./dubbo-fixture.js";
import { Service, ThriftMesh } from "./thrift-fixture.js";
import { callFrame } from "./thrift-messages.js";

/** Late frames are looked for once a second, and a refused client is closed a second after its last byte. */
const SWEEP_MS = 1_100;
const LINGER_MS = 1_100;

function text(client: DubboClient, id: bigint): string {
  return /metaproto: [ -~]*/.exec(client.response(id).body.toString("latin1"))?.[0] ?? "answer";
}

describe("frameTimeout", () => {
  it("ends a thousand clients that trickle a request, and not one that was in time", () => {
    const provider = new Provider("v1");
    const mesh = new DubboMesh({ clusters: { v1: [provider] }, plugin: { frameTimeout: "5s" } });
    const good = mesh.connect();
    const slow = Array.from({ length: 1000 }, () => mesh.connect());
    const frame = dubboRequest({ id: 7n, method: "m", attachments: { big: "x".repeat(2000) } });
    const inTime = mesh.connect();
    inTime.socket.send(frame.subarray(0, -1));
    for (const client of slow) client.socket.send(frame.subarray(0, 20));
    for (let second = 0; second < 4; second++) {
      for (const client of slow) client.socket.send(frame.subarray(20 + second, 21 + second));
      mesh.host.advance(1000);
      good.request({ id: BigInt(second), method: "m" });
      mesh.run();
      expect(good.response(BigInt(second)).status).toBe(Status.Ok);
    }
    inTime.socket.send(frame.subarray(-1));
    mesh.host.advance(900);
    expect(slow.filter((client) => client.responses.size > 0)).toHaveLength(0);
    mesh.host.advance(100 + SWEEP_MS);
    for (const client of slow) {
      expect(client.response(7n).status).toBe(30);
      expect(text(client, 7n)).toBe("metaproto: the request did not arrive in time");
    }
    mesh.host.advance(LINGER_MS);
    expect(slow.every((client) => client.socket.closed)).toBe(true);
    expect(inTime.response(7n).status).toBe(Status.Ok);
    mesh.host.advance(10_000);
    expect([inTime.socket.closed, good.socket.closed]).toEqual([false, false]);
    expect(mesh.stat("downstream_frame_timeout")).toBe(1000);
    expect(mesh.stat("downstream_decode_error")).toBe(0);
    expect(mesh.stat("local_reply_dpe")).toBe(1000);
    expect(mesh.stat("downstream_cx_active")).toBe(2);
  });

  it("is not made longer by a client that goes on sending after it was told", () => {
    const mesh = new DubboMesh({
      clusters: { v1: [new Provider("v1")] },
      plugin: { frameTimeout: "2s" },
    });
    const client = mesh.connect();
    const frame = dubboRequest({ id: 7n, method: "m", attachments: { big: "x".repeat(2000) } });
    for (let at = 0; at < 50; at++) {
      client.socket.send(frame.subarray(at * 20, at * 20 + 20));
      mesh.host.advance(100);
    }
    expect(text(client, 7n)).toBe("metaproto: the request did not arrive in time");
    expect(client.socket.closed).toBe(true);
  });

  it("counts from the first byte of each frame, not of the connection", () => {
    const mesh = new DubboMesh({
      clusters: { v1: [new Provider("v1")] },
      plugin: { frameTimeout: "5s" },
    });
    const client = mesh.connect();
    // Each read ends in the middle of a frame, and the next completes it.
    const frames = Array.from({ length: 12 }, (_, id) =>
      dubboRequest({ id: BigInt(id), method: "m" }),
    );
    client.socket.send(frames[0]?.subarray(0, 30) ?? Buffer.alloc(0));
    for (let id = 1; id < frames.length; id++) {
      mesh.host.advance(2000);
      client.socket.send(frames[id - 1]?.subarray(30) ?? Buffer.alloc(0));
      client.socket.send(frames[id]?.subarray(0, 30) ?? Buffer.alloc(0));
      mesh.run();
      expect(client.response(BigInt(id - 1)).status).toBe(Status.Ok);
    }
    expect(mesh.stat("downstream_frame_timeout")).toBe(0);
  });

  it("counts from the first byte of a large frame too, in both directions", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      plugin: { frameTimeout: "5s", defaultTimeout: "60s" },
    });
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    mesh.run();
    provider.requests[0]?.reply("answer");
    mesh.host.advance(10_000);
    const large = Buffer.alloc(400_000, "x");
    const request = dubboRequest({ id: 2n, method: "m", args: [large] });
    client.socket.send(request.subarray(0, 200_000));
    mesh.host.advance(4_000);
    client.socket.send(request.subarray(200_000));
    mesh.run();
    const asked = provider.requests[1];
    expect(asked?.frame.body.equals(request.subarray(16))).toBe(true);
    mesh.host.advance(10_000);
    const response = dubboResponse(asked?.frame.id ?? 0n, large);
    asked?.connection.write(response.subarray(0, 200_000));
    mesh.host.advance(4_000);
    asked?.connection.write(response.subarray(200_000));
    mesh.run();
    expect(client.response(2n).body.equals(response.subarray(16))).toBe(true);

    client.socket.send(request.subarray(0, 200_000));
    mesh.host.advance(5_000 + SWEEP_MS);
    expect(mesh.stat("downstream_frame_timeout")).toBe(1);
    expect(mesh.stat("upstream_frame_timeout")).toBe(0);
  });

  it("answers the earlier requests of a client first", () => {
    const service = new Service("v1");
    service.answers = false;
    const mesh = new ThriftMesh({
      clusters: { v1: [service] },
      plugin: { frameTimeout: "2s", defaultTimeout: "20s" },
    });
    const client = mesh.connect();
    client.call("hello", { seqid: 1 });
    client.socket.send(
      callFrame(FRAMED, "hello", { seqid: 2, text: "x".repeat(100) }).subarray(0, 60),
    );
    mesh.host.advance(2000 + SWEEP_MS);
    expect(client.replies).toHaveLength(0);
    service.requests[0]?.reply("answer");
    mesh.run();
    expect(client.answers[0]).toBe("answer");
    mesh.host.advance(LINGER_MS);
    expect(client.socket.closed).toBe(true);
    expect(mesh.stat("downstream_frame_timeout")).toBe(1);
  });

  it("does not count while the module itself does not read", () => {
    const service = new Service("v1");
    service.answers = false;
    const mesh = new ThriftMesh({
      clusters: { v1: [service] },
      plugin: {
        frameTimeout: "2s",
        defaultTimeout: "60s",
        limits: { maxRequestsPerDownstreamConnection: 1 },
      },
    });
    const client = mesh.connect();
    const second = callFrame(FRAMED, "hello", { seqid: 2, text: "x".repeat(100) });
    client.socket.send(
      Buffer.concat([callFrame(FRAMED, "hello", { seqid: 1 }), second.subarray(0, 60)]),
    );
    mesh.host.advance(20_000);
    service.requests[0]?.reply("first");
    mesh.host.advance(1500);
    client.socket.send(second.subarray(60));
    mesh.run();
    service.requests[1]?.reply("second");
    mesh.run();
    expect(client.answers).toEqual(["first", "second"]);
    expect(mesh.stat("downstream_frame_timeout")).toBe(0);
  });

  it("ends a server that trickles a response; what is in flight there fails, elsewhere it goes on", () => {
    const [bad, good] = [new Provider("bad"), new Provider("good")];
    bad.answers = false;
    const mesh = new DubboMesh({
      clusters: { bad: [bad], good: [good] },
      routes: [
        { match: [{ name: "method", exact: "one" }], destinations: [{ cluster: "bad" }] },
        { destinations: [{ cluster: "good" }] },
      ],
      plugin: { frameTimeout: "5s", defaultTimeout: "60s" },
    });
    const client = mesh.connect();
    client.request({ id: 1n, method: "one" });
    client.request({ id: 2n, method: "one" });
    mesh.run();
    const [first] = bad.requests;
    const response = dubboResponse(first?.frame.id ?? 0n, valueBody("x".repeat(1000)));
    for (let second = 0; second < 7; second++) {
      first?.connection.write(response.subarray(second * 10, second * 10 + 10));
      mesh.host.advance(1000);
    }
    expect(first?.connection.ended).toBe(true);
    for (const id of [1n, 2n]) {
      expect(text(client, id)).toBe("metaproto: the response is malformed, cluster bad");
    }
    client.request({ id: 3n, method: "two" });
    mesh.run();
    expect(text(client, 3n)).toBe("answer");
    expect(mesh.stat("upstream_frame_timeout")).toBe(1);
  });

  it("of 0s is none", () => {
    const mesh = new DubboMesh({
      clusters: { v1: [new Provider("v1")] },
      plugin: { frameTimeout: "0s" },
    });
    const client = mesh.connect();
    const frame = dubboRequest({ id: 1n, method: "m" });
    client.socket.send(frame.subarray(0, 20));
    mesh.host.advance(600_000);
    client.socket.send(frame.subarray(20));
    mesh.run();
    expect(client.response(1n).status).toBe(Status.Ok);
  });

  it("leaves an idle client alone", () => {
    const mesh = new DubboMesh({
      clusters: { v1: [new Provider("v1")] },
      plugin: { frameTimeout: "1s" },
    });
    const client = mesh.connect();
    client.socket.send(dubboHeartbeat(1n));
    mesh.host.advance(600_000);
    client.request({ id: 2n, method: "m" });
    mesh.run();
    expect(client.response(2n).status).toBe(Status.Ok);
  });
});

describe("other timeouts are counted", () => {
  it("connectTimeout", () => {
    const provider = new Provider("v1", { acceptDelayMs: 60_000 });
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      plugin: { connectTimeout: "2s", defaultTimeout: "30s" },
    });
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    mesh.host.advance(3_500);
    expect(text(client, 1n)).toContain("cannot connect to an endpoint of cluster v1");
    expect(mesh.stat("upstream_cx_connect_timeout")).toBeGreaterThan(0);
  });

  it("upstreamHeartbeat", () => {
    const provider = new Provider("v1");
    provider.answersHeartbeats = false;
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      plugin: { upstreamHeartbeat: "2s" },
    });
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    mesh.host.advance(10_000);
    expect(mesh.stat("upstream_cx_probe_timeout")).toBeGreaterThan(0);
  });

  it("upstreamIdleTimeout", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      plugin: { upstreamIdleTimeout: "2s", limits: { maxRequestsPerUpstreamConnection: 1 } },
    });
    const client = mesh.connect();
    for (let id = 1n; id <= 3n; id++) client.request({ id, method: "m" });
    mesh.run();
    for (const request of provider.requests) request.reply("answer");
    mesh.host.advance(5_000);
    expect(mesh.stat("upstream_cx_idle_timeout")).toBe(2);
    expect(provider.server.openConnections).toHaveLength(1);
  });
});
