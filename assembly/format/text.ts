// Text from the network as it may stand in a log or in another message: UTF-8, whatever the bytes are.
//
// Escaped, it holds no control character, no quote, no line separator and no backslash but those of escapes:
// nobody can forge a line, a field in quotes or a member of a JSON object with it (RFC 8259 section 7).
// What is no UTF-8 becomes U+FFFD; two surrogates of three bytes each, in which Java's protocols write a
// character beyond the BMP, become that character.
// Allocates: never; the buffer that is appended to may grow.

import { BoundedBuffer } from "../telemetry/bounded-buffer";
import { UTF8_INVALID, appendReplacement, utf8Step } from "../telemetry/utf8";

const QUOTE: u32 = 0x22;
const BACKSLASH: u32 = 0x5c;
const LINE_SEPARATOR: u32 = 0x2028;
const SURROGATE_PAIR_BYTES: u32 = 6;
const ESCAPE_BYTES: u32 = 6;

/** Appends the `len` bytes at `ptr`. */
export function appendText(out: BoundedBuffer, ptr: usize, len: u32, isEscaped: bool): void {
  const end = ptr + len;
  let run = ptr;
  let at = ptr;
  while (at < end) {
    const byte = <u32>load<u8>(at);
    if (byte < 0x80 && !(isEscaped && isEscapedByte(byte))) {
      at++;
      continue;
    }
    const step = utf8Step(at, end);
    const code = isEscaped ? escapedCode(at, step) : 0;
    if (code == 0 && byte >= 0x80 && (step & UTF8_INVALID) == 0) {
      at += step;
      continue;
    }
    out.append(run, <u32>(at - run));
    if ((step & UTF8_INVALID) == 0) {
      appendEscape(out, code);
      at += step;
    } else if (isSurrogatePair(at, end)) {
      appendPair(out, at);
      at += SURROGATE_PAIR_BYTES;
    } else {
      appendReplacement(out);
      at += step & ~UTF8_INVALID;
    }
    run = at;
    if (out.isOverflown) return;
  }
  out.append(run, <u32>(end - run));
}

function isEscapedByte(byte: u32): bool {
  return byte < 0x20 || byte == QUOTE || byte == BACKSLASH || byte == 0x7f;
}

/** The code point of the character at `ptr` if it is one that is escaped; NUL, which is, comes as 0x10000. */
function escapedCode(ptr: usize, step: u32): u32 {
  const first = <u32>load<u8>(ptr);
  if (step == 1) return isEscapedByte(first) ? (first == 0 ? 0x10000 : first) : 0;
  if (step == 2) {
    const second = <u32>load<u8>(ptr + 1);
    return first == 0xc2 && second < 0xa0 ? second : 0;
  }
  if (step != 3 || first != 0xe2 || load<u8>(ptr + 1) != 0x80) return 0;
  const third = <u32>load<u8>(ptr + 2);
  return third == 0xa8 || third == 0xa9 ? LINE_SEPARATOR + third - 0xa8 : 0;
}

/** The letter of the short escape, or 0. */
function shortEscape(code: u32): u32 {
  switch (code) {
    case QUOTE:
    case BACKSLASH:
      return code;
    case 0x09:
      return 0x74;
    case 0x0a:
      return 0x6e;
    case 0x0d:
      return 0x72;
    default:
      return 0;
  }
}

function appendEscape(out: BoundedBuffer, code: u32): void {
  const letter = shortEscape(code);
  if (letter != 0) {
    out.appendByte(BACKSLASH);
    out.appendByte(letter);
    return;
  }
  const at = out.reserve(ESCAPE_BYTES);
  if (at == 0) return;
  store<u8>(at, <u8>BACKSLASH);
  store<u8>(at + 1, 0x75);
  for (let i: u32 = 0; i < 4; i++) {
    const digit = (code >> (12 - 4 * i)) & 15;
    store<u8>(at + 2 + i, <u8>(digit + (digit < 10 ? 0x30 : 0x57)));
  }
  out.advance(ESCAPE_BYTES);
}

/** ED A0..AF xx ED B0..BF xx. */
function isSurrogatePair(at: usize, end: usize): bool {
  if (end - at < SURROGATE_PAIR_BYTES) return false;
  return (
    load<u8>(at) == 0xed &&
    (load<u8>(at + 1) & 0xf0) == 0xa0 &&
    (load<u8>(at + 2) & 0xc0) == 0x80 &&
    load<u8>(at + 3) == 0xed &&
    (load<u8>(at + 4) & 0xf0) == 0xb0 &&
    (load<u8>(at + 5) & 0xc0) == 0x80
  );
}

function appendPair(out: BoundedBuffer, at: usize): void {
  const high = (((<u32>load<u8>(at + 1)) & 15) << 6) | ((<u32>load<u8>(at + 2)) & 63);
  const low = (((<u32>load<u8>(at + 4)) & 15) << 6) | ((<u32>load<u8>(at + 5)) & 63);
  const code = 0x10000 + (high << 10) + low;
  const to = out.reserve(4);
  if (to == 0) return;
  store<u8>(to, <u8>(0xf0 | (code >> 18)));
  store<u8>(to + 1, <u8>(0x80 | ((code >> 12) & 63)));
  store<u8>(to + 2, <u8>(0x80 | ((code >> 6) & 63)));
  store<u8>(to + 3, <u8>(0x80 | (code & 63)));
  out.advance(4);
}
