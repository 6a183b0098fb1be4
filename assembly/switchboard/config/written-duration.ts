// Durations as MetaRouters have them, in Go's notation: `1h30m`, `1.5s`, `100ms`, `0`.
// Source: https://pkg.go.dev/time#ParseDuration, without signs and without the letter for micro.
// Allocates: never.

import { DURATION_INVALID, DURATION_NEGATIVE, DURATION_TOO_LONG } from "./duration";
import { MAX_DURATION_MS } from "./route-limits";

const NS_PER_MS: i64 = 1000000;
const LONGEST_NS: i64 = MAX_DURATION_MS * NS_PER_MS;

const MINUS: u32 = 0x2d;
const POINT: u32 = 0x2e;
const LETTER_H: u32 = 0x68;
const LETTER_M: u32 = 0x6d;
const LETTER_N: u32 = 0x6e;
const LETTER_S: u32 = 0x73;
const LETTER_U: u32 = 0x75;

/** Milliseconds, rounded up, or one of the negative codes of duration.ts. */
export function parseWrittenDurationMs(ptr: usize, len: u32): i64 {
  const end = ptr + len;
  if (len == 1 && load<u8>(ptr) == 0x30) return 0;
  if (len > 0 && <u32>load<u8>(ptr) == MINUS) return DURATION_NEGATIVE;
  let ns: i64 = 0;
  let at = ptr;
  while (at < end) {
    const number = at;
    at = skipDigits(at, end);
    const point = at;
    if (at < end && <u32>load<u8>(at) == POINT) at = skipDigits(at + 1, end);
    const digitsEnd = at;
    const isNumber = point > number || digitsEnd > point + 1;
    while (at < end && isLetter(at)) at++;
    const unitNs = unitOf(digitsEnd, at);
    if (!isNumber || unitNs == 0) return DURATION_INVALID;
    if (ns <= LONGEST_NS) ns += termNs(number, point, digitsEnd, unitNs);
  }
  if (len == 0) return DURATION_INVALID;
  return ns > LONGEST_NS ? DURATION_TOO_LONG : (ns + NS_PER_MS - 1) / NS_PER_MS;
}

/** Of the digits before and behind the point; above LONGEST_NS it is not exact. */
function termNs(number: usize, point: usize, end: usize, unitNs: i64): i64 {
  const most = LONGEST_NS / unitNs + 1;
  let whole: i64 = 0;
  for (let at = number; at < point && whole <= most; at++) whole = whole * 10 + digit(at);
  let ns = min(whole, most) * unitNs;
  let place = unitNs;
  for (let at = point + 1; at < end && place > 0; at++) {
    place /= 10;
    ns += digit(at) * place;
  }
  return ns;
}

/** Nanoseconds of the unit that stands there, or 0. */
function unitOf(ptr: usize, end: usize): i64 {
  if (ptr == end) return 0;
  const first = <u32>load<u8>(ptr);
  if (end - ptr == 1) {
    if (first == LETTER_S) return 1000 * NS_PER_MS;
    if (first == LETTER_M) return 60000 * NS_PER_MS;
    return first == LETTER_H ? 3600000 * NS_PER_MS : 0;
  }
  if (end - ptr != 2 || <u32>load<u8>(ptr, 1) != LETTER_S) return 0;
  if (first == LETTER_M) return NS_PER_MS;
  if (first == LETTER_U) return 1000;
  return first == LETTER_N ? 1 : 0;
}

function skipDigits(at: usize, end: usize): usize {
  while (at < end && <u32>load<u8>(at) - 0x30 < 10) at++;
  return at;
}

function isLetter(ptr: usize): bool {
  return <u32>load<u8>(ptr) - 0x61 < 26;
}

function digit(ptr: usize): i64 {
  return <i64>load<u8>(ptr) - 0x30;
}
