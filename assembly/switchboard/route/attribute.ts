// One attribute name of a table, with what the lookup under way has learned of its value.
//
// Each step (fetch, identify, walk) is taken when a route first asks for it and at most once per
// lookup: `...In` holds the number of the lookup that took it last.
// Allocates: never.

import { Codec } from "../../codec/codec";
import { Message, Slice } from "../../codec/message";
import { equalBytes, hashBytes } from "../../wire/bytes";
import { findValueId, firstSlot, SLOT_BYTES, SLOT_REFERENCE } from "./hash-slots";
import { LookupCost } from "./lookup-cost";
import { longestPrefix, longestPrefixFrom, PrefixNode } from "./prefix-tree";

/** Where a table looks up all values that its routes compare exactly. */
@unmanaged
export class ValueIndex {
  slots: usize;
  shift: u32;
}

@unmanaged
export class TableAttribute {
  /** What the codec calls it. */
  id: i32;
  /** Lower case. */
  namePtr: usize;
  nameLen: u32;
  /** Bytes of the longest value that routes compare it with exactly: no longer one is hashed. */
  maxIndexedLen: u32;
  /** Position in the table. */
  index: u32;
  /** Root PrefixNode, or 0. */
  prefixRoot: usize;
  /** Walks of longer values begin at the node for so many bytes, which these slots lead to; 0: at the root. */
  jumpBytes: u32;
  jumpShift: u32;
  jumpSlots: usize;
  fetchedIn: u32;
  identifiedIn: u32;
  walkedIn: u32;
  isPresent: bool;
  /** A Slice; valid when present. */
  valuePtr: usize;
  valueLen: u32;
  valueId: u32;
  prefix: usize;

  /** Whether the message has it; `valuePtr` and `valueLen` are set then. */
  fetch(codec: Codec, message: Message, lookup: u32): bool {
    if (this.fetchedIn == lookup) return this.isPresent;
    LookupCost.steps++;
    this.fetchedIn = lookup;
    const value = changetype<Slice>(changetype<usize>(this) + offsetof<TableAttribute>("valuePtr"));
    const isPresent = codec.attribute(message, this.id, this.namePtr, this.nameLen, value);
    this.isPresent = isPresent;
    return isPresent;
  }

  /** The id of the value, or 0 when it is absent or no route asks for it. */
  @inline
  identify(codec: Codec, message: Message, lookup: u32, index: ValueIndex): u32 {
    if (this.identifiedIn == lookup) return this.valueId;
    this.identifiedIn = lookup;
    let id: u32 = 0;
    if (this.fetch(codec, message, lookup) && this.valueLen <= this.maxIndexedLen) {
      id = findValueId(index.slots, index.shift, this.valuePtr, this.valueLen);
    }
    this.valueId = id;
    return id;
  }

  /** The PrefixNode of the longest indexed prefix of the value, or 0. `prefixRoot` is not 0. */
  walk(codec: Codec, message: Message, lookup: u32): usize {
    if (this.walkedIn == lookup) return this.prefix;
    this.walkedIn = lookup;
    let prefix: usize = 0;
    if (this.fetch(codec, message, lookup)) {
      prefix = this.longestPrefix();
    }
    this.prefix = prefix;
    return prefix;
  }

  private longestPrefix(): usize {
    const ptr = this.valuePtr;
    const len = this.valueLen;
    if (this.jumpBytes != 0 && len >= this.jumpBytes) {
      const node = this.jump(ptr);
      if (node != 0) return longestPrefixFrom(node, ptr, len);
    }
    return longestPrefix(this.prefixRoot, ptr, len);
  }

  /** The PrefixNode that every walk of values with these `jumpBytes` bytes comes to, or 0. */
  private jump(ptr: usize): usize {
    const bytes = this.jumpBytes;
    const hash = hashBytes(ptr, bytes);
    const last: u32 = (<u32>-1) >> this.jumpShift;
    let at = firstSlot(hash, this.jumpShift);
    while (true) {
      LookupCost.steps++;
      // SAFETY: at <= last, and there are last + 1 slots of which at least one is empty.
      const slot = this.jumpSlots + <usize>at * SLOT_BYTES;
      const reference = load<usize>(slot, SLOT_REFERENCE);
      if (reference == 0) return 0;
      if (load<u32>(slot) == hash) {
        const node = changetype<PrefixNode>(reference);
        // SAFETY: a node that is jumped to has at least `jumpBytes` bytes.
        if (node.attribute == this.index && equalBytes(node.bytes, ptr, bytes)) return reference;
      }
      at = (at + 1) & last;
    }
  }

  /** Forgets all lookups. */
  forget(): void {
    this.fetchedIn = 0;
    this.identifiedIn = 0;
    this.walkedIn = 0;
  }
}
