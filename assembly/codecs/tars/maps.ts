// The maps from texts to texts of a packet, of which the last value with a key counts.
//
//   | tag, 8 | number of pairs, tag 0 | key, tag 0 | value, tag 1 | ...
//
// Allocates: when the module starts.

import { Slice } from "../../codec/message";
import { Mutation, MutationEntry } from "../../codec/mutation";
import { PairChange } from "../../codec/pair-change";
import { equalBytes, equalBytesIgnoreCase } from "../../wire/bytes";
import { JceReader, JceType, MAX_INT_BYTES, writeHead, writeInt, writeString } from "./jce";

const KEY_TAG: u32 = 0;
const VALUE_TAG: u32 = 1;
/** What a pair has besides its texts, at most: two heads, two lengths. */
const PAIR_OVERHEAD: u32 = 2 * 5;
/** A map's head and number of pairs. */
const MAP_OVERHEAD: u32 = 1 + MAX_INT_BYTES;

const reader = new JceReader();
const key = new Slice();
const value = new Slice();

/** Reads the head of the map at `ptr`; the number of its pairs, -1: there is none. */
function begin(ptr: usize, end: usize): i64 {
  reader.reset(ptr, end);
  if (!reader.next() || reader.type != JceType.Map || !reader.readSize()) return -1;
  return reader.value;
}

/** Reads a pair of texts into `key` and `value`; false: it is another one. */
function readPair(): bool {
  return readText(KEY_TAG, key) && readText(VALUE_TAG, value);
}

function readText(tag: u32, text: Slice): bool {
  if (!reader.next() || reader.tag != tag || !reader.isString || !reader.readString()) return false;
  text.ptr = reader.ptr;
  text.len = reader.len;
  return true;
}

/**
 * The last value with this lower-case key, letters of either case, in the map at `ptr`, which ends before
 * `end`; false: there is none, or the map has other pairs than texts before it.
 */
export function findInMap(ptr: usize, end: usize, name: Slice, found: Slice): bool {
  let isFound = false;
  const count = begin(ptr, end);
  for (let i: i64 = 0; i < count; i++) {
    if (!readPair()) return isFound;
    if (key.len != name.len || !equalBytesIgnoreCase(key.ptr, name.ptr, name.len)) continue;
    found.ptr = value.ptr;
    found.len = value.len;
    isFound = true;
  }
  return isFound;
}

/** Copies a map with a mutation of it. */
@final
export class MapRewriter extends PairChange {
  private ptr: usize = 0;
  private end: usize = 0;
  private kept: u32 = 0;

  /** `write` writes at most so many bytes more than the map has. */
  sizeBound(mutation: Mutation): u64 {
    return (
      <u64>mutation.payloadBytes() + <u64>mutation.count * PAIR_OVERHEAD + 2 * <u64>MAP_OVERHEAD
    );
  }

  /**
   * Writes the map in [ptr, end), the field `tag`, to `out`; none (ptr == end) is an empty one, which stays
   * away if nothing is added. Returns the address behind it, 0: it is no map of texts.
   */
  write(ptr: usize, end: usize, tag: u32, mutation: Mutation, out: usize): usize {
    this.begin(mutation);
    this.ptr = ptr;
    this.end = end;
    this.kept = 0;
    // Where they are out of the way of the longest number.
    const pairs = out + MAP_OVERHEAD;
    let at = this.copyKept(pairs);
    if (at == 0) return 0;
    at = this.append(at);
    if (ptr == end && this.appended == 0) return out;
    const start = writeInt(writeHead(out, tag, JceType.Map), 0, <i32>(this.kept + this.appended));
    memory.copy(start, pairs, at - pairs);
    return start + (at - pairs);
  }

  private copyKept(out: usize): usize {
    if (this.ptr == this.end) return out;
    const count = begin(this.ptr, this.end);
    if (count < 0) return 0;
    for (let i: i64 = 0; i < count; i++) {
      const start = reader.at;
      if (!readPair()) return 0;
      if (this.isDropped(key.ptr, key.len)) continue;
      const length = reader.at - start;
      memory.copy(out, start, length);
      out += length;
      this.kept++;
    }
    return out;
  }

  protected override has(keyPtr: usize, keyLen: u32): bool {
    const count = begin(this.ptr, this.end);
    for (let i: i64 = 0; i < count; i++) {
      if (!readPair()) return false;
      if (key.len == keyLen && equalBytes(key.ptr, keyPtr, keyLen)) return true;
    }
    return false;
  }

  protected override writePair(entry: MutationEntry, out: usize): usize {
    out = writeString(out, KEY_TAG, entry.keyPtr, entry.keyLen);
    return writeString(out, VALUE_TAG, entry.valuePtr, entry.valueLen);
  }
}
