// Walking over the values of a body without building them: what Hessian2 and JSONB have in common.
//
// Addresses are absolute. A function that takes (pos, end) reads bytes in [pos, end) only and
// returns the address behind what it read, or 0 when the bytes are malformed, incomplete or beyond
// the bounds below. Work is linear in the bytes that are walked over: every value has at least one.
// Allocates: when the module starts.

import { Slice } from "../../codec/message";
import { StaticText } from "../../wire/static-text";

/** The names of an exception class and of those of its fields that are written. */
export class ExceptionShape {
  constructor(
    public className: StaticText,
    public textField: StaticText,
    public codeField: StaticText,
  ) {}
}

/** Values nested deeper than this are not walked over. Java's own reader recurses for each level. */
export const MAX_DEPTH: u32 = 1024;

/** `pending` of a list that ends with the format's end tag. */
export const OPEN_LIST: u32 = 0xffffffff;
/** `pending` of a map that ends with the end tag, where a key or the end tag is next. */
export const OPEN_MAP: u32 = 0xfffffffe;
/** State of an open map where a value is next. */
const OPEN_MAP_VALUE: u32 = 0xfffffffd;
/** `pending` is a number of values up to here. */
export const MAX_COUNT: u32 = 0x7fffffff;

/** MAX_DEPTH times u32, one for each open container; used within one call of `skip` only. */
const stack = memory.data(4 * 1024, 4);

/** A serialization whose values can be walked over, read as text and added to maps. */
export abstract class ValueFormat {
  /** Text of the value that was read last; address 0: it is not a string, or one in several chunks. */
  textPtr: usize = 0;
  textLen: u32 = 0;

  /** The map entry that `nextEntry` read; address 0 as above. */
  keyPtr: usize = 0;
  keyLen: u32 = 0;
  valuePtr: usize = 0;
  valueLen: u32 = 0;
  /** Nothing elsewhere in the body can depend on the entry's value: it may be left out. */
  isPlain: bool = false;
  /** `nextEntry` met the end of the map. */
  isClosed: bool = false;

  /** What `step` left to be read: a number of values, OPEN_LIST or OPEN_MAP. */
  pending: u32 = 0;
  /** Ends open lists and maps. */
  endTag: u32 = 0;
  /** Its number in a frame's flag byte. */
  serialization: u32 = 0;

  /** Forgets what the values of another body defined. */
  abstract begin(): void;

  /** Remembers the definitions made so far: each `openMap` starts from them. */
  abstract mark(): void;

  /** Reads the head of one value and sets `pending` to what belongs to it. */
  abstract step(pos: usize, end: usize): usize;

  /** Reads one top-level value of the body and sets the text fields. */
  abstract readValue(pos: usize, end: usize): usize;

  /** As `readValue`, of a text or what Java makes a text of: null, a number, a boolean; 0 for others. */
  abstract readHeadValue(pos: usize, end: usize): usize;

  /** Whether the top-level value at `pos` is null. */
  abstract isNull(pos: usize, end: usize): bool;

  /** Reads the small number that starts a response; `tag` is it. */
  abstract readTag(pos: usize, end: usize): usize;
  tag: u32 = 0;

  /** Reads the head of the top-level map at `pos`; its first entry follows. */
  abstract openMap(pos: usize, end: usize): usize;

  /** Reads one entry, or the end of the map. */
  abstract nextEntry(pos: usize, end: usize): usize;

  /** Writes UTF-8 text as a string, at most 6 + len * 3 / 2 bytes; 0 when it cannot be one. */
  abstract writeText(out: usize, ptr: usize, len: u32): usize;

  /** Begins a top-level value at `out`. */
  abstract beginValue(out: usize): usize;

  /** Ends the top-level value that began at `head`. */
  abstract endValue(head: usize, out: usize): usize;

  /** Writes the head of a map, and its end, within a top-level value. */
  abstract writeMapHead(out: usize): usize;
  abstract writeMapEnd(out: usize): usize;

  /** Writes the small number that starts a response, as a top-level value. */
  abstract writeTag(out: usize, tag: u32): usize;

  /**
   * Writes an object of a class with a text and an int field, within a top-level value; at most
   * 64 bytes more than the names and the text have. `code` is below 48.
   */
  abstract writeException(out: usize, exception: ExceptionShape, text: Slice, code: u32): usize;

  /** Walks over one value with all that belongs to it. */
  skip(pos: usize, end: usize): usize {
    let depth: u32 = 0;
    while (true) {
      pos = this.step(pos, end);
      if (pos == 0) return 0;
      if (this.pending != 0) {
        if (depth == MAX_DEPTH) return 0;
        store<u32>(stack + ((<usize>depth) << 2), this.pending);
        depth++;
      }
      // Leave what is complete, until a container wants another value.
      while (true) {
        if (depth == 0) return pos;
        const top = stack + ((<usize>depth - 1) << 2);
        const rest = load<u32>(top);
        if (rest <= MAX_COUNT) {
          if (rest > 0) {
            store<u32>(top, rest - 1);
            break;
          }
        } else if (rest == OPEN_MAP_VALUE) {
          store<u32>(top, OPEN_MAP);
          break;
        } else {
          if (pos >= end) return 0;
          if (load<u8>(pos) != this.endTag) {
            if (rest == OPEN_MAP) store<u32>(top, OPEN_MAP_VALUE);
            break;
          }
          pos++;
        }
        depth--;
      }
    }
  }

  /** Reads top-level values one after the other. */
  readValues(pos: usize, end: usize, count: u32): usize {
    for (let i: u32 = 0; i < count; i++) {
      pos = this.readValue(pos, end);
      if (pos == 0) return 0;
    }
    return pos;
  }
}
