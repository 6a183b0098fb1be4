// Hessian 2.0 as Dubbo's hessian-lite writes it: walking over values, finding strings, writing maps.
// Values are not built, object references are not followed. Of class definitions only the number of
// fields is kept: an object's values follow it without names.
// Spec: http://hessian.caucho.com/doc/hessian-serialization.html sections 3 and 4.
// Allocates: when the module starts.

import { Slice } from "../../codec/message";
import { loadU16Be, loadU32Be, storeU16Be } from "../../wire/byte-order";
import { copyShort, isAscii } from "../../wire/bytes";
import { SERIALIZATION_HESSIAN2 } from "./constants";
import { countUnits, NOT_UTF8, skipUnits, writeUnits } from "./hessian2-text";
import { ExceptionShape, MAX_COUNT, OPEN_LIST, OPEN_MAP, ValueFormat } from "./value-format";

/** Class definitions of one body; with more it is not walked over. */
const MAX_CLASSES: u32 = 1024;
/** Bytes in which a text of fewer than 32 ASCII characters is found at once. */
const SHORT_TEXT_WINDOW: usize = 32;
/** Units that one chunk of a string can have. */
const MAX_CHUNK_UNITS: u32 = 0xffff;

const TAG_STRING_SHORT_END: u32 = 0x20;
const TAG_BINARY_SHORT: u32 = 0x20;
const TAG_STRING_MEDIUM: u32 = 0x30;
const TAG_BINARY_MEDIUM: u32 = 0x34;
const TAG_BINARY_CHUNK: u32 = 0x41;
const TAG_BINARY_FINAL: u32 = 0x42;
const TAG_CLASS: u32 = 0x43;
const TAG_MAP: u32 = 0x48;
const TAG_INT: u32 = 0x49;
const TAG_DATE: u32 = 0x4a;
const TAG_DATE_MINUTES: u32 = 0x4b;
const TAG_NULL: u32 = 0x4e;
const TAG_STRING_CHUNK: u32 = 0x52;
const TAG_STRING_FINAL: u32 = 0x53;
const TAG_TYPED_OPEN_LIST: u32 = 0x55;
const TAG_TYPED_LIST: u32 = 0x56;
const TAG_OPEN_LIST: u32 = 0x57;
const TAG_LIST: u32 = 0x58;
const TAG_END: u32 = 0x5a;
const TAG_OBJECT_SHORT: u32 = 0x60;
const TAG_LIST_SHORT: u32 = 0x78;
const TAG_INT_ZERO: u32 = 0x90;

// What a tag starts. Up to 9: a value of so many bytes in all.
const KIND_STRING: u32 = 10;
const KIND_BINARY: u32 = 11;
const KIND_REFERENCE: u32 = 12;
const KIND_CLASS: u32 = 13;
const KIND_OBJECT: u32 = 14;
const KIND_LIST: u32 = 15;
const KIND_MAP: u32 = 16;
/** Kinds up to this one define nothing and are referred to by nothing. */
const LAST_PLAIN_KIND: u32 = KIND_REFERENCE;

const kinds = memory.data(256);
const classFields = memory.data(4 * 1024, 4);

function setKinds(first: u32, last: u32, kind: u32): void {
  for (let tag = first; tag <= last; tag++) store<u8>(kinds + tag, <u8>kind);
}

function setNumberKinds(): void {
  setKinds(0x80, 0xbf, 1); // int -16..47
  setKinds(0xc0, 0xcf, 2); // int -2048..2047
  setKinds(0xd0, 0xd7, 3); // int -262144..262143
  setKinds(0x49, 0x49, 5); // int
  setKinds(0xd8, 0xef, 1); // long -8..15
  setKinds(0xf0, 0xff, 2); // long -2048..2047
  setKinds(0x38, 0x3f, 3); // long -262144..262143
  setKinds(0x59, 0x59, 5); // long of 32 bits
  setKinds(0x4c, 0x4c, 9); // long
  setKinds(0x5b, 0x5c, 1); // double 0, 1
  setKinds(0x5d, 0x5d, 2); // double of 8 bits
  setKinds(0x5e, 0x5e, 3); // double of 16 bits
  setKinds(0x5f, 0x5f, 5); // double in thousandths
  setKinds(0x44, 0x44, 9); // double
  setKinds(0x4a, 0x4a, 9); // date in milliseconds
  setKinds(0x4b, 0x4b, 5); // date in minutes
  setKinds(0x54, 0x54, 1); // true
  setKinds(0x46, 0x46, 1); // false
  setKinds(0x4e, 0x4e, 1); // null
}

