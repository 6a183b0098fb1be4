// JCE, the encoding of TARS: fields with a tag and a type, read one after the other from bytes that may hold
// anything.
//
//   | tag (4 bits), type (4 bits) | value |     tag 15: the tag is in a byte of its own behind that
//
// Numbers are written in the shortest type that holds them, and read from any.
// Spec: tars_overview.md of TarsCloud/TarsDocs_en, section "Encoding".
// Allocates: never.

import { loadU16Be, loadU32Be, storeU16Be, storeU32Be } from "../../wire/byte-order";

export enum JceType {
  Int8 = 0,
  Int16 = 1,
  Int32 = 2,
  Int64 = 3,
  Float = 4,
  Double = 5,
  /** A length in one byte, then bytes. */
  String1 = 6,
  /** A length in four bytes, then bytes. */
  String4 = 7,
  Map = 8,
  List = 9,
  StructBegin = 10,
  StructEnd = 11,
  /** A number that is 0; nothing follows. */
  Zero = 12,
  /** Bytes: a head of type 0, a number for how many, and these. */
  SimpleList = 13,
}

const LONG_TAG: u32 = 15;
/** Values within values that are skipped. */
const MAX_DEPTH: u32 = 64;
/** Bytes of the longest string whose length takes one byte. */
const SHORT_STRING: u32 = 255;

/** Bytes of the longest number that `writeInt` writes. */
export const MAX_INT_BYTES: u32 = 5;

export class JceReader {
  tag: u32 = 0;
  type: JceType = JceType.Zero;
  /** Where the field at hand begins. */
  start: usize = 0;
  /** Where its value begins, and once that was read, where it ends. */
  at: usize = 0;
  /** Of a number. */
  value: i64 = 0;
  /** Of a string. */
  ptr: usize = 0;
  len: u32 = 0;
  private end: usize = 0;

  /** Begins with the fields in [ptr, end). */
  reset(ptr: usize, end: usize): void {
    this.at = ptr;
    this.end = end;
  }

  get isAtEnd(): bool {
    return this.at >= this.end;
  }

  /** Reads the head of the next field; false: it is malformed, or not there as a whole. */
  next(): bool {
    const at = this.at;
    if (at >= this.end) return false;
    const head: u32 = load<u8>(at);
    this.start = at;
    this.type = <JceType>(head & 15);
    this.tag = head >> 4;
    this.at = at + 1;
    if (this.tag != LONG_TAG) return true;
    if (this.at >= this.end) return false;
    this.tag = load<u8>(this.at);
    this.at++;
    // No peer writes shorter tags like this.
    return this.tag >= LONG_TAG;
  }

  /** Whether the field at hand is a number of at most 32 bits. */
  get isInt(): bool {
    return this.type <= JceType.Int32 || this.type == JceType.Zero;
  }

  get isString(): bool {
    return this.type == JceType.String1 || this.type == JceType.String4;
  }

  /** Reads the number (`isInt`) of the field at hand; false: it is not there as a whole. */
  readInt(): bool {
    const at = this.at;
    const width = intWidth(this.type);
    if (this.end - at < <usize>width) return false;
    this.at = at + width;
    switch (this.type) {
      case JceType.Int8:
        this.value = load<i8>(at);
        return true;
      case JceType.Int16:
        this.value = <i16>loadU16Be(at);
        return true;
      case JceType.Int32:
        this.value = <i32>loadU32Be(at);
        return true;
      default:
        this.value = 0;
        return true;
    }
  }

  /** Reads the string (`isString`) of the field at hand; false: it is not there as a whole. */
  readString(): bool {
    const width: u32 = this.type == JceType.String1 ? 1 : 4;
    if (!this.has(width)) return false;
    const len: u32 = width == 1 ? load<u8>(this.at) : loadU32Be(this.at);
    this.at += width;
    if (!this.has(len)) return false;
    this.ptr = this.at;
    this.len = len;
    this.at += len;
    return true;
  }

  /** Reads the size of the map or list at hand: a number with the tag 0; false: there is none. */
  readSize(): bool {
    return this.next() && this.tag == 0 && this.isInt && this.readInt() && this.value >= 0;
  }

