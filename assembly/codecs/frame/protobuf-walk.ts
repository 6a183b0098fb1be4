// Fields of Protocol Buffers by their paths, in one walk; and entries of a map field by their keys.
// Of fields that occur several times the last one counts, as for every parser of protobuf.
// Spec: https://protobuf.dev/programming-guides/encoding/
// Allocates: never.

import { Slice } from "../../codec/message";
import { equalBytesIgnoreCase } from "../../wire/bytes";
import { WireType } from "../../wire/protobuf";
import { numberWidth, readNumber, VARINT } from "./encoding";
import { FoundValues } from "./found-values";
import { FIELD_SLOTS } from "./table/field-tree";
import { FieldAction, FieldLeaf, FieldNode, Section } from "./table/records";

export const KEY_FIELD: u32 = 1;
export const VALUE_FIELD: u32 = 2;

/** One field after the other; groups are none. */
export class FieldCursor {
  field: u32 = 0;
  wireType: WireType = WireType.Varint;
  /** Of the field: its tag. */
  start: usize = 0;
  /** Of its value; of Bytes, behind the length. */
  value: usize = 0;
  /** Behind it. */
  at: usize = 0;
  number: u64 = 0;
  isMalformed: bool = false;
  private end: usize = 0;

  reset(ptr: usize, end: usize): void {
    this.at = ptr;
    this.end = end;
    this.isMalformed = false;
  }

  get len(): u32 {
    return <u32>(this.at - this.value);
  }

  next(): bool {
    let at = this.at;
    const end = this.end;
    if (at >= end) return false;
    this.start = at;
    let tag: u32 = load<u8>(at);
    if (tag < 0x80) at++;
    else {
      const wide = readNumber(at, end, VARINT);
      if (numberWidth == 0 || wide > u32.MAX_VALUE) return this.fail();
      tag = <u32>wide;
      at += numberWidth;
    }
    this.field = tag >> 3;
    this.wireType = <WireType>(tag & 7);
    if (this.field == 0) return this.fail();
    return this.readValue(at, end);
  }

  private readValue(at: usize, end: usize): bool {
    const wireType = this.wireType;
    this.value = at;
    if (wireType == WireType.Varint || wireType == WireType.Bytes) {
      if (at < end && load<u8>(at) < 0x80) {
        this.number = load<u8>(at);
        at++;
      } else {
        this.number = readNumber(at, end, VARINT);
        if (numberWidth == 0) return this.fail();
        at += numberWidth;
      }
      if (wireType == WireType.Bytes) {
        if (this.number > <u64>(end - at)) return this.fail();
        this.value = at;
        at += <usize>this.number;
      }
      this.at = at;
      return true;
    }
    const width = fixedWidth(wireType);
    if (width == 0 || end - at < width) return this.fail();
    this.number = width == 8 ? load<u64>(at) : <u64>load<u32>(at);
    this.at = at + width;
    return true;
  }

  private fail(): bool {
    this.isMalformed = true;
    return false;
  }
}

/** 0: groups are none. */
function fixedWidth(wireType: WireType): usize {
  return wireType == WireType.Fixed64 ? 8 : wireType == WireType.Fixed32 ? 4 : 0;
}

function actionOf(slots: StaticArray<FieldAction | null>, field: u32): FieldAction | null {
  // SAFETY: there are FIELD_SLOTS.
  let action = unchecked(slots[field & (FIELD_SLOTS - 1)]);
  while (action != null && action.field != field) action = action.next;
  return action;
}

export class ProtobufWalk {
  private readonly cursor: FieldCursor = new FieldCursor();
  private readonly entry: FieldCursor = new FieldCursor();
  private frame: usize = 0;
  private found: FoundValues = changetype<FoundValues>(0);
  /** Where it could not be understood. */
  faultAt: usize = 0;

  /** Finds the section's values in the bytes up to `end`; false: they are no protobuf. */
  collect(section: Section, frame: usize, ptr: usize, end: usize): bool {
    const fields = section.fields;
    this.frame = frame;
    return fields == null || this.walk(ptr, end, fields);
  }

