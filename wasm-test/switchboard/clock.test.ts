// The only time that a module can ask for is the machine's wall clock, which may be set at any moment.
import { describe, expect, it } from "vitest";
import { DubboMesh, Provider } from "./dubbo-fixture.js";

const YEAR = 365 * 86_400_000;

describe("a wall clock that is set", () => {
  it.each([
    ["forward by a minute", 60_000],
    ["forward by 50 years, from 1970 as machines without a battery do", 50 * YEAR],
    ["back by an hour", -3_600_000],
    ["back by 20 years", -20 * YEAR],
  ])("%s ends no request before its time, and none much later", (_, offset) => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = new DubboMesh({ clusters: { v1: [provider] }, plugin: { defaultTimeout: "10s" } });
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    mesh.host.advance(2000);
    mesh.host.setClock(offset);
    mesh.host.advance(5000);
    expect(client.responses.size).toBe(0);
    client.request({ id: 2n, method: "m" });
    mesh.host.advance(4500);
    expect(client.response(1n).status).toBe(31);
    expect(client.responses.size).toBe(1);
    mesh.host.advance(6000);
    expect(client.response(2n).status).toBe(31);
  });

  it("again and again, back and forth, leaves connections and statistics alone", () => {
    const provider = new Provider("v1");
    const mesh = new DubboMesh({ clusters: { v1: [provider] } });
    const client = mesh.connect();
    for (let id = 1n; id <= 100n; id++) {
      mesh.host.setClock((id % 2n === 0n ? -1 : 1) * Number(id) * 1000);
      client.request({ id, method: "m" });
      mesh.host.advance(50);
      expect(client.response(id).status).toBe(20);
    }
    expect(provider.server.openConnections).toHaveLength(1);
    expect(mesh.stat("upstream_rq_completed")).toBe(100);
  });
});
