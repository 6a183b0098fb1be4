// A list of changes to a frame's attributes, in the order in which they are applied.
// Allocates: on growth only, when a route table is built.

export enum MutationOperation {
  /** Adds the attribute or replaces its value. */
  Set = 0,
  /** Adds the attribute unless the frame has it. */
  AddIfAbsent = 1,
  /** Removes every occurrence. */
  Remove = 2,
}

@unmanaged
export class MutationEntry {
  operation: u32;
  keyPtr: usize;
  keyLen: u32;
  valuePtr: usize;
  valueLen: u32;
}

/** Keys and values are UTF-8 in memory that outlives the mutation; keys in the letter case of the resource. */
@unmanaged
export class Mutation {
  count: u32;
  /** Address of `count` MutationEntry records. */
  entries: usize;

  entry(index: u32): MutationEntry {
    return changetype<MutationEntry>(this.entries + <usize>index * offsetof<MutationEntry>());
  }

  /** Bytes of all keys and values, for bounding the size of a mutated frame. */
  payloadBytes(): u32 {
    let total: u32 = 0;
    for (let i: u32 = 0; i < this.count; i++) {
      const entry = this.entry(i);
      total += entry.keyLen + entry.valueLen;
    }
    return total;
  }
}
