// Values among pairs whose lengths are u32, big-endian, which most are: the loop of EntryWalk without a call for each
// part. Of pairs with the same key the last one counts.
// Allocates: never.

import { loadU32Be } from "../../wire/byte-order";
import { equalBytesIgnoreCase } from "../../wire/bytes";
import { FoundValues } from "./found-values";
import { Content, Layout, Section } from "./table/records";

const LENGTH_BYTES: u32 = 4;
/** Encoding of a length. */
const U32: u32 = 4;

/** Whether the section's entries are such pairs. */
export function hasWidePairs(section: Section): bool {
  return (
    section.content == Content.Pairs &&
    section.keyEncoding == U32 &&
    section.valueEncoding == U32 &&
    section.valueAdjust == 0 &&
    section.countEncoding == 0
  );
}

export class PairWalk {
  private layout: Layout = changetype<Layout>(0);
  private frame: usize = 0;
  private found: FoundValues = changetype<FoundValues>(0);
  /** Of the pair that does not end before the end. */
  faultAt: usize = 0;

  /** Where `collect` puts what it finds. */
  fill(found: FoundValues): void {
    this.found = found;
  }

  /** Finds the section's values in the bytes up to `end`; false: they are no pairs. */
  collect(layout: Layout, section: Section, frame: usize, ptr: usize, end: usize): bool {
    this.layout = layout;
    this.frame = frame;
    const keyLengths = section.keyLengths;
    let at = ptr;
    while (at < end) {
      const start = at;
      if (end - at < LENGTH_BYTES) return this.fail(start);
      const keyLen = loadU32Be(at);
      const key = at + LENGTH_BYTES;
      if (<usize>keyLen > end - key) return this.fail(start);
      at = key + keyLen;
      if (end - at < LENGTH_BYTES) return this.fail(start);
      const valueLen = loadU32Be(at);
      const value = at + LENGTH_BYTES;
      if (<usize>valueLen > end - value) return this.fail(start);
      at = value + valueLen;
      // Most keys are no value's, and most of those have another length.
      if (((keyLengths >> (keyLen & 63)) & 1) == 0) continue;
      this.take(section, key, keyLen, value, valueLen);
    }
    return true;
  }

  private fail(at: usize): bool {
    this.faultAt = at;
    return false;
  }

  private take(section: Section, key: usize, keyLen: u32, value: usize, valueLen: u32): void {
    const found = section.found;
    for (let i = 0; i < found.length; i++) {
      const index = unchecked(found[i]);
      const name = unchecked(unchecked(this.layout.values[index]).names[0]);
      if (name.len != keyLen || !equalBytesIgnoreCase(key, name.ptr, keyLen)) continue;
      this.found.set(index, <u32>(value - this.frame), valueLen, 0);
    }
  }
}
