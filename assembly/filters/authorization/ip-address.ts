// IP addresses as text, and ranges of them.
// Source: RFC 4291 section 2.2 for IPv6, four decimal bytes for IPv4; RFC 4632 for ranges.
//
// An address is 16 bytes; one of IPv4 is ::ffff:a.b.c.d, which is also how a socket of both kinds shows it.
// Allocates: at configuration.
import { equalBytes } from "../../wire/bytes";

export const ADDRESS_BYTES: u32 = 16;
const GROUPS: u32 = 8;
const V4_OFFSET: u32 = 12;
const V4_BITS: u32 = 96;
const DOT: u32 = 0x2e;
const SLASH: u32 = 0x2f;
const COLON: u32 = 0x3a;
const PERCENT: u32 = 0x25;
const BRACKET: u32 = 0x5b;
const BRACKET_END: u32 = 0x5d;

/** Writes the address of `ip:port` or `[ip]:port` to `out`; false: it is something else, such as a path. */
export function parseEndpoint(ptr: usize, len: u32, out: usize): bool {
  let end = len;
  while (end > 0 && <u32>load<u8>(ptr + end - 1) != COLON) end--;
  if (end < 2) return false;
  end--;
  if (<u32>load<u8>(ptr) != BRACKET) return parseV4(ptr, end, out);
  if (<u32>load<u8>(ptr + end - 1) != BRACKET_END) return false;
  const host = ptr + 1;
  const hostLen = end - 2;
  let zone: u32 = 0;
  while (zone < hostLen && <u32>load<u8>(host + zone) != PERCENT) zone++;
  return parseV6(host, zone, out);
}

function isV4(address: usize): bool {
  return load<u64>(address) == 0 && load<u32>(address, 8) == 0xffff0000;
}

function parseV4(ptr: usize, len: u32, out: usize): bool {
  memory.fill(out, 0, ADDRESS_BYTES);
  store<u16>(out, 0xffff, 10);
  return writeV4(ptr, len, out + V4_OFFSET);
}

/** Four numbers up to 255 without leading zeros, which some would read as octal. */
function writeV4(ptr: usize, len: u32, out: usize): bool {
  let at: u32 = 0;
  for (let part: u32 = 0; part < 4; part++) {
    if (part > 0) {
      if (at >= len || <u32>load<u8>(ptr + at) != DOT) return false;
      at++;
    }
    const start = at;
    let value: u32 = 0;
    for (; at < len && at - start < 3; at++) {
      const digit = <u32>load<u8>(ptr + at) - 0x30;
      if (digit > 9) break;
      value = value * 10 + digit;
    }
    const digits = at - start;
    if (digits == 0 || value > 255) return false;
    if (digits > 1 && load<u8>(ptr + start) == 0x30) return false;
    store<u8>(out + part, <u8>value);
  }
  return at == len;
}

function hexDigit(byte: u32): u32 {
  if (byte - 0x30 < 10) return byte - 0x30;
  const letter = (byte | 0x20) - 0x61;
  return letter < 6 ? letter + 10 : u32.MAX_VALUE;
}

function parseV6(ptr: usize, len: u32, out: usize): bool {
  memory.fill(out, 0, ADDRESS_BYTES);
  let groups: u32 = 0;
  /** Groups before `::`. */
  let gap: u32 = u32.MAX_VALUE;
  let at: u32 = 0;
  if (len >= 2 && load<u16>(ptr) == 0x3a3a) {
    gap = 0;
    at = 2;
  }
  while (at < len) {
    if (groups == GROUPS) return false;
    const start = at;
    let value: u32 = 0;
    for (; at < len && at - start < 4; at++) {
      const digit = hexDigit(load<u8>(ptr + at));
      if (digit > 15) break;
      value = (value << 4) | digit;
    }
    if (at == start) return false;
    if (at < len && <u32>load<u8>(ptr + at) == DOT) {
      if (groups > GROUPS - 2 || !writeV4(ptr + start, len - start, out + groups * 2)) return false;
      groups += 2;
      at = len;
      break;
    }
    store<u16>(out + groups * 2, bswap<u16>(<u16>value));
    groups++;
    if (at == len) break;
    if (<u32>load<u8>(ptr + at) != COLON || ++at == len) return false;
    if (<u32>load<u8>(ptr + at) != COLON) continue;
    if (gap <= GROUPS) return false;
    gap = groups;
    at++;
  }
  if (gap > GROUPS) return groups == GROUPS;
  if (groups == GROUPS) return false;
  const tail = <usize>(groups - gap) * 2;
  memory.copy(out + ADDRESS_BYTES - tail, out + gap * 2, tail);
  memory.fill(out + gap * 2, 0, <usize>(GROUPS - groups) * 2);
  return true;
}

/** One range, 24 bytes: the address, the bits of it that count, 1 for IPv4. */
const RANGE_BYTES: u32 = ADDRESS_BYTES + 8;

/** Ranges of addresses; none of them contains nothing. */
export class IpRanges {
  private ranges: ArrayBuffer = new ArrayBuffer(0);

  get isEmpty(): bool {
    return this.ranges.byteLength == 0;
  }

  /** `ip/bits` or `ip`; false: it is neither. */
  add(ptr: usize, len: u32): bool {
    const used = this.ranges.byteLength;
    // eslint-disable-next-line no-restricted-syntax -- at configuration
    const grown = new ArrayBuffer(used + RANGE_BYTES);
    memory.copy(changetype<usize>(grown), changetype<usize>(this.ranges), used);
    const range = changetype<usize>(grown) + <usize>used;
    let hostLen: u32 = 0;
    while (hostLen < len && <u32>load<u8>(ptr + hostLen) != SLASH) hostLen++;
    const isDotted = parseV4(ptr, hostLen, range);
    if (!isDotted && !parseV6(ptr, hostLen, range)) return false;
    const most: u32 = isDotted ? 32 : 128;
    const bits = hostLen == len ? most : parseBits(ptr + hostLen + 1, len - hostLen - 1);
    if (bits > most) return false;
    const counted = isDotted ? V4_BITS + bits : bits;
    store<u32>(range + ADDRESS_BYTES, counted);
    store<u32>(range + ADDRESS_BYTES, isV4(range) && counted >= V4_BITS ? 1 : 0, 4);
    this.ranges = grown;
    return true;
  }

  contain(address: usize): bool {
    const isFour: u32 = isV4(address) ? 1 : 0;
    const end = changetype<usize>(this.ranges) + <usize>this.ranges.byteLength;
    for (let range = changetype<usize>(this.ranges); range < end; range += RANGE_BYTES) {
      if (load<u32>(range + ADDRESS_BYTES, 4) != isFour) continue;
      if (equalBits(range, address, load<u32>(range + ADDRESS_BYTES))) return true;
    }
    return false;
  }
}

function parseBits(ptr: usize, len: u32): u32 {
  if (len == 0 || len > 3) return u32.MAX_VALUE;
  let bits: u32 = 0;
  for (let i: u32 = 0; i < len; i++) {
    const digit = <u32>load<u8>(ptr + i) - 0x30;
    if (digit > 9) return u32.MAX_VALUE;
    bits = bits * 10 + digit;
  }
  return bits;
}

/** `bits` is at most 128. */
function equalBits(a: usize, b: usize, bits: u32): bool {
  const bytes = bits >> 3;
  if (!equalBytes(a, b, bytes)) return false;
  const rest = bits & 7;
  if (rest == 0) return true;
  return (<u32>(load<u8>(a + bytes) ^ load<u8>(b + bytes))) >> (8 - rest) == 0;
}
