// A changed plugin configuration: another plugin context in the same VM serves new connections, while
// the one before lives on for those it has.
import { describe, expect, it } from "vitest";
import { DubboMesh, Provider } from "./dubbo-fixture.js";
import { pluginConfiguration, type MeshOptions } from "./mesh.js";

interface Setup {
  readonly mesh: DubboMesh;
  readonly v1: Provider;
  readonly v2: Provider;
  /** Leads new connections to this cluster. */
  readonly leadTo: (cluster: string) => void;
}

function setUp(plugin: Readonly<Record<string, unknown>> = {}): Setup {
  const [v1, v2] = [new Provider("v1"), new Provider("v2")];
  const options = (cluster: string): MeshOptions => ({
    clusters: { v1: [v1], v2: [v2] },
    routes: [{ destinations: [{ cluster }] }],
    plugin,
  });
  const mesh = new DubboMesh(options("v1"));
  const leadTo = (cluster: string): void => {
    mesh.host.reconfigure(pluginConfiguration(options(cluster)));
    mesh.run();
  };
  return { mesh, v1, v2, leadTo };
}

describe("after a change of the plugin configuration", () => {
  it("open connections keep the old one, new connections have the new one", () => {
    const { mesh, leadTo } = setUp();
    const old = mesh.connect();
    old.request({ id: 1n, method: "m" });
    mesh.run();
    leadTo("v2");
    const young = mesh.connect();
    for (let id = 2n; id <= 20n; id++) {
      old.request({ id, method: "m" });
      young.request({ id, method: "m" });
      mesh.host.advance(100);
      expect(old.response(id).body.includes("v1")).toBe(true);
      expect(young.response(id).body.includes("v2")).toBe(true);
    }
    expect(old.socket.closed).toBe(false);
    expect(mesh.host.warnings).toEqual([]);
  });

  it("while dials, closes and replies are under way none of them is forgotten", () => {
    const { mesh, v1, leadTo } = setUp();
    const clients = Array.from({ length: 10 }, () => mesh.connect());
    v1.server.acceptDelayMs = 50;
    for (const client of clients) client.request({ id: 1n, method: "m" });
    const closing = mesh.connect();
    closing.socket.send(Buffer.from("not Dubbo at all, it will be closed"));
    // The requests have come, and the work that they posted has not run yet.
    mesh.host.loop.post(() => undefined);
    leadTo("v2");
    mesh.host.advance(200);
    for (const client of clients) expect(client.response(1n).body.includes("v1")).toBe(true);
    expect(closing.socket.closed).toBe(true);
  });

  it("the old context's dials lead to its own pools, though the new one's listener takes them", () => {
    const { mesh, v1, leadTo } = setUp();
    const old = mesh.connect();
    old.request({ id: 1n, method: "m" });
    mesh.run();
    leadTo("v2");
    v1.server.openConnections[0]?.reset();
    mesh.run();
    old.request({ id: 2n, method: "m" });
    mesh.run();
    expect(old.response(2n).body.includes("v1")).toBe(true);
    expect(v1.server.connections).toHaveLength(2);
  });

  it("timeouts, idle connections and statistics of the old one go on", () => {
    const { mesh, v1, leadTo } = setUp({ defaultTimeout: "1s" });
    const old = mesh.connect();
    v1.answers = false;
    old.request({ id: 1n, method: "m" });
    mesh.run();
    leadTo("v2");
    mesh.host.advance(1200);
    expect(old.response(1n).status).toBe(31);
    expect(mesh.stat("local_reply_ut")).toBe(1);
    expect(mesh.stat("downstream_cx_active")).toBe(1);
  });

  it("the old one goes with its last connection, and takes its upstream connections with it", () => {
    const { mesh, v1, v2, leadTo } = setUp();
    const old = mesh.connect();
    old.request({ id: 1n, method: "m" });
    mesh.run();
    leadTo("v2");
    const young = mesh.connect();
    young.request({ id: 1n, method: "m" });
    mesh.run();
    old.socket.close();
    mesh.host.advance(400_000);
    expect(v1.server.openConnections).toHaveLength(0);
    young.request({ id: 2n, method: "m" });
    mesh.run();
    expect(young.response(2n).body.includes("v2")).toBe(true);
    expect(v2.server.openConnections).toHaveLength(1);
  });

  it("the newest may go first: what it was asked to do for the others is still done", () => {
    const { mesh, v1, leadTo } = setUp();
    const old = mesh.connect();
    old.request({ id: 1n, method: "m" });
    mesh.run();
    leadTo("v2");
    mesh.connect().socket.close();
    mesh.run();
    // The second context has no connection left when the third one replaces it.
    leadTo("v1");
    leadTo("v2");
    mesh.host.advance(1000);
    v1.server.openConnections[0]?.reset();
    mesh.run();
    for (let id = 2n; id <= 5n; id++) {
      old.request({ id, method: "m" });
      mesh.run();
      expect(old.response(id).body.includes("v1")).toBe(true);
    }
  });

  it("that is refused, everything stays as it was", () => {
    const { mesh } = setUp();
    const client = mesh.connect();
    expect(() => {
      mesh.host.reconfigure(JSON.stringify({ dialCluster: "carrier", routes: 7 }));
    }).toThrow("rejects the plugin");
    client.request({ id: 1n, method: "m" });
    const later = mesh.connect();
    later.request({ id: 1n, method: "m" });
    mesh.run();
    expect(client.response(1n).body.includes("v1")).toBe(true);
    expect(later.response(1n).body.includes("v1")).toBe(true);
  });

  it("fifty times under load no request is lost", () => {
    const { mesh, leadTo } = setUp();
    const clients = Array.from({ length: 5 }, () => mesh.connect());
    let id = 0n;
    for (let change = 0; change < 50; change++) {
      leadTo(change % 2 === 0 ? "v2" : "v1");
      clients.push(mesh.connect());
      for (let i = 0; i < 3; i++) {
        id++;
        for (const client of clients) client.request({ id, method: "m" });
        mesh.host.advance(10);
        for (const client of clients) expect(client.response(id).status).toBe(20);
      }
      if (clients.length > 20) clients.shift()?.socket.close();
    }
    expect(mesh.host.warnings).toEqual([]);
  });
});