function setOtherKinds(): void {
  setKinds(0x00, 0x1f, KIND_STRING);
  setKinds(0x30, 0x33, KIND_STRING);
  setKinds(0x52, 0x53, KIND_STRING);
  setKinds(0x20, 0x2f, KIND_BINARY);
  setKinds(0x34, 0x37, KIND_BINARY);
  setKinds(0x41, 0x42, KIND_BINARY);
  setKinds(0x51, 0x51, KIND_REFERENCE);
  setKinds(0x43, 0x43, KIND_CLASS);
  setKinds(0x60, 0x6f, KIND_OBJECT);
  setKinds(0x4f, 0x4f, KIND_OBJECT);
  setKinds(0x70, 0x7f, KIND_LIST);
  setKinds(0x55, 0x58, KIND_LIST);
  setKinds(0x48, 0x48, KIND_MAP);
  setKinds(0x4d, 0x4d, KIND_MAP);
}

setNumberKinds();
setOtherKinds();

function kindOf(pos: usize): u32 {
  return load<u8>(kinds + <usize>load<u8>(pos));
}

export class Hessian2 extends ValueFormat {
  private classCount: u32 = 0;
  private markedClassCount: u32 = 0;
  /** The number that `readInt` read. */
  private int: i32 = 0;

  constructor() {
    super();
    this.endTag = TAG_END;
    this.serialization = SERIALIZATION_HESSIAN2;
  }

  begin(): void {
    this.classCount = 0;
    this.markedClassCount = 0;
  }

  mark(): void {
    this.markedClassCount = this.classCount;
  }

  step(pos: usize, end: usize): usize {
    this.pending = 0;
    if (pos >= end) return 0;
    const kind = kindOf(pos);
    if (kind < KIND_STRING) return kind != 0 && end - pos >= kind ? pos + kind : 0;
    if (kind == KIND_STRING) return this.readString(pos, end);
    if (kind == KIND_BINARY) return this.skipBinary(pos, end);
    if (kind == KIND_REFERENCE) return this.readInt(pos + 1, end);
    if (kind == KIND_OBJECT) return this.openObject(pos, end);
    if (kind == KIND_CLASS) return this.defineClass(pos, end);
    if (kind == KIND_LIST) return this.openList(pos, end);
    this.pending = OPEN_MAP;
    return load<u8>(pos) == TAG_MAP ? pos + 1 : this.skipType(pos + 1, end);
  }

  readValue(pos: usize, end: usize): usize {
    if (pos < end && end - pos > SHORT_TEXT_WINDOW) {
      const units: u32 = load<u8>(pos);
      const text = pos + 1;
      // SAFETY: the window is there. Bit i of the mask: byte i of the text is not ASCII.
      const low = <u32>i8x16.bitmask(v128.load(text));
      const high = <u32>i8x16.bitmask(v128.load(text, 16));
      if (units < TAG_STRING_SHORT_END && <u32>ctz(low | (high << 16)) >= units) {
        this.textPtr = text;
        this.textLen = units;
        return text + units;
      }
    }
    return this.readLongerValue(pos, end);
  }

  readHeadValue(pos: usize, end: usize): usize {
    if (pos >= end || kindOf(pos) > KIND_STRING) return 0;
    const tag: u32 = load<u8>(pos);
    const isDate = tag == TAG_DATE || tag == TAG_DATE_MINUTES;
    return isDate ? 0 : this.readValue(pos, end);
  }

  private readLongerValue(pos: usize, end: usize): usize {
    this.textPtr = 0;
    this.textLen = 0;
    if (pos < end && kindOf(pos) == KIND_STRING) return this.readString(pos, end);
    const next = this.skip(pos, end);
    this.textPtr = 0;
    this.textLen = 0;
    return next;
  }

