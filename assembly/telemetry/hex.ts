// Hexadecimal digits, as trace contexts and access logs have them.
// Allocates: never.

/** Digits of 64 bits. */
export const HEX64_DIGITS: u32 = 16;

function lowerDigit(value: u32): u32 {
  return value + (value < 10 ? 0x30 : 0x57);
}

/** True when all of the `count` bytes at `ptr` are digits; a to f in lower case only. */
export function areLowerHexDigits(ptr: usize, count: u32): bool {
  for (let i: u32 = 0; i < count; i++) {
    const byte = <u32>load<u8>(ptr + i);
    if (byte - 0x30 > 9 && byte - 0x61 > 5) return false;
  }
  return true;
}

/** True when all of the `count` bytes at `ptr` are digits, in either case. */
export function areHexDigits(ptr: usize, count: u32): bool {
  for (let i: u32 = 0; i < count; i++) {
    const byte = <u32>load<u8>(ptr + i);
    if (byte - 0x30 > 9 && (byte | 0x20) - 0x61 > 5) return false;
  }
  return true;
}

/** The value of the `count` (at most 16) bytes at `ptr`, which are digits. */
export function readHex(ptr: usize, count: u32): u64 {
  let value: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const byte = <u32>load<u8>(ptr + i);
    value = (value << 4) | (<u64>((byte & 0x0f) + (byte > 0x39 ? 9 : 0)));
  }
  return value;
}

/** Writes 16 lower-case digits at `out`. */
export function writeHex64(out: usize, value: u64): void {
  const bytes = i64x2.splat(bswap(value));
  const high = i8x16.shr_u(bytes, 4);
  const low = v128.and(bytes, i8x16.splat(0x0f));
  const digits = i8x16(48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 97, 98, 99, 100, 101, 102);
  // prettier-ignore
  const each = i8x16.shuffle(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  v128.store(out, i8x16.swizzle(digits, each));
}

/** Writes two lower-case digits at `out`. */
export function writeHex8(out: usize, value: u32): void {
  store<u8>(out, <u8>lowerDigit((value >> 4) & 0x0f));
  store<u8>(out + 1, <u8>lowerDigit(value & 0x0f));
}
