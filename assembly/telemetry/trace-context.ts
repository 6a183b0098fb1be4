// A trace context: which trace a request belongs to, the span that caused it, and whether it is recorded.
// Read from and written as W3C's `traceparent`: https://www.w3.org/TR/trace-context-2/ (levels 1 and 2).
// B3, the older form: b3.ts.
//
//   traceparent, 55 bytes of ASCII
//   +---------+---+--------------------+---+------------------+---+-------------+
//   | version | - |     trace id       | - |    parent id     | - |    flags    |
//   | 0..1    | 2 | 3..34              | 35| 36..51           | 52| 53..54      |
//   +---------+---+--------------------+---+------------------+---+-------------+
//
// Allocates: never.

import { areLowerHexDigits, readHex, writeHex64, writeHex8 } from "./hex";

/** Bytes that `writeTraceparent` writes. */
export const TRACEPARENT_BYTES: u32 = 55;

const TRACE_ID_AT: u32 = 3;
const SPAN_ID_AT: u32 = 36;
const FLAGS_AT: u32 = 53;
const DASH: u32 = 0x2d;
const COMMA: u32 = 0x2c;
const TAB: u32 = 0x09;
const VERSION: u32 = 0;
const VERSION_FORBIDDEN: u32 = 0xff;
const FLAG_SAMPLED: u32 = 1;
/** Level 2: the low 56 bits of the trace id are random. */
const FLAG_RANDOM: u32 = 2;
/** What everybody carries on at least (section 3.3.1.5). */
const MAX_TRACESTATE_BYTES: u32 = 512;
const MAX_TRACESTATE_MEMBERS: u32 = 32;

/** Whether whoever began the trace wants it recorded. */
export enum Sampling {
  /** It has not been decided. */
  Deferred = 0,
  Dropped = 1,
  Sampled = 2,
  /** Recorded whatever it costs; B3 only, W3C knows it as sampled. */
  Debug = 3,
}

/** A record: made with `new`, or laid over zeroed memory of `offsetof<TraceContext>()` bytes, 8-byte aligned. */
@unmanaged
export class TraceContext {
  /** The ids as numbers: the first byte on the wire is the most significant one. A 64-bit trace id has no high part. */
  traceIdHigh: u64 = 0;
  traceIdLow: u64 = 0;
  /** Of the sender's span, which the receiver's spans have for parent. */
  spanId: u64 = 0;
  sampling: Sampling = Sampling.Deferred;
  isTraceIdRandom: bool = false;

  /** False for no context at all, and for one that only says what to sample. */
  get hasIds(): bool {
    return (this.traceIdHigh | this.traceIdLow) != 0 && this.spanId != 0;
  }

  get isSampled(): bool {
    return this.sampling >= Sampling.Sampled;
  }

  clear(): void {
    this.clearIds();
    this.sampling = Sampling.Deferred;
  }

  clearIds(): void {
    this.traceIdHigh = 0;
    this.traceIdLow = 0;
    this.spanId = 0;
    this.isTraceIdRandom = false;
  }

  copyFrom(other: TraceContext): void {
    memory.copy(changetype<usize>(this), changetype<usize>(other), offsetof<TraceContext>());
  }
}

/**
 * Reads the value of a `traceparent` of any version into `context`. False: it is none, `context` is
 * empty, and the `tracestate` that came with it must not be carried on.
 */
export function readTraceparent(ptr: usize, len: u32, context: TraceContext): bool {
  context.clear();
  if (!isTraceparent(ptr, len)) return false;
  context.traceIdHigh = readHex(ptr + TRACE_ID_AT, 16);
  context.traceIdLow = readHex(ptr + TRACE_ID_AT + 16, 16);
  context.spanId = readHex(ptr + SPAN_ID_AT, 16);
  if (!context.hasIds) {
    context.clear();
    return false;
  }
  const flags = <u32>readHex(ptr + FLAGS_AT, 2);
  context.sampling = (flags & FLAG_SAMPLED) != 0 ? Sampling.Sampled : Sampling.Dropped;
  context.isTraceIdRandom = (flags & FLAG_RANDOM) != 0;
  return true;
}

/** Whether it has the shape of one; the ids may be zero. */
function isTraceparent(ptr: usize, len: u32): bool {
  if (len < TRACEPARENT_BYTES) return false;
  if (!areLowerHexDigits(ptr, 2)) return false;
  const version = <u32>readHex(ptr, 2);
  if (version == VERSION_FORBIDDEN) return false;
  // Later versions may have more at the end, behind another dash (section 4.3).
  if (len > TRACEPARENT_BYTES) {
    if (version == VERSION || load<u8>(ptr + TRACEPARENT_BYTES) != DASH) return false;
  }
  return (
    load<u8>(ptr + TRACE_ID_AT - 1) == DASH &&
    areLowerHexDigits(ptr + TRACE_ID_AT, 32) &&
    load<u8>(ptr + SPAN_ID_AT - 1) == DASH &&
    areLowerHexDigits(ptr + SPAN_ID_AT, 16) &&
    load<u8>(ptr + FLAGS_AT - 1) == DASH &&
    areLowerHexDigits(ptr + FLAGS_AT, 2)
  );
}

/** Writes the TRACEPARENT_BYTES of version 00 at `out`; `context` has ids. */
export function writeTraceparent(out: usize, context: TraceContext): void {
  writeHex8(out, VERSION);
  store<u8>(out + TRACE_ID_AT - 1, DASH);
  writeHex64(out + TRACE_ID_AT, context.traceIdHigh);
  writeHex64(out + TRACE_ID_AT + 16, context.traceIdLow);
  store<u8>(out + SPAN_ID_AT - 1, DASH);
  writeHex64(out + SPAN_ID_AT, context.spanId);
  store<u8>(out + FLAGS_AT - 1, DASH);
  writeHex8(out + FLAGS_AT, traceFlags(context));
}

/** W3C's trace flags, also the `flags` of OTLP spans. */
export function traceFlags(context: TraceContext): u32 {
  return (context.isSampled ? FLAG_SAMPLED : 0) | (context.isTraceIdRandom ? FLAG_RANDOM : 0);
}

/**
 * How many bytes of a `tracestate` (`len` bytes at `ptr`) are to be carried on, unchanged: all of them;
 * or as many whole members as 512 bytes and 32 members allow; or 0, when it is no text of a header.
 */
export function tracestateBytes(ptr: usize, len: u32): u32 {
  let wholeMembers: u32 = 0;
  let members: u32 = 0;
  for (let i: u32 = 0; i < len; i++) {
    const byte = <u32>load<u8>(ptr + i);
    if (byte - 0x20 > 0x5e && byte != TAB) return 0;
    if (byte != COMMA || i > MAX_TRACESTATE_BYTES) continue;
    members++;
    if (members <= MAX_TRACESTATE_MEMBERS) wholeMembers = i;
  }
  const isWhole = len <= MAX_TRACESTATE_BYTES && members < MAX_TRACESTATE_MEMBERS;
  return isWhole ? len : wholeMembers;
}
