// Writes the info blocks of a THeader header with a mutation applied.
//
// Keys are compared without regard to ASCII case, as attributes are, and written as the mutation
// has them. Changed keys leave the KEY_VALUE blocks and come back at the end of the last one, so
// that a frame does not grow each time it passes a proxy. Blocks of the connection, and what follows
// a block of an unknown kind, stay as they are. Padding is left to the caller.
//
// Allocates: two cursors, when the module starts.

import { Message } from "../../codec/message";
import { Mutation, MutationEntry } from "../../codec/mutation";
import { PairChange } from "../../codec/pair-change";
import { lowerAscii } from "../../wire/bytes";
import { writeVarint } from "../../wire/varint";
import { INFO_KEY_VALUE, InfoCursor } from "./info-headers";

/** `write`: the blocks cannot be read, so that nothing can be changed. */
export const INFO_UNREADABLE: i32 = -1;

/** Bytes that one entry of a mutation can add besides its key and its value. */
export const ENTRY_OVERHEAD: u32 = 10;
/** Bytes that a new block can add besides its entries, its padding included. */
export const BLOCK_OVERHEAD: u32 = 16;

@final
export class InfoRewriter extends PairChange {
  private readonly blocks: InfoCursor = new InfoCursor();
  private readonly presence: InfoCursor = new InfoCursor();
  private message: Message = changetype<Message>(0);

  /**
   * Writes the blocks at `out` and returns the number of bytes, or INFO_UNREADABLE. There must be room
   * for the old blocks, for BLOCK_OVERHEAD and for all entries with ENTRY_OVERHEAD each.
   */
  write(message: Message, mutation: Mutation, out: usize): i32 {
    this.begin(mutation);
    this.message = message;
    const blocks = this.blocks;
    const last = this.lastKeyValueBlock();
    if (blocks.isBroken) return INFO_UNREADABLE;
    const additions = this.countNew();
    let at = out;
    if (last == 0 && additions > 0) at = this.append(writeKeyValueHead(at, additions));
    blocks.open(message);
    while (blocks.nextBlock()) {
      if (blocks.blockId != INFO_KEY_VALUE) {
        at = this.copyBlock(at);
      } else if (blocks.blockAt == last) {
        at = this.append(this.writeSurvivors(additions, at));
      } else {
        at = this.writeSurvivors(0, at);
      }
    }
    const isPadding = blocks.at >= blocks.end || load<u8>(message.frame + blocks.at) == 0;
    if (!isPadding) {
      memory.copy(at, message.frame + blocks.at, blocks.end - blocks.at);
      at += blocks.end - blocks.at;
    }
    return <i32>(at - out);
  }

  /** Offset of the last KEY_VALUE block, 0 when there is none; leaves `blocks` behind the last block. */
  private lastKeyValueBlock(): u32 {
    const blocks = this.blocks;
    let last: u32 = 0;
    blocks.open(this.message);
    while (blocks.nextBlock()) {
      if (blocks.blockId == INFO_KEY_VALUE) last = blocks.blockAt;
      while (blocks.nextEntry()) continue;
    }
    return last;
  }

  private copyBlock(out: usize): usize {
    const blocks = this.blocks;
    const start = blocks.blockAt;
    while (blocks.nextEntry()) continue;
    memory.copy(out, this.message.frame + start, blocks.at - start);
    return out + (blocks.at - start);
  }

  /** Writes the current block's head, with `additions` counted in, and the entries that stay. */
  private writeSurvivors(additions: u32, out: usize): usize {
    const blocks = this.blocks;
    const entriesAt = blocks.at;
    const entries = blocks.left;
    let count = additions;
    while (blocks.nextEntry()) {
      if (!this.isDropped(blocks.keyPtr(), blocks.keyLen)) count++;
    }
    if (count == 0) return out;
    let at = writeKeyValueHead(out, count);
    blocks.at = entriesAt;
    blocks.left = entries;
    while (blocks.nextEntry()) {
      if (this.isDropped(blocks.keyPtr(), blocks.keyLen)) continue;
      memory.copy(at, this.message.frame + blocks.entryAt, blocks.at - blocks.entryAt);
      at += blocks.at - blocks.entryAt;
    }
    return at;
  }

  protected override areSameKeys(a: usize, aLen: u32, b: usize, bLen: u32): bool {
    if (aLen != bLen) return false;
    for (let i: u32 = 0; i < aLen; i++) {
      if (lowerAscii(load<u8>(a + i)) != lowerAscii(load<u8>(b + i))) return false;
    }
    return true;
  }

  protected override has(keyPtr: usize, keyLen: u32): bool {
    const presence = this.presence;
    presence.open(this.message);
    while (presence.nextBlock()) {
      while (presence.nextEntry()) {
        if (this.areSameKeys(keyPtr, keyLen, presence.keyPtr(), presence.keyLen)) return true;
      }
    }
    return false;
  }

  protected override writePair(entry: MutationEntry, out: usize): usize {
    return writeText(writeText(out, entry.keyPtr, entry.keyLen), entry.valuePtr, entry.valueLen);
  }
}

function writeKeyValueHead(out: usize, count: u32): usize {
  out += writeVarint(out, INFO_KEY_VALUE);
  return out + writeVarint(out, count);
}

function writeText(out: usize, ptr: usize, len: u32): usize {
  out += writeVarint(out, len);
  memory.copy(out, ptr, len);
  return out + len;
}
