// Hessian2 text: UTF-16 units, each written as the UTF-8 form of its number.
// Lengths count units, not bytes; a character beyond the BMP is two units of three bytes each.
// Spec: http://hessian.caucho.com/doc/hessian-serialization.html section 4.12, and Hessian2Input of
// hessian-lite, which finds a unit's length in its first byte alone, as this file does.
// Allocates: never.

/**
 * The address behind `units` UTF-16 units at `pos`, or 0 when they do not end before `end` or a byte
 * cannot start a unit.
 */
export function skipUnits(pos: usize, units: u32, end: usize): usize {
  // Long texts are read at the pace of memory.
  while (units >= 64 && end - pos >= 64) {
    // SAFETY: 64 bytes are there.
    const first = v128.or(v128.load(pos), v128.load(pos, 16));
    const second = v128.or(v128.load(pos, 32), v128.load(pos, 48));
    if (i8x16.bitmask(v128.or(first, second)) != 0) break;
    pos += 64;
    units -= 64;
  }
  while (units > 0) {
    if (end - pos >= 16) {
      // SAFETY: 16 bytes are there. Bit i of the mask: byte i is not ASCII.
      const ascii = <u32>ctz(i8x16.bitmask(v128.load(pos)) | 0x10000);
      if (ascii >= units) return pos + units;
      pos += ascii;
      units -= ascii;
      if (ascii == 16) continue;
    } else if (pos >= end) {
      return 0;
    }
    const size = unitSize(load<u8>(pos));
    if (size == 0 || end - pos < size) return 0;
    pos += size;
    units--;
  }
  return pos;
}

/** Bytes of the unit that starts with `first`; 0: none does. */
function unitSize(first: u32): u32 {
  if (first < 0x80) return 1;
  if ((first & 0xe0) == 0xc0) return 2;
  if ((first & 0xf0) == 0xe0) return 3;
  return 0;
}

/** Returned by `countUnits` for bytes that are not UTF-8. */
export const NOT_UTF8: u32 = 0xffffffff;

/** UTF-16 units of `len` bytes of UTF-8, or NOT_UTF8. */
export function countUnits(ptr: usize, len: u32): u32 {
  const end = ptr + len;
  let units: u32 = 0;
  while (ptr < end) {
    const first: u32 = load<u8>(ptr);
    const isPair = (first & 0xf8) == 0xf0;
    const size: u32 = isPair ? 4 : unitSize(first);
    if (size == 0 || end - ptr < size) return NOT_UTF8;
    for (let i: u32 = 1; i < size; i++) {
      if ((load<u8>(ptr + i) & 0xc0) != 0x80) return NOT_UTF8;
    }
    units += isPair ? 2 : 1;
    ptr += size;
  }
  return units;
}

/** Writes one UTF-16 unit from 0x800 upward. */
function writeUnit(out: usize, unit: u32): void {
  store<u8>(out, <u8>(0xe0 | (unit >> 12)));
  store<u8>(out + 1, <u8>(0x80 | ((unit >> 6) & 0x3f)));
  store<u8>(out + 2, <u8>(0x80 | (unit & 0x3f)));
}

/**
 * Writes `len` bytes of UTF-8, for which `countUnits` gave a number, as units. At most len * 3 / 2
 * bytes. Returns the address behind them.
 */
export function writeUnits(out: usize, ptr: usize, len: u32): usize {
  const end = ptr + len;
  while (ptr < end) {
    const first: u32 = load<u8>(ptr);
    if (first < 0xf0) {
      store<u8>(out++, <u8>first);
      ptr++;
      continue;
    }
    // SAFETY: countUnits found all four bytes.
    const high = ((first & 7) << 18) | ((<u32>(load<u8>(ptr + 1) & 0x3f)) << 12);
    const low = ((<u32>(load<u8>(ptr + 2) & 0x3f)) << 6) | (load<u8>(ptr + 3) & 0x3f);
    const beyond = (high | low) - 0x10000;
    writeUnit(out, 0xd800 | ((beyond >> 10) & 0x3ff));
    writeUnit(out + 3, 0xdc00 | (beyond & 0x3ff));
    out += 6;
    ptr += 4;
  }
  return out;
}
