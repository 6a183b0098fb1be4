// Whole numbers that a request names, which may be anything.
// Allocates: never.

/** As large as a number gets: more than any that has a meaning. */
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
