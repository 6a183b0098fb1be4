// Where the parts of a complete frame are, and its values. What was found of the message that was looked at
// last is kept; offsets count from the frame's start, so that it may move.
// Allocates: when the module starts.

import { Message, Slice } from "../../codec/message";
import { equalBytesIgnoreCase, writeDecimal } from "../../wire/bytes";
import { Fixed, numberWidth, readNumber, VARINT } from "./encoding";
import { EntryWalk } from "./entry-walk";
import { FoundValues } from "./found-values";
import { JsonWalk } from "./json-walk";
import { hasWidePairs, PairWalk } from "./pair-walk";
import { ProtobufWalk } from "./protobuf-walk";
import { SectionPlaces } from "./section-places";
import { Content, Layout, Section, SectionSize, Source, Table, Value } from "./table/records";

const MINUS: u8 = 0x2d;
const DIGITS: usize = 24;
/** Digits of numbers that are asked for as attributes: a route asks for several. */
const digits = memory.data(24 * 64);

export class FrameView {
  layout: Layout = changetype<Layout>(0);
  frame: usize = 0;
  length: u32 = 0;
  readonly places: SectionPlaces = new SectionPlaces();
  readonly found: FoundValues = new FoundValues();
  readonly entries: EntryWalk = new EntryWalk();
  readonly protobuf: ProtobufWalk = new ProtobufWalk();
  private readonly json: JsonWalk = new JsonWalk();
  private readonly pairs: PairWalk = new PairWalk();
  private readonly key: Slice = new Slice();
  /** Bits of sections that were walked over. */
  private walked: u32 = 0;
  /** Number of the message that this is about; see `show`. */
  private serial: u32 = 0;
  private lastSerial: u32 = 0;
  /** With `locate` or `walk` false: the offset at which frame and table disagree. */
  faultAt: u32 = 0;

  constructor() {
    this.json.fill(this.found);
    this.pairs.fill(this.found);
    this.protobuf.fill(this.found);
  }

  /** Begins with the complete frame of a message that is about to be described; false: its parts do not fit. */
  open(message: Message, layout: Layout, length: u32): bool {
    this.lastSerial++;
    // 0 is no message's.
    if (this.lastSerial == 0) this.lastSerial = 1;
    message.h = this.lastSerial;
    this.serial = this.lastSerial;
    return this.locate(layout, message.frame, length);
  }

  /** Turns to a message that was described before; false: its frame is not what it was, or was not complete. */
  @inline
  show(message: Message, table: Table): bool {
    this.frame = message.frame;
    return message.h == this.serial ? message.h != 0 : this.describe(message, table);
  }

  private describe(message: Message, table: Table): bool {
    if (message.h == 0 || message.a == 0) return false;
    this.serial = 0;
    // SAFETY: a message that was described has a layout.
    const layout = unchecked(table.layouts[message.a - 1]);
    if (!this.locate(layout, message.frame, message.frameLength)) return false;
    this.serial = message.h;
    return true;
  }

  private locate(layout: Layout, frame: usize, length: u32): bool {
    this.layout = layout;
    this.frame = frame;
    this.length = length;
    this.walked = 0;
    this.found.clear();
    let at: u32 = 0;
    for (let i = 0; i < layout.sections.length; i++) {
      const section = unchecked(layout.sections[i]);
      this.places.setStart(i, at);
      if (section.fixedBytes > length - at) return this.fail(length);
      at += section.fixedBytes;
      if (section.size != SectionSize.None) at = this.bodyEnd(section, i, at);
      else this.places.setBody(i, at);
      if (at == NOWHERE) return false;
      this.places.setEnd(i, at);
    }
    return true;
  }

  /** Behind the variable part that begins at `at`, or NOWHERE. */
  private bodyEnd(section: Section, index: i32, at: u32): u32 {
    const end = this.frame + this.length;
    const rest = this.length - at;
    let size: u64 = 0;
    let body = at;
    if (section.size == SectionSize.Rest) {
      const trailer = this.layout.trailerBytes;
      if (rest < trailer) return this.nowhere(at);
      size = rest - trailer;
    } else if (section.size == SectionSize.Varint) {
      readNumber(this.frame + at, end, VARINT);
      if (numberWidth == 0) return this.nowhere(at);
      size = numberWidth;
    } else {
      let sizeAt = at;
      if (section.size == SectionSize.Prefix) {
        size = readNumber(this.frame + at, end, section.sizeEncoding);
        if (numberWidth == 0) return this.nowhere(at);
        body += numberWidth;
      } else {
        // SAFETY: the number is in the fixed part of this section or of one before it, which is there.
        sizeAt = this.places.start(section.sizeSection) + section.sizeOffset;
        size = Fixed.read(this.frame + sizeAt, section.sizeEncoding);
      }
      // A number above that wraps around to one that is too large.
      if (size > u32.MAX_VALUE) return this.nowhere(sizeAt);
      size += <u64>(<i64>section.sizeAdjust);
      if (size > <u64>(this.length - body)) return this.nowhere(sizeAt);
    }
    this.places.setBody(index, body);
    return body + <u32>size;
  }

