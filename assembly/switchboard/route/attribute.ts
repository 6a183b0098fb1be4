// One attribute name of a table, with what the lookup under way has learned of its value.
//
// Each step (fetch, identify, walk) is taken when a route first asks for it and at most once per
// lookup: `...In` holds the number of the lookup that took it last.
// Allocates: never.

import { Codec } from "../../codec/codec";
import { Message, Slice } from "../../codec/message";
import { findValueId } from "./hash-slots";
import { LookupCost } from "./lookup-cost";
import { longestPrefix } from "./prefix-tree";

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
  /** Root PrefixNode, or 0. */
  prefixRoot: usize;
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
      prefix = longestPrefix(this.prefixRoot, this.valuePtr, this.valueLen);
    }
    this.prefix = prefix;
    return prefix;
  }

  /** Forgets all lookups. */
  forget(): void {
    this.fetchedIn = 0;
    this.identifiedIn = 0;
    this.walkedIn = 0;
  }
}
