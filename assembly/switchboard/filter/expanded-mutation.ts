// A route's mutations with the values that their operators have for the request at hand.
// Allocates: at the first use.

import { Mutation, MutationEntry } from "../../codec/mutation";
import { Call } from "../../filter/call";
import { tryHeapAllocate } from "../../proxy-wasm-as/memory/heap-limit";
import { BoundedBuffer } from "../../telemetry/bounded-buffer";
import { MAX_MUTATIONS_PER_ROUTE } from "../config/route-limits";
import { stats } from "../telemetry/stats";
import { copyShort } from "../../wire/bytes";
import { MutationFormat } from "./mutation-format";

/** Values of one frame that have operators. */
const MAX_EXPANDED_BYTES: u32 = 64 * 1024;

export class ExpandedMutation {
  private readonly values: BoundedBuffer = new BoundedBuffer(
    MAX_EXPANDED_BYTES,
    MAX_EXPANDED_BYTES,
  );
  private entries: usize = 0;
  private readonly mutation: Mutation = changetype<Mutation>(heap.alloc(offsetof<Mutation>()));

  /**
   * Those of `from` whose value is not absent; null: none is left. `capture`: see Format.begin. Valid until the
   * next call.
   */
  expand(from: Mutation, format: MutationFormat, call: Call, capture: usize): Mutation | null {
    if (!this.reserve()) {
      stats.mutationSkipped++;
      return null;
    }
    const values = this.values;
    const ends = format.ends;
    let kept: u32 = 0;
    let start = 0;
    format.format.begin(capture);
    for (let i: u32 = 0; i < from.count; i++) {
      const entry = changetype<MutationEntry>(this.entries + kept * offsetof<MutationEntry>());
      copyShort(
        changetype<usize>(entry),
        changetype<usize>(from.entry(i)),
        offsetof<MutationEntry>(),
      );
      const end = unchecked(ends[i]);
      if (end > start) {
        const at = values.len;
        format.format.writePart(start, end, call, values);
        start = end;
        if (values.isOverflown) {
          values.truncate(at);
          stats.mutationSkipped++;
        }
        if (values.len == at) continue;
        entry.valuePtr = values.ptr + at;
        entry.valueLen = values.len - at;
      }
      kept++;
    }
    const mutation = this.mutation;
    mutation.entries = this.entries;
    mutation.count = kept;
    return kept > 0 ? mutation : null;
  }

  /** All that it will ever need: what is written must not move. False: there is no memory. */
  private reserve(): bool {
    this.values.truncate(0);
    if (this.entries != 0) return true;
    const entryBytes = <usize>MAX_MUTATIONS_PER_ROUTE * offsetof<MutationEntry>();
    const block = tryHeapAllocate(entryBytes + MAX_EXPANDED_BYTES + entryBytes);
    if (block == 0) return false;
    heap.free(block);
    this.entries = heap.alloc(entryBytes);
    this.values.reserve(MAX_EXPANDED_BYTES);
    return true;
  }
}