  /** Where `collect` puts what it finds. */
  fill(found: FoundValues): void {
    this.found = found;
  }

  /** The same loop as the cursor's, with all that it knows at hand: most of the time of a message goes here. */
  private walk(ptr: usize, end: usize, node: FieldNode): bool {
    const slots = node.slots;
    let at = ptr;
    while (at < end) {
      const start = at;
      let tag: u32 = load<u8>(at);
      if (tag < 0x80) at++;
      else {
        const wide = readNumber(at, end, VARINT);
        if (numberWidth == 0 || wide > u32.MAX_VALUE) return this.fail(start);
        tag = <u32>wide;
        at += numberWidth;
      }
      const field = tag >> 3;
      if (field == 0) return this.fail(start);
      const wireType = <WireType>(tag & 7);
      let value = at;
      let number: u64 = 0;
      if (wireType == WireType.Varint || wireType == WireType.Bytes) {
        if (at < end && load<u8>(at) < 0x80) {
          number = load<u8>(at);
          at++;
        } else {
          number = readNumber(at, end, VARINT);
          if (numberWidth == 0) return this.fail(start);
          at += numberWidth;
        }
        if (wireType == WireType.Bytes) {
          if (number > <u64>(end - at)) return this.fail(start);
          value = at;
          at += <usize>number;
        }
      } else {
        const width = fixedWidth(wireType);
        if (width == 0 || end - at < width) return this.fail(start);
        number = width == 8 ? load<u64>(at) : <u64>load<u32>(at);
        at += width;
      }
      const action = actionOf(slots, field);
      if (action == null) continue;
      this.take(action.leaf, wireType, value, <u32>(at - value), number);
      const inner = action.inner;
      // Paths have few parts, and so has this recursion.
      if (inner != null && wireType == WireType.Bytes && !this.walk(value, at, inner)) return false;
    }
    return true;
  }

  private fail(at: usize): bool {
    this.faultAt = at;
    return false;
  }

  private take(
    first: FieldLeaf | null,
    wireType: WireType,
    value: usize,
    len: u32,
    number: u64,
  ): void {
    const isBytes = wireType == WireType.Bytes;
    let leaf = first;
    while (leaf != null) {
      // The id is written where it is, as a varint.
      const isSound = leaf.isText == isBytes && (!leaf.isId || wireType == WireType.Varint);
      if (isSound) {
        const own = leaf.isZigzag ? (number >> 1) ^ -(number & 1) : number;
        this.found.set(leaf.index, <u32>(value - this.frame), len, own);
      }
      leaf = leaf.next;
    }
  }

  /** The value of the last entry of map field `field` with this key, which is in small letters. */
  findEntry(ptr: usize, end: usize, field: u32, key: Slice, value: Slice): bool {
    const cursor = this.cursor;
    let isFound = false;
    cursor.reset(ptr, end);
    while (cursor.next()) {
      if (cursor.field != field || cursor.wireType != WireType.Bytes) continue;
      if (!this.readEntry(cursor.value, cursor.at) || this.keyLen != key.len) continue;
      if (!equalBytesIgnoreCase(this.keyPtr, key.ptr, key.len)) continue;
      isFound = true;
      value.ptr = this.valuePtr;
      value.len = this.valueLen;
    }
    return isFound;
  }

  keyPtr: usize = 0;
  keyLen: u32 = 0;
  private valuePtr: usize = 0;
  private valueLen: u32 = 0;

  /** The key and the value of a map's entry, empty where it has none; false: it is none. */
  readEntry(ptr: usize, end: usize): bool {
    const entry = this.entry;
    this.keyPtr = ptr;
    this.keyLen = 0;
    this.valuePtr = ptr;
    this.valueLen = 0;
    entry.reset(ptr, end);
    while (entry.next()) {
      if (entry.wireType != WireType.Bytes) continue;
      if (entry.field == KEY_FIELD) {
        this.keyPtr = entry.value;
        this.keyLen = entry.len;
      } else if (entry.field == VALUE_FIELD) {
        this.valuePtr = entry.value;
        this.valueLen = entry.len;
      }
    }
    return !entry.isMalformed;
  }
}
