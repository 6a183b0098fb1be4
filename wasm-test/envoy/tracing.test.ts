// Traces through a real Envoy into a real collector, as users of the official Dubbo and Thrift libraries see them:
// who passes on the attachments or headers of the trace has one trace over all services and protocols.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeWith } from "./support/describe-with.js";
import {
  type DubboConsumer,
  type DubboRequest,
  missingDubboPeer,
  startDubboConsumer,
  startDubboProvider,
} from "./support/dubbo-peer.js";
import { Mesh } from "./support/mesh.js";
import { OtelCollector, missingOtelCollector } from "./support/otel-collector.js";
import type { CollectedSpan } from "./support/otlp-json.js";
import type { PeerServer } from "./support/peer-client.js";
import { freePorts } from "./support/ports.js";
import { type ServiceOptions, yamlOf } from "./support/resources.js";
import {
  type ThriftClient,
  missingThriftPeer,
  startThriftClient,
  startThriftServer,
} from "./support/thrift-peer.js";
import { waitUntil } from "./support/deadline.js";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";
const HEADER = { transport: "header", protocol: "binary" } as const;
const COLLECTOR_PORT = 4317;
const HELLO: DubboRequest = { method: "sayHello", args: ["you"] };

/** Resources that have requests of both protocols traced and logged. */
function tracingYaml(collectorPort: number, percentage: number): string {
  const cluster = `outbound|${String(COLLECTOR_PORT)}||collector.test`;
  const flushInterval = "0.1s";
  const protocol = (name: string, tracing: object): object => ({
    apiVersion: "metaprotocol.aeraki.io/v1alpha1",
    kind: "ApplicationProtocol",
    metadata: { name },
    spec: {
      protocol: name,
      codec: `aeraki.meta_protocol.codec.${name}`,
      tracing: {
        ...{ cluster, flushInterval, serviceName: `${name}-mesh` },
        randomSamplingPercentage: percentage,
        ...tracing,
      },
      accessLog: { text: "%ATTR(method)% %TRACE_ID%", otlp: { cluster, flushInterval } },
    },
  });
  const collector = {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: "collector", namespace: "test" },
    spec: {
      hosts: ["collector.test"],
      ports: [{ number: COLLECTOR_PORT, name: "grpc", protocol: "GRPC" }],
      resolution: "STATIC",
      endpoints: [{ address: "127.0.0.1", ports: { grpc: collectorPort } }],
    },
  };
  return yamlOf(
    collector,
    protocol("dubbo", { kind: "SERVER", tags: { user: "%ATTR(user)%" } }),
    protocol("thrift", { kind: "CLIENT", b3: true }),
  );
}

/** What an application that takes part in traces passes on. */
function carried(metadata: Readonly<Record<string, string>>): Record<string, string> {
  const isContext = (name: string): boolean => /^(trace|x-b3|b3)/.test(name.toLowerCase());
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => isContext(name)));
}

const missing = [missingDubboPeer(), missingThriftPeer("python"), missingOtelCollector()];

