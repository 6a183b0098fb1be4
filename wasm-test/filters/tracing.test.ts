// The filter of traces on built modules: which requests have a span, and what is in it. What goes on to
// servers: tracing-propagation.test.ts; how spans reach their collector: tracing-export.test.ts.
import { describe, expect, it } from "vitest";
import { Tracing_Kind as Kind } from "../../controlplane/gen/metaproto/filters/v1/tracing_pb.js";
import { FRAMED } from "../envoy/support/thrift-wire.js";
import { Status, dubboResponse, hessianString } from "../envoy/support/dubbo-wire.js";
import { DubboMesh, Provider } from "../switchboard/dubbo-fixture.js";
import { LineMesh, LineServer } from "../switchboard/line-fixture.js";
import { pluginConfiguration } from "../switchboard/mesh.js";
import { Service, ThriftMesh } from "../switchboard/thrift-fixture.js";
import { TraceCollector } from "./trace-collector.js";
import { ALWAYS, TracedMesh, tracedBy, tracing, type TracingOptions } from "./traced-mesh.js";

const HOST = expect.stringMatching(/^[0-9.]+$/) as string;
const ADDRESS = expect.stringMatching(/^[0-9.]+:\d+$/) as string;

describe("a span", () => {
  it("tells of a Dubbo request what OpenTelemetry and Envoy tell", () => {
    const collector = new TraceCollector();
    const clusters = { v1: [new Provider("v1")] };
    const mesh = new DubboMesh({ clusters, ...tracedBy(collector, { perMillion: ALWAYS }) });
    mesh.connect().request({ id: 1n, method: "sayHello" });
    mesh.host.advance(1200);
    const { span } = collector;
    expect(span).toEqual({
      resource: { "service.name": "shop" },
      scope: "metaproto",
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      spanId: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      parentSpanId: "",
      traceState: "",
      flags: 1,
      name: "demo.Greeter/sayHello",
      kind: 2,
      startNs: expect.any(BigInt) as bigint,
      endNs: expect.any(BigInt) as bigint,
      attributes: {
        "rpc.system": "apache_dubbo",
        "rpc.service": "demo.Greeter",
        "rpc.method": "sayHello",
        "peer.address": HOST,
        route_name: "default",
        upstream_cluster: "v1",
        upstream_address: ADDRESS,
        response_flags: "-",
        request_size: expect.any(BigInt) as bigint,
        response_size: expect.any(BigInt) as bigint,
      },
      statusCode: 0,
      statusMessage: "",
    });
    expect(span.startNs).toBeGreaterThanOrEqual(1_767_225_600_000_000_000n);
    expect(span.endNs).toBeGreaterThanOrEqual(span.startNs);
    expect(span.attributes.request_size).toBeGreaterThan(50n);
    expect(span.attributes.response_size).toBeGreaterThan(20n);
  });

  it("names the method that a generic call means", () => {
    const collector = new TraceCollector();
    const clusters = { v1: [new Provider("v1")] };
    const mesh = new DubboMesh({ clusters, ...tracedBy(collector, { perMillion: ALWAYS }) });
    mesh.connect().request({
      id: 1n,
      method: "$invoke",
      descriptor: "Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;",
      args: [hessianString("getUser"), Buffer.from("N"), Buffer.from("N")],
    });
    mesh.host.advance(1200);
    expect(collector.span.name).toBe("demo.Greeter/getUser");
  });

  it("has the kind of its proxy's side", () => {
    const traced = new TracedMesh({ perMillion: ALWAYS, kind: Kind.CLIENT });
    traced.call();
    expect(traced.collector.span).toMatchObject({
      kind: 3,
      name: "hello",
      attributes: { "rpc.system": "thrift", "rpc.method": "hello" },
    });
    expect(traced.collector.span.attributes).not.toHaveProperty("rpc.service");
  });

  it("tells the service of a multiplexed call", () => {
    const traced = new TracedMesh({ perMillion: ALWAYS });
    traced.client.call("Greeter:hello");
    traced.flush();
    expect(traced.collector.span).toMatchObject({
      name: "Greeter/hello",
      attributes: { "rpc.service": "Greeter", "rpc.method": "hello" },
    });
  });

  it("is named by its route where a protocol has neither services nor methods", () => {
    const collector = new TraceCollector();
    const clusters = { v1: [new LineServer("v1")] };
    const mesh = new LineMesh({ clusters, ...tracedBy(collector, { perMillion: ALWAYS }) });
    const client = mesh.connect();
    client.send("GET a");
    mesh.host.advance(1200);
    expect(client.answers).toEqual(["v1: GET a"]);
    expect(collector.span).toMatchObject({ name: "default", attributes: { "rpc.system": "line" } });
    // The protocol has no place for a context.
    expect(mesh.stat("mutation_skipped")).toBe(1);
  });

  it("has the tags that are asked for", () => {
    const tags = {
      caller: "%ATTR(caller)%",
      cluster: "to %UPSTREAM_CLUSTER%",
      nobody: "%ATTR(nobody)%",
      sent: "%BYTES_RECEIVED%",
      zone: "east",
    };
    const traced = new TracedMesh({ perMillion: ALWAYS, tags });
    traced.call({ caller: "shop" });
    const { attributes } = traced.collector.span;
    expect(attributes).toMatchObject({ caller: "shop", cluster: "to v1", zone: "east" });
    expect(attributes.sent).toBe(attributes.request_size);
    expect(attributes).not.toHaveProperty("nobody");
  });

  it("is cut off where names are long, and survives what is no UTF-8", () => {
    const traced = new TracedMesh({ perMillion: ALWAYS, tags: { odd: "%ATTR(odd)%" } });
    const method = Buffer.from("6dff", "hex").toString("latin1");
    traced.client.call(method + "m".repeat(1000), { headers: { odd: "\u{1f600}".repeat(1000) } });
    traced.flush();
    const { name, attributes } = traced.collector.span;
    expect(name).toMatch(/^m.{1,2}m{253,254}$/u);
    expect(attributes.odd).toBe("\u{1f600}".repeat(256));
  });
});

