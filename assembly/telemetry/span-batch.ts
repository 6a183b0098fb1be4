// Spans for a collector: ExportTraceServiceRequest (proto/opentelemetry/proto/trace/v1/trace.proto).
// A span is written between `begin` and `end`, its parts in any order; none is kept anywhere else.
// Allocates: when its buffer grows.

import { OtlpBatch } from "./otlp-batch";

const TRACE_ID: u32 = 1;
const SPAN_ID: u32 = 2;
const TRACE_STATE: u32 = 3;
const PARENT_SPAN_ID: u32 = 4;
const NAME: u32 = 5;
const KIND: u32 = 6;
const START_TIME: u32 = 7;
const END_TIME: u32 = 8;
const ATTRIBUTES: u32 = 9;
const STATUS: u32 = 15;
const FLAGS: u32 = 16;
const STATUS_MESSAGE: u32 = 2;
const STATUS_CODE: u32 = 3;

/** Whose side of a request a span shows. */
export enum SpanKind {
  Server = 2,
  Client = 3,
}

export enum SpanStatus {
  Unset = 0,
  Ok = 1,
  Error = 2,
}

/** A batch of spans; resource, scope, attributes, `finish` and `clear`: see OtlpBatch. */
export class SpanBatch extends OtlpBatch {
  /** `maxBytes` of one request. */
  constructor(maxBytes: u32) {
    super(maxBytes, ATTRIBUTES);
  }

  /** Begins a span; with a `parentSpanId` of 0 it has no parent. */
  begin(traceIdHigh: u64, traceIdLow: u64, spanId: u64, parentSpanId: u64): void {
    this.beginRecord();
    this.id128(TRACE_ID, traceIdHigh, traceIdLow);
    this.id64(SPAN_ID, spanId);
    if (parentSpanId != 0) this.id64(PARENT_SPAN_ID, parentSpanId);
  }

  name(ptr: usize, len: u32): void {
    this.string(NAME, ptr, len);
  }

  kind(kind: SpanKind): void {
    this.varint(KIND, kind);
  }

  /** Nanoseconds since 1970. */
  times(startNs: u64, endNs: u64): void {
    this.fixed64(START_TIME, startNs);
    this.fixed64(END_TIME, endNs);
  }

  /** `flags`: see `traceFlags`; the tracestate may be empty. */
  traceState(flags: u32, ptr: usize, len: u32): void {
    this.fixed32(FLAGS, flags);
    this.string(TRACE_STATE, ptr, len);
  }

  /** The message, which may be empty, is for errors only. */
  status(status: SpanStatus, messagePtr: usize, messageLen: u32): void {
    const open = this.open(STATUS);
    this.string(STATUS_MESSAGE, messagePtr, messageLen);
    this.varint(STATUS_CODE, status);
    this.close(open);
  }

  /** False: the span does not fit any more and was left out. */
  end(): bool {
    return this.endRecord();
  }
}
