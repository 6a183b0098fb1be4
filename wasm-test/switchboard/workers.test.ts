// Several workers, each with a VM, connections and pools of its own.
import { describe, expect, it } from "vitest";
import { FRAMED } from "../envoy/support/thrift-wire.js";
import { DubboMesh, Provider } from "./dubbo-fixture.js";
import { Service, ThriftMesh } from "./thrift-fixture.js";

describe("clients of two workers", () => {
  it("ask with equal ids at once and get each its own answer", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = new DubboMesh({ clusters: { v1: [provider] }, host: { workers: 2 } });
    const clients = Array.from({ length: 20 }, (_, index) => mesh.connect(undefined, index % 2));
    for (const client of clients) client.request({ id: 1n, method: "m" });
    mesh.run();
    expect(provider.requests).toHaveLength(20);
    expect(provider.server.openConnections).toHaveLength(2);
    [...provider.requests].reverse().forEach((request, index) => {
      request.reply(`answer ${String(index)}`);
    });
    mesh.run();
    const answers = clients.map((client) => {
      return /answer \d+/.exec(client.response(1n).body.toString("latin1"))?.[0];
    });
    expect(new Set(answers).size).toBe(20);
  });

  it("share no upstream connection, and a connection that ends concerns one worker only", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = new DubboMesh({ clusters: { v1: [provider] }, host: { workers: 2 } });
    const clients = [mesh.connect(undefined, 0), mesh.connect(undefined, 1)];
    for (const client of clients) {
      client.request({ id: 1n, method: "m" });
      mesh.run();
    }
    provider.requests[0]?.connection.reset();
    provider.requests[1]?.reply("fine");
    mesh.run();
    const texts = clients.map((client) => client.response(1n).body.toString("latin1"));
    expect(texts[0]).toContain("the connection ended before the response");
    expect(texts[1]).toContain("fine");
  });

  it("are counted together in the statistics", () => {
    const mesh = new DubboMesh({ clusters: { v1: [new Provider("v1")] }, host: { workers: 2 } });
    for (const worker of [0, 1, 1]) {
      const client = mesh.connect(undefined, worker);
      client.request({ id: 1n, method: "m" });
    }
    mesh.run();
    expect(mesh.stat("downstream_cx_active")).toBe(3);
    expect(mesh.stat("downstream_rq_total")).toBe(3);
    expect(mesh.stat("upstream_rq_completed")).toBe(3);
    expect(mesh.stat("downstream_rq_active")).toBe(0);
  });

  it("have bounds of their own: each worker's pool grows to its own maxConnections", () => {
    const service = new Service("v1");
    service.answers = false;
    const mesh = new ThriftMesh({
      clusters: { v1: [service] },
      plugin: { limits: { maxConnections: 3 } },
      host: { workers: 2 },
    });
    const clients = Array.from({ length: 10 }, (_, index) => {
      return mesh.connect(FRAMED, undefined, index % 2);
    });
    for (const client of clients) client.call("hello");
    mesh.run();
    expect(service.server.openConnections).toHaveLength(6);
    for (let answered = 0; answered < 10; answered++) {
      service.requests[answered]?.reply("answer");
      mesh.run();
    }
    for (const client of clients) expect(client.answers).toEqual(["answer"]);
    expect(service.peakOutstanding).toBe(1);
  });
});
