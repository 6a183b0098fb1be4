// Writing a frame with changed attachments.
//
// The whole body is walked over first: only when the map of attachments ends exactly where the frame
// ends is it known that the last bytes are what they seem to be. Then the frame is copied without
// the entries that go, and new ones are appended. An entry whose value is a container may define
// classes, or be counted by references elsewhere: it cannot go. Setting its key still works, because
// the last of equal keys counts; removing it does not.
// Keys are compared exactly, as in the receiver's map.
// Allocates: when the module starts.

import { Message, MessageType } from "../../codec/message";
import { Mutation, MutationOperation } from "../../codec/mutation";
import { equalBytes } from "../../wire/bytes";
import { findMap } from "./attachments";
import { HEADER_BYTES, WITH_ATTACHMENTS } from "./constants";
import { findResultEnd, hasAttachments } from "./response-body";
import { ValueFormat } from "./value-format";

// What is known of each mutation entry while a frame is written: 8 bytes in the caller's memory.
//   0          4                8
//   +----------+----------------+
//   | flags    | entry whose value is set, or NO_VALUE
//   +----------+----------------+
const PLAN_BYTES: usize = 8;
const VALUE_OFFSET: usize = 4;
/** The first entry with this key; it alone carries the flags below. */
const IS_FIRST: u32 = 1;
/** The frame has the key. */
const IS_PRESENT: u32 = 2;
/** The frame has the key with a value that cannot go. */
const IS_FIXED: u32 = 4;
/** The frame's own entries with this key go. */
const IS_DROPPED: u32 = 8;
const NO_VALUE: u32 = 0xffffffff;

/** Mutations that `plan` has room for. */
const MAX_PLANNED: u32 = 64;
const planned = memory.data(64 * 8, 4);

export class AttachmentRewriter {
  private format: ValueFormat = changetype<ValueFormat>(0);
  private mutation: Mutation = changetype<Mutation>(0);
  private steps: usize = 0;
  private frameEnd: usize = 0;
  /** Where the map's end is written. */
  private mapEnd: usize = 0;
  /** Some of the frame's own entries go. */
  private isDropping: bool = false;

  /** What `rewrite` may write more than the frame, and needs for its plan, in bytes. */
  sizeBound(mutation: Mutation): u64 {
    const texts = <u64>mutation.payloadBytes();
    return 16 + texts + (texts >> 1) + <u64>mutation.count * (PLAN_BYTES + 2 * 6);
  }

  /**
   * Writes the frame with the mutation at `out`, which has room for the frame and `sizeBound`; the
   * header is the frame's. Returns the address behind it, or 0 when the frame cannot carry the
   * mutation; what is at `out` then is undefined.
   */
  rewrite(message: Message, format: ValueFormat, mutation: Mutation, out: usize): usize {
    const plan = out + message.frameLength + <usize>this.sizeBound(mutation);
    this.begin(message, format, mutation, plan - <usize>mutation.count * PLAN_BYTES);
    const map = findMap(message, format);
    if (map == 0) return this.addMap(message, out);
    return this.prepare(map) ? this.write(message.frame, map, out) : 0;
  }

  /**
   * Where the map begins, of which and of nothing before it the mutation changes something; 0: it cannot be told,
   * `rewrite` may do it. `writePlanned` is to follow at once.
   */
  plan(message: Message, format: ValueFormat, mutation: Mutation): usize {
    if (mutation.count > MAX_PLANNED) return 0;
    this.begin(message, format, mutation, planned);
    const map = findMap(message, format);
    return map != 0 && this.prepare(map) ? map : 0;
  }

  /** Writes the map, which `plan` has found, with the mutation at `out`; 0: it cannot be carried. */
  writePlanned(map: usize, out: usize): usize {
    return this.write(map, map, out);
  }

  private begin(message: Message, format: ValueFormat, mutation: Mutation, plan: usize): void {
    this.format = format;
    this.mutation = mutation;
    this.frameEnd = message.frame + message.frameLength;
    this.steps = plan;
    this.isDropping = false;
    this.startPlan();
  }

  /** Whether the map can carry the mutation, and the frame ends with it. */
  private prepare(map: usize): bool {
    const format = this.format;
    const isWhole = format.isNull(map, this.frameEnd)
      ? format.readValue(map, this.frameEnd) == this.frameEnd
      : this.scanMap(map);
    return isWhole && this.finishPlan();
  }

  /** Copies what is from `from` to the map, and writes the map, which is prepared. */
  private write(from: usize, map: usize, out: usize): usize {
    if (this.format.isNull(map, this.frameEnd)) return this.writeMap(from, map, out);
    return this.copyMap(from, map, out);
  }

  private flags(index: u32): u32 {
    return load<u32>(this.steps + <usize>index * PLAN_BYTES);
  }

  private setFlags(index: u32, flags: u32): void {
    store<u32>(this.steps + <usize>index * PLAN_BYTES, flags);
  }

  private valueOf(index: u32): u32 {
    return load<u32>(this.steps + <usize>index * PLAN_BYTES + VALUE_OFFSET);
  }

  /** The first mutation entry before `limit` with this key, or `limit`. */
  private indexOf(keyPtr: usize, keyLen: u32, limit: u32): u32 {
    for (let i: u32 = 0; i < limit; i++) {
      const entry = this.mutation.entry(i);
      if (entry.keyLen == keyLen && equalBytes(entry.keyPtr, keyPtr, keyLen)) return i;
    }
    return limit;
  }

  private startPlan(): void {
    for (let i: u32 = 0; i < this.mutation.count; i++) {
      const entry = this.mutation.entry(i);
      const isFirst = this.indexOf(entry.keyPtr, entry.keyLen, i) == i;
      this.setFlags(i, isFirst ? IS_FIRST : 0);
    }
  }

