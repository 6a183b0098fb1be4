// The key-value pairs of a message: a protobuf map from texts to bytes, one field for each pair, of which
// the last one with a key counts.
//
//   | tag | length | 0a | length | key | 12 | length | value |
//
// Allocates: when the module starts.

import { equalBytes, equalBytesIgnoreCase } from "../wire/bytes";
import { ProtobufReader, WireType } from "../wire/protobuf";
import {
  readVarint32,
  readWidth,
  VARINT32_BYTES,
  VARINT_MALFORMED,
  varintSize,
  writeVarint,
  writeWideVarint,
} from "../wire/varint";
import { Slice } from "./message";
import { Mutation, MutationEntry } from "./mutation";
import { PairChange } from "./pair-change";

// Fields of an entry of a map.
const ENTRY_KEY: u32 = 1;
const ENTRY_VALUE: u32 = 2;

/** What a new pair has besides its texts, at most: three tags, three lengths. */
const PAIR_OVERHEAD: u32 = 3 + 3 * 5;

const fields = new ProtobufReader();
const pairs = new ProtobufReader();
const key = new Slice();
const value = new Slice();

/** Reads the pair of `len` bytes at `ptr` into `key` and `value`; false: it is malformed. */
function readPair(ptr: usize, len: u32): bool {
  key.ptr = ptr;
  key.len = 0;
  value.ptr = ptr;
  value.len = 0;
  pairs.reset(ptr, len);
  while (pairs.next()) {
    if (pairs.wireType != WireType.Bytes) continue;
    const slice = pairs.field == ENTRY_KEY ? key : value;
    if (pairs.field != ENTRY_KEY && pairs.field != ENTRY_VALUE) continue;
    slice.ptr = pairs.ptr;
    slice.len = pairs.len;
  }
  return !pairs.isMalformed;
}

/** Whether a message has fields of a pair, and no others. */
export function isPair(ptr: usize, len: u32): bool {
  pairs.reset(ptr, len);
  while (pairs.next()) {
    if (pairs.wireType != WireType.Bytes) return false;
    if (pairs.field != ENTRY_KEY && pairs.field != ENTRY_VALUE) return false;
  }
  return len > 0 && !pairs.isMalformed;
}

/**
 * The value of the last pair with this lower-case key, letters of either case, among the fields number
 * `field` of the message of `len` bytes at `ptr`.
 */
export function findPair(ptr: usize, len: u32, field: u32, name: Slice, found: Slice): bool {
  let isFound = false;
  fields.reset(ptr, len);
  while (fields.next()) {
    if (fields.field != field || fields.wireType != WireType.Bytes) continue;
    if (!readPair(fields.ptr, fields.len) || key.len != name.len) continue;
    if (!equalBytesIgnoreCase(key.ptr, name.ptr, name.len)) continue;
    found.ptr = value.ptr;
    found.len = value.len;
    isFound = true;
  }
  return isFound;
}

/** Copies a message whose pairs are the fields number `field`, with a mutation of them. */
@final
export class PairRewriter extends PairChange {
  private ptr: usize = 0;
  private len: u32 = 0;
  private field: u32 = 0;
  /** Bytes to be replaced while copying: from, to, and the number that is written there. */
  private idAt: usize = 0;
  private idEnd: usize = 0;
  private id: u64 = 0;

  /** `writeMessage` writes at most so many bytes more than the message has. */
  sizeBound(mutation: Mutation): u64 {
    return <u64>mutation.payloadBytes() + <u64>mutation.count * PAIR_OVERHEAD;
  }

  /** The varint from `at` to before `end` is replaced by `id`; 0: nothing is. */
  replaceId(at: usize, end: usize, id: u64): void {
    this.idAt = at;
    this.idEnd = end;
    this.id = id;
  }

  /** Writes the message of `len` bytes at `ptr` to `out`; returns the address behind it, 0: it is malformed. */
  write(ptr: usize, len: u32, field: u32, mutation: Mutation, out: usize): usize {
    this.begin(mutation);
    this.ptr = ptr;
    this.len = len;
    this.field = field;
    out = this.copyKept(out);
    return out == 0 ? 0 : this.append(out);
  }

