// Members of a JSON object by their paths, in one walk. What lies beside the paths is passed over and not
// checked; a text with a backslash in it is not what it says, and so is no attribute.
// Spec: RFC 8259.
// Allocates: never.

import { equalBytes } from "../../wire/bytes";
import { FoundValues } from "./found-values";
import { Layout, Section } from "./table/records";

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;
const OPEN_OBJECT: u8 = 0x7b;
const CLOSE_OBJECT: u8 = 0x7d;
const OPEN_ARRAY: u8 = 0x5b;
const CLOSE_ARRAY: u8 = 0x5d;
const COLON: u8 = 0x3a;
const COMMA: u8 = 0x2c;
const SPACE: u8 = 0x20;
const NULL_FIRST: u8 = 0x6e;

export class JsonWalk {
  private layout: Layout = changetype<Layout>(0);
  private section: Section = changetype<Section>(0);
  private frame: usize = 0;
  private end: usize = 0;
  private at: usize = 0;
  private found: FoundValues = changetype<FoundValues>(0);
  private isEscaped: bool = false;

  fill(found: FoundValues): void {
    this.found = found;
  }

  /** Finds the section's values; false: it is no object, or does not end. */
  collect(layout: Layout, section: Section, frame: usize, ptr: usize, end: usize): bool {
    this.layout = layout;
    this.section = section;
    this.frame = frame;
    this.at = ptr;
    this.end = end;
    return this.walkObject(0, u64.MAX_VALUE);
  }

  get faultAt(): usize {
    return this.at;
  }

  /** The next byte that is no blank; 0 at the end. */
  private peek(): u8 {
    let at = this.at;
    while (at < this.end && load<u8>(at) <= SPACE) at++;
    this.at = at;
    return at < this.end ? load<u8>(at) : 0;
  }

  private walkObject(depth: u32, alive: u64): bool {
    if (this.peek() != OPEN_OBJECT) return false;
    this.at++;
    if (this.peek() == CLOSE_OBJECT) {
      this.at++;
      return true;
    }
    while (this.peek() == QUOTE) {
      const name = this.at + 1;
      if (!this.skipText()) return false;
      const nameLen = <u32>(this.at - 1 - name);
      const within = this.isEscaped ? 0 : this.matching(depth, alive, name, nameLen);
      if (this.peek() != COLON) return false;
      this.at++;
      if (!this.walkMember(depth, within)) return false;
      const next = this.peek();
      this.at++;
      if (next == CLOSE_OBJECT) return true;
      if (next != COMMA) return false;
    }
    return false;
  }

  /** Bits of those of the section's values whose path has this name at this depth. */
  private matching(depth: u32, alive: u64, ptr: usize, len: u32): u64 {
    const found = this.section.found;
    let within: u64 = 0;
    for (let i = 0; i < found.length; i++) {
      const bit = (<u64>1) << i;
      const names = unchecked(this.layout.values[unchecked(found[i])]).names;
      if ((alive & bit) == 0 || <u32>names.length <= depth) continue;
      const name = unchecked(names[depth]);
      if (name.len == len && equalBytes(name.ptr, ptr, len)) within |= bit;
    }
    return within;
  }

  private walkMember(depth: u32, within: u64): bool {
    const first = this.peek();
    const start = this.at;
    // Paths have few parts, and so has this recursion.
    if (first == OPEN_OBJECT && this.hasDeeper(depth + 1, within)) {
      return this.walkObject(depth + 1, within);
    }
    const isText = first == QUOTE;
    if (!this.skipValue(first)) return false;
    const isPlain = first != OPEN_OBJECT && first != OPEN_ARRAY && first != NULL_FIRST;
    if (within == 0 || !isPlain || (isText && this.isEscaped)) return true;
    const ptr = isText ? start + 1 : start;
    const len = <u32>(this.at - ptr) - (isText ? 1 : 0);
    const found = this.section.found;
    for (let rest = within; rest != 0; rest &= rest - 1) {
      const index = unchecked(found[<i32>ctz(rest)]);
      const names = unchecked(this.layout.values[index]).names;
      if (<u32>names.length == depth + 1) this.found.set(index, <u32>(ptr - this.frame), len, 0);
    }
    return true;
  }

  private hasDeeper(depth: u32, within: u64): bool {
    for (let rest = within; rest != 0; rest &= rest - 1) {
      const index = unchecked(this.section.found[<i32>ctz(rest)]);
      if (<u32>unchecked(this.layout.values[index]).names.length > depth) return true;
    }
    return false;
  }

  /** From one quotation mark to behind the other one. */
  private skipText(): bool {
    let at = this.at + 1;
    this.isEscaped = false;
    while (at < this.end) {
      const byte = load<u8>(at);
      at++;
      if (byte == QUOTE) {
        this.at = at;
        return true;
      }
      if (byte == BACKSLASH) {
        this.isEscaped = true;
        at++;
      }
    }
    this.at = this.end;
    return false;
  }

  private skipValue(first: u8): bool {
    if (first == QUOTE) return this.skipText();
    if (first == OPEN_OBJECT || first == OPEN_ARRAY) return this.skipNested();
    const start = this.at;
    while (this.at < this.end && !isDelimiter(load<u8>(this.at))) this.at++;
    return this.at > start;
  }

  /** Brackets outside of texts are counted: to pass over a value that is enough. */
  private skipNested(): bool {
    let depth: u32 = 0;
    while (this.at < this.end) {
      const byte = load<u8>(this.at);
      if (byte == QUOTE) {
        if (!this.skipText()) return false;
        continue;
      }
      this.at++;
      if (byte == OPEN_OBJECT || byte == OPEN_ARRAY) depth++;
      else if (byte == CLOSE_OBJECT || byte == CLOSE_ARRAY) {
        depth--;
        if (depth == 0) return true;
      }
    }
    return false;
  }
}

function isDelimiter(byte: u8): bool {
  return byte <= SPACE || byte == COMMA || byte == CLOSE_OBJECT || byte == CLOSE_ARRAY;
}
