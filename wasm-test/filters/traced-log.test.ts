// Access logs of requests that belong to traces, in the host emulator: lines and records name the trace and the
// span that the filter for traces has told, whether or not the trace is recorded.
import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { AccessLogSchema } from "../../controlplane/gen/metaproto/filters/v1/access_log_pb.js";
import { ExportLogsServiceRequestSchema } from "../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";
import type { LogRecord } from "../gen/opentelemetry/proto/logs/v1/logs_pb.js";
import { GrpcServer } from "../host/index.js";
import type { FilterOptions } from "../switchboard/mesh.js";
import { Service, ThriftMesh, type ThriftClient } from "../switchboard/thrift-fixture.js";
import { filterOptions } from "./filter-options.js";
import { TraceCollector, acceptAll } from "./trace-collector.js";
import { ALWAYS, HEADER, tracing } from "./traced-mesh.js";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";
const NO_IDS = "- -";
const LINES = filterOptions(AccessLogSchema, {
  format: { case: "text", value: "LOG %ATTR(method)% %TRACE_ID% %SPAN_ID%" },
  output: { case: "log", value: true },
});
const RECORDS = filterOptions(AccessLogSchema, {
  format: { case: "text", value: "%ROUTE_NAME%" },
  output: { case: "otlp", value: { cluster: "logs" } },
});

class LoggedMesh {
  readonly spans = new TraceCollector();
  readonly records: LogRecord[] = [];
  readonly service = new Service("v1");
  readonly mesh: ThriftMesh;
  readonly client: ThriftClient;

  constructor(filters: readonly FilterOptions[]) {
    const logs = new GrpcServer({
      onMessage: (stream, message) => {
        const { resourceLogs } = fromBinary(ExportLogsServiceRequestSchema, message);
        const scopes = resourceLogs.flatMap(({ scopeLogs }) => scopeLogs);
        this.records.push(...scopes.flatMap(({ logRecords }) => logRecords));
        acceptAll(stream);
      },
    });
    this.mesh = new ThriftMesh({
      clusters: { v1: [this.service] },
      filters: [...filters],
      host: { clusters: { collector: { grpc: this.spans.server }, logs: { grpc: logs } } },
    });
    this.client = this.mesh.connect(HEADER);
  }

  call(headers: Readonly<Record<string, string>> = {}): void {
    this.client.call("hello", { headers });
    this.mesh.run();
    this.mesh.host.advance(1_200);
  }

  /** What the log says of ids, in order. */
  get ids(): string[] {
    const start = "LOG hello ";
    return this.mesh.host.logs.flatMap(({ message }) =>
      message.startsWith(start) ? [message.slice(start.length)] : [],
    );
  }
}

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString("hex");
}

describe("a line of the log", () => {
  it("names the span of its request", () => {
    const logged = new LoggedMesh([LINES, tracing({ perMillion: ALWAYS })]);
    logged.call();
    logged.call({ traceparent: `00-${TRACE}-${PARENT}-01` });
    const ids = logged.spans.spans.map(({ traceId, spanId }) => `${traceId} ${spanId}`);
    expect(ids).toHaveLength(2);
    expect(ids[1]).toContain(TRACE);
    expect(ids[1]).not.toContain(PARENT);
    expect(logged.ids).toEqual(ids);
  });

  it("of a trace that begins here and is not recorded names what the server gets", () => {
    const logged = new LoggedMesh([LINES, tracing({ perMillion: 0 })]);
    logged.call();
    const { headers } = logged.service.requests[0]?.message ?? {};
    const [, traceId, spanId, flags] = headers?.["traceparent"]?.split("-") ?? [];
    expect(flags).toBe("00");
    expect(logged.ids).toEqual([`${String(traceId)} ${String(spanId)}`]);
    expect(logged.spans.spans).toEqual([]);
  });

  it("of a trace that came and is not recorded names it as it came", () => {
    const logged = new LoggedMesh([LINES, tracing({ perMillion: ALWAYS })]);
    logged.call({ traceparent: `00-${TRACE}-${PARENT}-00` });
    expect(logged.ids).toEqual([`${TRACE} ${PARENT}`]);
  });

  it("names none without the filter for traces, and leaves nothing of one request to the next", () => {
    const untraced = new LoggedMesh([LINES]);
    untraced.call({ traceparent: `00-${TRACE}-${PARENT}-01` });
    expect(untraced.ids).toEqual([NO_IDS]);
    const logged = new LoggedMesh([LINES, tracing({ perMillion: ALWAYS })]);
    logged.call({ traceparent: `00-${TRACE}-${PARENT}-01` });
    logged.call({ "x-b3-sampled": "0" });
    expect(logged.ids.at(-1)).toBe(NO_IDS);
  });

  it("keeps nothing when its request is over", () => {
    const logged = new LoggedMesh([RECORDS, tracing({ perMillion: ALWAYS })]);
    const held = (): number => logged.mesh.stat("buffered_bytes");
    for (let i = 0; i < 5; i++) logged.call();
    const before = held();
    for (let i = 0; i < 50; i++) logged.call();
    expect(held()).toBe(before);
    expect(logged.records).toHaveLength(55);
  });
});

describe("a record of a collector", () => {
  it("has the ids and flags of its request's span, whatever its text says", () => {
    const logged = new LoggedMesh([RECORDS, tracing({ perMillion: ALWAYS })]);
    logged.call();
    logged.call({ traceparent: `00-${TRACE}-${PARENT}-00` });
    const [span] = logged.spans.spans;
    expect(logged.records.map(({ traceId, spanId }) => [hex(traceId), hex(spanId)])).toEqual([
      [span?.traceId, span?.spanId],
      [TRACE, PARENT],
    ]);
    expect(logged.records.map(({ flags }) => flags & 1)).toEqual([1, 0]);
  });

  it("has none without the filter for traces", () => {
    const logged = new LoggedMesh([RECORDS]);
    logged.call({ traceparent: `00-${TRACE}-${PARENT}-01` });
    expect(logged.records.map(({ traceId, spanId }) => hex(traceId) + hex(spanId))).toEqual([""]);
  });
});
