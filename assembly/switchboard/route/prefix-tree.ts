// The prefixes that routes ask for of one attribute, as a compressed tree: one walk along a value
// finds the longest of them, whose links lead to all shorter ones.
// Allocates: never.

import { equalBytes } from "../../wire/bytes";
import { firstSlot, SLOT_BYTES, SLOT_REFERENCE } from "./hash-slots";
import { LookupCost } from "./lookup-cost";

@unmanaged
export class PrefixNode {
  /** Number of the node within its table, from 1. */
  id: u32;
  /** Bytes from the root to here: the first `end` at `bytes`. */
  bytes: usize;
  end: u32;
  /** Routes ask for exactly this prefix. */
  isPrefix: u32;
  /** The longest shorter prefix that routes ask for, or 0. */
  shorter: usize;
  /** The child, when there is but one; 0 when there are none or several. */
  onlyChild: usize;
  childCount: u32;
}

/** The key of a child in the table of all nodes' children. */
export function childKey(nodeId: u32, firstByte: u32): u32 {
  return (nodeId << 8) | firstByte;
}

/** The PrefixNode of the longest prefix of the value that routes ask for, or 0. */
export function longestPrefix(
  root: usize,
  childSlots: usize,
  shift: u32,
  ptr: usize,
  len: u32,
): usize {
  let node = changetype<PrefixNode>(root);
  let longest: usize = 0;
  let position: u32 = 0;
  while (true) {
    LookupCost.steps++;
    if (node.isPrefix != 0) longest = changetype<usize>(node);
    if (position == len || node.childCount == 0) return longest;
    let child = node.onlyChild;
    if (child == 0) {
      child = findChild(childSlots, shift, childKey(node.id, load<u8>(ptr + position)));
      if (child == 0) return longest;
    }
    node = changetype<PrefixNode>(child);
    // SAFETY: a child ends after its parent, so end > position; both strings have `end` bytes.
    const end = node.end;
    if (end > len) return longest;
    if (!equalBytes(node.bytes + position, ptr + position, end - position)) return longest;
    position = end;
  }
}

function findChild(slots: usize, shift: u32, key: u32): usize {
  const last: u32 = (<u32>-1) >> shift;
  let index = firstSlot(key, shift);
  while (true) {
    LookupCost.steps++;
    // SAFETY: index <= last, and the table has last + 1 slots of which at least one is empty.
    const slot = slots + <usize>index * SLOT_BYTES;
    const child = load<usize>(slot, SLOT_REFERENCE);
    if (child == 0 || load<u32>(slot) == key) return child;
    index = (index + 1) & last;
  }
}
