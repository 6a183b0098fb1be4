// A collector of spans in the host emulator: what modules export, as records to look at.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  ExportTraceServiceRequestSchema,
  ExportTraceServiceResponseSchema,
} from "../gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.js";
import type { KeyValue } from "../gen/opentelemetry/proto/common/v1/common_pb.js";
import type { Span } from "../gen/opentelemetry/proto/trace/v1/trace_pb.js";
import { GrpcServer, type GrpcServerStream } from "../host/index.js";

type Attributes = Readonly<Record<string, string | bigint | undefined>>;

/** Ids are lower case hex; "" is none. */
export interface ReceivedSpan {
  readonly resource: Attributes;
  readonly scope: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly flags: number;
  readonly name: string;
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Attributes;
  readonly statusCode: number;
  readonly statusMessage: string;
}

export class TraceCollector {
  readonly spans: ReceivedSpan[] = [];
  /** Number of spans of each request. */
  readonly batches: number[] = [];
  /** How calls are answered; null: not at all. */
  answer: ((stream: GrpcServerStream) => void) | null = acceptAll;
  readonly server = new GrpcServer({
    onMessage: (stream, message) => {
      if (this.server.reachability !== "up") return;
      this.#receive(message);
      this.answer?.(stream);
    },
  });

  /** The only span there is. @throws Error when there are none or several. */
  get span(): ReceivedSpan {
    const [span] = this.spans;
    if (span === undefined || this.spans.length !== 1) {
      throw new Error(`there are ${String(this.spans.length)} spans`);
    }
    return span;
  }

  #receive(message: Uint8Array): void {
    const before = this.spans.length;
    for (const { resource, scopeSpans } of fromBinary(ExportTraceServiceRequestSchema, message)
      .resourceSpans) {
      for (const { scope, spans } of scopeSpans) {
        const origin = {
          resource: attributesOf(resource?.attributes ?? []),
          scope: scope?.name ?? "",
        };
        this.spans.push(...spans.map((span) => ({ ...origin, ...received(span) })));
      }
    }
    this.batches.push(this.spans.length - before);
  }
}

/** Answers that everything was taken. */
export function acceptAll(stream: GrpcServerStream): void {
  stream.send(new Uint8Array());
  stream.close(0);
}

/** Answers that so many spans were not taken. */
export function rejecting(rejectedSpans: bigint): (stream: GrpcServerStream) => void {
  const response = create(ExportTraceServiceResponseSchema, { partialSuccess: { rejectedSpans } });
  return (stream) => {
    stream.send(toBinary(ExportTraceServiceResponseSchema, response));
    stream.close(0);
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function received(span: Span): Omit<ReceivedSpan, "resource" | "scope"> {
  return {
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: hex(span.parentSpanId),
    traceState: span.traceState,
    flags: span.flags,
    name: span.name,
    kind: span.kind,
    startNs: span.startTimeUnixNano,
    endNs: span.endTimeUnixNano,
    attributes: attributesOf(span.attributes),
    statusCode: span.status?.code ?? 0,
    statusMessage: span.status?.message ?? "",
  };
}

function attributesOf(attributes: readonly KeyValue[]): Attributes {
  return Object.fromEntries(
    attributes.map(({ key, value }) => {
      const any = value?.value;
      const isKnown = any?.case === "stringValue" || any?.case === "intValue";
      return [key, isKnown ? any.value : undefined];
    }),
  );
}
