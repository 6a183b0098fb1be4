// OTLP requests as modules write them, read by generated code.
import { type DescMessage, type MessageShape, fromBinary } from "@bufbuild/protobuf";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ExportLogsServiceRequestSchema } from "../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";
import { ExportTraceServiceRequestSchema } from "../gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.js";
import type { KeyValue } from "../gen/opentelemetry/proto/common/v1/common_pb.js";
import type { LogRecord } from "../gen/opentelemetry/proto/logs/v1/logs_pb.js";
import type { Span } from "../gen/opentelemetry/proto/trace/v1/trace_pb.js";
import { seededRandom } from "../host/random.js";
import { type OtlpWriter, SPAN_KIND, otlpWriter } from "./otlp-writer.js";
import { TelemetryUnit } from "./telemetry-unit.js";

const HIGH = 0x4bf92f3577b34da6n;
const LOW = 0xa3ce929d0e0e4736n;
const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN_ID = 0x00f067aa0ba902b7n;
const START_NS = 1_767_225_600_000_000_001n;
const MEBIBYTE = 1 << 20;

let unit: TelemetryUnit;
let writer: OtlpWriter;

beforeAll(async () => {
  unit = await TelemetryUnit.create();
  writer = otlpWriter(unit);
});

function decode<D extends DescMessage>(schema: D): MessageShape<D> {
  expect(unit.exports.finish()).toBe(1);
  return fromBinary(schema, unit.bytes(unit.exports.batchPtr(), unit.exports.batchLen()));
}

