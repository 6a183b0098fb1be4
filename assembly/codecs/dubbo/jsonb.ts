// JSONB as Dubbo's fastjson2 serialization writes it: each top-level value is a big-endian u32
// length and that many bytes.
// Spec: the tables in JSONB.java, JSONWriterJSONB and JSONBDump of alibaba/fastjson2 2.0, and
// FastJson2ObjectOutput of apache/dubbo 3.3.
// Allocates: when the module starts.

import { Slice } from "../../codec/message";
import { loadU32Be, storeU32Be } from "../../wire/byte-order";
import { copyShort, isAscii } from "../../wire/bytes";
import { SERIALIZATION_FASTJSON2 } from "./constants";
import { ExceptionShape, MAX_COUNT, OPEN_MAP, ValueFormat } from "./value-format";

const LENGTH_BYTES: usize = 4;

const TAG_INT_BYTE_ZERO: u32 = 0x38;
const TAG_INT_SHORT_ZERO: u32 = 0x44;
const TAG_INT: u32 = 0x48;
const TAG_ASCII_SHORT: u32 = 0x49;
const MAX_ASCII_SHORT: u32 = 47;
const TAG_ASCII: u32 = 0x79;
const TAG_UTF8: u32 = 0x7a;
const TAG_TYPED: u32 = 0x92;
const TAG_ARRAY_SHORT: u32 = 0x94;
const TAG_ARRAY: u32 = 0xa4;
const TAG_OBJECT_END: u32 = 0xa5;
const TAG_OBJECT: u32 = 0xa6;
const TAG_NULL: u32 = 0xaf;
const TAG_INT8: u32 = 0xbd;

// What a tag starts. Up to 9: a value of so many bytes in all.
const KIND_ASCII_SHORT: u32 = 10;
const KIND_TEXT: u32 = 11;
/** An int and that many bytes. */
const KIND_BYTES: u32 = 12;
const KIND_ARRAY: u32 = 13;
const KIND_OBJECT: u32 = 14;
/** A name or a number of one, and the number that the name gets. */
const KIND_SYMBOL: u32 = 15;
/** The same and a value. */
const KIND_TYPED: u32 = 16;
/** KIND_PARTS + 16 * fixed bytes with the tag + values that follow. */
const KIND_PARTS: u32 = 32;
const LAST_PLAIN_KIND: u32 = KIND_BYTES;

const kinds = memory.data(256);

function setKinds(first: u32, last: u32, kind: u32): void {
  for (let tag = first; tag <= last; tag++) store<u8>(kinds + tag, <u8>kind);
}

function setParts(tag: u32, fixedBytes: u32, values: u32): void {
  setKinds(tag, tag, KIND_PARTS + 16 * fixedBytes + values);
}

function setNumberKinds(): void {
  setKinds(0x00, 0x2f, 1); // int 0..47
  setKinds(0xf0, 0xff, 1); // int -16..-1
  setKinds(0x30, 0x3f, 2); // int -2048..2047
  setKinds(0x40, 0x47, 3); // int -262144..262143
  setKinds(0x48, 0x48, 5); // int
  setKinds(0xd8, 0xef, 1); // long -8..15
  setKinds(0xc8, 0xd7, 2); // long -2048..2047
  setKinds(0xc0, 0xc7, 3); // long -262144..262143
  setKinds(0xbf, 0xbf, 5); // long of 32 bits
  setKinds(0xbe, 0xbe, 9); // long
  setKinds(0xbc, 0xbc, 3); // short
  setKinds(0xbd, 0xbd, 2); // byte
  setKinds(0xaf, 0xb3, 1); // null, false, true, double 0, double 1
  setKinds(0xb5, 0xb5, 9); // double
  setKinds(0xb7, 0xb7, 5); // float
  setKinds(0xa9, 0xa9, 5); // local date
  setKinds(0xab, 0xab, 9); // timestamp in milliseconds
  setKinds(0xac, 0xad, 5); // timestamp in seconds, in minutes
}

function setOtherKinds(): void {
  setKinds(0x49, 0x78, KIND_ASCII_SHORT);
  setKinds(0x79, 0x7e, KIND_TEXT);
  setKinds(0x91, 0x91, KIND_BYTES); // binary
  setKinds(0xbb, 0xbb, KIND_BYTES); // big integer
  setKinds(0x94, 0xa4, KIND_ARRAY);
  setKinds(0xa6, 0xa6, KIND_OBJECT);
  setKinds(0x7f, 0x7f, KIND_SYMBOL);
  setKinds(0x92, 0x92, KIND_TYPED);
  setParts(0x90, 1, 1); // character: int
  setParts(0x93, 1, 1); // reference: path
  setParts(0xa7, 4, 1); // local time: nanoseconds
  setParts(0xa8, 8, 1); // local date and time: nanoseconds
  setParts(0xaa, 8, 2); // the same: nanoseconds, zone
  setParts(0xae, 1, 2); // instant: seconds, nanoseconds
  setParts(0xb4, 1, 1); // double: long
  setParts(0xb6, 1, 1); // float: int
  setParts(0xb8, 1, 1); // decimal: long
  setParts(0xb9, 1, 2); // decimal: scale, big integer
  setParts(0xba, 1, 1); // big integer: long
}