  isNull(pos: usize, end: usize): bool {
    return pos < end && load<u8>(pos) == TAG_NULL;
  }

  readTag(pos: usize, end: usize): usize {
    const next = this.readInt(pos, end);
    this.tag = <u32>this.int;
    // The tag is changed in place, which needs it to be one byte.
    return next == pos + 1 ? next : 0;
  }

  openMap(pos: usize, end: usize): usize {
    this.classCount = this.markedClassCount;
    this.isClosed = false;
    if (pos >= end || kindOf(pos) != KIND_MAP) return 0;
    return this.step(pos, end);
  }

  nextEntry(pos: usize, end: usize): usize {
    if (pos >= end) return 0;
    if (load<u8>(pos) == TAG_END) {
      this.isClosed = true;
      return pos + 1;
    }
    pos = this.readValue(pos, end);
    this.keyPtr = this.textPtr;
    this.keyLen = this.textLen;
    if (pos == 0 || pos >= end) return 0;
    this.isPlain = kindOf(pos) <= LAST_PLAIN_KIND;
    pos = this.readValue(pos, end);
    this.valuePtr = this.textPtr;
    this.valueLen = this.textLen;
    return pos;
  }

  writeText(out: usize, ptr: usize, len: u32): usize {
    const ascii = isAscii(ptr, len);
    const units = ascii ? len : countUnits(ptr, len);
    if (units == NOT_UTF8 || units > MAX_CHUNK_UNITS) return 0;
    if (units < TAG_STRING_SHORT_END) {
      store<u8>(out++, <u8>units);
    } else if (units < 0x400) {
      storeU16Be(out, (TAG_STRING_MEDIUM << 8) + units);
      out += 2;
    } else {
      store<u8>(out, <u8>TAG_STRING_FINAL);
      storeU16Be(out + 1, units);
      out += 3;
    }
    if (!ascii) return writeUnits(out, ptr, len);
    copyShort(out, ptr, len);
    return out + len;
  }

  beginValue(out: usize): usize {
    return out;
  }

  endValue(head: usize, out: usize): usize {
    return out;
  }

  writeMapHead(out: usize): usize {
    store<u8>(out, <u8>TAG_MAP);
    return out + 1;
  }

  writeMapEnd(out: usize): usize {
    store<u8>(out, <u8>TAG_END);
    return out + 1;
  }

  writeTag(out: usize, tag: u32): usize {
    store<u8>(out, <u8>(TAG_INT_ZERO + tag));
    return out + 1;
  }

  writeException(out: usize, exception: ExceptionShape, text: Slice, code: u32): usize {
    store<u8>(out, <u8>TAG_CLASS);
    out = this.writeText(out + 1, exception.className.ptr, exception.className.len);
    out = this.writeTag(out, 2);
    out = this.writeText(out, exception.textField.ptr, exception.textField.len);
    out = this.writeText(out, exception.codeField.ptr, exception.codeField.len);
    store<u8>(out, <u8>TAG_OBJECT_SHORT);
    out = this.writeText(out + 1, text.ptr, text.len);
    return out == 0 ? 0 : this.writeTag(out, code);
  }

  /** Reads a string and sets the text fields: address 0 when it has several chunks. */
  private readString(pos: usize, end: usize): usize {
    let isFirst = true;
    while (true) {
      if (pos >= end) return 0;
      const tag: u32 = load<u8>(pos);
      let units: u32 = tag;
      let head: u32 = 1;
      if (tag == TAG_STRING_FINAL || tag == TAG_STRING_CHUNK) {
        head = 3;
        if (end - pos < 3) return 0;
        units = loadU16Be(pos + 1);
      } else if (tag >= TAG_STRING_SHORT_END) {
        head = 2;
        if (kindOf(pos) != KIND_STRING || end - pos < 2) return 0;
        units = loadU16Be(pos) - (TAG_STRING_MEDIUM << 8);
      }
      const content = pos + head;
      pos = skipUnits(content, units, end);
      if (pos == 0) return 0;
      this.textPtr = isFirst && tag != TAG_STRING_CHUNK ? content : 0;
      this.textLen = <u32>(pos - content);
      if (tag != TAG_STRING_CHUNK) return pos;
      isFirst = false;
    }
  }

