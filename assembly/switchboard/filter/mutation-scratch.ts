// The changes that filters make to the frame at hand, besides those of its route.
// Allocates: at construction only.
import { Slice } from "../../codec/message";
import { Mutation, MutationEntry, MutationOperation } from "../../codec/mutation";
import { copyShort } from "../../wire/bytes";

const MAX_FILTER_MUTATIONS: u32 = 320;
const MAX_FILTER_MUTATION_BYTES: u32 = 64 * 1024;

export class MutationScratch {
  private readonly entries: usize = heap.alloc(
    <usize>MAX_FILTER_MUTATIONS * offsetof<MutationEntry>(),
  );
  private readonly bytes: usize = heap.alloc(MAX_FILTER_MUTATION_BYTES);
  private readonly mutation: Mutation = changetype<Mutation>(heap.alloc(offsetof<Mutation>()));
  /** What `after` returns, with entries of its own. */
  private readonly combined: usize = heap.alloc(
    <usize>MAX_FILTER_MUTATIONS * offsetof<MutationEntry>(),
  );
  private count: u32 = 0;
  private used: u32 = 0;

  clear(): void {
    this.count = 0;
    this.used = 0;
  }

  /** Copies key and value; false: there is no room. */
  add(operation: MutationOperation, key: Slice, value: Slice): bool {
    if (this.count == MAX_FILTER_MUTATIONS) return false;
    if (key.len > MAX_FILTER_MUTATION_BYTES || value.len > MAX_FILTER_MUTATION_BYTES) return false;
    if (MAX_FILTER_MUTATION_BYTES - this.used < key.len + value.len) return false;
    const entry = this.next();
    entry.operation = operation;
    entry.keyPtr = this.copy(key);
    entry.keyLen = key.len;
    entry.valuePtr = this.copy(value);
    entry.valueLen = value.len;
    return true;
  }

  private next(): MutationEntry {
    const offset = <usize>this.count * offsetof<MutationEntry>();
    this.count++;
    return changetype<MutationEntry>(this.entries + offset);
  }

  private copy(from: Slice): usize {
    const address = this.bytes + this.used;
    copyShort(address, from.ptr, from.len);
    this.used += from.len;
    return address;
  }

  /** Takes back the last change. */
  removeLast(): void {
    if (this.count > 0) this.count--;
  }

  /** `first` and then what was added; null: nothing. Valid until the next call. */
  after(first: Mutation | null): Mutation | null {
    if (this.count == 0) return first;
    const mutation = this.mutation;
    mutation.entries = this.entries;
    mutation.count = this.count;
    if (first === null) return mutation;
    mutation.entries = this.combined;
    const room = MAX_FILTER_MUTATIONS - this.count;
    const leading = first.count < room ? first.count : room;
    const bytes = <usize>leading * offsetof<MutationEntry>();
    copyShort(this.combined, first.entries, <u32>bytes);
    const added = <usize>this.count * offsetof<MutationEntry>();
    copyShort(this.combined + bytes, this.entries, <u32>added);
    mutation.count = leading + this.count;
    return mutation;
  }
}