setNumberKinds();
setOtherKinds();

function kindOf(pos: usize): u32 {
  return load<u8>(kinds + <usize>load<u8>(pos));
}

export class Jsonb extends ValueFormat {
  /** The number that `readInt` read. */
  private int: i32 = 0;
  /** The end of the item that `openItem` opened. */
  private itemEnd: usize = 0;

  constructor() {
    super();
    this.endTag = TAG_OBJECT_END;
    this.serialization = SERIALIZATION_FASTJSON2;
  }

  begin(): void {}

  mark(): void {}

  step(pos: usize, end: usize): usize {
    this.pending = 0;
    if (pos >= end) return 0;
    const kind = kindOf(pos);
    if (kind < KIND_ASCII_SHORT) return kind != 0 && end - pos >= kind ? pos + kind : 0;
    if (kind >= KIND_PARTS) {
      this.pending = kind & 15;
      const fixedBytes = (kind - KIND_PARTS) >> 4;
      return end - pos >= fixedBytes ? pos + fixedBytes : 0;
    }
    if (kind == KIND_ASCII_SHORT || kind == KIND_TEXT) return this.readText(pos, end);
    if (kind == KIND_ARRAY) return this.openArray(pos, end);
    if (kind == KIND_OBJECT) {
      this.pending = OPEN_MAP;
      return pos + 1;
    }
    if (kind == KIND_BYTES) return this.skipBytes(pos + 1, end);
    return this.openNamed(pos + 1, end, kind == KIND_TYPED ? 1 : 0);
  }

  readValue(pos: usize, end: usize): usize {
    this.textPtr = 0;
    this.textLen = 0;
    pos = this.openItem(pos, end);
    if (pos == 0) return 0;
    // Its length tells where the value ends: what is no text need not be walked over.
    const kind = pos < this.itemEnd ? kindOf(pos) : 0;
    const isText = kind == KIND_ASCII_SHORT || kind == KIND_TEXT;
    if (isText && this.readText(pos, this.itemEnd) != this.itemEnd) this.textPtr = 0;
    return this.itemEnd;
  }

  readHeadValue(pos: usize, end: usize): usize {
    return this.readValue(pos, end);
  }

  isNull(pos: usize, end: usize): bool {
    pos = this.openItem(pos, end);
    return pos != 0 && this.itemEnd == pos + 1 && load<u8>(pos) == TAG_NULL;
  }

  readTag(pos: usize, end: usize): usize {
    pos = this.openItem(pos, end);
    if (pos == 0 || pos == this.itemEnd) return 0;
    if (load<u8>(pos) == TAG_INT8) pos++;
    if (pos + 1 != this.itemEnd) return 0;
    this.tag = load<u8>(pos);
    return this.itemEnd;
  }

  openMap(pos: usize, end: usize): usize {
    this.isClosed = false;
    pos = this.openItem(pos, end);
    if (pos == 0 || pos == this.itemEnd) return 0;
    if (load<u8>(pos) == TAG_TYPED) {
      pos = this.skipTypeName(pos + 1, this.itemEnd);
      if (pos == 0 || pos == this.itemEnd) return 0;
    }
    return load<u8>(pos) == TAG_OBJECT ? pos + 1 : 0;
  }

  nextEntry(pos: usize, end: usize): usize {
    end = this.itemEnd;
    if (pos >= end) return 0;
    if (load<u8>(pos) == TAG_OBJECT_END) {
      this.isClosed = true;
      return pos + 1 == end ? end : 0;
    }
    pos = this.readInner(pos, end);
    this.keyPtr = this.textPtr;
    this.keyLen = this.textLen;
    if (pos == 0 || pos >= end) return 0;
    this.isPlain = kindOf(pos) <= LAST_PLAIN_KIND;
    pos = this.readInner(pos, end);
    this.valuePtr = this.textPtr;
    this.valueLen = this.textLen;
    return pos;
  }

  writeText(out: usize, ptr: usize, len: u32): usize {
    const ascii = isAscii(ptr, len);
    if (ascii && len <= MAX_ASCII_SHORT) {
      store<u8>(out++, <u8>(TAG_ASCII_SHORT + len));
    } else {
      store<u8>(out, <u8>(ascii ? TAG_ASCII : TAG_UTF8));
      out = this.writeInt(out + 1, len);
    }
    copyShort(out, ptr, len);
    return out + len;
  }

  beginValue(out: usize): usize {
    return out + LENGTH_BYTES;
  }

  endValue(head: usize, out: usize): usize {
    storeU32Be(head, <u32>(out - head - LENGTH_BYTES));
    return out;
  }

  writeMapHead(out: usize): usize {
    store<u8>(out, <u8>TAG_OBJECT);
    return out + 1;
  }

  writeMapEnd(out: usize): usize {
    store<u8>(out, <u8>TAG_OBJECT_END);
    return out + 1;
  }