  private skipBinary(pos: usize, end: usize): usize {
    while (true) {
      if (pos >= end || kindOf(pos) != KIND_BINARY) return 0;
      const tag: u32 = load<u8>(pos);
      let bytes: u32 = tag - TAG_BINARY_SHORT;
      let head: u32 = 1;
      if (tag == TAG_BINARY_FINAL || tag == TAG_BINARY_CHUNK) {
        head = 3;
        if (end - pos < 3) return 0;
        bytes = loadU16Be(pos + 1);
      } else if (tag >= TAG_BINARY_MEDIUM) {
        head = 2;
        if (end - pos < 2) return 0;
        bytes = loadU16Be(pos) - (TAG_BINARY_MEDIUM << 8);
      }
      if (end - pos < head + bytes) return 0;
      pos += head + bytes;
      if (tag != TAG_BINARY_CHUNK) return pos;
    }
  }

  private readInt(pos: usize, end: usize): usize {
    if (pos >= end) return 0;
    const tag: u32 = load<u8>(pos);
    const size = kindOf(pos);
    const isInt = tag == TAG_INT || (tag >= 0x80 && tag <= 0xd7);
    if (!isInt || end - pos < size) return 0;
    // SAFETY: `size` bytes are there, and an int tag's size is 1, 2, 3 or 5.
    if (size == 1) this.int = tag - TAG_INT_ZERO;
    else if (size == 2) this.int = loadU16Be(pos) - 0xc800;
    else if (size == 3) this.int = ((tag - 0xd4) << 16) | loadU16Be(pos + 1);
    else this.int = loadU32Be(pos + 1);
    return pos + size;
  }

  /** A type is its name, or the number of one that was named before. */
  private skipType(pos: usize, end: usize): usize {
    if (pos >= end) return 0;
    return kindOf(pos) == KIND_STRING ? this.readString(pos, end) : this.readInt(pos, end);
  }

  /** Sets `pending` to the count at `pos`, which cannot be more than there are bytes. */
  private readCount(pos: usize, end: usize): usize {
    pos = this.readInt(pos, end);
    if (pos == 0 || <u32>this.int > MAX_COUNT || <u32>this.int > <u32>(end - pos)) return 0;
    this.pending = <u32>this.int;
    return pos;
  }

  private openList(pos: usize, end: usize): usize {
    const tag: u32 = load<u8>(pos++);
    if (tag == TAG_OPEN_LIST) {
      this.pending = OPEN_LIST;
      return pos;
    }
    if (tag == TAG_LIST) return this.readCount(pos, end);
    if (tag >= TAG_LIST_SHORT) {
      this.pending = tag & 7;
      return pos;
    }
    pos = this.skipType(pos, end);
    if (pos == 0) return 0;
    if (tag == TAG_TYPED_LIST) return this.readCount(pos, end);
    this.pending = tag == TAG_TYPED_OPEN_LIST ? OPEN_LIST : tag & 7;
    return pos;
  }

  /** Reads a class definition; the value follows that it was written for. */
  private defineClass(pos: usize, end: usize): usize {
    pos = this.skipType(pos + 1, end);
    if (pos == 0) return 0;
    pos = this.readCount(pos, end);
    if (pos == 0 || this.classCount == MAX_CLASSES) return 0;
    const fields = this.pending;
    for (let i: u32 = 0; i < fields; i++) {
      pos = this.skipType(pos, end);
      if (pos == 0) return 0;
    }
    store<u32>(classFields + ((<usize>this.classCount) << 2), fields);
    this.classCount++;
    this.pending = 1;
    return pos;
  }

  private openObject(pos: usize, end: usize): usize {
    const tag: u32 = load<u8>(pos++);
    let index: u32 = tag - TAG_OBJECT_SHORT;
    if (tag < TAG_OBJECT_SHORT) {
      pos = this.readInt(pos, end);
      if (pos == 0) return 0;
      index = <u32>this.int;
    }
    if (index >= this.classCount) return 0;
    this.pending = load<u32>(classFields + ((<usize>index) << 2));
    return pos;
  }
}