  /** Copies all fields but pairs that are set or removed. */
  private copyKept(out: usize): usize {
    let kept = this.ptr;
    fields.reset(this.ptr, this.len);
    while (fields.next()) {
      if (fields.field != this.field || fields.wireType != WireType.Bytes) continue;
      if (!readPair(fields.ptr, fields.len)) return 0;
      if (!this.isDropped(key.ptr, key.len)) continue;
      out = this.copy(kept, this.ptr + fields.tagOffset, out);
      kept = this.ptr + fields.offset;
    }
    return fields.isMalformed ? 0 : this.copy(kept, this.ptr + this.len, out);
  }

  /**
   * Writes the message as `write` does, behind its length. There is room for the longest length. Returns the
   * address behind it, 0: it is malformed.
   */
  writeSized(ptr: usize, len: u32, field: u32, mutation: Mutation, out: usize): usize {
    // Where it is out of the way of the longest length.
    const content = out + VARINT32_BYTES;
    const end = this.write(ptr, len, field, mutation, content);
    if (end == 0) return 0;
    const length = <u32>(end - content);
    const start = out + writeVarint(out, length);
    memory.copy(start, content, length);
    return start + length;
  }

  /**
   * Writes [from, to) to `out` with the mutation of the message within whose length is at `lengthAt`, and which
   * was read to its end before. Returns the address behind it, 0: that cannot be done.
   */
  writeWithin(
    from: usize,
    to: usize,
    lengthAt: usize,
    field: u32,
    mutation: Mutation,
    out: usize,
  ): usize {
    const length = readVarint32(lengthAt, to);
    const width = readWidth(length);
    if (width == VARINT_MALFORMED) return 0;
    const content = lengthAt + width;
    const contentLength = <u32>length;
    out = this.copy(from, lengthAt, out);
    out = this.writeSized(content, contentLength, field, mutation, out);
    return out == 0 ? 0 : this.copy(content + contentLength, to, out);
  }

  /** Copies [from, to) to `out` with another number where that is to be; returns the address behind it. */
  copy(from: usize, to: usize, out: usize): usize {
    if (this.idAt != 0 && from <= this.idAt && this.idEnd <= to) {
      return copyWithVarint(from, to, this.idAt, this.idEnd, this.id, out);
    }
    memory.copy(out, from, to - from);
    return out + (to - from);
  }

  protected override writePair(entry: MutationEntry, out: usize): usize {
    const keyBytes = 1 + varintSize(entry.keyLen) + entry.keyLen;
    const valueBytes = 1 + varintSize(entry.valueLen) + entry.valueLen;
    out += writeVarint(out, (this.field << 3) | WireType.Bytes);
    out += writeVarint(out, keyBytes + valueBytes);
    out = writeText(out, ENTRY_KEY, entry.keyPtr, entry.keyLen);
    return writeText(out, ENTRY_VALUE, entry.valuePtr, entry.valueLen);
  }

  protected override has(keyPtr: usize, keyLen: u32): bool {
    fields.reset(this.ptr, this.len);
    while (fields.next()) {
      if (fields.field != this.field || fields.wireType != WireType.Bytes) continue;
      if (!readPair(fields.ptr, fields.len) || key.len != keyLen) continue;
      if (equalBytes(key.ptr, keyPtr, keyLen)) return true;
    }
    return false;
  }
}

/** Writes a text as the field number `field`; returns the address behind it. */
function writeText(out: usize, field: u32, ptr: usize, len: u32): usize {
  out += writeVarint(out, (field << 3) | WireType.Bytes);
  out += writeVarint(out, len);
  memory.copy(out, ptr, len);
  return out + len;
}

/**
 * Copies [from, to) to `out` with `value` for the varint in [at, end), in as many bytes as that has if they
 * are enough. Returns the address behind the copy.
 */
export function copyWithVarint(
  from: usize,
  to: usize,
  at: usize,
  end: usize,
  value: u64,
  out: usize,
): usize {
  memory.copy(out, from, at - from);
  out += at - from;
  out += writeWideVarint(out, value, <u32>(end - at));
  memory.copy(out, end, to - end);
  return out + (to - end);
}
