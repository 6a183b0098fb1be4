// Text from the network as JSON strings (RFC 8259 section 7), for access logs.
// Allocates: never; the buffer that is appended to may grow.

import { BoundedBuffer } from "./bounded-buffer";
import { writeHex8 } from "./hex";
import { UTF8_INVALID, appendReplacement, utf8Step } from "./utf8";

const QUOTE: u32 = 0x22;
const BACKSLASH: u32 = 0x5c;
/** `\u00` and two digits. */
const UNICODE_ESCAPE_BYTES: u32 = 6;
/** "\u00" in memory. */
const UNICODE_ESCAPE_START: u32 = 0x3030755c;

/** Appends the `len` bytes at `ptr` as a string with its quotes; what is no UTF-8 becomes U+FFFD. */
export function appendJsonString(buffer: BoundedBuffer, ptr: usize, len: u32): void {
  buffer.appendByte(QUOTE);
  appendJsonEscaped(buffer, ptr, len);
  buffer.appendByte(QUOTE);
}

/**
 * Appends the `len` bytes at `ptr` as they stand between the quotes of a JSON string. Also for logs
 * that are plain text: no line can be forged with it, since it writes no control character.
 */
export function appendJsonEscaped(buffer: BoundedBuffer, ptr: usize, len: u32): void {
  const end = ptr + len;
  let run = ptr;
  let at = ptr;
  while (at < end) {
    const byte = <u32>load<u8>(at);
    if (byte >= 0x20 && byte < 0x80 && byte != QUOTE && byte != BACKSLASH) {
      at++;
      continue;
    }
    const step = utf8Step(at, end);
    const isInvalid = (step & UTF8_INVALID) != 0;
    if (byte < 0x80 || isInvalid) {
      buffer.append(run, <u32>(at - run));
      if (isInvalid) appendReplacement(buffer);
      else appendEscape(buffer, byte);
      if (buffer.isOverflown) return;
      run = at + (step & ~UTF8_INVALID);
    }
    at += step & ~UTF8_INVALID;
  }
  buffer.append(run, <u32>(end - run));
}

/** The letter of the short escape of a byte, or 0. */
function shortEscape(byte: u32): u32 {
  switch (byte) {
    case QUOTE:
    case BACKSLASH:
      return byte;
    case 0x08:
      return 0x62;
    case 0x09:
      return 0x74;
    case 0x0a:
      return 0x6e;
    case 0x0c:
      return 0x66;
    case 0x0d:
      return 0x72;
    default:
      return 0;
  }
}

function appendEscape(buffer: BoundedBuffer, byte: u32): void {
  const letter = shortEscape(byte);
  if (letter != 0) {
    buffer.appendByte(BACKSLASH);
    buffer.appendByte(letter);
    return;
  }
  const out = buffer.reserve(UNICODE_ESCAPE_BYTES);
  if (out == 0) return;
  store<u32>(out, UNICODE_ESCAPE_START);
  writeHex8(out + 4, byte);
  buffer.advance(UNICODE_ESCAPE_BYTES);
}