  private nowhere(at: u32): u32 {
    this.fail(at);
    return NOWHERE;
  }

  private fail(at: u32): bool {
    this.faultAt = at;
    return false;
  }

  @inline
  body(section: u32): usize {
    return this.frame + this.places.body(section);
  }

  @inline
  end(section: u32): usize {
    return this.frame + this.places.end(section);
  }

  /** Where the bytes of a value are that a walk finds; 0: it is not there. */
  foundAt(index: u32): usize {
    this.walk(unchecked(this.layout.values[index]).section);
    const offset = this.found.offset(index);
    return offset == 0 ? 0 : this.frame + offset;
  }

  /** Begins with a frame of which the first fixed part is there; only values in it may be asked for. */
  openHead(layout: Layout, frame: usize): void {
    this.serial = 0;
    this.layout = layout;
    this.frame = frame;
    this.places.setStart(0, 0);
  }

  /** Finds the values within a section, once; false: it is not what it should be. */
  @inline
  walk(index: u32): bool {
    return ((this.walked >> index) & 1) != 0 || this.walkOver(index);
  }

  private walkOver(index: u32): bool {
    this.walked |= (<u32>1) << index;
    const section = unchecked(this.layout.sections[index]);
    const ptr = this.body(index);
    const end = this.end(index);
    switch (section.content) {
      case Content.Protobuf: {
        if (this.protobuf.collect(section, this.frame, ptr, end)) return true;
        return this.fail(<u32>(this.protobuf.faultAt - this.frame));
      }
      case Content.Pairs:
      case Content.Tlv:
        return this.walkEntries(section, ptr, end);
      case Content.Json: {
        if (this.json.collect(this.layout, section, this.frame, ptr, end)) return true;
        return this.fail(<u32>(min(this.json.faultAt, end) - this.frame));
      }
      default:
        return true;
    }
  }

  private walkEntries(section: Section, ptr: usize, end: usize): bool {
    if (hasWidePairs(section)) {
      if (this.pairs.collect(this.layout, section, this.frame, ptr, end)) return true;
      return this.fail(<u32>(this.pairs.faultAt - this.frame));
    }
    const entries = this.entries;
    const found = section.found;
    entries.reset(section, ptr, end);
    const isPairs = section.content == Content.Pairs;
    const keyLengths = section.keyLengths;
    while (entries.next()) {
      // Most keys are no value's, and most of those have another length.
      if (isPairs && ((keyLengths >> (entries.keyLen & 63)) & 1) == 0) continue;
      for (let i = 0; i < found.length; i++) {
        const index = unchecked(found[i]);
        const value = unchecked(this.layout.values[index]);
        if (!this.isEntryOf(value)) continue;
        const number = value.isNumber ? this.entryNumber(value) : 0;
        if (value.isNumber && numberWidth == 0) continue;
        this.found.set(index, <u32>(entries.valuePtr - this.frame), entries.valueLen, number);
      }
    }
    if (entries.isMalformed) return this.fail(<u32>(entries.at - this.frame));
    return true;
  }

  private isEntryOf(value: Value): bool {
    const entries = this.entries;
    if (value.source == Source.Tlv) return <u64>unchecked(value.path[0]) == entries.type;
    const key = unchecked(value.names[0]);
    return key.len == entries.keyLen && equalBytesIgnoreCase(entries.keyPtr, key.ptr, key.len);
  }

  /** The entry's value as a number of its width; `numberWidth` is 0 if it is none. */
  private entryNumber(value: Value): u64 {
    const entries = this.entries;
    const width = entries.valueLen;
    const isWidth = (width > 0 && width <= 4) || width == 8;
    const encoding = (value.encoding & 0x30) | (isWidth ? width : 8);
    const end = entries.valuePtr + (isWidth ? <usize>width : 0);
    return readNumber(entries.valuePtr, end, encoding);
  }