describe("the span of a request that fails", () => {
  it("tells that no route matched", () => {
    const collector = new TraceCollector();
    const clusters = { v1: [new Service("v1")] };
    const routes = [
      { match: [{ name: "method", exact: "no" }], destinations: [{ cluster: "v1" }] },
    ];
    const traced = tracedBy(collector, { perMillion: ALWAYS });
    const mesh = new ThriftMesh({ clusters, routes, ...traced });
    mesh.connect().call("hello");
    mesh.host.advance(1200);
    expect(collector.span).toMatchObject({
      name: "hello",
      statusCode: 2,
      statusMessage: "route_not_found",
      attributes: { response_flags: "NR" },
    });
    expect(collector.span.attributes).not.toHaveProperty("upstream_cluster");
  });

  it("tells of a timeout, and lasts as long", () => {
    const traced = new TracedMesh({ perMillion: ALWAYS });
    traced.service.answers = false;
    traced.client.call("slow");
    traced.mesh.host.advance(40_000);
    const { span } = traced.collector;
    expect(span).toMatchObject({
      statusCode: 2,
      statusMessage: "response_timeout",
      attributes: { response_flags: "UT", upstream_cluster: "v1" },
    });
    expect(Number(span.endNs - span.startNs) / 1e9).toBeCloseTo(15, 0);
  });

  it("tells of a client that has gone", () => {
    const traced = new TracedMesh({ perMillion: ALWAYS });
    traced.service.answers = false;
    traced.client.call("slow");
    traced.mesh.run();
    traced.client.socket.close();
    traced.flush();
    expect(traced.collector.span).toMatchObject({
      statusCode: 2,
      attributes: { response_flags: "DC", "peer.address": HOST },
    });
  });

  it("tells of an error of the server", () => {
    const collector = new TraceCollector();
    const provider = new Provider("v1");
    provider.answers = false;
    const traced = tracedBy(collector, { perMillion: ALWAYS });
    const mesh = new DubboMesh({ clusters: { v1: [provider] }, ...traced });
    mesh.connect().request({ id: 1n, method: "sayHello" });
    mesh.run();
    const [request] = provider.requests.filter(({ frame }) => !frame.isEvent);
    if (request === undefined) throw new Error("nothing came");
    const text = hessianString("no such method");
    request.connection.write(dubboResponse(request.frame.id, text, Status.ServiceNotFound));
    mesh.host.advance(1200);
    expect(collector.span).toMatchObject({
      statusCode: 2,
      statusMessage: "error",
      attributes: { response_flags: "-" },
    });
  });
});

