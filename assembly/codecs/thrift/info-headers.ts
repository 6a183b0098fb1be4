// The info blocks of a THeader header: its key-value pairs.
//
//   | 01 | count | count x (key length, key, value length, value) |   key-values of this message
//   | 02 | count | likewise |   key-values of the connection from here on (fbthrift only)
//   | 00 ...                    padding
//   | any other id ...          of a length unknown here: nothing behind it can be read
//
// All numbers are varints. Spec: HeaderFormat.md, "Info IDs"; id 2 is fbthrift's.
// Allocates: one cursor per use, at start-up.

import { Message, Slice } from "../../codec/message";
import { equalBytesIgnoreCase } from "../../wire/bytes";
import { VARINT_MALFORMED, readVarint32, readWidth } from "../../wire/varint";
import { infoOffset, payloadOffset } from "./message-fields";

export const INFO_KEY_VALUE: u32 = 1;
const INFO_PERSISTENT_KEY_VALUE: u32 = 2;

/** Walks through blocks and their entries; offsets count from the frame. */
export class InfoCursor {
  private frame: usize = 0;
  /** What comes next. After the last block: where the padding or the unknown rest begins. */
  at: u32 = 0;
  end: u32 = 0;
  /** Set when the blocks break off in their midst. */
  isBroken: bool = false;

  blockId: u32 = 0;
  blockAt: u32 = 0;
  /** Entries of the block that are still to come. */
  left: u32 = 0;

  entryAt: u32 = 0;
  keyAt: u32 = 0;
  keyLen: u32 = 0;
  valueAt: u32 = 0;
  valueLen: u32 = 0;

  /** Starts at the first block of a message that has `infoOffset`. */
  open(message: Message): void {
    this.frame = message.frame;
    this.at = infoOffset(message);
    this.end = payloadOffset(message);
    this.isBroken = false;
    this.left = 0;
  }

  /** Goes to the next block, once `nextEntry` has returned false. */
  nextBlock(): bool {
    if (this.isBroken || this.at >= this.end) return false;
    const start = this.at;
    const id = this.number();
    if (id != INFO_KEY_VALUE && id != INFO_PERSISTENT_KEY_VALUE) {
      this.at = start;
      return false;
    }
    this.blockAt = start;
    this.blockId = id;
    this.left = this.number();
    return !this.isBroken;
  }

  /** Reads the block's next entry. */
  nextEntry(): bool {
    if (this.left == 0 || this.isBroken) return false;
    this.left--;
    this.entryAt = this.at;
    this.keyLen = this.length();
    this.keyAt = this.at;
    this.at += this.keyLen;
    this.valueLen = this.length();
    this.valueAt = this.at;
    this.at += this.valueLen;
    return !this.isBroken;
  }

  keyPtr(): usize {
    return this.frame + this.keyAt;
  }

  private number(): u32 {
    const result = readVarint32(this.frame + this.at, this.frame + this.end);
    const width = readWidth(result);
    if (width == 0 || width == VARINT_MALFORMED) {
      this.isBroken = true;
      return 0;
    }
    this.at += width;
    return <u32>result;
  }

  private length(): u32 {
    const length = this.number();
    if (length <= this.end - this.at) return length;
    this.isBroken = true;
    return 0;
  }
}

const lookup = new InfoCursor();

/**
 * Finds the value of the lower-case `name` in the frame. The last one counts, as for the receivers,
 * and a key-value of this message before one of the connection.
 */
export function findInfo(message: Message, namePtr: usize, nameLen: u32, value: Slice): bool {
  if (infoOffset(message) == 0) return false;
  let foundIn: u32 = 0;
  lookup.open(message);
  while (lookup.nextBlock()) {
    const isNearer = foundIn != INFO_KEY_VALUE || lookup.blockId == INFO_KEY_VALUE;
    while (lookup.nextEntry()) {
      if (!isNearer || lookup.keyLen != nameLen) continue;
      if (!equalBytesIgnoreCase(lookup.keyPtr(), namePtr, nameLen)) continue;
      foundIn = lookup.blockId;
      value.ptr = message.frame + lookup.valueAt;
      value.len = lookup.valueLen;
    }
  }
  return foundIn != 0;
}
