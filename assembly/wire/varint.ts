// Variable-length integers: unsigned LEB128, least significant 7 bits first, the high bit of a byte
// says that another one follows. Used by protobuf, Thrift compact and THeader.
// Allocates: never.

/** `varintWidth` and `readVarint32` for bytes that are no integer: too many, or too large a value. */
export const VARINT_MALFORMED: u32 = 0xff;

/** Most bytes that a 32-bit integer takes. */
export const VARINT32_BYTES: u32 = 5;
const VARINT64_BYTES: u32 = 10;

/**
 * Bytes of the integer of up to 64 bits at `ptr`, whatever its value; 0 when it does not end before
 * `end`; VARINT_MALFORMED when it is longer than 10 bytes.
 */
export function varintWidth(ptr: usize, end: usize): u32 {
  let width: u32 = 0;
  while (width < VARINT64_BYTES) {
    if (ptr + width >= end) return 0;
    if (load<u8>(ptr + width) < 0x80) return width + 1;
    width++;
  }
  return VARINT_MALFORMED;
}

/**
 * The integer of up to 32 bits at `ptr`: its value in the low 32 bits of the result and its width
 * (`readWidth`) above; a width of 0 and VARINT_MALFORMED as `varintWidth` has them. A value that
 * needs more than 32 bits is malformed: peers disagree about what such a length means.
 */
export function readVarint32(ptr: usize, end: usize): u64 {
  if (ptr < end) {
    const byte = load<u8>(ptr);
    if (byte < 0x80) return ((<u64>1) << 32) | (<u64>byte);
  }
  return readLongVarint32(ptr, end);
}

function readLongVarint32(ptr: usize, end: usize): u64 {
  let value: u64 = 0;
  for (let i: u32 = 0; i < VARINT32_BYTES; i++) {
    if (ptr + i >= end) return 0;
    const byte = <u64>load<u8>(ptr + i);
    value |= (byte & 0x7f) << (<u64>i * 7);
    if (byte < 0x80) {
      const width: u64 = value > 0xffffffff ? VARINT_MALFORMED : i + 1;
      return (width << 32) | (value & 0xffffffff);
    }
  }
  return (<u64>VARINT_MALFORMED) << 32;
}

/** The width in bytes of a result of `readVarint32`. */
export function readWidth(result: u64): u32 {
  return <u32>(result >> 32);
}

/** Bytes that `writeVarint` takes for `value`: 1 to 10. */
export function varintSize(value: u64): u32 {
  return value == 0 ? 1 : <u32>((70 - clz(value)) / 7);
}

/** Writes `value` at `out` (room for `varintSize` bytes) and returns the number of bytes. */
export function writeVarint(out: usize, value: u64): u32 {
  let width: u32 = 0;
  while (value >= 0x80) {
    store<u8>(out + width, <u8>(value | 0x80));
    value >>= 7;
    width++;
  }
  store<u8>(out + width, <u8>value);
  return width + 1;
}

/** Writes `value` at `out` in exactly `width` bytes, which are at least `varintSize` of it. */
export function writePaddedVarint(out: usize, value: u64, width: u32): void {
  for (let i: u32 = 1; i < width; i++) {
    store<u8>(out++, <u8>(value | 0x80));
    value >>= 7;
  }
  store<u8>(out, <u8>value);
}

/** Writes `value` at `out` in `width` bytes, or in more if they are not enough; returns how many. */
export function writeWideVarint(out: usize, value: u64, width: u32): u32 {
  const least = varintSize(value);
  if (least > width) width = least;
  writePaddedVarint(out, value, width);
  return width;
}

/**
 * The address of the integer that ends before `end`, behind another one such as a tag: its bytes but the last
 * have their high bit set, and the last of the other one has not.
 */
export function varintBefore(end: usize): usize {
  let at = end - 1;
  while (load<u8>(at - 1) >= 0x80) at--;
  return at;
}
