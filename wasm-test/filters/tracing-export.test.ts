// How spans reach their collector, and what becomes of requests and memory when they do not.
import { describe, expect, it } from "vitest";
import { FRAMED } from "../envoy/support/thrift-wire.js";
import { pluginConfiguration } from "../switchboard/mesh.js";
import { acceptAll, rejecting } from "./trace-collector.js";
import { ALWAYS, HEADER, TracedMesh, tracing } from "./traced-mesh.js";

const SLACK_MS = 30;

describe("spans", () => {
  it("go to the collector's service in batches", () => {
    const traced = new TracedMesh({ perMillion: ALWAYS });
    for (let i = 0; i < 5; i++) traced.client.call("hello");
    traced.flush();
    expect(traced.collector.batches).toEqual([5]);
    const [stream] = traced.collector.server.streams;
    expect(stream?.target).toMatchObject({
      cluster: "collector",
      service: "opentelemetry.proto.collector.trace.v1.TraceService",
      method: "Export",
    });
    expect(traced.mesh.stat("tracing_written")).toBe(5);
    expect(traced.mesh.stat("tracing_dropped")).toBe(0);
  });

  it("wait for the flush interval", () => {
    const flushInterval = { seconds: 0n, nanos: 300_000_000 };
    const traced = new TracedMesh({ perMillion: ALWAYS, flushInterval });
    traced.client.call("hello");
    traced.mesh.host.advance(300 - SLACK_MS);
    expect(traced.collector.spans).toHaveLength(0);
    traced.mesh.host.advance(2 * SLACK_MS);
    expect(traced.collector.spans).toHaveLength(1);
  });

  it("do not wait where half a mebibyte has come together", () => {
    const traced = new TracedMesh({
      perMillion: ALWAYS,
      flushInterval: { seconds: 3600n },
      tags: { big: "%ATTR(big)%" },
    });
    const headers = { big: "x".repeat(1000) };
    for (let i = 0; i < 600; i++) traced.client.call("hello", { headers });
    traced.mesh.host.advance(100);
    expect(traced.collector.spans.length).toBeGreaterThan(300);
  });

  it("of a table that is replaced are sent all the same", () => {
    const traced = new TracedMesh({ perMillion: ALWAYS });
    traced.client.call("hello");
    traced.mesh.run();
    traced.mesh.host.reconfigure(pluginConfiguration({ clusters: { v1: [traced.service] } }));
    traced.flush();
    expect(traced.collector.spans).toHaveLength(1);
  });

  it("of two services have a resource each", () => {
    const traced = new TracedMesh({ perMillion: ALWAYS });
    const destinations = [{ cluster: "v1" }];
    const options = {
      clusters: { v1: [traced.service] },
      filters: [tracing({ perMillion: ALWAYS })],
      routes: [
        {
          match: [{ name: "method", exact: "other" }],
          destinations,
          filters: [tracing({ perMillion: ALWAYS, serviceName: "other" })],
        },
        { destinations },
      ],
    };
    traced.mesh.host.reconfigure(pluginConfiguration(options));
    const client = traced.mesh.connect(FRAMED);
    client.call("hello");
    client.call("other");
    traced.flush();
    const services = traced.collector.spans.map(
      ({ name, resource }) => `${name} of ${String(resource["service.name"])}`,
    );
    expect(services.sort()).toEqual(["hello of shop", "other of other"]);
  });
});

