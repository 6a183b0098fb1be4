// The header block: texts by name.
//
//   | length u32 | key | length u32 | value |   ... and so on to the block's end; a negative length: null
//
// Other users of Bolt than SOFA may have other bytes there: what is no such list has no attributes and
// takes no mutation.
// Spec: SimpleMapSerializer of sofastack/sofa-rpc 5.13.
// Allocates: one cursor per use, when the module starts.

import { Message, Slice } from "../../codec/message";
import { loadU32Be } from "../../wire/byte-order";
import { equalBytes, equalBytesIgnoreCase } from "../../wire/bytes";

const LENGTH_BYTES: usize = 4;
const NULL_LENGTH: u32 = 0x80000000;

/** Bytes that a pair has besides its key and its value. */
export const PAIR_OVERHEAD: u32 = 8;

export class PairCursor {
  private at: usize = 0;
  private end: usize = 0;
  /** The block ends within a pair. */
  isBroken: bool = false;
  /** Address and whole length of the pair. */
  pair: usize = 0;
  pairLen: u32 = 0;
  keyPtr: usize = 0;
  keyLen: u32 = 0;
  valuePtr: usize = 0;
  valueLen: u32 = 0;
  /** The key or the value is null: receivers take no notice of the pair. */
  hasNull: bool = false;
  private textPtr: usize = 0;

  open(message: Message): void {
    this.at = message.frame + message.b;
    this.end = this.at + message.c;
    this.isBroken = false;
  }

  next(): bool {
    if (this.at == this.end || this.isBroken) return false;
    this.pair = this.at;
    this.hasNull = false;
    this.keyLen = this.readText();
    this.keyPtr = this.textPtr;
    this.valueLen = this.readText();
    this.valuePtr = this.textPtr;
    this.pairLen = <u32>(this.at - this.pair);
    return !this.isBroken;
  }

  private readText(): u32 {
    if (this.end - this.at < LENGTH_BYTES) return this.fail();
    const length = loadU32Be(this.at);
    this.at += LENGTH_BYTES;
    this.textPtr = this.at;
    if (length >= NULL_LENGTH) {
      this.hasNull = true;
      return 0;
    }
    if (length > this.end - this.at) return this.fail();
    this.at += length;
    return length;
  }

  private fail(): u32 {
    this.isBroken = true;
    return 0;
  }
}

const cursor = new PairCursor();

/**
 * The value of the last pair with this key; with `ignoreCase` ASCII letters of either case are the same, and
 * `key` is in lower case. False: there is none, or the block is no list of pairs.
 */
export function findValue(
  message: Message,
  key: usize,
  keyLen: u32,
  ignoreCase: bool,
  value: Slice,
): bool {
  let isFound = false;
  cursor.open(message);
  while (cursor.next()) {
    if (cursor.keyLen != keyLen || cursor.hasNull) continue;
    const isSame = ignoreCase
      ? equalBytesIgnoreCase(cursor.keyPtr, key, keyLen)
      : equalBytes(cursor.keyPtr, key, keyLen);
    if (!isSame) continue;
    value.ptr = cursor.valuePtr;
    value.len = cursor.valueLen;
    isFound = true;
  }
  return isFound && !cursor.isBroken;
}
