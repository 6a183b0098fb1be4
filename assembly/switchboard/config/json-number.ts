// Whole numbers in JSON's notation, exactly: 16777216, 1.6777216e7 and 16777216.0 are one number.
// Allocates: never.

export const NUMBER_INVALID: i64 = -1;
export const NUMBER_NOT_WHOLE: i64 = -2;
export const NUMBER_OUT_OF_RANGE: i64 = -3;

/** More digits than these are certainly out of the range of an u32, or not whole. */
const MAX_DIGITS: u32 = 18;
const LARGEST: i64 = 0xffffffff;
const MAX_EXPONENT: i32 = 1000000;
const EXPONENT_INVALID: i32 = i32.MAX_VALUE;
const MAX_U64_DIGITS: u32 = 20;

/** The number that the `len` bytes at `ptr` say, or one of the negative codes. */
export function parseU32(ptr: usize, len: u32): i64 {
  const end = ptr + len;
  const isNegative = ptr < end && load<u8>(ptr) == 0x2d;
  if (isNegative) ptr++;
  const whole = digitsEnd(ptr, end);
  if (whole == ptr || (load<u8>(ptr) == 0x30 && whole - ptr > 1)) return NUMBER_INVALID;
  let mantissaEnd = whole;
  if (whole < end && load<u8>(whole) == 0x2e) {
    mantissaEnd = digitsEnd(whole + 1, end);
    if (mantissaEnd == whole + 1) return NUMBER_INVALID;
  }
  let exponent: i32 = 0;
  if (mantissaEnd < end) {
    exponent = parseExponent(mantissaEnd, end);
    if (exponent == EXPONENT_INVALID) return NUMBER_INVALID;
  }
  if (mantissaEnd > whole) exponent -= <i32>min<usize>(mantissaEnd - whole - 1, MAX_EXPONENT);
  const value = scale(ptr, mantissaEnd, exponent);
  return value > 0 && isNegative ? NUMBER_OUT_OF_RANGE : value;
}

/** Whether the `len` bytes at `ptr` are the digits of an u64, without a point or an exponent. */
export function isU64(ptr: usize, len: u32): bool {
  const end = ptr + len;
  if (len == 0 || digitsEnd(ptr, end) != end) return false;
  if (load<u8>(ptr) == 0x30) return len == 1;
  if (len != MAX_U64_DIGITS) return len < MAX_U64_DIGITS;
  const head = parseU64(ptr, len - 1);
  const last = <u64>load<u8>(end - 1) - 0x30;
  return head < u64.MAX_VALUE / 10 || (head == u64.MAX_VALUE / 10 && last <= u64.MAX_VALUE % 10);
}

/** The number that digits say, for which `isU64` holds. */
export function parseU64(ptr: usize, len: u32): u64 {
  let value: u64 = 0;
  for (let i: u32 = 0; i < len; i++) value = value * 10 + <u64>load<u8>(ptr + i) - 0x30;
  return value;
}

/** What one of the negative codes means. */
export function numberFault(code: i64): string {
  if (code == NUMBER_NOT_WHOLE) return "not a whole number";
  return code == NUMBER_OUT_OF_RANGE ? "not between 0 and 4294967295" : "not a number";
}

/** What stands from `ptr` to `end`, cut off at MAX_EXPONENT, or EXPONENT_INVALID. */
function parseExponent(ptr: usize, end: usize): i32 {
  if ((load<u8>(ptr) | 0x20) != 0x65) return EXPONENT_INVALID;
  let at = ptr + 1;
  const sign: u32 = at < end ? load<u8>(at) : 0;
  if (sign == 0x2d || sign == 0x2b) at++;
  if (at == end || digitsEnd(at, end) != end) return EXPONENT_INVALID;
  let exponent: i32 = 0;
  for (; at < end; at++) {
    exponent = min(exponent * 10 + <i32>load<u8>(at) - 0x30, MAX_EXPONENT);
  }
  return sign == 0x2d ? -exponent : exponent;
}

/** The digits from `ptr` to `end`, a point among them or not, times ten to the `exponent`. */
function scale(ptr: usize, end: usize, exponent: i32): i64 {
  let value: i64 = 0;
  let digits: u32 = 0;
  let zeros: i32 = 0;
  for (; ptr < end; ptr++) {
    const byte = <i32>load<u8>(ptr);
    if (byte == 0x2e) continue;
    if (byte == 0x30) {
      if (digits > 0) zeros++;
      continue;
    }
    digits += 1 + zeros;
    if (digits > MAX_DIGITS) break;
    for (; zeros > 0; zeros--) value *= 10;
    value = value * 10 + byte - 0x30;
  }
  if (digits > MAX_DIGITS) return exponent < 0 ? NUMBER_NOT_WHOLE : NUMBER_OUT_OF_RANGE;
  if (value == 0) return 0;
  exponent += zeros;
  if (exponent < 0) return NUMBER_NOT_WHOLE;
  for (; exponent > 0 && value <= LARGEST; exponent--) value *= 10;
  return value > LARGEST ? NUMBER_OUT_OF_RANGE : value;
}

function digitsEnd(ptr: usize, end: usize): usize {
  while (ptr < end && <u32>load<u8>(ptr) - 0x30 < 10) ptr++;
  return ptr;
}