  /** Where the bytes of a value begin, from the frame's start; 0 of one that is not there. */
  offsetOf(index: u32): u32 {
    const value = unchecked(this.layout.values[index]);
    if (value.source <= Source.Text) return this.places.start(value.section) + value.offset;
    if (value.source <= Source.SectionVarint) return this.places.body(value.section);
    this.walk(value.section);
    return this.found.offset(index);
  }

  /** Whether the message has the value. */
  has(index: u32): bool {
    const value = unchecked(this.layout.values[index]);
    if (value.source <= Source.SectionVarint) return true;
    this.walk(value.section);
    return this.found.offset(index) != 0;
  }

  /** A number; 0 for one that is not there. */
  number(index: u32): u64 {
    const value = unchecked(this.layout.values[index]);
    if (value.source == Source.Number) {
      const at = this.places.start(value.section) + value.offset;
      return Fixed.read(this.frame + at, value.encoding);
    }
    if (value.source == Source.SectionVarint) {
      return readNumber(this.body(value.section), this.end(value.section), VARINT);
    }
    this.walk(value.section);
    return this.found.number(index);
  }

  /** The bytes of a value as they are in the frame; false: it has none. */
  bytes(index: u32, slice: Slice): bool {
    const value = unchecked(this.layout.values[index]);
    const section = value.section;
    switch (value.source) {
      case Source.Number:
      case Source.Text: {
        const isNumber = value.source == Source.Number;
        slice.ptr = this.frame + this.places.start(section) + value.offset;
        slice.len = isNumber ? value.encoding & 0x0f : value.size;
        return true;
      }
      case Source.SectionText:
      case Source.SectionVarint: {
        slice.ptr = this.body(section);
        slice.len = <u32>(this.end(section) - slice.ptr);
        return true;
      }
      default: {
        this.walk(section);
        return this.found.bytes(index, this.frame, slice);
      }
    }
  }

  /** A value as an attribute: numbers in decimal digits, texts without their padding. */
  text(index: u32, slice: Slice): bool {
    const value = unchecked(this.layout.values[index]);
    if (!value.isNumber) {
      if (value.source > Source.SectionVarint) {
        this.walk(value.section);
        return this.found.bytes(index, this.frame, slice);
      }
      if (!this.bytes(index, slice)) return false;
      if (value.source == Source.Text) trim(value, slice);
      return true;
    }
    if (!this.has(index)) return false;
    const number = this.number(index);
    const isNegative = value.isSigned && <i64>number < 0;
    // SAFETY: a layout has at most MAX_VALUES.
    const out = digits + <usize>index * DIGITS;
    store<u8>(out, MINUS);
    slice.ptr = isNegative ? out : out + 1;
    slice.len = writeDecimal(out + 1, isNegative ? 0 - number : number) + <u32>isNegative;
    return true;
  }

  /** An attribute by a key, in small letters, of one of the sections that have such. */
  find(namePtr: usize, nameLen: u32, slice: Slice): bool {
    const sections = this.layout.sections;
    const key = this.key;
    key.ptr = namePtr;
    key.len = nameLen;
    for (let i = 0; i < sections.length; i++) {
      const section = unchecked(sections[i]);
      if (!section.isDynamic) continue;
      const ptr = this.body(i);
      const end = this.end(i);
      if (section.content == Content.Pairs) {
        if (this.findPair(section, ptr, end, slice)) return true;
      } else if (section.content == Content.Protobuf && section.mapField != 0) {
        if (this.protobuf.findEntry(ptr, end, section.mapField, key, slice)) return true;
      }
    }
    return false;
  }

  /** The last pair with the key. */
  private findPair(section: Section, ptr: usize, end: usize, slice: Slice): bool {
    const entries = this.entries;
    const key = this.key;
    let isFound = false;
    entries.reset(section, ptr, end);
    while (entries.next()) {
      if (entries.keyLen != key.len) continue;
      if (!equalBytesIgnoreCase(entries.keyPtr, key.ptr, key.len)) continue;
      isFound = true;
      slice.ptr = entries.valuePtr;
      slice.len = entries.valueLen;
    }
    return isFound;
  }
}

const NOWHERE: u32 = u32.MAX_VALUE;

function trim(value: Value, slice: Slice): void {
  const padding = value.padding;
  if (padding == null) return;
  while (slice.len > 0) {
    const last = load<u8>(slice.ptr + slice.len - 1);
    let isPadding = false;
    for (let i: u32 = 0; i < padding.len; i++) {
      if (load<u8>(padding.ptr + i) == last) isPadding = true;
    }
    if (!isPadding) return;
    slice.len--;
  }
}