  /** Marks the keys that the frame has; false when the map does not end with the frame. */
  private scanMap(map: usize): bool {
    const format = this.format;
    const count = this.mutation.count;
    let pos = format.openMap(map, this.frameEnd);
    while (pos != 0) {
      this.mapEnd = pos;
      pos = format.nextEntry(pos, this.frameEnd);
      if (pos == 0 || format.isClosed) break;
      const index = this.entryKeyIndex();
      if (index == count) continue;
      this.setFlags(index, this.flags(index) | IS_PRESENT | (format.isPlain ? 0 : IS_FIXED));
    }
    return pos != 0 && pos == this.frameEnd;
  }

  /** The mutation entry about the key of the map entry that was read last, or the count. */
  private entryKeyIndex(): u32 {
    const format = this.format;
    const count = this.mutation.count;
    return format.keyPtr == 0 ? count : this.indexOf(format.keyPtr, format.keyLen, count);
  }

  /** Works through the operations on each key; false when one of them is not possible. */
  private finishPlan(): bool {
    for (let i: u32 = 0; i < this.mutation.count; i++) {
      if ((this.flags(i) & IS_FIRST) != 0 && !this.planKey(i)) return false;
    }
    return true;
  }

  private planKey(first: u32): bool {
    const flags = this.flags(first);
    const key = this.mutation.entry(first);
    let isPresent = (flags & IS_PRESENT) != 0;
    let isDropped = false;
    let value = NO_VALUE;
    for (let i = first; i < this.mutation.count; i++) {
      const entry = this.mutation.entry(i);
      if (entry.keyLen != key.keyLen) continue;
      if (!equalBytes(entry.keyPtr, key.keyPtr, key.keyLen)) continue;
      if (entry.operation == MutationOperation.AddIfAbsent && isPresent) continue;
      isPresent = entry.operation != MutationOperation.Remove;
      isDropped = isDropped || entry.operation != MutationOperation.AddIfAbsent;
      value = isPresent ? i : NO_VALUE;
    }
    if (isDropped && value == NO_VALUE && (flags & IS_FIXED) != 0) return false;
    this.setFlags(first, isDropped ? flags | IS_DROPPED : flags);
    if (isDropped && (flags & IS_PRESENT) != 0) this.isDropping = true;
    store<u32>(this.steps + <usize>first * PLAN_BYTES + VALUE_OFFSET, value);
    return true;
  }

  private isEntryDropped(): bool {
    if (!this.format.isPlain) return false;
    const index = this.entryKeyIndex();
    return index < this.mutation.count && (this.flags(index) & IS_DROPPED) != 0;
  }

  /** Copies [from, to) to `out`. */
  private copy(from: usize, to: usize, out: usize): usize {
    memory.copy(out, from, to - from);
    return out + (to - from);
  }

  /** The plan is finished and the map at `map` was scanned. */
  private copyMap(frame: usize, map: usize, out: usize): usize {
    const format = this.format;
    const head = out + (map - frame);
    if (!this.isDropping) return this.endMap(head, this.copy(frame, this.mapEnd, out));
    let pos = format.openMap(map, this.frameEnd);
    let kept = frame;
    while (true) {
      const start = pos;
      pos = format.nextEntry(pos, this.frameEnd);
      if (format.isClosed) {
        return this.endMap(head, this.copy(kept, start, out));
      }
      if (this.isEntryDropped()) {
        out = this.copy(kept, start, out);
        kept = pos;
      }
    }
  }

  /** Of the map at `head`, whose own entries end at `out`. */
  private endMap(head: usize, out: usize): usize {
    const format = this.format;
    out = this.appendValues(out);
    return out == 0 ? 0 : format.endValue(head, format.writeMapEnd(out));
  }

  /** Appends what is to be set, as entries of a map. */
  private appendValues(out: usize): usize {
    for (let i: u32 = 0; i < this.mutation.count && out != 0; i++) {
      if ((this.flags(i) & IS_FIRST) == 0) continue;
      const value = this.valueOf(i);
      if (value == NO_VALUE) continue;
      const entry = this.mutation.entry(value);
      out = this.format.writeText(out, entry.keyPtr, entry.keyLen);
      if (out != 0) out = this.format.writeText(out, entry.valuePtr, entry.valueLen);
    }
    return out;
  }

  /** Copies the frame up to `to` and writes a map of its own, unless it would be empty. */
  private writeMap(frame: usize, to: usize, out: usize): usize {
    const format = this.format;
    const head = this.copy(frame, to, out);
    const first = format.writeMapHead(format.beginValue(head));
    const last = this.appendValues(first);
    if (last == 0) return 0;
    if (last == first) return this.copy(frame, this.frameEnd, out);
    return format.endValue(head, format.writeMapEnd(last));
  }

  /** A response without attachments gets a map and the number that says so. */
  private addMap(message: Message, out: usize): usize {
    if (message.type != MessageType.Response) return 0;
    const format = this.format;
    format.begin();
    const resultEnd = findResultEnd(message, format);
    if (resultEnd != this.frameEnd || hasAttachments(message, format)) return 0;
    if (!this.finishPlan()) return 0;
    const end = this.writeMap(message.frame, this.frameEnd, out);
    if (end == 0 || end - out == message.frameLength) return end;
    const tagEnd = format.readTag(message.frame + HEADER_BYTES, this.frameEnd);
    const tag = out + (tagEnd - message.frame) - 1;
    store<u8>(tag, <u8>(load<u8>(tag) + WITH_ATTACHMENTS));
    return end;
  }
}
