// What a mutation makes of a frame's key-value pairs: which are left out, and which come behind them.
// However pairs are written, those of which the key is set or removed go, and each key that is set comes once.
// Allocates: never after construction.

import { equalBytes } from "../wire/bytes";
import { Mutation, MutationEntry, MutationOperation } from "./mutation";

const NO_ENTRY: u32 = 0xffffffff;

export abstract class PairChange {
  /** Pairs that `append` has written. */
  protected appended: u32 = 0;
  private mutation: Mutation = changetype<Mutation>(0);

  /** Whether the frame has a pair with this key. */
  protected abstract has(keyPtr: usize, keyLen: u32): bool;

  /** Writes the key and the value of an entry as a pair; returns the address behind it. */
  protected abstract writePair(entry: MutationEntry, out: usize): usize;

  /** Exactly, unless the protocol's receivers have it otherwise. */
  protected areSameKeys(a: usize, aLen: u32, b: usize, bLen: u32): bool {
    return aLen == bLen && equalBytes(a, b, aLen);
  }

  protected begin(mutation: Mutation): void {
    this.mutation = mutation;
    this.appended = 0;
  }

  /** Of a pair of the frame with this key. */
  protected isDropped(keyPtr: usize, keyLen: u32): bool {
    for (let i: u32 = 0; i < this.mutation.count; i++) {
      if (this.mutation.entry(i).operation == MutationOperation.AddIfAbsent) continue;
      if (this.isKey(i, keyPtr, keyLen)) return true;
    }
    return false;
  }

  /** How many pairs `append` will write. */
  protected countNew(): u32 {
    let count: u32 = 0;
    for (let i: u32 = 0; i < this.mutation.count; i++) {
      if (this.newAt(i) != NO_ENTRY) count++;
    }
    return count;
  }

  /** Writes the pairs that are new; returns the address behind them. */
  protected append(out: usize): usize {
    for (let i: u32 = 0; i < this.mutation.count; i++) {
      const index = this.newAt(i);
      if (index == NO_ENTRY) continue;
      out = this.writePair(this.mutation.entry(index), out);
      this.appended++;
    }
    return out;
  }

  /** Each key that is new is so at the first entry that has it; returns the entry with its value. */
  private newAt(index: u32): u32 {
    return this.isFirst(index) ? this.lastOf(index) : NO_ENTRY;
  }

  private isKey(index: u32, ptr: usize, len: u32): bool {
    const entry = this.mutation.entry(index);
    return this.areSameKeys(entry.keyPtr, entry.keyLen, ptr, len);
  }

  /** No entry before entry `index` has its key. */
  private isFirst(index: u32): bool {
    const entry = this.mutation.entry(index);
    for (let i: u32 = 0; i < index; i++) {
      if (this.isKey(i, entry.keyPtr, entry.keyLen)) return false;
    }
    return true;
  }

  /** Which entry's value the key of entry `first` comes to have, of those that are appended. */
  private lastOf(first: u32): u32 {
    const entry = this.mutation.entry(first);
    let result = NO_ENTRY;
    let isKnown = false;
    let isPresent: bool = false;
    for (let i = first; i < this.mutation.count; i++) {
      if (!this.isKey(i, entry.keyPtr, entry.keyLen)) continue;
      const operation = this.mutation.entry(i).operation;
      if (operation == MutationOperation.AddIfAbsent) {
        if (!isKnown) isPresent = this.has(entry.keyPtr, entry.keyLen);
        isKnown = true;
        if (isPresent) continue;
      }
      isKnown = true;
      isPresent = operation != MutationOperation.Remove;
      result = isPresent ? i : NO_ENTRY;
    }
    return result;
  }
}
