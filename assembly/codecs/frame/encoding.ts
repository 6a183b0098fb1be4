// Numbers as headers have them: of one to eight bytes in either order, and of variable length.
//
//   bits of an encoding     7 6   5        4               3..0
//                           -     signed   little-endian   width in bytes 1, 2, 3, 4, 8; or VARINT
//
// Source: proto/metaproto/v1/frame.proto, FrameEncoding.
// Allocates: never.

import {
  loadU16Be,
  loadU32Be,
  loadU64Be,
  storeU16Be,
  storeU32Be,
  storeU64Be,
} from "../../wire/byte-order";
import { varintSize, writeVarint } from "../../wire/varint";

/** Unsigned LEB128 of at most ten bytes, as in protobuf. */
export const VARINT: u32 = 15;
export const LITTLE_ENDIAN: u32 = 0x10;
export const SIGNED: u32 = 0x20;
const WIDTH_MASK: u32 = 0x0f;
/** Ten bytes of seven. */
const VARINT_BITS: u64 = 70;

/** Whether a table may have it. */
export function isEncoding(encoding: u32): bool {
  if ((encoding & ~(WIDTH_MASK | LITTLE_ENDIAN | SIGNED)) != 0) return false;
  const width = encoding & WIDTH_MASK;
  return (width > 0 && width <= 4) || width == 8 || width == VARINT;
}

export function isVarint(encoding: u32): bool {
  return (encoding & WIDTH_MASK) == VARINT;
}

/** Bytes of a number of fixed width. */
export function widthOf(encoding: u32): u32 {
  return encoding & WIDTH_MASK;
}

/** The largest value; of a varint, that of 64 bits. */
export function largestOf(encoding: u32): u64 {
  const width = encoding & WIDTH_MASK;
  return width >= 8 ? u64.MAX_VALUE : ((<u64>1) << (width << 3)) - 1;
}

/** A number of fixed width, of which all bytes are there; a negative one in two's complement of 64 bits. */
export function readFixed(ptr: usize, encoding: u32): u64 {
  // The most frequent ones first: a jump through a table costs more than these.
  if (encoding == 4) return loadU32Be(ptr);
  if (encoding == 2) return loadU16Be(ptr);
  if (encoding == 1) return load<u8>(ptr);
  return readOther(ptr, encoding);
}

/** Where every frame is read: what most numbers are, without a call. */
export class Fixed {
  /** As `readFixed`. */
  @inline
  static read(ptr: usize, encoding: u32): u64 {
    return encoding == 4 ? <u64>bswap<u32>(load<u32>(ptr)) : readFixed(ptr, encoding);
  }
}

function readOther(ptr: usize, encoding: u32): u64 {
  const width = widthOf(encoding);
  const value = readUnsigned(ptr, width, (encoding & LITTLE_ENDIAN) != 0);
  if ((encoding & SIGNED) == 0 || width >= 8) return value;
  const shift = 64 - ((<u64>width) << 3);
  return <u64>((<i64>(value << shift)) >> shift);
}

function readUnsigned(ptr: usize, width: u32, isLittle: bool): u64 {
  switch (width) {
    case 1:
      return load<u8>(ptr);
    case 2:
      return isLittle ? load<u16>(ptr) : loadU16Be(ptr);
    case 3: {
      const first = <u32>load<u8>(ptr);
      const second = <u32>load<u8>(ptr + 1);
      const third = <u32>load<u8>(ptr + 2);
      return isLittle
        ? (third << 16) | (second << 8) | first
        : (first << 16) | (second << 8) | third;
    }
    case 4:
      return isLittle ? load<u32>(ptr) : loadU32Be(ptr);
    default:
      return isLittle ? load<u64>(ptr) : loadU64Be(ptr);
  }
}

/** Writes the lowest bytes of `value`; a varint as short as it can be. Returns the number of bytes. */
export function writeNumber(ptr: usize, encoding: u32, value: u64): u32 {
  if (isVarint(encoding)) return writeVarint(ptr, value);
  const width = widthOf(encoding);
  const isLittle = (encoding & LITTLE_ENDIAN) != 0;
  switch (width) {
    case 1: {
      store<u8>(ptr, <u8>value);
      break;
    }
    case 2: {
      if (isLittle) store<u16>(ptr, <u16>value);
      else storeU16Be(ptr, <u32>value);
      break;
    }
    case 3: {
      store<u8>(ptr, <u8>(isLittle ? value : value >> 16));
      store<u8>(ptr + 1, <u8>(value >> 8));
      store<u8>(ptr + 2, <u8>(isLittle ? value >> 16 : value));
      break;
    }
    case 4: {
      if (isLittle) store<u32>(ptr, <u32>value);
      else storeU32Be(ptr, <u32>value);
      break;
    }
    default: {
      if (isLittle) store<u64>(ptr, value);
      else storeU64Be(ptr, value);
    }
  }
  return width;
}

/** Bytes that `writeNumber` takes. */
export function numberBytes(encoding: u32, value: u64): u32 {
  return isVarint(encoding) ? varintSize(value) : widthOf(encoding);
}

/** Of the number read last by `readNumber`: its bytes; 0: it does not end before the end, or is none. */
export let numberWidth: u32 = 0;

/** A number of any encoding before `end`; `numberWidth` tells whether it is there. */
export function readNumber(ptr: usize, end: usize, encoding: u32): u64 {
  numberWidth = 0;
  if (ptr > end) return 0;
  if (!isVarint(encoding)) {
    const width = widthOf(encoding);
    if (<usize>width > end - ptr) return 0;
    numberWidth = width;
    return readFixed(ptr, encoding);
  }
  let value: u64 = 0;
  let shift: u64 = 0;
  for (let at = ptr; at < end && shift < VARINT_BITS; at++) {
    const byte = <u64>load<u8>(at);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      numberWidth = <u32>(at - ptr) + 1;
      return value;
    }
    shift += 7;
  }
  return 0;
}
