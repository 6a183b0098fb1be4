// Builds the prefix trees of a table (route/prefix-tree.ts): one root per attribute.
// Allocates: on growth; cold path only.

import { ByteBuffer } from "./byte-buffer";
import { HashIndex } from "./hash-index";
import { RecordVector } from "./record-vector";

@unmanaged
export class PrefixNodeRecord {
  /** Offset; the node stands for the first `end` bytes there. */
  bytes: u32;
  end: u32;
  parent: u32;
  /** Index of the attribute whose tree it is in. */
  attribute: u32;
  /** Routes whose key could be this prefix. */
  candidates: u32;
  isPrefix: bool;
  /** `shorter` is known: the longest shorter prefix, or 0. */
  isLinked: bool;
  shorter: u32;
  /** Valid once all are placed: where the node lies; the children of a node follow each other. */
  position: u32;
  firstChild: u32;
  nextSibling: u32;
  childCount: u32;
}

/** What `PrefixTreeBuilder.children` finds a child by. */
function childKey(id: u32, firstByte: u32): u32 {
  return (id << 8) | firstByte;
}

/** Nodes are numbered from 1; 0 is none. */
export class PrefixTreeBuilder {
  readonly nodes: RecordVector = new RecordVector(offsetof<PrefixNodeRecord>());
  /** Ids by position. */
  readonly placed: RecordVector = new RecordVector(sizeof<u32>());
  private readonly children: HashIndex = new HashIndex();
  /** Placed nodes whose children are not. */
  private readonly pending: RecordVector = new RecordVector(sizeof<u32>());
  private bytes: ByteBuffer;

  /** Offsets are into `bytes`. */
  constructor(bytes: ByteBuffer) {
    this.bytes = bytes;
    this.nodes.add();
  }

  node(id: u32): PrefixNodeRecord {
    return changetype<PrefixNodeRecord>(this.nodes.at(id));
  }

  addRoot(attribute: u32): u32 {
    const root = this.add(0, 0, 0);
    this.node(root).attribute = attribute;
    return root;
  }

  /** The node of the `len` bytes at `offset`, below `root`. */
  insert(root: u32, offset: u32, len: u32): u32 {
    let id = root;
    let position: u32 = 0;
    while (position < len) {
      const key = childKey(id, this.byte(offset + position));
      const slot = this.findSlot(key);
      const child = this.children.reference(slot);
      if (child == 0) {
        const leaf = this.add(offset, len, id);
        this.children.insert(key, leaf);
        return leaf;
      }
      const common = this.commonEnd(child, offset, len, position);
      id = common < this.node(child).end ? this.split(slot, child, common) : child;
      position = common;
    }
    return id;
  }

  /** Nodes are 1 to `count`. */
  get count(): u32 {
    return this.nodes.count - 1;
  }

  /** Finds the node's `shorter`, once it is known which nodes are prefixes; for each node in turn. */
  linkPrefix(id: u32): void {
    let known = id;
    while (!this.node(known).isLinked && this.longerStop(known) == 0) {
      known = this.node(known).parent;
    }
    const shorter = this.node(known).isLinked
      ? this.node(known).shorter
      : this.longerStop(known) - 1;
    // Every node passed on the way up has the same answer: none of them is below a nearer prefix.
    for (let below = id; ; below = this.node(below).parent) {
      this.node(below).shorter = shorter;
      this.node(below).isLinked = true;
      if (below == known) break;
    }
  }

  /** Lists the node among its parent's children; for each node in turn, from `count` down. */
  groupSiblings(id: u32): void {
    const parent = this.node(id).parent;
    if (parent == 0) {
      this.place(id);
      store<u32>(this.pending.add(), id);
      return;
    }
    this.node(id).nextSibling = this.node(parent).firstChild;
    this.node(parent).firstChild = id;
    this.node(parent).childCount++;
  }

  /**
   * Decides where the children of one node lie: siblings in a row, and what is below them close by.
   * After all siblings are grouped, as many times as there are nodes.
   */
  placeNext(): void {
    const id = load<u32>(this.pending.removeLast());
    for (let child = this.node(id).firstChild; child != 0; child = this.node(child).nextSibling) {
      this.place(child);
      store<u32>(this.pending.add(), child);
    }
  }

  /** Address of the bytes from the root to the node. */
  bytesOf(id: u32): usize {
    return this.bytes.ptr + this.node(id).bytes;
  }

  /** The byte with which a node other than a root goes on from its parent. */
  firstByte(id: u32): u32 {
    const node = this.node(id);
    return this.byte(node.bytes + this.node(node.parent).end);
  }

  free(): void {
    this.placed.free();
    this.nodes.free();
    this.children.free();
    this.pending.free();
  }

  private place(id: u32): void {
    this.node(id).position = this.placed.count;
    store<u32>(this.placed.add(), id);
  }

  /** The answer + 1 when a look at the parent settles it: a root, or below a prefix; else 0. */
  private longerStop(id: u32): u32 {
    const parent = this.node(id).parent;
    if (parent == 0) return 1;
    return this.node(parent).isPrefix ? parent + 1 : 0;
  }

  private split(slot: u32, child: u32, end: u32): u32 {
    const parent = this.node(child).parent;
    const bytes = this.node(child).bytes;
    const middle = this.add(bytes, end, parent);
    this.children.setReference(slot, middle);
    this.node(child).parent = middle;
    this.children.insert(childKey(middle, this.byte(bytes + end)), child);
    return middle;
  }

  /** How far the child's bytes and the `len` at `offset` are equal; they are so up to `from`. */
  private commonEnd(child: u32, offset: u32, len: u32, from: u32): u32 {
    const node = this.node(child);
    const bytes = node.bytes;
    const end = min(node.end, len);
    let position = from;
    while (position < end && this.byte(bytes + position) == this.byte(offset + position))
      position++;
    return position;
  }

  private findSlot(key: u32): u32 {
    let slot = this.children.start(key);
    while (this.children.reference(slot) != 0 && this.children.hash(slot) != key) {
      slot = this.children.next(slot);
    }
    return slot;
  }

  private add(bytes: u32, end: u32, parent: u32): u32 {
    const node = changetype<PrefixNodeRecord>(this.nodes.add());
    node.bytes = bytes;
    node.end = end;
    node.parent = parent;
    if (parent != 0) node.attribute = this.node(parent).attribute;
    return this.nodes.count - 1;
  }

  private byte(offset: u32): u32 {
    return load<u8>(this.bytes.ptr + offset);
  }
}
