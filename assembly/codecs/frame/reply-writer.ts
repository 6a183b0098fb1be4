// Messages of our own, from templates: error replies, replies to heartbeats, heartbeats.
//
// A template is written from its end to its start: when a length is due, what it counts is there. What is
// written lies at the end of the room, and is moved to its start.
//
// The context of a request, which outlives its frame:
//   +----------------+--------------------------------------+
//   | layout plus 1  | for each copied value: length, bytes |
//   +----------------+--------------------------------------+
//        1 byte                      1 byte
// Allocates: when the module starts.

import { MAX_REPLY_CONTEXT } from "../../codec/codec";
import { Slice } from "../../codec/message";
import { crc32 } from "../../wire/crc32";
import { largestOf, numberBytes, writeNumber } from "./encoding";
import { FrameView } from "./frame-view";
import { MAX_GROUPS } from "./table/limits";
import { isInHead } from "./table/layout-facts";
import { Layout, Operation, OperationCode, Template } from "./table/records";

const LAYOUT_BYTES: u32 = 1;
const LENGTH_BYTES: u32 = 1;
const MAX_COPY: u32 = 255;

/** The codec's names for what a template may say. */
export class ReplyText {
  id: u64 = 0;
  code: i64 = 0;
  readonly text: Slice = new Slice();
  readonly context: Slice = new Slice();
}

/** The template for an error kind, or null. */
export function templateFor(templates: StaticArray<Template>, kind: u32): Template | null {
  for (let i = 0; i < templates.length; i++) {
    const template = unchecked(templates[i]);
    if (template.kinds == 0 || (template.kinds & ((<u32>1) << kind)) != 0) return template;
  }
  return null;
}

export class ReplyWriter {
  readonly reply: ReplyText = new ReplyText();
  /** Of each group: how much was written when its end came, and its size once its begin did. */
  private readonly ends: StaticArray<u32> = new StaticArray<u32>(MAX_GROUPS);
  private readonly sizes: StaticArray<u32> = new StaticArray<u32>(MAX_GROUPS);
  private readonly value: Slice = new Slice();
  private out: usize = 0;
  private capacity: u32 = 0;
  private written: u32 = 0;
  /** Behind the checksum that is written last; 0: there is none. */
  private checksumAt: u32 = 0;
  private checksumEncoding: u32 = 0;

  /**
   * Writes what templates copy from the message that `view` shows, as a whole or only its head; returns the
   * number of bytes. `number`: the layout's position plus one.
   */
  capture(
    view: FrameView,
    layout: Layout,
    number: u32,
    isComplete: bool,
    hasHead: bool,
    out: usize,
  ): u32 {
    store<u8>(out, <u8>number);
    let at = LAYOUT_BYTES;
    const copies = layout.copies;
    const value = this.value;
    for (let i = 0; i < copies.length; i++) {
      if (at == MAX_REPLY_CONTEXT) break;
      const room = min(MAX_REPLY_CONTEXT - at - LENGTH_BYTES, MAX_COPY);
      const index = unchecked(copies[i]);
      const isKnown = isComplete || (hasHead && isInHead(unchecked(layout.values[index])));
      const isThere = isKnown && view.bytes(index, value);
      const len = isThere && value.len <= room ? value.len : 0;
      store<u8>(out + at, <u8>len);
      memory.copy(out + at + LENGTH_BYTES, value.ptr, len);
      at += LENGTH_BYTES + len;
    }
    return at;
  }

  /** Writes the template at `out`; returns the number of bytes, 0: there is not enough room. */
  write(template: Template, out: usize, capacity: u32): u32 {
    this.out = out;
    this.capacity = capacity;
    this.written = 0;
    this.checksumAt = 0;
    const operations = template.operations;
    for (let i = operations.length - 1; i >= 0; i--) {
      if (!this.run(unchecked(operations[i]))) return 0;
    }
    const written = this.written;
    memory.copy(out, out + (capacity - written), written);
    if (this.checksumAt != 0) {
      const at = written - this.checksumAt;
      writeNumber(out + at, this.checksumEncoding, crc32(out, at));
    }
    return written;
  }

  private run(operation: Operation): bool {
    const index = operation.index;
    switch (operation.code) {
      case OperationCode.Bytes: {
        const bytes = operation.bytes;
        return bytes == null || this.prepend(bytes.ptr, bytes.len);
      }
      case OperationCode.Id:
        return this.prependNumber(operation.encoding, this.reply.id);
      case OperationCode.Code:
        return this.prependNumber(operation.encoding, <u64>this.reply.code);
      case OperationCode.Text: {
        const text = this.reply.text;
        const most = operation.adjust > 0 ? <u32>operation.adjust : text.len;
        return this.prepend(text.ptr, min(text.len, most));
      }
      case OperationCode.Copy:
        return this.copy(operation);
      case OperationCode.Begin: {
        // SAFETY: groups of a table are below MAX_GROUPS.
        const size = this.written - unchecked(this.ends[index]);
        unchecked((this.sizes[index] = size));
        if (operation.encoding == 0) return true;
        return this.prependLength(operation, size);
      }
      case OperationCode.End: {
        unchecked((this.ends[index] = this.written));
        return true;
      }
      case OperationCode.GroupLength: {
        let size: u32 = 0;
        for (let rest = index; rest != 0; rest &= rest - 1)
          size += unchecked(this.sizes[<i32>ctz(rest)]);
        return this.prependLength(operation, size);
      }
      case OperationCode.FollowingLength:
        return this.prependLength(operation, this.written);
      default:
        return this.reserveChecksum(operation.encoding);
    }
  }

  private reserveChecksum(encoding: u32): bool {
    if (!this.prependNumber(encoding == 0 ? 4 : encoding, 0)) return false;
    this.checksumEncoding = encoding == 0 ? 4 : encoding;
    this.checksumAt = this.written;
    return true;
  }

  /** Room for `len` bytes in front of what is written; 0: there is none. */
  private room(len: u32): usize {
    if (len > this.capacity - this.written) return 0;
    this.written += len;
    return this.out + (this.capacity - this.written);
  }

  private prepend(ptr: usize, len: u32): bool {
    const to = this.room(len);
    if (to == 0) return false;
    memory.copy(to, ptr, len);
    return true;
  }

  private prependNumber(encoding: u32, number: u64): bool {
    const to = this.room(numberBytes(encoding, number));
    if (to == 0) return false;
    writeNumber(to, encoding, number);
    return true;
  }

  /** A length that its number cannot hold is none. */
  private prependLength(operation: Operation, size: u32): bool {
    const length = <i64>size + <i64>operation.adjust;
    if (length < 0 || <u64>length > largestOf(operation.encoding)) return false;
    return this.prependNumber(operation.encoding, <u64>length);
  }

  private copy(operation: Operation): bool {
    const context = this.reply.context;
    const end = context.ptr + context.len;
    let at = context.ptr + LAYOUT_BYTES;
    for (let skipped: u32 = 0; context.len > 0 && at < end; skipped++) {
      const len: u32 = load<u8>(at);
      at += LENGTH_BYTES;
      if (<usize>len > end - at) break;
      if (skipped == operation.index) {
        if (len == 0) break;
        return this.prepend(at, len);
      }
      at += len;
    }
    // SAFETY: the room is there before it is filled.
    const zeros = this.room(<u32>operation.adjust);
    if (zeros == 0) return operation.adjust == 0;
    memory.fill(zeros, 0, <u32>operation.adjust);
    return true;
  }
}
