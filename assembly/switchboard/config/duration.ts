// google.protobuf.Duration as milliseconds.
// Source: google/protobuf/duration.proto.
// Allocates: never.

import { MAX_DURATION_MS } from "./route-limits";

const MAX_SECONDS: i64 = MAX_DURATION_MS / 1000;
const NANOS_PER_SECOND: i32 = 1000000000;
const NANOS_PER_MILLI: i64 = 1000000;

export const DURATION_INVALID: i64 = -1;
export const DURATION_NEGATIVE: i64 = -2;
export const DURATION_TOO_LONG: i64 = -3;

/** Milliseconds, rounded up (a timeout of 1 us is not "none"), or one of the negative codes. */
export function durationMs(seconds: i64, nanos: i32): i64 {
  if (nanos <= -NANOS_PER_SECOND || nanos >= NANOS_PER_SECOND) return DURATION_INVALID;
  if (seconds < 0 || nanos < 0) {
    return seconds > 0 || nanos > 0 ? DURATION_INVALID : DURATION_NEGATIVE;
  }
  if (seconds > MAX_SECONDS) return DURATION_TOO_LONG;
  const ms = seconds * 1000 + (<i64>nanos + NANOS_PER_MILLI - 1) / NANOS_PER_MILLI;
  return ms > MAX_DURATION_MS ? DURATION_TOO_LONG : ms;
}

/** What one of the negative codes means. */
export function durationFault(code: i64): string {
  if (code == DURATION_NEGATIVE) return "negative";
  if (code == DURATION_TOO_LONG) return "longer than 2147483.647s";
  return "not a duration";
}

/** Reads the JSON form: decimal seconds with at most nine fractional digits and the suffix `s`. */
export function parseDurationMs(ptr: usize, len: u32): i64 {
  let at: u32 = 0;
  const isNegative = len > 0 && load<u8>(ptr) == 0x2d;
  if (isNegative) at++;
  const firstDigit = at;
  let seconds: i64 = 0;
  for (; at < len && isDigit(ptr + at); at++) {
    // Saturates far beyond what is accepted.
    if (seconds < MAX_DURATION_MS) seconds = seconds * 10 + digit(ptr + at);
  }
  if (at == firstDigit) return DURATION_INVALID;
  let nanos: i32 = 0;
  if (at < len && load<u8>(ptr + at) == 0x2e) {
    at++;
    const firstFraction = at;
    let unit: i32 = NANOS_PER_SECOND / 10;
    for (; at < len && isDigit(ptr + at) && unit > 0; at++) {
      nanos += digit(ptr + at) * unit;
      unit /= 10;
    }
    if (at == firstFraction) return DURATION_INVALID;
  }
  if (at + 1 != len || load<u8>(ptr + at) != 0x73) return DURATION_INVALID;
  return isNegative ? durationMs(-seconds, -nanos) : durationMs(seconds, nanos);
}

function isDigit(ptr: usize): bool {
  return <u32>load<u8>(ptr) - 0x30 < 10;
}

function digit(ptr: usize): i32 {
  return <i32>load<u8>(ptr) - 0x30;
}
