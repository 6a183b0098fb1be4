// Numbers and times as text, for access logs.
// Allocates: never; the buffer that is appended to may grow.

import { writeDecimal } from "../wire/bytes";
import { BoundedBuffer } from "./bounded-buffer";
import { HEX64_DIGITS, writeHex64 } from "./hex";

/** Bytes of the largest number of 64 bits, and of a sign. */
const MAX_DECIMAL_BYTES: u32 = 20;
const MINUS: u32 = 0x2d;

/** Bytes of a time as `writeTimestamp` writes it. */
export const TIMESTAMP_BYTES: u32 = 24;

const NS_PER_MS: u64 = 1_000_000;
const MS_PER_DAY: u64 = 86_400_000;

/** Appends `value` in decimal. */
export function appendDecimal(buffer: BoundedBuffer, value: u64): void {
  const out = buffer.reserve(MAX_DECIMAL_BYTES);
  if (out != 0) buffer.advance(writeDecimal(out, value));
}

/** Appends `value` in decimal, with a minus when it is negative. */
export function appendSignedDecimal(buffer: BoundedBuffer, value: i64): void {
  if (value >= 0) return appendDecimal(buffer, <u64>value);
  buffer.appendByte(MINUS);
  appendDecimal(buffer, 0 - <u64>value);
}

/** Appends 16 lower-case hexadecimal digits. */
export function appendHex64(buffer: BoundedBuffer, value: u64): void {
  const out = buffer.reserve(HEX64_DIGITS);
  if (out == 0) return;
  writeHex64(out, value);
  buffer.advance(HEX64_DIGITS);
}

/** Appends a time, see `writeTimestamp`. */
export function appendTimestamp(buffer: BoundedBuffer, unixNs: u64): void {
  const out = buffer.reserve(TIMESTAMP_BYTES);
  if (out == 0) return;
  writeTimestamp(out, unixNs);
  buffer.advance(TIMESTAMP_BYTES);
}

/** `count` digits of `value`, with zeros in front, and `separator` after them. */
function writeDigits(out: usize, value: u32, count: u32, separator: u32): usize {
  for (let i = count; i > 0; i--) {
    store<u8>(out + i - 1, <u8>(0x30 + (value % 10)));
    value /= 10;
  }
  store<u8>(out + count, <u8>separator);
  return out + count + 1;
}

/**
 * Writes the time `unixNs` nanoseconds after 1970 at `out` (room for TIMESTAMP_BYTES) as RFC 3339 in
 * UTC with milliseconds, cut off, not rounded: `2026-01-02T03:04:05.678Z`.
 */
export function writeTimestamp(out: usize, unixNs: u64): void {
  const unixMs = unixNs / NS_PER_MS;
  const ms = <u32>(unixMs % MS_PER_DAY);
  // Days since 0000-03-01: with years that begin in March the leap day is the last of its year.
  const day = <u32>(unixMs / MS_PER_DAY) + 719_468;
  const era = day / 146_097;
  const dayOfEra = day % 146_097;
  const yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365;
  const dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
  // Months from March on have 31 30 31 30 31 days, again and again: 153 in five.
  const marchMonth = (5 * dayOfYear + 2) / 153;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const year = 400 * era + yearOfEra + (month <= 2 ? 1 : 0);
  let at = writeDigits(out, year, 4, 0x2d);
  at = writeDigits(at, month, 2, 0x2d);
  at = writeDigits(at, dayOfYear - (153 * marchMonth + 2) / 5 + 1, 2, 0x54);
  at = writeDigits(at, ms / 3_600_000, 2, 0x3a);
  at = writeDigits(at, (ms / 60_000) % 60, 2, 0x3a);
  at = writeDigits(at, (ms / 1_000) % 60, 2, 0x2e);
  writeDigits(at, ms % 1_000, 3, 0x5a);
}
