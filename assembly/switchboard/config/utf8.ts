// Whether bytes are UTF-8.
// Source: RFC 3629 section 4 (no overlong forms, no surrogates, nothing above U+10FFFF).
// Allocates: never.

const HIGH_BITS: u64 = 0x8080808080808080;

/** The offset of the first byte that is not part of valid UTF-8, or `len`. */
export function utf8Prefix(ptr: usize, len: u32): u32 {
  let at: u32 = 0;
  while (at < len) {
    if (len - at >= 8 && (load<u64>(ptr + at) & HIGH_BITS) == 0) {
      at += 8;
      continue;
    }
    const sequence = sequenceLength(ptr + at, len - at);
    if (sequence == 0) return at;
    at += sequence;
  }
  return len;
}

/** Writes one code point (at most U+10FFFF) at `out` (room for 4 bytes); returns its length. */
export function writeUtf8(out: usize, codePoint: u32): u32 {
  if (codePoint < 0x80) {
    store<u8>(out, <u8>codePoint);
    return 1;
  }
  if (codePoint < 0x800) {
    store<u8>(out, <u8>(0xc0 | (codePoint >> 6)));
    store<u8>(out, <u8>(0x80 | (codePoint & 0x3f)), 1);
    return 2;
  }
  if (codePoint < 0x10000) {
    store<u8>(out, <u8>(0xe0 | (codePoint >> 12)));
    store<u8>(out, <u8>(0x80 | ((codePoint >> 6) & 0x3f)), 1);
    store<u8>(out, <u8>(0x80 | (codePoint & 0x3f)), 2);
    return 3;
  }
  store<u8>(out, <u8>(0xf0 | (codePoint >> 18)));
  store<u8>(out, <u8>(0x80 | ((codePoint >> 12) & 0x3f)), 1);
  store<u8>(out, <u8>(0x80 | ((codePoint >> 6) & 0x3f)), 2);
  store<u8>(out, <u8>(0x80 | (codePoint & 0x3f)), 3);
  return 4;
}

/** Bytes of the well-formed sequence at `ptr`, or 0; `rest` >= 1 bytes are there. */
function sequenceLength(ptr: usize, rest: u32): u32 {
  const lead = <u32>load<u8>(ptr);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length: u32 = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (rest < length) return 0;
  const second = <u32>load<u8>(ptr, 1);
  const least: u32 = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const most: u32 = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most) return 0;
  for (let i: u32 = 2; i < length; i++) {
    if ((load<u8>(ptr + i) & 0xc0) != 0x80) return 0;
  }
  return length;
}
