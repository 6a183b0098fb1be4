// Writing a header block with a mutation applied.
//
// Keys are compared exactly, as in the receiver's map. Pairs whose key is set or removed go; what is set or added
// comes at the end, so that a frame does not grow each time it passes a proxy.
// Allocates: a cursor, when the module starts.

import { Message } from "../../codec/message";
import { Mutation, MutationEntry } from "../../codec/mutation";
import { PairChange } from "../../codec/pair-change";
import { storeU32Be } from "../../wire/byte-order";
import { equalBytes } from "../../wire/bytes";
import { PairCursor } from "./header-block";

@final
export class HeaderRewriter extends PairChange {
  private readonly pairs: PairCursor = new PairCursor();
  private message: Message = changetype<Message>(0);

  /**
   * Writes the block at `out`, which has room for the old one and for all entries with PAIR_OVERHEAD each; returns
   * the address behind it, or 0 when the old block is no list of pairs.
   */
  write(message: Message, mutation: Mutation, out: usize): usize {
    this.begin(mutation);
    this.message = message;
    const pairs = this.pairs;
    pairs.open(message);
    while (pairs.next()) {
      if (!pairs.hasNull && this.isDropped(pairs.keyPtr, pairs.keyLen)) continue;
      memory.copy(out, pairs.pair, pairs.pairLen);
      out += pairs.pairLen;
    }
    return pairs.isBroken ? 0 : this.append(out);
  }

  protected override has(keyPtr: usize, keyLen: u32): bool {
    const pairs = this.pairs;
    pairs.open(this.message);
    while (pairs.next()) {
      if (pairs.hasNull || pairs.keyLen != keyLen) continue;
      if (equalBytes(pairs.keyPtr, keyPtr, keyLen)) return true;
    }
    return false;
  }

  protected override writePair(entry: MutationEntry, out: usize): usize {
    return writeText(writeText(out, entry.keyPtr, entry.keyLen), entry.valuePtr, entry.valueLen);
  }
}

function writeText(out: usize, ptr: usize, len: u32): usize {
  storeU32Be(out, len);
  memory.copy(out + 4, ptr, len);
  return out + 4 + len;
}