describe("a collector", () => {
  it("that is gone costs spans, which are counted, and no request; and is found when it is back", () => {
    const traced = new TracedMesh({ perMillion: ALWAYS });
    for (const reachability of ["refused", "no-endpoints"] as const) {
      traced.collector.server.reachability = reachability;
      traced.client.call("hello");
      traced.client.call("hello");
      traced.flush();
    }
    expect(traced.client.answers).toEqual(["v1", "v1", "v1", "v1"]);
    expect(traced.mesh.stat("tracing_dropped")).toBe(4);
    expect(traced.mesh.stat("tracing_export_failed")).toBe(2);
    traced.collector.server.reachability = "up";
    traced.call();
    expect(traced.collector.spans).toHaveLength(1);
    expect(traced.mesh.stat("tracing_dropped")).toBe(4);
  });

  it("that is none costs no request either", () => {
    const traced = new TracedMesh({ perMillion: ALWAYS, cluster: "nowhere" });
    traced.call();
    expect(traced.client.answers).toEqual(["v1"]);
    expect(traced.mesh.stat("tracing_dropped")).toBe(1);
  });

  it("that takes only some of the spans says so", () => {
    const traced = new TracedMesh({ perMillion: ALWAYS });
    traced.collector.answer = rejecting(2n);
    for (let i = 0; i < 5; i++) traced.client.call("hello");
    traced.flush();
    expect(traced.mesh.stat("tracing_dropped")).toBe(2);
    traced.collector.answer = rejecting(2n ** 62n);
    traced.call();
    expect(traced.mesh.stat("tracing_dropped")).toBe(3);
    expect(traced.mesh.stat("tracing_export_failed")).toBe(0);
  });

  it("that is silent is waited for so long, while spans gather, within bounds", () => {
    const traced = new TracedMesh({ perMillion: ALWAYS, tags: { big: "%ATTR(big)%" } });
    traced.collector.answer = null;
    traced.call();
    const headers = { big: "x".repeat(1000) };
    const calls = 3000;
    for (let i = 0; i < calls; i++) {
      traced.client.call("hello", { headers });
      traced.mesh.run();
    }
    expect(traced.collector.batches).toEqual([1]);
    // What does not fit into a mebibyte.
    const tooMany = traced.mesh.stat("tracing_dropped");
    expect(tooMany).toBeGreaterThan(calls / 2);
    expect(tooMany).toBeLessThan(calls);
    traced.collector.answer = acceptAll;
    traced.mesh.host.advance(6000);
    expect(traced.collector.batches).toEqual([1, calls - tooMany]);
    // The one that it never answered.
    expect(traced.mesh.stat("tracing_dropped")).toBe(tooMany + 1);
    expect(traced.client.answers).toHaveLength(calls + 1);
  });
});

describe("memory", () => {
  it("of a span is given back with its request, whatever became of it", () => {
    const traced = new TracedMesh({ perMillion: ALWAYS, tags: { user: "%ATTR(user)%" } });
    const burst = (): number => {
      const other = traced.mesh.connect(HEADER);
      for (let i = 0; i < 50; i++) traced.client.call("hello", { headers: { user: "gold" } });
      other.call("hello");
      traced.mesh.run();
      const during = traced.mesh.stat("buffered_bytes");
      other.socket.close();
      traced.mesh.host.advance(60_000);
      return during;
    };
    traced.service.answers = false;
    // Chunks of output queues are kept for reuse.
    for (let warm = 0; warm < 3; warm++) burst();
    const after = traced.mesh.stat("buffered_bytes");
    expect(burst()).toBeGreaterThan(after);
    expect(traced.mesh.stat("buffered_bytes")).toBe(after);
    expect(traced.collector.spans).toHaveLength(4 * 51);
  });
});

describe("host calls", () => {
  it("are none for a request that is not recorded", () => {
    const calls = (options: { perMillion: number } | undefined): object => {
      const traced = new TracedMesh(options ?? { perMillion: 0 });
      if (options === undefined) {
        const plain = pluginConfiguration({ clusters: { v1: [traced.service] } });
        traced.mesh.host.reconfigure(plain);
      }
      const client = traced.mesh.connect(HEADER);
      for (let i = 0; i < 5; i++) {
        client.call("hello");
        traced.flush();
      }
      // After a rest the first request asks for the time.
      client.call("hello");
      traced.mesh.run();
      const { stats } = traced.mesh.host.vm;
      stats.reset();
      client.call("hello");
      traced.mesh.run();
      return { ...stats.hostCalls };
    };
    expect(calls({ perMillion: 0 })).toEqual({
      ...calls(undefined),
      // What every filter chain costs: when the request began, was sent, and ended.
      proxy_get_current_time_nanoseconds: 2,
    });
  });
});
