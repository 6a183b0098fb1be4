// Base64, read in the standard or the URL-safe alphabet, with padding or without; written in the standard one
// with padding.
// Spec: RFC 4648 sections 4 and 5.
// Allocates: never.

const PADDING: u8 = 0x3d;

/** Characters that `len` bytes become. */
export function base64Length(len: u32): u32 {
  return ((len + 2) / 3) * 4;
}

/** Writes what the `len` characters at `ptr` encode to `out`, 3 bytes for 4 at most; their number, or -1: not base64. */
export function decodeBase64(ptr: usize, len: u32, out: usize): i32 {
  let end = ptr + len;
  if (len > 0 && (len & 3) == 0 && load<u8>(end - 1) == PADDING) {
    end--;
    if (load<u8>(end - 1) == PADDING) end--;
  }
  if (((<u32>(end - ptr)) & 3) == 1) return -1;
  let to = out;
  let bits: u32 = 0;
  let held: u32 = 0;
  for (; ptr < end; ptr++) {
    const digit = sextet(load<u8>(ptr));
    if (digit < 0) return -1;
    bits = (bits << 6) | digit;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    store<u8>(to, <u8>(bits >> held));
    to++;
  }
  // Bits that no byte takes must be zero: one text for each value.
  return (bits & ((1 << held) - 1)) == 0 ? <i32>(to - out) : -1;
}

function sextet(byte: u32): i32 {
  if (byte - 0x41 < 26) return byte - 0x41;
  if (byte - 0x61 < 26) return byte - 0x61 + 26;
  if (byte - 0x30 < 10) return byte - 0x30 + 52;
  if (byte == 0x2b || byte == 0x2d) return 62;
  return byte == 0x2f || byte == 0x5f ? 63 : -1;
}

/** Writes the `len` bytes at `ptr` as `base64Length(len)` characters to `out`; returns their number. */
export function encodeBase64(ptr: usize, len: u32, out: usize): u32 {
  let to = out;
  for (let i: u32 = 0; i < len; i += 3) {
    const rest = len - i;
    let bits = (<u32>load<u8>(ptr + i)) << 16;
    if (rest > 1) bits |= (<u32>load<u8>(ptr + i + 1)) << 8;
    if (rest > 2) bits |= load<u8>(ptr + i + 2);
    store<u8>(to, character(bits >> 18));
    store<u8>(to + 1, character((bits >> 12) & 63));
    store<u8>(to + 2, rest > 1 ? character((bits >> 6) & 63) : PADDING);
    store<u8>(to + 3, rest > 2 ? character(bits & 63) : PADDING);
    to += 4;
  }
  return <u32>(to - out);
}

function character(digit: u32): u8 {
  if (digit < 26) return <u8>(0x41 + digit);
  if (digit < 52) return <u8>(0x61 + digit - 26);
  if (digit < 62) return <u8>(0x30 + digit - 52);
  return digit == 62 ? 0x2b : 0x2f;
}
