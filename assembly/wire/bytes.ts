// Comparing and hashing byte ranges.
// Allocates: never.

export function equalBytes(a: usize, b: usize, len: u32): bool {
  let rest = len;
  while (rest >= 8) {
    if (load<u64>(a) != load<u64>(b)) return false;
    a += 8;
    b += 8;
    rest -= 8;
  }
  while (rest > 0) {
    if (load<u8>(a) != load<u8>(b)) return false;
    a++;
    b++;
    rest--;
  }
  return true;
}

/** Of eight bytes, the bits that ASCII does not have. */
const NOT_ASCII: u64 = 0x8080808080808080;

export function isAscii(ptr: usize, len: u32): bool {
  if (len < 8) {
    let bits: u32 = 0;
    for (let i: u32 = 0; i < len; i++) bits |= load<u8>(ptr + i);
    return bits < 0x80;
  }
  // The last eight bytes may have been read before.
  const last = ptr + len - 8;
  for (let at = ptr; at < last; at += 8) if ((load<u64>(at) & NOT_ASCII) != 0) return false;
  return (load<u64>(last) & NOT_ASCII) == 0;
}

/** As memory.copy, for some tens of bytes, which it takes longer to call. The ranges do not overlap. */
export function copyShort(to: usize, from: usize, len: u32): void {
  if (len < 8) {
    for (let i: u32 = 0; i < len; i++) store<u8>(to + i, load<u8>(from + i));
    return;
  }
  const last: u32 = len - 8;
  for (let i: u32 = 0; i < last; i += 8) store<u64>(to + i, load<u64>(from + i));
  store<u64>(to + last, load<u64>(from + last));
}

/** Of an ASCII letter the small one; other bytes as they are. */
export function lowerAscii(byte: u32): u32 {
  return byte - 0x41 < 26 ? byte | 0x20 : byte;
}

/** Makes ASCII letters small in place. */
export function makeLowerCase(ptr: usize, len: u32): void {
  for (let at = ptr; at < ptr + len; at++) store<u8>(at, <u8>lowerAscii(load<u8>(at)));
}

/** Compares `len` bytes at `any` with `lower`, which is lower case already; ASCII letters only. */
export function equalBytesIgnoreCase(any: usize, lower: usize, len: u32): bool {
  for (let i: u32 = 0; i < len; i++) {
    if (lowerAscii(load<u8>(any + i)) != load<u8>(lower + i)) return false;
  }
  return true;
}

/** A 32-bit hash of `len` bytes for tables in memory: multiply-xorshift over words, not stable on a wire. */
export function hashBytes(ptr: usize, len: u32): u32 {
  let hash: u64 = 0x9e3779b97f4a7c15 ^ (<u64>len);
  let rest = len;
  while (rest >= 8) {
    hash = (hash ^ load<u64>(ptr)) * 0xff51afd7ed558ccd;
    hash ^= hash >> 32;
    ptr += 8;
    rest -= 8;
  }
  let tail: u64 = 0;
  while (rest > 0) {
    tail = (tail << 8) | (<u64>load<u8>(ptr));
    ptr++;
    rest--;
  }
  hash = (hash ^ tail) * 0xc4ceb9fe1a85ec53;
  return <u32>(hash ^ (hash >> 32));
}

/** As large as a parsed number gets: more than any that has a meaning. */
const LARGEST: i64 = 1 << 40;

/** The number in these decimal digits, 2^40 for larger ones; -1: they are something else. */
export function parseDecimal(ptr: usize, len: u32): i64 {
  if (len == 0) return -1;
  let value: i64 = 0;
  for (let i: u32 = 0; i < len; i++) {
    const digit = <u32>load<u8>(ptr + i) - 0x30;
    if (digit > 9) return -1;
    value = min<i64>(value * 10 + digit, LARGEST);
  }
  return value;
}

/** Writes `value` in decimal at `out` (room for 20 bytes) and returns the number of bytes. */
export function writeDecimal(out: usize, value: u64): u32 {
  let digits: u32 = 1;
  for (let rest = value; rest >= 10; rest /= 10) digits++;
  for (let i = digits; i > 0; i--) {
    store<u8>(out + i - 1, <u8>(0x30 + (value % 10)));
    value /= 10;
  }
  return digits;
}

const MINUS: u8 = 0x2d;

/** As `writeDecimal`, of a number that may be negative; room for 20 bytes. */
export function writeSigned(out: usize, value: i64): u32 {
  if (value >= 0) return writeDecimal(out, <u64>value);
  store<u8>(out, MINUS);
  return 1 + writeDecimal(out + 1, 0 - <u64>value);
}
