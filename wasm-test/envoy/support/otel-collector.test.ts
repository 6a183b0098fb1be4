// The real collector, given OTLP over gRPC: what end-to-end tests of tracing and access logs rely on.
import { afterAll, beforeAll, expect, test } from "vitest";
import { LogsService } from "../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";
import { TraceService } from "../../gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.js";
import {
  Span_SpanKind,
  Status_StatusCode,
} from "../../gen/opentelemetry/proto/trace/v1/trace_pb.js";
import { otlpWriter } from "../../telemetry/otlp-writer.js";
import { TelemetryUnit } from "../../telemetry/telemetry-unit.js";
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

  test("understands the batches that modules write", async () => {
    const unit = await TelemetryUnit.create();
    const { exports } = unit;
    const writer = otlpWriter(unit);
    const request = (): Uint8Array => {
      expect(exports.finish()).toBe(1);
      return unit.bytes(exports.batchPtr(), exports.batchLen());
    };

    exports.useSpans(1 << 20);
    writer.resource({ "service.name": "module" }, "metaproto", "0.1.0");
    for (const id of [1n, 2n]) {
      exports.spanBegin(0x4bf92f3577b34da6n, 0xa3ce929d0e0e4736n, id, id - 1n);
      writer.spanName(`span ${String(id)}`);
      exports.spanKind(2);
      exports.spanTimes(id, id + 1_767_225_600_000_000_000n);
      writer.spanTraceState(1, "rojo=1");
      writer.attributes({ "rpc.method": "hello", attempts: -id });
      writer.spanStatus(2, "upstream reset");
      exports.spanEnd();
    }
    await client.callWithBytes(TraceService.method.export, request());
    const common = { scope: "metaproto", resource: { "service.name": "module" } };
    const spans = await collector.waitForSpans(2, ({ name }) => name.startsWith("span "));
    expect(spans).toHaveLength(2);
    expect(spans[1]).toEqual({
      ...common,
      traceId: TRACE_ID,
      spanId: "0000000000000002",
      parentSpanId: "0000000000000001",
      traceState: "rojo=1",
      name: "span 2",
      kind: 2,
      startNs: 2n,
      endNs: 1_767_225_600_000_000_002n,
      attributes: { "rpc.method": "hello", attempts: -2n },
      statusCode: 2,
      statusMessage: "upstream reset",
    });
    expect(spans[0]).toMatchObject({ name: "span 1", parentSpanId: "" });

    exports.useLogs(1 << 20);
    writer.resource({ "service.name": "module" }, "metaproto", "0.1.0");
    exports.logBegin(5n, 6n);
    writer.logSeverity(17, "ERROR");
    writer.logBody('{"method":"hello"}');
    writer.attributes({ route: "default", bytes: 300n });
    exports.logSpan(0x4bf92f3577b34da6n, 0xa3ce929d0e0e4736n, 0x00f067aa0ba902b7n, 1);
    exports.logEnd();
    await client.callWithBytes(LogsService.method.export, request());
    expect(await collector.waitForLogs(1, ({ severityText }) => severityText === "ERROR")).toEqual([
      {
        ...common,
        timeNs: 5n,
        observedNs: 6n,
        severityNumber: 17,
        severityText: "ERROR",
        body: '{"method":"hello"}',
        attributes: { route: "default", bytes: 300n },
        traceId: TRACE_ID,
        spanId: SPAN_ID,
      },
    ]);
  });
});