  /** Goes behind the value of the field at hand; false: it is malformed, or not there as a whole. */
  skip(): bool {
    return this.skipValue(0);
  }

  private has(count: u32): bool {
    return this.end - this.at >= <usize>count;
  }

  private pass(count: u32): bool {
    if (!this.has(count)) return false;
    this.at += count;
    return true;
  }

  private skipValue(depth: u32): bool {
    switch (this.type) {
      case JceType.Int8:
      case JceType.Int16:
      case JceType.Int32:
      case JceType.Zero:
        return this.pass(intWidth(this.type));
      case JceType.Int64:
      case JceType.Double:
        return this.pass(8);
      case JceType.Float:
        return this.pass(4);
      case JceType.String1:
      case JceType.String4:
        return this.readString();
      case JceType.Map:
        return this.readSize() && this.skipFields(<u64>this.value * 2, depth);
      case JceType.List:
        return this.readSize() && this.skipFields(<u64>this.value, depth);
      case JceType.StructBegin:
        return this.skipStruct(depth);
      case JceType.SimpleList:
        return this.skipBytes();
      default:
        return false;
    }
  }

  private skipBytes(): bool {
    if (!this.next() || this.type != JceType.Int8) return false;
    return this.readSize() && this.pass(<u32>this.value);
  }

  /** Each takes a byte at least, so that their number is bounded by that of the bytes. */
  private skipFields(count: u64, depth: u32): bool {
    if (depth >= MAX_DEPTH) return false;
    for (let i: u64 = 0; i < count; i++) {
      if (!this.next() || !this.skipValue(depth + 1)) return false;
    }
    return true;
  }

  private skipStruct(depth: u32): bool {
    if (depth >= MAX_DEPTH) return false;
    while (this.next()) {
      if (this.type == JceType.StructEnd) return true;
      if (!this.skipValue(depth + 1)) return false;
    }
    return false;
  }
}

/** Bytes of a number of this type. */
export function intWidth(type: JceType): u32 {
  switch (type) {
    case JceType.Int8:
      return 1;
    case JceType.Int16:
      return 2;
    case JceType.Int32:
      return 4;
    default:
      return 0;
  }
}

/** The shortest type that holds a number. */
function typeOf(value: i32): JceType {
  if (value == 0) return JceType.Zero;
  if (value >= i8.MIN_VALUE && value <= i8.MAX_VALUE) return JceType.Int8;
  return value >= i16.MIN_VALUE && value <= i16.MAX_VALUE ? JceType.Int16 : JceType.Int32;
}

/** Writes a head with a tag below 15; returns the address behind it. */
export function writeHead(out: usize, tag: u32, type: JceType): usize {
  store<u8>(out, <u8>((tag << 4) | (<u32>type)));
  return out + 1;
}

/** Writes a number as a field; returns the address behind it. */
export function writeInt(out: usize, tag: u32, value: i32): usize {
  return writeIntAs(out, tag, value, typeOf(value));
}

/** As `writeInt`, in this type, or in a longer one if it does not hold the number. */
export function writeWideInt(out: usize, tag: u32, value: i32, type: JceType): usize {
  const least = typeOf(value);
  return writeIntAs(out, tag, value, intWidth(least) > intWidth(type) ? least : type);
}

function writeIntAs(out: usize, tag: u32, value: i32, type: JceType): usize {
  out = writeHead(out, tag, type);
  if (type == JceType.Int8) store<u8>(out, <u8>value);
  else if (type == JceType.Int16) storeU16Be(out, <u32>value);
  else if (type == JceType.Int32) storeU32Be(out, <u32>value);
  return out + intWidth(type);
}

/** Whether a number fits into this type. */
export function fits(value: i32, type: JceType): bool {
  return intWidth(typeOf(value)) <= intWidth(type);
}

/** Writes a string as a field; returns the address behind it. */
export function writeString(out: usize, tag: u32, ptr: usize, len: u32): usize {
  if (len <= SHORT_STRING) {
    out = writeHead(out, tag, JceType.String1);
    store<u8>(out, <u8>len);
    out += 1;
  } else {
    out = writeHead(out, tag, JceType.String4);
    storeU32Be(out, len);
    out += 4;
  }
  memory.copy(out, ptr, len);
  return out + len;
}