  writeTag(out: usize, tag: u32): usize {
    storeU32Be(out, 2);
    store<u8>(out + LENGTH_BYTES, <u8>TAG_INT8);
    store<u8>(out + LENGTH_BYTES + 1, <u8>tag);
    return out + LENGTH_BYTES + 2;
  }

  writeException(out: usize, exception: ExceptionShape, text: Slice, code: u32): usize {
    store<u8>(out, <u8>TAG_TYPED);
    out = this.writeText(out + 1, exception.className.ptr, exception.className.len);
    out = this.writeInt(out, 0);
    out = this.writeMapHead(out);
    out = this.writeText(out, exception.textField.ptr, exception.textField.len);
    out = this.writeText(out, text.ptr, text.len);
    out = this.writeText(out, exception.codeField.ptr, exception.codeField.len);
    out = this.writeInt(out, code);
    return this.writeMapEnd(out);
  }

  /** Reads a top-level value's length; its bytes end at `itemEnd`. */
  private openItem(pos: usize, end: usize): usize {
    if (pos >= end || end - pos < LENGTH_BYTES) return 0;
    const len = loadU32Be(pos);
    pos += LENGTH_BYTES;
    if (end - pos < len) return 0;
    this.itemEnd = pos + len;
    return pos;
  }

  /** Walks over the value at `pos` and sets the text fields. */
  private readInner(pos: usize, end: usize): usize {
    this.textPtr = 0;
    this.textLen = 0;
    if (pos >= end) return 0;
    const kind = kindOf(pos);
    if (kind == KIND_ASCII_SHORT || kind == KIND_TEXT) return this.readText(pos, end);
    pos = this.skip(pos, end);
    this.textPtr = 0;
    this.textLen = 0;
    return pos;
  }

  /** Reads a string; its text is known when it is ASCII or UTF-8, not UTF-16 or GB 18030. */
  private readText(pos: usize, end: usize): usize {
    const tag: u32 = load<u8>(pos++);
    let len: u32 = tag - TAG_ASCII_SHORT;
    if (tag >= TAG_ASCII) {
      pos = this.readInt(pos, end);
      if (pos == 0 || this.int < 0) return 0;
      len = <u32>this.int;
    }
    if (end - pos < len) return 0;
    this.textPtr = tag <= TAG_UTF8 ? pos : 0;
    this.textLen = len;
    return pos + len;
  }

  private readInt(pos: usize, end: usize): usize {
    if (pos >= end) return 0;
    const tag: u32 = load<u8>(pos);
    const size = kindOf(pos);
    const isInt = tag <= TAG_INT || tag >= 0xf0;
    if (!isInt || end - pos < size) return 0;
    // SAFETY: `size` bytes are there, and an int tag's size is 1, 2, 3 or 5.
    if (size == 1) this.int = <i32>(<i8>tag);
    else if (size == 2) this.int = ((tag - TAG_INT_BYTE_ZERO) << 8) | load<u8>(pos + 1);
    else if (size == 3) {
      this.int = ((tag - TAG_INT_SHORT_ZERO) << 16) | (load<u8>(pos + 1) << 8) | load<u8>(pos + 2);
    } else this.int = loadU32Be(pos + 1);
    return pos + size;
  }

  private writeInt(out: usize, value: u32): usize {
    if (value < 48) {
      store<u8>(out, <u8>value);
      return out + 1;
    }
    if (value < 0x800) {
      store<u8>(out, <u8>(TAG_INT_BYTE_ZERO + (value >> 8)));
      store<u8>(out + 1, <u8>value);
      return out + 2;
    }
    store<u8>(out, <u8>TAG_INT);
    storeU32Be(out + 1, value);
    return out + 5;
  }

  private skipBytes(pos: usize, end: usize): usize {
    pos = this.readInt(pos, end);
    if (pos == 0 || this.int < 0 || end - pos < <u32>this.int) return 0;
    return pos + <u32>this.int;
  }

  private openArray(pos: usize, end: usize): usize {
    const tag: u32 = load<u8>(pos++);
    this.pending = tag - TAG_ARRAY_SHORT;
    if (tag != TAG_ARRAY) return pos;
    pos = this.readInt(pos, end);
    if (pos == 0 || this.int < 0 || <u32>this.int > MAX_COUNT) return 0;
    if (<u32>this.int > <u32>(end - pos)) return 0;
    this.pending = <u32>this.int;
    return pos;
  }

  /** After the tag of a symbol or a typed value: `values` follow the name. */
  private openNamed(pos: usize, end: usize, values: u32): usize {
    pos = this.skipTypeName(pos, end);
    this.pending = values;
    return pos;
  }

  /** A number, or a name and the number that it gets. */
  private skipTypeName(pos: usize, end: usize): usize {
    if (pos >= end) return 0;
    const kind = kindOf(pos);
    if (kind != KIND_ASCII_SHORT && kind != KIND_TEXT) return this.readInt(pos, end);
    pos = this.readText(pos, end);
    return pos == 0 ? 0 : this.readInt(pos, end);
  }
}
