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

function lowerAscii(byte: u32): u32 {
  return byte - 0x41 < 26 ? byte | 0x20 : byte;
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

/** The number that `len` decimal digits at `ptr` are; 0: they are none, or more than fits. */
export function parseDecimal(ptr: usize, len: u32): u32 {
  if (len == 0 || len > 10) return 0;
  let value: u64 = 0;
  for (let i: u32 = 0; i < len; i++) {
    const digit = <u32>load<u8>(ptr + i) - 0x30;
    if (digit > 9) return 0;
    value = value * 10 + <u64>digit;
  }
  return value > u32.MAX_VALUE ? 0 : <u32>value;
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