function attributes(list: readonly KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(list.map(({ key, value }) => [key, value?.value.value]));
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** The only scope of the only resource. */
function decodedSpans(): { resource: Record<string, unknown>; scope: string; spans: Span[] } {
  const request = decode(ExportTraceServiceRequestSchema);
  expect(request.resourceSpans).toHaveLength(1);
  const [resourceSpans] = request.resourceSpans;
  expect(resourceSpans?.scopeSpans).toHaveLength(1);
  const [scopeSpans] = resourceSpans?.scopeSpans ?? [];
  return {
    resource: attributes(resourceSpans?.resource?.attributes ?? []),
    scope: `${scopeSpans?.scope?.name ?? ""}/${scopeSpans?.scope?.version ?? ""}`,
    spans: scopeSpans?.spans ?? [],
  };
}

function decodedLogs(): LogRecord[] {
  const request = decode(ExportLogsServiceRequestSchema);
  expect(request.resourceLogs).toHaveLength(1);
  expect(request.resourceLogs[0]?.scopeLogs).toHaveLength(1);
  return request.resourceLogs[0]?.scopeLogs[0]?.logRecords ?? [];
}

describe("a batch of spans", () => {
  beforeEach(() => {
    unit.exports.useSpans(MEBIBYTE);
    writer.resource({ "service.name": "shop", "process.pid": 7n }, "metaproto", "0.1.0");
  });

  it("says everything about a span", () => {
    unit.exports.spanBegin(HIGH, LOW, SPAN_ID, 0xffn);
    writer.spanName("org.example.Greeter/hello");
    unit.exports.spanKind(SPAN_KIND.client);
    unit.exports.spanTimes(START_NS, START_NS + 5n);
    writer.spanTraceState(3, "rojo=1,congo=2");
    writer.attributes({ "rpc.system": "apache_dubbo", retries: 2n, least: -(1n << 63n) });
    writer.spanStatus(2, "upstream reset");
    expect(unit.exports.spanEnd()).toBe(1);
    const { resource, scope, spans } = decodedSpans();
    expect(resource).toEqual({ "service.name": "shop", "process.pid": 7n });
    expect(scope).toBe("metaproto/0.1.0");
    const [span] = spans;
    expect(span).toMatchObject({
      name: "org.example.Greeter/hello",
      kind: 3,
      startTimeUnixNano: START_NS,
      endTimeUnixNano: START_NS + 5n,
      traceState: "rojo=1,congo=2",
      flags: 3,
      status: { code: 2, message: "upstream reset" },
    });
    expect(span?.$unknown).toBeUndefined();
    expect(hex(span?.traceId ?? Buffer.of())).toBe(TRACE_ID);
    expect(hex(span?.spanId ?? Buffer.of())).toBe("00f067aa0ba902b7");
    expect(hex(span?.parentSpanId ?? Buffer.of())).toBe("00000000000000ff");
    expect(attributes(span?.attributes ?? [])).toEqual({
      "rpc.system": "apache_dubbo",
      retries: 2n,
      least: -(1n << 63n),
    });
  });

  it("leaves out what a span has not", () => {
    unit.exports.spanBegin(HIGH, LOW, SPAN_ID, 0n);
    unit.exports.spanKind(SPAN_KIND.server);
    writer.spanTraceState(0, "");
    writer.attributes({ empty: "" });
    writer.spanStatus(0, "");
    unit.exports.spanEnd();
    const [span] = decodedSpans().spans;
    expect(span).toMatchObject({ name: "", traceState: "", status: { code: 0, message: "" } });
    expect(span?.parentSpanId).toHaveLength(0);
    expect(attributes(span?.attributes ?? [])).toEqual({ empty: "" });
  });

  it("is of one resource and scope, batch after batch, and nothing is sent without records", () => {
    expect(unit.exports.finish()).toBe(0);
    const names: string[][] = [];
    for (const batch of [["a", "b", "c"], ["d"]]) {
      for (const [index, name] of batch.entries()) {
        unit.exports.spanBegin(HIGH, LOW, BigInt(index + 1), 0n);
        writer.spanName(name);
        unit.exports.spanEnd();
      }
      expect(unit.exports.batchCount()).toBe(batch.length);
      const { resource, spans } = decodedSpans();
      expect(resource).toEqual({ "service.name": "shop", "process.pid": 7n });
      names.push(spans.map(({ name }) => name));
      unit.exports.clearBatch();
      expect(unit.exports.finish()).toBe(0);
    }
    expect(names).toEqual([["a", "b", "c"], ["d"]]);
  });

  it("may be finished and go on", () => {
    for (let count = 1; count <= 3; count++) {
      unit.exports.spanBegin(HIGH, LOW, BigInt(count), 0n);
      unit.exports.spanEnd();
      expect(decodedSpans().spans).toHaveLength(count);
    }
  });

  it("begins anew with another resource", () => {
    unit.exports.spanBegin(HIGH, LOW, 1n, 0n);
    unit.exports.spanEnd();
    writer.resource({ "service.name": "other" }, "metaproto", "");
    expect(unit.exports.finish()).toBe(0);
    unit.exports.spanBegin(HIGH, LOW, 2n, 0n);
    unit.exports.spanEnd();
    const { resource, scope, spans } = decodedSpans();
    expect(resource).toEqual({ "service.name": "other" });
    expect(scope).toBe("metaproto/");
    expect(spans).toHaveLength(1);
  });

  it("holds UTF-8 only, whatever it is given", () => {
    const broken = Buffer.from([0x61, 0xff, 0xe2, 0x82, 0x62]);
    unit.exports.spanBegin(HIGH, LOW, 1n, 0n);
    unit.pieces([broken], unit.exports.spanName);
    unit.pieces([broken, broken], unit.exports.stringAttribute);
    unit.exports.spanEnd();
    const [span] = decodedSpans().spans;
    expect(span?.name).toBe("a\ufffd\ufffdb");
    expect(attributes(span?.attributes ?? [])).toEqual({ "a\ufffd\ufffdb": "a\ufffd\ufffdb" });
  });

  it("has lengths of every width right", () => {
    for (const length of [0, 1, 100, 110, 127, 128, 129, 16_383, 16_384, 40_000]) {
      unit.exports.clearBatch();
      unit.exports.spanBegin(HIGH, LOW, 1n, 0n);
      writer.attributes({ text: "x".repeat(length), number: BigInt(length) });
      expect(unit.exports.spanEnd()).toBe(1);
      expect(attributes(decodedSpans().spans[0]?.attributes ?? [])).toEqual({
        text: "x".repeat(length),
        number: BigInt(length),
      });
    }
  });
});

describe("a batch of log records", () => {
  it("says everything about a record", () => {
    unit.exports.useLogs(MEBIBYTE);
    writer.resource({ "service.name": "shop" }, "metaproto", "0.1.0");
    unit.exports.logBegin(START_NS, START_NS + 1n);
    writer.logSeverity(9, "INFO");
    writer.logBody('{"method":"hello"}');
    writer.attributes({ route: "default", duration: 12n });
    unit.exports.logSpan(HIGH, LOW, SPAN_ID, 1);
    expect(unit.exports.logEnd()).toBe(1);
    unit.exports.logBegin(START_NS, START_NS);
    writer.logBody("");
    expect(unit.exports.logEnd()).toBe(1);
    const [whole, bare] = decodedLogs();
    expect(whole).toMatchObject({
      timeUnixNano: START_NS,
      observedTimeUnixNano: START_NS + 1n,
      severityNumber: 9,
      severityText: "INFO",
      body: { value: { case: "stringValue", value: '{"method":"hello"}' } },
      flags: 1,
    });
    expect(whole?.$unknown).toBeUndefined();
    expect(hex(whole?.traceId ?? Buffer.of())).toBe(TRACE_ID);
    expect(hex(whole?.spanId ?? Buffer.of())).toBe("00f067aa0ba902b7");
    expect(attributes(whole?.attributes ?? [])).toEqual({ route: "default", duration: 12n });
    expect(bare).toMatchObject({ severityNumber: 0, body: { value: { value: "" } } });
    expect(bare?.traceId).toHaveLength(0);
  });
});

describe("the bound of a batch", () => {
  it("leaves out the record that does not fit, and nothing else", () => {
    const random = seededRandom(6);
    for (let round = 0; round < 300; round++) {
      const maxBytes = 64 + Math.floor(random() * 2_000);
      unit.exports.useLogs(maxBytes);
      const hasHead = writer.resource({ "service.name": "shop" }, "metaproto", "");
      const taken: string[] = [];
      for (let i = 0; i < 40; i++) {
        const body = String(i).padEnd(Math.floor(random() * 300), ".");
        unit.exports.logBegin(START_NS, START_NS);
        writer.logBody(body);
        writer.attributes({ n: BigInt(i) });
        unit.exports.logSpan(HIGH, LOW, SPAN_ID, 1);
        if (unit.exports.logEnd() === 1) taken.push(body);
        expect(unit.exports.batchLen()).toBeLessThanOrEqual(maxBytes);
      }
      expect(unit.exports.batchCount()).toBe(taken.length);
      if (!hasHead) expect(taken).toEqual([]);
      if (taken.length === 0) expect(unit.exports.finish()).toBe(0);
      else expect(decodedLogs().map(({ body }) => body?.value.value)).toEqual(taken);
    }
  });

  it("holds for a single value that is larger than it", () => {
    unit.exports.useSpans(500);
    writer.resource({}, "metaproto", "");
    unit.exports.spanBegin(HIGH, LOW, 1n, 0n);
    writer.attributes({ big: "x".repeat(501) });
    expect(unit.exports.spanEnd()).toBe(0);
    unit.exports.spanBegin(HIGH, LOW, 2n, 0n);
    // Each of these bytes would become three.
    unit.pieces(["k", Buffer.alloc(200, 0xff)], unit.exports.stringAttribute);
    expect(unit.exports.spanEnd()).toBe(0);
    unit.exports.spanBegin(HIGH, LOW, 3n, 0n);
    expect(unit.exports.spanEnd()).toBe(1);
    expect(decodedSpans().spans.map(({ spanId }) => hex(spanId))).toEqual(["0000000000000003"]);
  });

  it("leaves out everything when not even the resource fits, until there is another one", () => {
    unit.exports.useSpans(100);
    expect(writer.resource({ "service.name": "x".repeat(100) }, "metaproto", "")).toBe(false);
    for (let i = 0; i < 3; i++) {
      unit.exports.spanBegin(HIGH, LOW, 1n, 0n);
      expect(unit.exports.spanEnd()).toBe(0);
      expect(unit.exports.finish()).toBe(0);
      unit.exports.clearBatch();
    }
    expect(writer.resource({}, "m", "")).toBe(true);
    unit.exports.spanBegin(HIGH, LOW, 1n, 0n);
    expect(unit.exports.spanEnd()).toBe(1);
    expect(decodedSpans().spans).toHaveLength(1);
  });

  it("is reached without allocating anything once the buffer has grown", () => {
    unit.exports.useSpans(20_000);
    writer.resource({ "service.name": "shop" }, "metaproto", "");
    const fill = (): number => {
      unit.exports.clearBatch();
      do {
        unit.exports.spanBegin(HIGH, LOW, 1n, 2n);
        writer.spanName("Greeter/hello");
        writer.attributes({ attribute: "value" });
      } while (unit.exports.spanEnd() === 1);
      return unit.exports.batchCount();
    };
    const count = fill();
    const used = unit.exports.usedHeapBytes();
    for (let round = 0; round < 20; round++) expect(fill()).toBe(count);
    expect(unit.exports.usedHeapBytes()).toBe(used);
    expect(count).toBeGreaterThan(150);
    expect(decodedSpans().spans).toHaveLength(count);
  });
});
