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

describe("a worker without requests", () => {
  /** Ticks in the next second, by what each of them asks the host. */
  function ticks(mesh: DubboMesh): number {
    mesh.host.vm.stats.reset();
    mesh.host.advance(1000);
    return mesh.host.vm.stats.hostCalls["proxy_get_current_time_nanoseconds"] ?? 0;
  }

  it("rests: it has a tenth of the ticks, also with clients that are connected", () => {
    const mesh = new DubboMesh({ clusters: { v1: [new Provider("v1")] } });
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    mesh.run();
    expect(ticks(mesh)).toBeGreaterThan(90);
    mesh.host.advance(2000);
    expect(ticks(mesh)).toBeLessThanOrEqual(11);
    client.request({ id: 2n, method: "m" });
    mesh.run();
    expect(client.response(2n).status).toBe(20);
    mesh.host.advance(100);
    expect(ticks(mesh)).toBeGreaterThan(90);
  });

  it("does not rest while a request is under way", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const mesh = new DubboMesh({ clusters: { v1: [provider] } });
    mesh.connect().request({ id: 1n, method: "m" });
    mesh.host.advance(5000);
    expect(ticks(mesh)).toBeGreaterThan(90);
  });

  it("gives the request that ends its rest the time that it may take", () => {
    const provider = new Provider("v1");
    provider.answers = false;
    const plugin = { defaultTimeout: "0.5s" };
    const mesh = new DubboMesh({ clusters: { v1: [provider] }, plugin });
    const client = mesh.connect();
    for (const restMs of [5000, 5013, 5050, 5099]) {
      mesh.host.advance(restMs);
      client.request({ id: BigInt(restMs), method: "m" });
      mesh.host.advance(499);
      expect(client.responses.size).toBe(0);
      mesh.host.advance(121);
      expect(client.response(BigInt(restMs)).status).toBe(31);
      client.responses.clear();
    }
  });
});
