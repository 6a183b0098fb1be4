// Writes the info blocks of a THeader header with a mutation applied.
//
// Keys are compared without regard to ASCII case, as attributes are, and written as the mutation
// has them. Changed keys leave the KEY_VALUE blocks and come back at the end of the last one, so
// that a frame does not grow each time it passes a proxy. Blocks of the connection, and what follows
// a block of an unknown kind, stay as they are. Padding is left to the caller.
//
// Allocates: never.

import { Message } from "../../codec/message";
import { Mutation, MutationEntry, MutationOperation } from "../../codec/mutation";
import { writeVarint } from "../../wire/varint";
import { INFO_KEY_VALUE, InfoCursor } from "./info-headers";

/** `writeInfo`: the blocks cannot be read, so that nothing can be changed. */
export const INFO_UNREADABLE: i32 = -1;

/** Bytes that one entry of a mutation can add besides its key and its value. */
export const ENTRY_OVERHEAD: u32 = 10;
/** Bytes that a new block can add besides its entries, its padding included. */
export const BLOCK_OVERHEAD: u32 = 16;

const blocks = new InfoCursor();
const presence = new InfoCursor();

/**
 * Writes the blocks at `out` and returns the number of bytes, or INFO_UNREADABLE. There must be room
 * for the old blocks, for BLOCK_OVERHEAD and for all entries with ENTRY_OVERHEAD each.
 */
export function writeInfo(message: Message, mutation: Mutation, out: usize): i32 {
  const last = lastKeyValueBlock(message);
  if (blocks.isBroken) return INFO_UNREADABLE;
  const additions = countAdditions(message, mutation);
  let at = out;
  if (last == 0 && additions > 0) at = writeKeyValueHead(at, additions);
  if (last == 0 && additions > 0) at = writeAdditions(message, mutation, at);
  blocks.open(message);
  while (blocks.nextBlock()) {
    if (blocks.blockId != INFO_KEY_VALUE) {
      at = copyBlock(message, at);
    } else if (blocks.blockAt == last) {
      at = writeSurvivors(message, mutation, additions, at);
      at = writeAdditions(message, mutation, at);
    } else {
      at = writeSurvivors(message, mutation, 0, at);
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
function lastKeyValueBlock(message: Message): u32 {
  let last: u32 = 0;
  blocks.open(message);
  while (blocks.nextBlock()) {
    if (blocks.blockId == INFO_KEY_VALUE) last = blocks.blockAt;
    skipEntries();
  }
  return last;
}

function skipEntries(): void {
  while (blocks.nextEntry()) continue;
}

function copyBlock(message: Message, out: usize): usize {
  const start = blocks.blockAt;
  skipEntries();
  memory.copy(out, message.frame + start, blocks.at - start);
  return out + (blocks.at - start);
}

function writeKeyValueHead(out: usize, count: u32): usize {
  out += writeVarint(out, INFO_KEY_VALUE);
  return out + writeVarint(out, count);
}

/** Writes the current block's head, with `additions` counted in, and the entries that stay. */
function writeSurvivors(message: Message, mutation: Mutation, additions: u32, out: usize): usize {
  const entriesAt = blocks.at;
  const entries = blocks.left;
  let count = additions;
  while (blocks.nextEntry()) {
    if (!isReplaced(mutation)) count++;
  }
  if (count == 0) return out;
  let at = writeKeyValueHead(out, count);
  blocks.at = entriesAt;
  blocks.left = entries;
  while (blocks.nextEntry()) {
    if (isReplaced(mutation)) continue;
    memory.copy(at, message.frame + blocks.entryAt, blocks.at - blocks.entryAt);
    at += blocks.at - blocks.entryAt;
  }
  return at;
}

/** Whether the mutation sets or removes the key of the current entry. */
function isReplaced(mutation: Mutation): bool {
  for (let i: u32 = 0; i < mutation.count; i++) {
    const entry = mutation.entry(i);
    if (entry.operation == <u32>MutationOperation.AddIfAbsent) continue;
    if (equalKeys(entry.keyPtr, entry.keyLen, blocks.keyPtr(), blocks.keyLen)) return true;
  }
  return false;
}

function countAdditions(message: Message, mutation: Mutation): u32 {
  let count: u32 = 0;
  for (let i: u32 = 0; i < mutation.count; i++) {
    if (isAdded(message, mutation, i)) count++;
  }
  return count;
}

function writeAdditions(message: Message, mutation: Mutation, out: usize): usize {
  for (let i: u32 = 0; i < mutation.count; i++) {
    if (!isAdded(message, mutation, i)) continue;
    const entry = mutation.entry(i);
    out = writeText(out, entry.keyPtr, entry.keyLen);
    out = writeText(out, entry.valuePtr, entry.valueLen);
  }
  return out;
}

function writeText(out: usize, ptr: usize, len: u32): usize {
  out += writeVarint(out, len);
  memory.copy(out, ptr, len);
  return out + len;
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
  while (presence.nextBlock()) {
    while (presence.nextEntry()) {
      if (equalKeys(entry.keyPtr, entry.keyLen, presence.keyPtr(), presence.keyLen)) return true;
    }
  }
  return false;
}

function haveSameKey(a: MutationEntry, b: MutationEntry): bool {
  return equalKeys(a.keyPtr, a.keyLen, b.keyPtr, b.keyLen);
}

function equalKeys(a: usize, aLen: u32, b: usize, bLen: u32): bool {
  if (aLen != bLen) return false;
  for (let i: u32 = 0; i < aLen; i++) {
    if (lowerAscii(load<u8>(a + i)) != lowerAscii(load<u8>(b + i))) return false;
  }
  return true;
}

function lowerAscii(byte: u32): u32 {
  return byte - 0x41 < 26 ? byte | 0x20 : byte;
}