describeWith("tracing", missing, () => {
  let collector: OtelCollector;
  let mesh: Mesh;
  let provider: PeerServer;
  let server: PeerServer;
  let consumer: DubboConsumer;
  let client: ThriftClient;
  let services: readonly ServiceOptions[];
  /** Where clients of each service connect, by its first letter; nobody serves D. */
  let ports: Readonly<Record<"A" | "B" | "C" | "D", number>>;

  beforeAll(async () => {
    const [A = 0, B = 0, C = 0, D = 0, nobody = 0] = await freePorts(5);
    ports = { A, B, C, D };
    [collector, provider, server, consumer, client] = await Promise.all([
      OtelCollector.start(),
      startDubboProvider({ endpoints: [{ label: "A" }, { label: "C" }] }),
      startThriftServer("python", [{ label: "B", ...HEADER }]),
      startDubboConsumer(),
      startThriftClient("python"),
    ]);
    const service = (
      protocol: "dubbo" | "thrift",
      name: keyof typeof ports,
      port: number,
    ): ServiceOptions => ({
      protocol,
      host: `${name.toLowerCase()}.${protocol}`,
      port: ports[name],
      endpoints: [{ port, version: "v1" }],
    });
    services = [
      service("dubbo", "A", provider.port("A")),
      service("thrift", "B", server.port("B")),
      service("dubbo", "C", provider.port("C")),
      service("dubbo", "D", nobody),
    ];
    const files = { "tracing.yaml": tracingYaml(collector.port, 100) };
    mesh = await Mesh.start(services, { files });
  });

  afterAll(async () => {
    await Promise.all([provider, server, consumer, client].map((peer) => peer.stop()));
    await mesh.stop();
    await collector.stop();
  });

  const sample = async (percentage: number): Promise<void> => {
    await mesh.controlPlane.edit("tracing.yaml", tracingYaml(collector.port, percentage));
  };
  const spansOf = (traceId: string, count = 1): Promise<CollectedSpan[]> =>
    collector.waitForSpans(count, (span) => span.traceId === traceId);
  const clusterOf = (service: string): string => {
    const { host = "", port } = services["ABCD".indexOf(service)] ?? { port: 0 };
    return `outbound|${String(port)}||${host}`;
  };
  /** Attachments of a request as the service gets them. */
  const received = async (
    attachments: Readonly<Record<string, string>> = {},
  ): Promise<Readonly<Record<string, string>>> => {
    const { value } = await consumer.call(
      { port: ports.C },
      { method: "attachments", attachments },
    );
    return value as Record<string, string>;
  };

  test("a trace over three services in two protocols joins up", async () => {
    await provider.relay("A", async ({ argument, metadata }) => {
      const request = { method: "hello", args: [argument], headers: carried(metadata) } as const;
      return String((await client.call({ port: ports.B, ...HEADER }, request)).value);
    });
    await server.relay("B", async ({ argument, metadata }) => {
      const request = { method: "sayHello", args: [argument], attachments: carried(metadata) };
      return String((await consumer.call({ port: ports.C }, request)).value);
    });
    const before = BigInt(Date.now()) * 1_000_000n;
    const answer = await consumer.call(
      { port: ports.A },
      { ...HELLO, attachments: { user: "gold" } },
    );
    expect(answer.value).toBe("Hello you from C from B from A");

    const isOfA = (span: CollectedSpan): boolean => span.attributes["user"] === "gold";
    const [root] = await collector.waitForSpans(1, isOfA);
    const spans = await spansOf(root?.traceId ?? "", 3);
    expect(spans).toHaveLength(3);
    const byParent = (parent: string | undefined): CollectedSpan | undefined =>
      spans.find(({ parentSpanId }) => parentSpanId === parent);
    const atA = byParent("");
    const atB = byParent(atA?.spanId);
    const atC = byParent(atB?.spanId);
    const dubbo = { "rpc.system": "apache_dubbo", "rpc.service": "demo.Greeter" };
    expect(atA).toMatchObject({
      resource: { "service.name": "dubbo-mesh" },
      name: "demo.Greeter/sayHello",
      kind: 2,
      statusCode: 0,
      attributes: { ...dubbo, upstream_cluster: clusterOf("A"), response_flags: "-" },
    });
    expect(atB).toMatchObject({
      resource: { "service.name": "thrift-mesh" },
      name: "hello",
      kind: 3,
      attributes: { "rpc.system": "thrift", upstream_cluster: clusterOf("B") },
    });
    expect(atC).toMatchObject({
      resource: { "service.name": "dubbo-mesh" },
      attributes: {
        ...dubbo,
        upstream_cluster: clusterOf("C"),
        upstream_address: `127.0.0.1:${String(provider.port("C"))}`,
      },
    });
    // Each lies within the one above it, and all of them within this test.
    const times = [before, atA?.startNs, atB?.startNs, atC?.startNs].concat(
      [atC?.endNs, atB?.endNs, atA?.endNs],
      BigInt(Date.now() + 1) * 1_000_000n,
    );
    expect([...times].sort()).toEqual(times);

    const logs = await collector.waitForLogs(3, ({ traceId }) => traceId === root?.traceId);
    const idsOf = (records: readonly { readonly spanId: string }[]): string[] =>
      records.map(({ spanId }) => spanId).sort();
    expect(idsOf(logs)).toEqual(idsOf(spans));
    expect(logs.map(({ body }) => body).sort()).toEqual(
      ["hello", "sayHello", "sayHello"].map((method) => `${method} ${String(root?.traceId)}`),
    );
  });

  test("a client's own context is the parent: W3C's and B3 in both forms", async () => {
    const cases = [
      { traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: "rojo=1" },
      { b3: `${TRACE}-${PARENT}-1` },
      { "X-B3-TraceId": TRACE, "X-B3-SpanId": PARENT, "X-B3-Sampled": "1" },
    ];
    const parents: string[] = [];
    for (const attachments of cases) {
      const { traceparent = "" } = await received(attachments);
      parents.push(traceparent.slice(36, 52));
    }
    const spans = await spansOf(TRACE, cases.length);
    expect(spans.map(({ parentSpanId }) => parentSpanId)).toEqual([PARENT, PARENT, PARENT]);
    expect(spans.map(({ spanId }) => spanId)).toEqual(parents);
    expect(spans.map(({ traceState }) => traceState)).toEqual(["rojo=1", "", ""]);
  });

  test("B3 goes on in Thrift's headers where that is asked for", async () => {
    const { value } = await client.call(
      { port: ports.B, ...HEADER },
      { method: "headers", headers: { traceparent: `00-${TRACE.replace("4", "5")}-${PARENT}-01` } },
    );
    const [span] = await spansOf(TRACE.replace("4", "5"));
    expect(value).toMatchObject({
      "x-b3-traceid": span?.traceId,
      "x-b3-spanid": span?.spanId,
      "x-b3-parentspanid": PARENT,
      "x-b3-sampled": "1",
    });
  });

  test("a transport without headers has spans of its own, and what could not be written is counted", async () => {
    const skipped = "wasmcustom.metaproto.thrift.mutation_skipped";
    const before = await mesh.envoy.stat(skipped);
    const framed = { port: ports.B, transport: "framed", protocol: "binary" } as const;
    await client.call(framed, { method: "getUser", args: ["1"] });
    const [span] = await collector.waitForSpans(1, ({ name }) => name === "getUser");
    expect(span).toMatchObject({ parentSpanId: "", statusCode: 0 });
    await waitUntil("the count", async () => (await mesh.envoy.stat(skipped)) === before + 1);
  });

  describe("a request that fails", () => {
    test.each([
      ["exception of the service", "C", "failRuntime", "business_error", "-"],
      ["no endpoint that answers", "D", "sayHello", undefined, "UF"],
    ] as const)("shows in its span: %s", async (_, service, method, message, flag) => {
      const traceId = TRACE.replace("4", flag === "-" ? "6" : "7");
      const traceparent = `00-${traceId}-${PARENT}-01`;
      const request = { method, args: ["x"], attachments: { traceparent } };
      await consumer.fail({ port: ports[service] }, request);
      const [span] = await spansOf(traceId);
      expect(span).toMatchObject({
        name: `demo.Greeter/${method}`,
        statusCode: 2,
        attributes: { response_flags: flag, upstream_cluster: clusterOf(service) },
        ...(message !== undefined && { statusMessage: message }),
      });
    });

    test("shows in its span: an exception that Thrift's interface does not declare", async () => {
      const request = { method: "failUndeclared", args: ["x"] } as const;
      await client.fail({ port: ports.B, ...HEADER }, request);
      const [span] = await collector.waitForSpans(1, ({ name }) => name === "failUndeclared");
      expect(span).toMatchObject({ statusCode: 2, statusMessage: "error" });
    });
  });

  test("0 % of the traces that begin here, which goes on; others are recorded as before", async () => {
    await sample(0);
    const { traceparent = "" } = await received();
    expect(traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    const other = TRACE.replace("4", "8");
    await received({ traceparent: `00-${other}-${PARENT}-01` });
    await spansOf(other);
    // It was there first, and would have been in the same batch.
    const dropped = traceparent.slice(3, 35);
    expect(collector.spans().filter(({ traceId }) => traceId === dropped)).toEqual([]);
    const [log] = await collector.waitForLogs(1, ({ traceId }) => traceId === dropped);
    expect(log?.spanId).toBe(traceparent.slice(36, 52));
    await sample(100);
  });

  test("a collector that ends costs no request; one that is back gets spans again", async () => {
    const { port } = collector;
    const written = "wasmcustom.metaproto.dubbo.tracing_written";
    const dropped = "wasmcustom.metaproto.dubbo.tracing_dropped";
    const traffic = await consumer.traffic({ port: ports.C }, [HELLO], 200);
    await traffic.waitForFirst("C");
    expect(await mesh.envoy.stat(dropped)).toBe(0);
    await collector.stop();
    await waitUntil("spans are dropped", async () => (await mesh.envoy.stat(dropped)) > 20);
    collector = await OtelCollector.start(port);
    await collector.waitForSpans(20, ({ name }) => name === "demo.Greeter/sayHello");
    expect(await traffic.stop()).toMatchObject({ failed: 0, errors: {} });
    expect(await mesh.envoy.stat(written)).toBeGreaterThan(await mesh.envoy.stat(dropped));
  });
});
