// The prefixes that routes ask for of one attribute, as a compressed tree: one walk along a value
// finds the longest of them, whose links lead to all shorter ones.
//
// The children of a node lie next to each other, and so do, elsewhere, the bytes with which they go on
// from it: the right child is found by comparing 16 of those at once.
//
// Allocates: never.

import { equalBytes } from "../../wire/bytes";
import { LookupCost } from "./lookup-cost";

/** How many bytes may be read behind the last of `PrefixNode.childBytes`. */
export const CHILD_BYTES_PADDING: u32 = 16;

@unmanaged
export class PrefixNode {
  /** Number of the node within its table, from 1. */
  id: u32;
  /** `TableAttribute.index` of the tree's. */
  attribute: u32;
  /** Bytes from the root to here: the first `end` at `bytes`. */
  bytes: usize;
  end: u32;
  /** Routes ask for exactly this prefix. */
  isPrefix: bool;
  childCount: u16;
  /** Address of `childCount` PrefixNode records, and of the first byte of each behind this node. */
  children: usize;
  childBytes: usize;
  /** The longest shorter prefix that routes ask for, or 0. */
  shorter: usize;

  /** The PrefixNode of the child that goes on with `byte`, or 0. */
  @inline
  child(byte: u8): usize {
    const wanted = i8x16.splat(byte);
    const count = <u32>this.childCount;
    for (let at: u32 = 0; at < count; at += 16) {
      // SAFETY: CHILD_BYTES_PADDING bytes can be read behind the last child's.
      const bytes = v128.load(this.childBytes + at);
      const index = at + ctz(<u32>i8x16.bitmask(i8x16.eq(bytes, wanted)));
      if (index < min(count, at + 16)) {
        return this.children + <usize>index * offsetof<PrefixNode>();
      }
    }
    return 0;
  }
}

/** The PrefixNode of the longest prefix of the value that routes ask for, or 0. */
export function longestPrefix(root: usize, ptr: usize, len: u32): usize {
  return walk(changetype<PrefixNode>(root), 0, ptr, len);
}

/** Likewise, of a value whose walk leads to the node at `from` unless it ends before. */
export function longestPrefixFrom(from: usize, ptr: usize, len: u32): usize {
  const node = changetype<PrefixNode>(from);
  const end = node.end;
  // SAFETY: both have `end` bytes.
  if (end > len || !equalBytes(node.bytes, ptr, end)) return node.shorter;
  return walk(node, node.shorter, ptr, len);
}

/** Goes on at a node whose bytes the value begins with; `longest` is the longest prefix above it. */
function walk(node: PrefixNode, longest: usize, ptr: usize, len: u32): usize {
  let position = node.end;
  while (true) {
    LookupCost.steps++;
    if (node.isPrefix) longest = changetype<usize>(node);
    if (position == len || node.childCount == 0) return longest;
    const child = node.child(load<u8>(ptr + position));
    if (child == 0) return longest;
    // The search has compared this byte.
    position++;
    node = changetype<PrefixNode>(child);
    // SAFETY: a child ends after its parent, so end >= position; both strings have `end` bytes.
    const end = node.end;
    if (end > len) return longest;
    if (!equalBytes(node.bytes + position, ptr + position, end - position)) return longest;
    position = end;
  }
}