describe("spans of one-way requests", () => {
  it("end when the request is sent", () => {
    const traced = new TracedMesh({ perMillion: ALWAYS });
    traced.client.oneway("fire");
    traced.flush();
    expect(traced.collector.span).toMatchObject({
      name: "fire",
      statusCode: 0,
      attributes: { response_flags: "-", response_size: 0n },
    });
  });
});

describe("traces that begin here", () => {
  it("are recorded as often as is asked for", () => {
    const traced = new TracedMesh({ perMillion: 250_000 }, FRAMED);
    const requests = 4000;
    for (let i = 0; i < requests; i++) {
      traced.client.call("hello");
      traced.mesh.run();
    }
    traced.flush();
    const { spans } = traced.collector;
    const sixDeviations = 6 * Math.sqrt(requests * 0.25 * 0.75);
    expect(Math.abs(spans.length - requests * 0.25)).toBeLessThan(sixDeviations);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(spans.length);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
  });

  it("of several workers have ids of their own", () => {
    const traced = new TracedMesh({ perMillion: ALWAYS }, FRAMED, 2);
    const other = traced.mesh.connect(FRAMED, undefined, 1);
    for (let i = 0; i < 20; i++) {
      traced.client.call("hello");
      other.call("hello");
      traced.mesh.run();
    }
    traced.flush();
    const ids = traced.collector.spans.map(({ traceId }) => traceId);
    expect(ids).toHaveLength(40);
    expect(new Set(ids).size).toBe(40);
  });
});

describe("a configuration", () => {
  const cases: readonly [TracingOptions, string][] = [
    [{ cluster: "" }, "cluster: missing"],
    [{ serviceName: "" }, "serviceName: missing"],
    [{ perMillion: ALWAYS + 1 }, "perMillion: over 1000000"],
    [{ flushInterval: { seconds: -1n } }, "flushInterval: not from 0.01s to 2147483.647s"],
    [{ flushInterval: {} }, "flushInterval: not from 0.01s to 2147483.647s"],
    [{ tags: { "": "x" } }, "tags: a key is empty"],
    [{ tags: { a: "%NOBODY%" } }, "tags[a]: at offset 0: there is no operator %NOBODY%"],
    [{ tags: { a: "x %ATTR()%" } }, "tags[a]: at offset 2: ATTR needs"],
  ];

  it.each(cases.map(([options, fault]) => ({ options, fault })))(
    "with a mistake is refused: $fault",
    ({ options, fault }) => {
      const { mesh, service } = new TracedMesh({});
      const filters = [tracing(options)];
      expect(() => {
        mesh.host.reconfigure(pluginConfiguration({ clusters: { v1: [service] }, filters }));
      }).toThrow();
      const logs = mesh.host.logs.map(({ message }) => message).join("\n");
      expect(logs).toContain(`filters[0].${fault}`);
    },
  );

  it.each([
    ["cut off", "0a05", "config: malformed protobuf"],
    ["of another kind", "0a016312017318ff01", "kind: neither SERVER nor CLIENT"],
  ])("whose bytes are %s is refused", (_, bytes, fault) => {
    const { mesh, service } = new TracedMesh({});
    const config = Buffer.from(bytes, "hex").toString("base64");
    const filters = [{ name: "metaproto.filters.tracing", config }];
    expect(() => {
      mesh.host.reconfigure(pluginConfiguration({ clusters: { v1: [service] }, filters }));
    }).toThrow();
    const logs = mesh.host.logs.map(({ message }) => message).join("\n");
    expect(logs).toContain(`filters[0].${fault}`);
  });
});
