// Tags: keys and values, each behind a byte with its length. Nothing has checked their lengths before.
import {
  copyShort,
  equalBytes,
  equalBytesIgnoreCase,
  Mutation,
  MutationEntry,
  MutationOperation,
  PairChange,
  Slice,
} from "metaproto-as/codec";

const MOST_TEXT_BYTES: u32 = 0xff;
const MOST_TAGS_BYTES: usize = 0xffff;
/** Of a tag, besides its texts. */
const LENGTHS_BYTES: u32 = 2;

const key = new Slice();
const value = new Slice();

/** Reads the tag at `at` into `key` and `value`; returns the address behind it, 0: it does not end by `end`. */
function readTag(at: usize, end: usize): usize {
  const valueAt = readText(at, end, key);
  return valueAt == 0 ? 0 : readText(valueAt, end, value);
}

function readText(at: usize, end: usize, text: Slice): usize {
  if (at >= end) return 0;
  text.ptr = at + 1;
  text.len = load<u8>(at);
  return end - text.ptr < text.len ? 0 : text.ptr + text.len;
}

/** The first tag with this lower-case key, letters of either case. */
export function findTag(from: usize, end: usize, name: usize, nameLen: u32, found: Slice): bool {
  for (let at = from; at < end;) {
    at = readTag(at, end);
    if (at == 0) return false;
    if (key.len != nameLen || !equalBytesIgnoreCase(key.ptr, name, nameLen)) continue;
    found.ptr = value.ptr;
    found.len = value.len;
    return true;
  }
  return false;
}

/** Copies tags with a mutation of them. Which of them stay and which are new is `PairChange`'s business. */
export class TagChange extends PairChange {
  private from: usize = 0;
  private end: usize = 0;

  /** `write` writes at most so many bytes more than there were. */
  sizeBound(mutation: Mutation): u32 {
    return mutation.payloadBytes() + mutation.count * LENGTHS_BYTES;
  }

  /** Writes the tags in [from, end) to `out`; returns the address behind them, 0: that cannot be done. */
  write(from: usize, end: usize, mutation: Mutation, out: usize): usize {
    if (!fits(mutation)) return 0;
    this.begin(mutation);
    this.from = from;
    this.end = end;
    let to = out;
    for (let at = from; at < end;) {
      const next = readTag(at, end);
      if (next == 0) return 0;
      if (!this.isDropped(key.ptr, key.len)) {
        memory.copy(to, at, next - at);
        to += next - at;
      }
      at = next;
    }
    to = this.append(to);
    return to - out > MOST_TAGS_BYTES ? 0 : to;
  }

  protected override has(keyPtr: usize, keyLen: u32): bool {
    for (let at = this.from; at < this.end;) {
      at = readTag(at, this.end);
      if (at == 0) return false;
      if (key.len == keyLen && equalBytes(key.ptr, keyPtr, keyLen)) return true;
    }
    return false;
  }

  protected override writePair(entry: MutationEntry, out: usize): usize {
    out = writeText(entry.keyPtr, entry.keyLen, out);
    return writeText(entry.valuePtr, entry.valueLen, out);
  }
}

/** Whether each text has a length that a byte can hold. */
function fits(mutation: Mutation): bool {
  for (let i: u32 = 0; i < mutation.count; i++) {
    const entry = mutation.entry(i);
    if (entry.operation == MutationOperation.Remove) continue;
    if (entry.keyLen > MOST_TEXT_BYTES || entry.valueLen > MOST_TEXT_BYTES) return false;
  }
  return true;
}

function writeText(ptr: usize, len: u32, out: usize): usize {
  store<u8>(out, <u8>len);
  copyShort(out + 1, ptr, len);
  return out + 1 + len;
}
