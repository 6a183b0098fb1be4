// Sections written anew: with another request id, and with entries set, added and removed.
// Allocates: when the module starts.

import { Mutation, MutationEntry } from "../../codec/mutation";
import { equalBytes } from "../../wire/bytes";
import { WireType } from "../../wire/protobuf";
import { varintSize, writeVarint } from "../../wire/varint";
import { largestOf, readFixed, widthOf, writeNumber } from "./encoding";
import { EntryWalk } from "./entry-walk";
import { isDropped, isFirstOfKey, NO_VALUE, valueOfKey } from "./key-plan";
import { FieldCursor, KEY_FIELD, ProtobufWalk, VALUE_FIELD } from "./protobuf-walk";
import { Section } from "./table/records";

/** What an entry takes besides its key and its value, at most. */
export const ENTRY_BYTES: u32 = 40;
/** No field of a section holds an id. */
export const NO_FIELD: u32 = 0;

export class SectionWriter {
  private readonly cursor: FieldCursor = new FieldCursor();
  private readonly map: ProtobufWalk = new ProtobufWalk();
  private readonly entries: EntryWalk = new EntryWalk();

  /** Of the next `writeFields`: the field that gets another id, or NO_FIELD. */
  idField: u32 = NO_FIELD;
  /** Where its value is; 0: the message does not have it yet. */
  idAt: usize = 0;
  id: u64 = 0;

  /** Writes the protobuf from `ptr` to `end` at `out`; returns the address behind it, 0: it is none. */
  writeFields(
    section: Section,
    ptr: usize,
    end: usize,
    mutation: Mutation | null,
    out: usize,
  ): usize {
    const cursor = this.cursor;
    const idAt = this.idField == NO_FIELD ? <usize>0 : this.idAt;
    let copied = ptr;
    cursor.reset(ptr, end);
    while (cursor.next()) {
      const isId = idAt != 0 && cursor.value == idAt;
      if (!isId && !(mutation != null && this.isEntryDropped(section, mutation))) continue;
      const upTo = isId ? cursor.value : cursor.start;
      memory.copy(out, copied, upTo - copied);
      out += upTo - copied;
      copied = cursor.at;
      if (isId) out += writeVarint(out, this.id);
    }
    if (cursor.isMalformed) return 0;
    memory.copy(out, copied, end - copied);
    out += end - copied;
    if (this.idField != NO_FIELD && idAt == 0) {
      out += writeVarint(out, ((<u64>this.idField) << 3) | WireType.Varint);
      out += writeVarint(out, this.id);
    }
    return mutation == null ? out : this.appendEntries(section, ptr, end, mutation, out);
  }

  private isEntryDropped(section: Section, mutation: Mutation): bool {
    const cursor = this.cursor;
    const map = this.map;
    if (cursor.field != section.mapField || cursor.wireType != WireType.Bytes) return false;
    if (!map.readEntry(cursor.value, cursor.at)) return false;
    return isDropped(mutation, map.keyPtr, map.keyLen);
  }

  private appendEntries(
    section: Section,
    ptr: usize,
    end: usize,
    mutation: Mutation,
    out: usize,
  ): usize {
    for (let i: u32 = 0; i < mutation.count; i++) {
      if (!isFirstOfKey(mutation, i)) continue;
      const value = valueOfKey(mutation, i, this.hasKey(section, ptr, end, mutation.entry(i)));
      if (value != NO_VALUE) out = writeMapEntry(section.mapField, mutation.entry(value), out);
    }
    return out;
  }

  private hasKey(section: Section, ptr: usize, end: usize, key: MutationEntry): bool {
    const cursor = this.cursor;
    const map = this.map;
    cursor.reset(ptr, end);
    while (cursor.next()) {
      if (cursor.field != section.mapField || cursor.wireType != WireType.Bytes) continue;
      if (!map.readEntry(cursor.value, cursor.at) || map.keyLen != key.keyLen) continue;
      if (equalBytes(map.keyPtr, key.keyPtr, key.keyLen)) return true;
    }
    return false;
  }

  /** Writes the pairs from `ptr` to `end` at `out`; returns the address behind, 0: that cannot be done. */
  writePairs(section: Section, ptr: usize, end: usize, mutation: Mutation, out: usize): usize {
    const entries = this.entries;
    const countBytes = widthOf(section.countEncoding);
    const start = out;
    let change: i64 = 0;
    entries.reset(section, ptr, end);
    if (entries.isMalformed) return 0;
    memory.copy(out, ptr, countBytes);
    out += countBytes;
    while (entries.next()) {
      if (isDropped(mutation, entries.keyPtr, entries.keyLen)) {
        change--;
        continue;
      }
      memory.copy(out, entries.start, entries.at - entries.start);
      out += entries.at - entries.start;
    }
    if (entries.isMalformed) return 0;
    for (let i: u32 = 0; i < mutation.count; i++) {
      if (!isFirstOfKey(mutation, i)) continue;
      const value = valueOfKey(mutation, i, this.hasPair(section, ptr, end, mutation.entry(i)));
      if (value == NO_VALUE) continue;
      out = writePair(section, mutation.entry(value), out);
      if (out == 0) return 0;
      change++;
    }
    if (countBytes == 0 || change == 0) return out;
    const count = <i64>readFixed(ptr, section.countEncoding) + change;
    if (count < 0 || <u64>count > largestOf(section.countEncoding)) return 0;
    writeNumber(start, section.countEncoding, <u64>count);
    return out;
  }

  private hasPair(section: Section, ptr: usize, end: usize, key: MutationEntry): bool {
    const entries = this.entries;
    entries.reset(section, ptr, end);
    while (entries.next()) {
      if (entries.keyLen != key.keyLen) continue;
      if (equalBytes(entries.keyPtr, key.keyPtr, key.keyLen)) return true;
    }
    return false;
  }
}

function writeBytesField(out: usize, field: u32, ptr: usize, len: u32): usize {
  out += writeVarint(out, ((<u64>field) << 3) | WireType.Bytes);
  out += writeVarint(out, len);
  memory.copy(out, ptr, len);
  return out + len;
}

function writeMapEntry(field: u32, entry: MutationEntry, out: usize): usize {
  const size =
    2 + varintSize(entry.keyLen) + varintSize(entry.valueLen) + entry.keyLen + entry.valueLen;
  out += writeVarint(out, ((<u64>field) << 3) | WireType.Bytes);
  out += writeVarint(out, size);
  out = writeBytesField(out, KEY_FIELD, entry.keyPtr, entry.keyLen);
  return writeBytesField(out, VALUE_FIELD, entry.valuePtr, entry.valueLen);
}

function writePair(section: Section, entry: MutationEntry, out: usize): usize {
  const length = <i64>entry.valueLen - <i64>section.valueAdjust;
  if (<u64>entry.keyLen > largestOf(section.keyEncoding)) return 0;
  if (length < 0 || <u64>length > largestOf(section.valueEncoding)) return 0;
  out += writeNumber(out, section.keyEncoding, entry.keyLen);
  memory.copy(out, entry.keyPtr, entry.keyLen);
  out += entry.keyLen;
  out += writeNumber(out, section.valueEncoding, <u64>length);
  memory.copy(out, entry.valuePtr, entry.valueLen);
  return out + entry.valueLen;
}
