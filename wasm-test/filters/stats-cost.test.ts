// What metaproto.filters.stats costs: exact numbers of host calls, and a heap that does not grow.
import { describe, expect, it } from "vitest";
import { Stats_Reporter as Reporter } from "../../controlplane/gen/metaproto/filters/v1/stats_pb.js";
import { dubboRequest } from "../envoy/support/dubbo-wire.js";
import { builtModule } from "../modules/built-module.js";
import { DubboMesh, Provider } from "../switchboard/dubbo-fixture.js";
import { holdings } from "../switchboard/probe.js";
import { byLabels, statsFilter, type StatsInit } from "./stats-fixture.js";

const PROBED = await builtModule("test/switchboard-dubbo");
const ISTIO = { methodAttribute: "method", istio: { reporter: Reporter.DESTINATION } };

type Calls = Record<string, number>;

function meshOf(config?: StatsInit, module?: WebAssembly.Module): DubboMesh {
  const provider = new Provider("v1");
  provider.answersTogether = true;
  return new DubboMesh({
    clusters: { v1: [provider] },
    filters: config === undefined ? [] : [statsFilter(config)],
    ...(module === undefined ? {} : { module }),
  });
}

/** Host calls of `action`, by name, between two ticks. */
function callsOf(mesh: DubboMesh, action: () => void): Calls {
  const { stats } = mesh.host.vm;
  stats.reset();
  action();
  mesh.run();
  return Object.fromEntries(Object.entries(stats.hostCalls).filter(([, count]) => count > 0));
}

/** What the filter adds to the calls of a batch of requests of one client. */
function added(config: StatsInit, requests: number): Calls {
  const batch = Buffer.concat(
    Array.from({ length: requests }, (_, id) =>
      dubboRequest({ id: BigInt(id), method: `m${String(id % 8)}` }),
    ),
  );
  const [without, withStats] = [undefined, config].map((filter) => {
    const mesh = meshOf(filter);
    const client = mesh.connect();
    for (let warm = 0; warm < 5; warm++) {
      client.socket.send(batch);
      mesh.run();
      mesh.host.advance(1100);
    }
    return callsOf(mesh, () => {
      client.socket.send(batch);
    });
  });
  const more: Calls = {};
  for (const [name, count] of Object.entries(withStats ?? {})) {
    const difference = count - (without?.[name] ?? 0);
    if (difference !== 0) more[name] = difference;
  }
  return more;
}

describe("host calls of requests", () => {
  it.each([
    ["without methods", {}],
    ["with methods", { methodAttribute: "method" }],
    ["with Istio's metrics", ISTIO],
  ])("%s: only the time, once for each read", (_, config) => {
    // Every filter chain reads the clock, once in a callback of the host.
    const clock = { proxy_get_current_time_nanoseconds: 2 };
    expect(added(config, 1)).toEqual(clock);
    expect(added(config, 64)).toEqual(clock);
  });
});

