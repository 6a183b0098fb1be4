// What a client and a provider see of each other through the switchboard.
import { describe, expect, it } from "vitest";
import { dubboHeartbeat, dubboRequest, ResponseTag } from "../envoy/support/dubbo-wire.js";
import { DubboMesh, Provider } from "./dubbo-fixture.js";
import { DubboReader } from "./dubbo-stream.js";

/** The string value of a successful response. */
function value(body: Buffer): string {
  expect(body[0]).toBe(0x90 + ResponseTag.ValueWithAttachments);
  const length = body[1] ?? 0;
  return body.subarray(2, 2 + length).toString();
}

describe("a request", () => {
  it("reaches the provider untouched but for its id, and its answer the client", () => {
    const provider = new Provider("v1");
    const mesh = new DubboMesh({ clusters: { v1: [provider] } });
    const client = mesh.connect();
    client.request({ id: 77n, method: "sayHello" });
    mesh.run();
    expect(value(client.response(77n).body)).toBe("v1");
    const sent = new DubboReader().push(dubboRequest({ id: 77n, method: "sayHello" }))[0];
    expect(provider.requests[0]?.frame.body).toEqual(sent?.body);
    expect(mesh.host.warnings).toEqual([]);
  });

  it("is not confused with another client's of the same id", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = new DubboMesh({ clusters: { v1: [provider] } });
    const clients = [mesh.connect(), mesh.connect(), mesh.connect()];
    for (const client of clients) client.request({ id: 1n, method: "m" });
    mesh.run();
    const ids = provider.requests.map((request) => request.frame.id);
    expect(new Set(ids).size).toBe(3);
    // The last one is answered first, each with a value of its own.
    [...provider.requests].reverse().forEach((request, index) => {
      request.reply(`answer-${String(index)}`);
    });
    mesh.run();
    expect(clients.map((client) => value(client.response(1n).body))).toEqual([
      "answer-2",
      "answer-1",
      "answer-0",
    ]);
  });

  it("of one connection is spread over all endpoints of the cluster", () => {
    const providers = ["a", "b", "c", "d"].map((name) => new Provider(name));
    const mesh = new DubboMesh({ clusters: { v1: providers } });
    const client = mesh.connect();
    client.request({ id: 0n, method: "warm" });
    mesh.run();
    for (let id = 1n; id <= 400n; id++) {
      client.request({ id, method: "m" });
      mesh.run();
    }
    for (const provider of providers) {
      expect(provider.server.connections).toHaveLength(1);
      expect(provider.requests.length).toBeGreaterThan(70);
    }
  });

  it.each([1, 2, 3, 5, 7, 15, 16, 17, 64])("is understood in pieces of %d bytes", (size) => {
    const provider = new Provider("v1");
    const mesh = new DubboMesh({ clusters: { v1: [provider] } });
    const client = mesh.connect();
    const bytes = Buffer.concat([1n, 2n, 3n].map((id) => dubboRequest({ id, method: "sayHello" })));
    client.socket.send(bytes, [size]);
    mesh.run();
    for (const id of [1n, 2n, 3n]) expect(value(client.response(id).body)).toBe("v1");
  });

  it("that is large arrives whole, and so does its answer", () => {
    const big = "x".repeat(30_000);
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = new DubboMesh({ clusters: { v1: [provider] } });
    const client = mesh.connect();
    const attachments = Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [`k${String(index)}`, big]),
    );
    const request = dubboRequest({ id: 5n, method: "big", attachments });
    client.socket.send(request, [16_384]);
    client.request({ id: 6n, method: "small" });
    mesh.run();
    expect(provider.requests.map((entry) => entry.frame.body.length)).toContain(
      request.length - 16,
    );
    const reply = dubboRequest({ id: 5n, method: "big", attachments });
    expect(reply.length).toBeGreaterThan(1_000_000);
    provider.requests[0]?.reply(big);
    provider.requests[1]?.reply("small");
    mesh.run();
    expect(client.response(5n).body.length).toBeGreaterThan(30_000);
    expect(value(client.response(6n).body)).toBe("small");
  });

  it("that is oneway is sent and never answered", () => {
    const provider = new Provider("v1");
    const mesh = new DubboMesh({ clusters: { v1: [provider] } });
    const client = mesh.connect();
    client.request({ id: 1n, method: "fire", isTwoWay: false });
    client.request({ id: 2n, method: "call" });
    mesh.run();
    expect(provider.requests).toHaveLength(2);
    expect([...client.responses.keys()]).toEqual([2n]);
  });
});

describe("a heartbeat", () => {
  it("is answered by the proxy and does not reach the provider", () => {
    const provider = new Provider("v1");
    const mesh = new DubboMesh({ clusters: { v1: [provider] } });
    const client = mesh.connect();
    client.socket.send(dubboHeartbeat(9n));
    mesh.run();
    const answer = client.response(9n);
    expect(answer).toMatchObject({ isRequest: false, isEvent: true, status: 20 });
    expect(answer.body).toEqual(Buffer.from("4e", "hex"));
    expect(provider.server.connections).toHaveLength(0);
  });
});
