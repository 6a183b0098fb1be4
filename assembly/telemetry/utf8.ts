// UTF-8 from the network, which may be anything: what is no UTF-8 becomes U+FFFD, the replacement
// character. One for each "maximal subpart" (Unicode 15, section 3.9), as browsers do it.
// Why: a collector refuses a whole batch for one string that is no UTF-8.
// Allocates: never; the buffer that is appended to may grow.

import { BoundedBuffer } from "./bounded-buffer";

/** In a result of `utf8Step`: these bytes are no UTF-8. */
export const UTF8_INVALID: u32 = 0x80;

/** Bytes of U+FFFD. */
const REPLACEMENT_BYTES: u32 = 3;
const ASCII_MASK: u64 = 0x8080808080808080;

/** The bytes of U+FFFD at the end of `buffer`. */
export function appendReplacement(buffer: BoundedBuffer): void {
  const out = buffer.reserve(REPLACEMENT_BYTES);
  if (out == 0) return;
  store<u8>(out, 0xef);
  store<u8>(out + 1, 0xbf);
  store<u8>(out + 2, 0xbd);
  buffer.advance(REPLACEMENT_BYTES);
}

/**
 * Bytes of the character at `ptr`, 1 to 4; or, with UTF8_INVALID, how many bytes from `ptr` on one
 * replacement character stands for. Nothing at or beyond `end` is read; `ptr` is before it.
 */
export function utf8Step(ptr: usize, end: usize): u32 {
  const lead = <u32>load<u8>(ptr);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return UTF8_INVALID | 1;
  const count: u32 = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  // The first of the bytes that follow: neither overlong forms nor surrogates nor more than U+10FFFF.
  let least: u32 = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  let most: u32 = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  for (let i: u32 = 1; i < count; i++) {
    if (ptr + i >= end) return UTF8_INVALID | i;
    const byte = <u32>load<u8>(ptr + i);
    if (byte < least || byte > most) return UTF8_INVALID | i;
    least = 0x80;
    most = 0xbf;
  }
  return count;
}

/** Bytes from `ptr` on, before `end`, that are UTF-8. */
function validBytes(ptr: usize, end: usize): u32 {
  let at = ptr;
  while (at < end) {
    if (end - at >= 8 && (load<u64>(at) & ASCII_MASK) == 0) {
      at += 8;
      continue;
    }
    const step = utf8Step(at, end);
    if ((step & UTF8_INVALID) != 0) break;
    at += step;
  }
  return <u32>(at - ptr);
}

/** Bytes that `appendUtf8` appends for the `len` bytes at `ptr`, of which there are less than 2^30. */
export function utf8Bytes(ptr: usize, len: u32): u32 {
  const end = ptr + len;
  let count: u32 = 0;
  while (ptr < end) {
    const valid = validBytes(ptr, end);
    count += valid;
    ptr += valid;
    if (ptr >= end) break;
    ptr += utf8Step(ptr, end) & ~UTF8_INVALID;
    count += REPLACEMENT_BYTES;
  }
  return count;
}

/** Appends the `len` bytes at `ptr`, with U+FFFD for what is no UTF-8. */
export function appendUtf8(buffer: BoundedBuffer, ptr: usize, len: u32): void {
  const end = ptr + len;
  while (!buffer.isOverflown) {
    const valid = validBytes(ptr, end);
    buffer.append(ptr, valid);
    ptr += valid;
    if (ptr >= end) return;
    ptr += utf8Step(ptr, end) & ~UTF8_INVALID;
    appendReplacement(buffer);
  }
}

/** How many of the `len` bytes at `ptr`, at most `maxBytes`, can be taken without cutting a character in two. */
export function utf8Prefix(ptr: usize, len: u32, maxBytes: u32): u32 {
  if (len <= maxBytes) return len;
  let cut = maxBytes;
  // A character has at most three bytes after its first; more of them are no UTF-8 anyway.
  for (let i = 0; i < 3 && cut > 0 && (load<u8>(ptr + cut) & 0xc0) == 0x80; i++) cut--;
  return (load<u8>(ptr + cut) & 0xc0) == 0x80 ? maxBytes : cut;
}
