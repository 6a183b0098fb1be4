// Log records for a collector: ExportLogsServiceRequest (proto/opentelemetry/proto/logs/v1/logs.proto).
// A record is written between `begin` and `end`, its parts in any order; none is kept anywhere else.
// Allocates: when its buffer grows.

import { OtlpBatch } from "./otlp-batch";

const TIME: u32 = 1;
const SEVERITY_NUMBER: u32 = 2;
const SEVERITY_TEXT: u32 = 3;
const BODY: u32 = 5;
const ATTRIBUTES: u32 = 6;
const FLAGS: u32 = 8;
const TRACE_ID: u32 = 9;
const SPAN_ID: u32 = 10;
const OBSERVED_TIME: u32 = 11;

/** The first of four grades each. */
export enum Severity {
  Info = 9,
  Warn = 13,
  Error = 17,
}

/** A batch of log records; resource, scope, attributes, `finish` and `clear`: see OtlpBatch. */
export class LogBatch extends OtlpBatch {
  /** `maxBytes` of one request. */
  constructor(maxBytes: u32) {
    super(maxBytes, ATTRIBUTES);
  }

  /** Begins a record of what happened at `timeNs` and is written down at `observedNs`, since 1970. */
  begin(timeNs: u64, observedNs: u64): void {
    this.beginRecord();
    this.fixed64(TIME, timeNs);
    this.fixed64(OBSERVED_TIME, observedNs);
  }

  /** The text may be empty. */
  severity(severity: Severity, textPtr: usize, textLen: u32): void {
    this.varint(SEVERITY_NUMBER, severity);
    this.string(SEVERITY_TEXT, textPtr, textLen);
  }

  body(ptr: usize, len: u32): void {
    this.anyString(BODY, ptr, len);
  }

  /** The span during which it happened. `flags`: see `traceFlags`. */
  span(traceIdHigh: u64, traceIdLow: u64, spanId: u64, flags: u32): void {
    this.id128(TRACE_ID, traceIdHigh, traceIdLow);
    this.id64(SPAN_ID, spanId);
    this.fixed32(FLAGS, flags);
  }

  /** False: the record does not fit any more and was left out. */
  end(): bool {
    return this.endRecord();
  }
}
