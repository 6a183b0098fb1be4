// Trace contexts as Zipkin's B3: one header, or one for each part.
// Spec: https://github.com/openzipkin/b3-propagation
//
//   b3: TRACE-SPAN[-SAMPLING[-PARENT]]   or   b3: SAMPLING
//       TRACE 16 or 32 digits, SPAN and PARENT 16, SAMPLING one of 0 1 d
//
// Allocates: never.

import { equalBytesIgnoreCase } from "../wire/bytes";
import { StaticText } from "../wire/static-text";
import { HEX64_DIGITS, areHexDigits, readHex, writeHex64 } from "./hex";
import { Sampling, TraceContext } from "./trace-context";

/** Most bytes that `writeB3` writes. */
export const MAX_B3_BYTES: u32 = 51;
/** Most bytes that `writeB3TraceId` writes. */
export const MAX_B3_TRACE_ID_BYTES: u32 = 32;

const DASH: u32 = 0x2d;
const ZERO: u32 = 0x30;
const ONE: u32 = 0x31;
const LOWER_D: u32 = 0x64;
const TRUE = new StaticText("true");
const FALSE = new StaticText("false");

/**
 * Reads the value of the header `b3` into `context`. False: it is none, and `context` is empty. A
 * value that only says what to sample leaves `context` without ids.
 */
export function readB3(ptr: usize, len: u32, context: TraceContext): bool {
  context.clear();
  if (len == 1) {
    context.sampling = samplingOf(load<u8>(ptr));
    return context.sampling != Sampling.Deferred;
  }
  const traceDigits: u32 =
    len > 2 * HEX64_DIGITS && load<u8>(ptr + 2 * HEX64_DIGITS) == DASH
      ? 2 * HEX64_DIGITS
      : HEX64_DIGITS;
  const spanAt = traceDigits + 1;
  const samplingAt = spanAt + HEX64_DIGITS + 1;
  const isRead =
    len >= samplingAt - 1 &&
    load<u8>(ptr + traceDigits) == DASH &&
    readB3TraceId(ptr, traceDigits, context) &&
    readB3SpanId(ptr + spanAt, HEX64_DIGITS, context) &&
    readSamplingAndParent(ptr + samplingAt - 1, len + 1 - samplingAt, context);
  if (!isRead) context.clear();
  return isRead;
}

/** The rest of a `b3` behind the span id. Nobody needs the parent's parent: it is only checked. */
function readSamplingAndParent(ptr: usize, len: u32, context: TraceContext): bool {
  if (len == 0) return true;
  if (len != 2 && len != 3 + HEX64_DIGITS) return false;
  if (load<u8>(ptr) != DASH) return false;
  context.sampling = samplingOf(load<u8>(ptr + 1));
  if (context.sampling == Sampling.Deferred) return false;
  if (len == 2) return true;
  return load<u8>(ptr + 2) == DASH && areHexDigits(ptr + 3, HEX64_DIGITS);
}

function samplingOf(byte: u32): Sampling {
  switch (byte) {
    case ZERO:
      return Sampling.Dropped;
    case ONE:
      return Sampling.Sampled;
    case LOWER_D:
      return Sampling.Debug;
    default:
      return Sampling.Deferred;
  }
}

// ---- One header for each part: `context.clear()`, then those that are there, in any order, then `completeB3`.

/** Reads `X-B3-TraceId`. False: it is none, and nothing is changed. */
export function readB3TraceId(ptr: usize, len: u32, context: TraceContext): bool {
  if (len != HEX64_DIGITS && len != 2 * HEX64_DIGITS) return false;
  if (!areHexDigits(ptr, len)) return false;
  const high = len == HEX64_DIGITS ? 0 : readHex(ptr, HEX64_DIGITS);
  const low = readHex(ptr + len - HEX64_DIGITS, HEX64_DIGITS);
  if ((high | low) == 0) return false;
  context.traceIdHigh = high;
  context.traceIdLow = low;
  return true;
}

