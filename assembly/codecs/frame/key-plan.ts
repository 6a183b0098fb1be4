// What a mutation makes of each key. Keys are compared exactly, as receivers do.
// Allocates: never.

import { Mutation, MutationOperation } from "../../codec/mutation";
import { equalBytes } from "../../wire/bytes";

/** No entry's value is set. */
export const NO_VALUE: u32 = u32.MAX_VALUE;

function isKeyOf(mutation: Mutation, index: u32, keyPtr: usize, keyLen: u32): bool {
  const entry = mutation.entry(index);
  return entry.keyLen == keyLen && equalBytes(entry.keyPtr, keyPtr, keyLen);
}

/** Whether the frame's own entries with this key go. */
export function isDropped(mutation: Mutation, keyPtr: usize, keyLen: u32): bool {
  for (let i: u32 = 0; i < mutation.count; i++) {
    if (mutation.entry(i).operation == MutationOperation.AddIfAbsent) continue;
    if (isKeyOf(mutation, i, keyPtr, keyLen)) return true;
  }
  return false;
}

/** Whether no entry before this one is about the same key. */
export function isFirstOfKey(mutation: Mutation, index: u32): bool {
  const entry = mutation.entry(index);
  for (let i: u32 = 0; i < index; i++) {
    if (isKeyOf(mutation, i, entry.keyPtr, entry.keyLen)) return false;
  }
  return true;
}

/** The entry whose value the key of entry `first` gets, or NO_VALUE; `isPresent`: the frame has the key. */
export function valueOfKey(mutation: Mutation, first: u32, isPresent: bool): u32 {
  const key = mutation.entry(first);
  let isThere = isPresent;
  let value = NO_VALUE;
  for (let i = first; i < mutation.count; i++) {
    if (!isKeyOf(mutation, i, key.keyPtr, key.keyLen)) continue;
    const operation = mutation.entry(i).operation;
    if (operation == MutationOperation.AddIfAbsent && isThere) continue;
    isThere = operation != MutationOperation.Remove;
    value = isThere ? i : NO_VALUE;
  }
  return value;
}