describe("host calls of a second", () => {
  const second = (mesh: DubboMesh): Calls =>
    callsOf(mesh, () => {
      mesh.host.advance(1000);
    });

  it("one for each value that has changed", () => {
    const mesh = meshOf({ methodAttribute: "method", durationBucketsMs: [100, 1000] });
    const client = mesh.connect();
    const ask = (): void => {
      client.request({ id: 1n, method: "m" });
      mesh.run();
    };
    ask();
    mesh.host.advance(2500);
    const idle = second(mesh);
    expect(idle["proxy_increment_metric"]).toBeUndefined();
    ask();
    ask();
    const calls = second(mesh);
    // requests, responses, bytes both ways, three buckets, the number of durations; the engine's own two.
    expect(calls["proxy_increment_metric"]).toBe(8 + 2);
    expect(calls["proxy_define_metric"]).toBeUndefined();
  });

  it("a new series is defined once, with all of its metrics", () => {
    const mesh = meshOf({ methodAttribute: "method" });
    mesh.host.advance(1100);
    const client = mesh.connect();
    client.request({ id: 1n, method: "m" });
    mesh.run();
    const calls = second(mesh);
    // Five counters and gauges, the sum, twenty buckets, the number of durations; one kind of response.
    expect(calls["proxy_define_metric"]).toBe(5 + 22 + 1);
    client.request({ id: 2n, method: "m" });
    mesh.run();
    expect(second(mesh)["proxy_define_metric"]).toBeUndefined();
  });

  it("at most five definitions in a tick, and a thousand other calls", () => {
    const mesh = meshOf({ methodAttribute: "method", maxMethods: 1000 });
    const client = mesh.connect();
    for (let i = 0; i < 200; i++) client.request({ id: BigInt(i), method: `m${String(i)}` });
    mesh.run();
    const { stats } = mesh.host.vm;
    const most = { defined: 0, told: 0 };
    const ticks = (count: number): void => {
      for (let tick = 0; tick < count; tick++) {
        stats.reset();
        mesh.host.advance(10);
        const { proxy_define_metric: defined = 0, proxy_increment_metric: told = 0 } =
          stats.hostCalls;
        most.defined = Math.max(most.defined, defined);
        most.told = Math.max(most.told, told);
      }
    };
    const METRICS = 200 * 28;
    ticks(100 + METRICS / 5 + 10);
    expect(most.defined).toBe(5);
    expect(most.told).toBeGreaterThan(10);
    const counted = byLabels(mesh, "metaproto.dubbo.requests_total", "method");
    expect(Object.keys(counted)).toHaveLength(200);

    for (let i = 0; i < 200; i++) client.request({ id: BigInt(i), method: `m${String(i)}` });
    mesh.run();
    ticks(130);
    expect(most.told).toBeGreaterThan(500);
    // A series that has been begun is told to its end; the engine tells as well.
    expect(most.told).toBeLessThan(1000 + 28 + 20);
  });
});

describe("memory", () => {
  it("stays what it was once the series are there, and `other` takes what comes", () => {
    const mesh = meshOf({ ...ISTIO, maxMethods: 4 }, PROBED);
    const client = mesh.connect();
    const batch = (first: number): void => {
      const requests = Array.from({ length: 100 }, (_, id) =>
        dubboRequest({ id: BigInt(id), method: `m${String((first + id) % 500)}` }),
      );
      client.socket.send(Buffer.concat(requests));
      mesh.run();
      mesh.host.advance(250);
    };
    for (let round = 0; round < 50; round++) batch(round * 100);
    mesh.host.advance(15_000);
    for (let round = 0; round < 50; round++) batch(round * 100);
    const before = holdings(mesh);
    for (let round = 0; round < 500; round++) batch(round * 100);
    expect(holdings(mesh)).toEqual(before);
    const counted = byLabels(mesh, "metaproto.dubbo.requests_total", "method");
    expect(Object.keys(counted)).toHaveLength(5);
    expect(Object.values(counted).reduce((sum, value) => sum + value)).toBe(60_000);
  });

  it("of series is given back when others take their place, or nobody has used them for a day", () => {
    const mesh = meshOf({ methodAttribute: "method", maxMethods: 1000 }, PROBED);
    const client = mesh.connect();
    const visit = (generation: number, minutes: number): number => {
      for (let i = 0; i < 1000; i++)
        client.request({ id: BigInt(i), method: `m${String(generation)}-${String(i)}` });
      mesh.run();
      mesh.host.advance(minutes * 60_000);
      return holdings(mesh).heapBytes;
    };
    const full = visit(1, 11);
    // Each method takes the place of one that nobody uses any more.
    expect(visit(2, 11)).toBe(full);
    expect(visit(3, 25 * 60)).toBeLessThan(full - 1000 * 500);
    const counted = byLabels(mesh, "metaproto.dubbo.requests_total", "method");
    expect(counted["m3-999"]).toBe(1);
    expect(counted["other"]).toBeUndefined();
  });
});
