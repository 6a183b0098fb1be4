// Entries of a section one after the other: pairs of key and value, each behind its length; and values behind
// their type and length.
//
//   pair   +------------+-----+--------------+-------+      tlv   +------+--------+-------+
//          | key length | key | value length | value |            | type | length | value |
//          +------------+-----+--------------+-------+            +------+--------+-------+
//
// Allocates: never.

import { loadU32Be } from "../../wire/byte-order";
import { numberWidth, readNumber, widthOf } from "./encoding";
import { Content, Section } from "./table/records";

/** Encoding of a number of four bytes, big-endian. */
const U32: u32 = 4;

export class EntryWalk {
  /** Of the entry at hand. */
  start: usize = 0;
  keyPtr: usize = 0;
  keyLen: u32 = 0;
  /** Of TLV. */
  type: u64 = 0;
  valuePtr: usize = 0;
  valueLen: u32 = 0;
  /** Behind it. */
  at: usize = 0;
  isMalformed: bool = false;
  private section: Section = changetype<Section>(0);
  private end: usize = 0;

  /** Begins with the first entry of the bytes from `ptr` to `end`. */
  reset(section: Section, ptr: usize, end: usize): void {
    this.section = section;
    this.end = end;
    this.isMalformed = false;
    const count = widthOf(section.countEncoding);
    if (<usize>count > end - ptr) {
      this.at = end;
      this.isMalformed = true;
    } else {
      this.at = ptr + count;
    }
  }

  next(): bool {
    if (this.at >= this.end || this.isMalformed) return false;
    this.start = this.at;
    const section = this.section;
    let at = this.at;
    if (section.content == Content.Tlv) {
      this.type = readNumber(at, this.end, section.keyEncoding);
      if (numberWidth == 0) return this.fail();
      at += numberWidth;
    } else {
      at = this.readPart(at, section.keyEncoding, 0);
      if (at == 0) return this.fail();
      this.keyPtr = this.partPtr;
      this.keyLen = <u32>(at - this.partPtr);
    }
    at = this.readPart(at, section.valueEncoding, section.valueAdjust);
    if (at == 0) return this.fail();
    this.valuePtr = this.partPtr;
    this.valueLen = <u32>(at - this.partPtr);
    this.at = at;
    return true;
  }

  private partPtr: usize = 0;

  /** Bytes behind their length; returns the address behind them, 0: they do not end before the end. */
  private readPart(at: usize, encoding: u32, adjust: i32): usize {
    let length: u64;
    // What most protocols have.
    if (encoding == U32 && this.end - at >= 4) {
      length = loadU32Be(at);
      this.partPtr = at + 4;
    } else {
      length = readNumber(at, this.end, encoding);
      if (numberWidth == 0) return 0;
      this.partPtr = at + numberWidth;
    }
    if (length > <u64>u32.MAX_VALUE) return 0;
    const size = <i64>length + <i64>adjust;
    if (size < 0 || size > <i64>(this.end - this.partPtr)) return 0;
    return this.partPtr + <usize>size;
  }

  private fail(): bool {
    this.isMalformed = true;
    return false;
  }
}
