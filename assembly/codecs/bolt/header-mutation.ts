// Writing a header block with a mutation applied.
//
// Keys are compared exactly, as in the receiver's map. Pairs whose key is set or removed go; what is set or added
// comes at the end, so that a frame does not grow each time it passes a proxy.
// Allocates: one cursor per use, when the module starts.

import { Message } from "../../codec/message";
import { Mutation, MutationEntry, MutationOperation } from "../../codec/mutation";
import { storeU32Be } from "../../wire/byte-order";
import { equalBytes } from "../../wire/bytes";
import { PairCursor } from "./header-block";

const pairs = new PairCursor();
const presence = new PairCursor();

/**
 * Writes the block at `out`, which has room for the old one and for all entries with PAIR_OVERHEAD each; returns
 * the address behind it, or 0 when the old block is no list of pairs.
 */
export function writeHeaderBlock(message: Message, mutation: Mutation, out: usize): usize {
  pairs.open(message);
  while (pairs.next()) {
    if (isReplaced(mutation)) continue;
    memory.copy(out, pairs.pair, pairs.pairLen);
    out += pairs.pairLen;
  }
  if (pairs.isBroken) return 0;
  for (let i: u32 = 0; i < mutation.count; i++) {
    if (!isAdded(message, mutation, i)) continue;
    const entry = mutation.entry(i);
    out = writeText(out, entry.keyPtr, entry.keyLen);
    out = writeText(out, entry.valuePtr, entry.valueLen);
  }
  return out;
}

function writeText(out: usize, ptr: usize, len: u32): usize {
  storeU32Be(out, len);
  memory.copy(out + 4, ptr, len);
  return out + 4 + len;
}

/** Whether the mutation sets or removes the key of the pair at hand. */
function isReplaced(mutation: Mutation): bool {
  if (pairs.hasNull) return false;
  for (let i: u32 = 0; i < mutation.count; i++) {
    const entry = mutation.entry(i);
    if (entry.operation == <u32>MutationOperation.AddIfAbsent) continue;
    if (hasKey(pairs, entry)) return true;
  }
  return false;
}

/** Whether the entry at `index` is in the frame once all operations have been applied in order. */
function isAdded(message: Message, mutation: Mutation, index: u32): bool {
  const entry = mutation.entry(index);
  if (entry.operation == <u32>MutationOperation.Remove) return false;
  for (let i = index + 1; i < mutation.count; i++) {
    const later = mutation.entry(i);
    const isFinal = later.operation != <u32>MutationOperation.AddIfAbsent;
    if (isFinal && haveSameKey(entry, later)) return false;
  }
  if (entry.operation == <u32>MutationOperation.Set) return true;
  for (let i = index; i > 0; i--) {
    const earlier = mutation.entry(i - 1);
    if (haveSameKey(entry, earlier)) return earlier.operation == <u32>MutationOperation.Remove;
  }
  return !isPresent(message, entry);
}

function isPresent(message: Message, entry: MutationEntry): bool {
  presence.open(message);
  while (presence.next()) if (!presence.hasNull && hasKey(presence, entry)) return true;
  return false;
}

function hasKey(cursor: PairCursor, entry: MutationEntry): bool {
  return cursor.keyLen == entry.keyLen && equalBytes(cursor.keyPtr, entry.keyPtr, entry.keyLen);
}

function haveSameKey(a: MutationEntry, b: MutationEntry): bool {
  return a.keyLen == b.keyLen && equalBytes(a.keyPtr, b.keyPtr, a.keyLen);
}
