// AssemblyScript: changes of attributes that messages are encoded with.

import { Mutation, MutationEntry, MutationOperation } from "../../../assembly/codec/mutation";
import { StaticText } from "../../../assembly/wire/static-text";

const ENTRY_BYTES: usize = offsetof<MutationEntry>();

/** What the first entry of each sets, and to what: it can be read back. */
export class Change {
  readonly mutation: Mutation = new Mutation();

  constructor(
    readonly key: StaticText,
    readonly value: StaticText,
  ) {
    this.mutation.entries = heap.alloc(8 * ENTRY_BYTES);
    this.mutation.count = 0;
    this.add(MutationOperation.Set, key, value);
  }

  add(operation: MutationOperation, key: StaticText, value: StaticText): Change {
    const entry = this.mutation.entry(this.mutation.count++);
    entry.operation = operation;
    entry.keyPtr = key.ptr;
    entry.keyLen = key.len;
    entry.valuePtr = value.ptr;
    entry.valueLen = value.len;
    return this;
  }
}

const nothing = new StaticText("");
const value = new StaticText("value");
const long = new StaticText("0123456789".repeat(40));
/** Characters of two, three and four bytes. */
const wide = new StaticText("123456789");
store<u16>(wide.ptr, 0xa9c3);
store<u32>(wide.ptr, 0xf08bb5e6, 2);
store<u16>(wide.ptr, 0x989f, 6);
store<u8>(wide.ptr, 0x80, 8);
const key = new StaticText("key");
const other = new StaticText("User-Id");
const group = new StaticText("group");

export const changes: StaticArray<Change> = [
  new Change(key, value),
  new Change(key, value)
    .add(MutationOperation.Remove, new StaticText("timeout"), nothing)
    .add(MutationOperation.AddIfAbsent, new StaticText("path"), value)
    .add(MutationOperation.Remove, group, nothing),
  new Change(other, wide).add(MutationOperation.Remove, new StaticText("trace"), nothing),
  new Change(group, long).add(MutationOperation.AddIfAbsent, key, nothing),
  new Change(other, value)
    .add(MutationOperation.Remove, key, nothing)
    .add(MutationOperation.Set, key, value)
    .add(MutationOperation.AddIfAbsent, key, long),
];
