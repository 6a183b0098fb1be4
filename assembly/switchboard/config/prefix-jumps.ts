// Where walks of a prefix tree begin: not at its root, but at a depth at which it is wide, so that a tree
// of thousands of prefixes is walked in as few steps as one of a few (route/prefix-tree.ts).
// Allocates: on growth; cold path only.

import { hashBytes } from "../../wire/bytes";
import { HashIndex } from "./hash-index";
import { PrefixTreeBuilder } from "./prefix-tree-builder";
import { RecordVector } from "./record-vector";

/** A narrower tree is walked from its root. */
const LEAST_WIDTH: u32 = 16;
/** Depths to choose from: 4, and multiples of 8 up to 64; what can be hashed without a rest. */
const DEPTHS: u32 = 9;

function depthOf(choice: u32): u32 {
  return choice == 0 ? 4 : choice * 8;
}

export class PrefixJumps {
  /** Of the first bytes of a node, to its id. */
  readonly index: HashIndex = new HashIndex();
  private prefixes: PrefixTreeBuilder;
  /** How wide each attribute's tree is at each depth. */
  private widths: RecordVector = new RecordVector(sizeof<u32>());

  constructor(prefixes: PrefixTreeBuilder) {
    this.prefixes = prefixes;
  }

  /** For each attribute in turn. */
  addAttribute(): void {
    for (let choice: u32 = 0; choice < DEPTHS; choice++) this.widths.add();
  }

  /** For each node, once all are there. */
  countNode(id: u32): void {
    const attribute = this.prefixes.node(id).attribute;
    for (let choice: u32 = 0; choice < DEPTHS; choice++) {
      if (!this.isReachedAt(id, depthOf(choice))) continue;
      const width = this.widths.at(attribute * DEPTHS + choice);
      store<u32>(width, load<u32>(width) + 1);
    }
  }

  /** For each node, once all are counted. */
  addNode(id: u32): void {
    const depth = this.depth(this.prefixes.node(id).attribute);
    if (depth == 0 || !this.isReachedAt(id, depth)) return;
    this.index.insert(hashBytes(this.prefixes.bytesOf(id), depth), id);
  }

  /** At which walks of the attribute's tree begin; 0: at its root. */
  depth(attribute: u32): u32 {
    let most: u32 = LEAST_WIDTH - 1;
    let depth: u32 = 0;
    for (let choice: u32 = 0; choice < DEPTHS; choice++) {
      const width = load<u32>(this.widths.at(attribute * DEPTHS + choice));
      if (width <= most) continue;
      most = width;
      depth = depthOf(choice);
    }
    return depth;
  }

  free(): void {
    this.index.free();
    this.widths.free();
  }

  /** Whether it is the first node of that depth or more on the way to it. */
  private isReachedAt(id: u32, depth: u32): bool {
    const node = this.prefixes.node(id);
    if (node.parent == 0 || node.end < depth) return false;
    return this.prefixes.node(node.parent).end < depth;
  }
}
