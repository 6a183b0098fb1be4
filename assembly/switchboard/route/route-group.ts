// Routes that are found alike: those with the same signature, which is the set of attributes they
// compare exactly and the attribute, if any, whose prefix they ask for. One hash probe per group
// finds the few routes of it that a message can match (tuple-space search).
// Allocates: never.
// Next: switchboard/route/match.ts

import { Codec } from "../../codec/codec";
import { Message } from "../../codec/message";
import { TableAttribute, ValueIndex } from "./attribute";
import { firstSlot, GROUP_SEED, mixKey, SLOT_BYTES, SLOT_REFERENCE } from "./hash-slots";
import { LookupCost } from "./lookup-cost";
import { PrefixNode } from "./prefix-tree";
import { RouteEntry } from "./route-entry";

/** Routes of a group with the same values; followed by `RouteGroup.exactCount` value ids, u32. */
@unmanaged
export class RouteBucket {
  group: u32;
  /** Id of the PrefixNode; 0 in a group without a prefix. */
  prefixId: u32;
  /** In order, linked by `RouteEntry.next`. */
  first: RouteEntry;
  /** The bucket with the same value ids whose prefix is the longest shorter one, or 0. */
  shorter: usize;
}

/**
 * What is `@inline` here and in attribute.ts is on the path of every lookup, and worth a third of its
 * time when the module is optimised for size (wasm-test/switchboard/route-cost.test.ts).
 */
@unmanaged
export class RouteGroup {
  index: u32;
  /** Order of the group's first route; the groups of a table are sorted by it. */
  leastOrder: u32;
  /** Address of `exactCount` addresses of TableAttribute. */
  exactAttributes: usize;
  exactCount: u32;
  /** A TableAttribute with a `prefixRoot`, or 0. */
  prefixAttribute: usize;
  /** The bucket of the group that has neither, whose routes have to be tried one by one. */
  scanned: usize;

  /** The RouteBucket with the message's values and the longest prefix, or 0. */
  find(codec: Codec, message: Message, lookup: u32, index: BucketIndex): usize {
    if (this.scanned != 0) return this.scanned;
    let hash = GROUP_SEED ^ this.index;
    for (let i: u32 = 0; i < this.exactCount; i++) {
      const id = this.exactAttribute(i).identify(codec, message, lookup, index.values);
      if (id == 0) return 0;
      hash = mixKey(hash, id);
    }
    if (this.prefixAttribute == 0) return this.probe(index, hash, 0);
    const attribute = changetype<TableAttribute>(this.prefixAttribute);
    let prefix = attribute.walk(codec, message, lookup);
    while (prefix != 0) {
      const node = changetype<PrefixNode>(prefix);
      const bucket = this.probe(index, mixKey(hash, node.id), node.id);
      if (bucket != 0) return bucket;
      prefix = node.shorter;
    }
    return 0;
  }

  @inline
  private exactAttribute(i: u32): TableAttribute {
    return changetype<TableAttribute>(
      load<usize>(this.exactAttributes + <usize>i * sizeof<usize>()),
    );
  }

  @inline
  private probe(index: BucketIndex, hash: u32, prefixId: u32): usize {
    const last: u32 = (<u32>-1) >> index.shift;
    let at = firstSlot(hash, index.shift);
    while (true) {
      LookupCost.steps++;
      // SAFETY: at <= last, and the table has last + 1 slots of which at least one is empty.
      const slot = index.slots + <usize>at * SLOT_BYTES;
      const bucket = load<usize>(slot, SLOT_REFERENCE);
      if (bucket == 0) return 0;
      if (load<u32>(slot) == hash && this.owns(bucket, prefixId)) return bucket;
      at = (at + 1) & last;
    }
  }

  /** Whether the bucket has this group's values, which are identified all. */
  @inline
  private owns(address: usize, prefixId: u32): bool {
    const bucket = changetype<RouteBucket>(address);
    if (bucket.group != this.index || bucket.prefixId != prefixId) return false;
    let ids = address + offsetof<RouteBucket>();
    for (let i: u32 = 0; i < this.exactCount; i++) {
      if (load<u32>(ids) != this.exactAttribute(i).valueId) return false;
      ids += sizeof<u32>();
    }
    return true;
  }
}

/** The buckets of all groups of a table. */
@unmanaged
export class BucketIndex {
  slots: usize;
  shift: u32;
  values: ValueIndex;
}