/** Reads `X-B3-SpanId`. False: it is none, and nothing is changed. */
export function readB3SpanId(ptr: usize, len: u32, context: TraceContext): bool {
  if (len != HEX64_DIGITS || !areHexDigits(ptr, len)) return false;
  const id = readHex(ptr, HEX64_DIGITS);
  if (id == 0) return false;
  context.spanId = id;
  return true;
}

/** Reads `X-B3-Sampled`: 1, 0, and true and false, which old senders say. False: it is none of them. */
export function readB3Sampled(ptr: usize, len: u32, context: TraceContext): bool {
  const byte = len == 1 ? <u32>load<u8>(ptr) : 0;
  const isSampled = byte == ONE || isWord(ptr, len, TRUE);
  if (!isSampled && byte != ZERO && !isWord(ptr, len, FALSE)) return false;
  // X-B3-Flags says more, whichever comes first.
  if (context.sampling == Sampling.Debug) return true;
  context.sampling = isSampled ? Sampling.Sampled : Sampling.Dropped;
  return true;
}

function isWord(ptr: usize, len: u32, word: StaticText): bool {
  return len == word.len && equalBytesIgnoreCase(ptr, word.ptr, len);
}

/** Reads `X-B3-Flags`: 1 is debug, anything else says nothing. */
export function readB3Flags(ptr: usize, len: u32, context: TraceContext): bool {
  if (len != 1 || load<u8>(ptr) != ONE) return false;
  context.sampling = Sampling.Debug;
  return true;
}

/**
 * Drops ids of which one is missing, then tells whether `context` says anything: it may have no ids
 * and only say what to sample.
 */
export function completeB3(context: TraceContext): bool {
  if (!context.hasIds) context.clearIds();
  return context.hasIds || context.sampling != Sampling.Deferred;
}

// ---- Writing

/** Writes the value of the header `b3` at `out` (room for MAX_B3_BYTES); returns its bytes, 0 when there is nothing to say. */
export function writeB3(out: usize, context: TraceContext): u32 {
  const sampling = samplingCharacter(context.sampling);
  if (!context.hasIds) {
    if (sampling == 0) return 0;
    store<u8>(out, <u8>sampling);
    return 1;
  }
  let len = writeB3TraceId(out, context);
  store<u8>(out + len, DASH);
  writeHex64(out + len + 1, context.spanId);
  len += 1 + HEX64_DIGITS;
  if (sampling == 0) return len;
  store<u8>(out + len, DASH);
  store<u8>(out + len + 1, <u8>sampling);
  return len + 2;
}

function samplingCharacter(sampling: Sampling): u32 {
  switch (sampling) {
    case Sampling.Dropped:
      return ZERO;
    case Sampling.Sampled:
      return ONE;
    case Sampling.Debug:
      return LOWER_D;
    default:
      return 0;
  }
}

/**
 * Writes `X-B3-TraceId` at `out` (room for MAX_B3_TRACE_ID_BYTES) and returns its bytes: 32, and 16
 * for an id of 64 bits, since who made it may know no others. `X-B3-SpanId` is `writeHex64`.
 */
export function writeB3TraceId(out: usize, context: TraceContext): u32 {
  if (context.traceIdHigh == 0) {
    writeHex64(out, context.traceIdLow);
    return HEX64_DIGITS;
  }
  writeHex64(out, context.traceIdHigh);
  writeHex64(out + HEX64_DIGITS, context.traceIdLow);
  return 2 * HEX64_DIGITS;
}

/**
 * The digit of `X-B3-Sampled`, or 0: nothing is to be written. Debug is said by `X-B3-Flags: 1`
 * alone, which implies it.
 */
export function b3SampledDigit(sampling: Sampling): u32 {
  return sampling == Sampling.Debug ? 0 : samplingCharacter(sampling);
}
