// The real collector, given OTLP over gRPC: what end-to-end tests of tracing and access logs rely on.
import { afterAll, beforeAll, expect, test } from "vitest";
import { LogsService } from "../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";
import { TraceService } from "../../gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.js";
import {
  Span_SpanKind,
  Status_StatusCode,
} from "../../gen/opentelemetry/proto/trace/v1/trace_pb.js";
import { describeWith } from "./describe-with.js";
import { GrpcClient } from "./grpc-call.js";
import { OtelCollector, missingOtelCollector } from "./otel-collector.js";

const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN_ID = "00f067aa0ba902b7";
const hex = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(text, "hex"));
const text = (key: string, value: string): object => ({
  key,
  value: { value: { case: "stringValue", value } },
});
const resource = { attributes: [text("service.name", "shop")] };

describeWith("the OpenTelemetry collector", [missingOtelCollector()], () => {
  let collector: OtelCollector;
  let client: GrpcClient;

  beforeAll(async () => {
    collector = await OtelCollector.start();
    client = new GrpcClient(collector.port);
  });

  afterAll(async () => {
    client.close();
    await collector.stop();
  });

  test("shows a span that was exported to it", async () => {
    const span = {
      traceId: hex(TRACE_ID),
      spanId: hex(SPAN_ID),
      parentSpanId: hex("00000000000000ff"),
      name: "Greeter/hello",
      kind: Span_SpanKind.CLIENT,
      startTimeUnixNano: 1_767_225_600_000_000_001n,
      endTimeUnixNano: 1_767_225_600_500_000_000n,
      attributes: [
        text("rpc.method", "hello"),
        { key: "rpc.attempts", value: { value: { case: "intValue" as const, value: -2n } } },
      ],
      status: { code: Status_StatusCode.ERROR, message: "upstream reset" },
    };
    const scopeSpans = [{ scope: { name: "metaproto" }, spans: [span] }];
    const response = await client.call(TraceService.method.export, {
      resourceSpans: [{ resource, scopeSpans }],
    });
    expect(response.partialSuccess?.rejectedSpans ?? 0n).toBe(0n);
    const spans = await collector.waitForSpans(1, ({ name }) => name === "Greeter/hello");
    expect(spans).toEqual([
      {
        resource: { "service.name": "shop" },
        scope: "metaproto",
        traceId: TRACE_ID,
        spanId: SPAN_ID,
        parentSpanId: "00000000000000ff",
        traceState: "",
        name: "Greeter/hello",
        kind: 3,
        startNs: 1_767_225_600_000_000_001n,
        endNs: 1_767_225_600_500_000_000n,
        attributes: { "rpc.method": "hello", "rpc.attempts": -2n },
        statusCode: 2,
        statusMessage: "upstream reset",
      },
    ]);
    await expect(
      collector.waitForSpans(1, ({ name }) => name === "nobody", { timeoutMs: 50 }),
    ).rejects.toThrow("Greeter/hello");
  });

  test("shows a log record that was exported to it", async () => {
    const log = {
      timeUnixNano: 1_767_225_600_000_000_001n,
      observedTimeUnixNano: 1_767_225_600_000_000_002n,
      severityNumber: 9,
      severityText: "INFO",
      body: { value: { case: "stringValue" as const, value: 'a "line"' } },
      attributes: [text("route", "default")],
      traceId: hex(TRACE_ID),
      spanId: hex(SPAN_ID),
    };
    const scopeLogs = [{ scope: { name: "metaproto" }, logRecords: [log] }];
    await client.call(LogsService.method.export, { resourceLogs: [{ resource, scopeLogs }] });
    expect(await collector.waitForLogs(1)).toEqual([
      {
        resource: { "service.name": "shop" },
        scope: "metaproto",
        timeNs: 1_767_225_600_000_000_001n,
        observedNs: 1_767_225_600_000_000_002n,
        severityNumber: 9,
        severityText: "INFO",
        body: 'a "line"',
        attributes: { route: "default" },
        traceId: TRACE_ID,
        spanId: SPAN_ID,
      },
    ]);
  });
});
