// The fields of protobuf that a section's values name, as a tree: a field that is met on the wire leads to the values
// that it is, and to those within it, in one step.
// Allocates: cold path only.

import { FieldAction, FieldLeaf, FieldNode, Layout } from "./records";

/** A power of two. Higher field numbers share places with lower ones. */
export const FIELD_SLOTS: u32 = 32;

/** `found`: positions of the values. */
export function fieldTree(layout: Layout, found: StaticArray<u32>): FieldNode {
  const root = new FieldNode(FIELD_SLOTS);
  for (let i = 0; i < found.length; i++) {
    const value = layout.values[found[i]];
    const path = value.path;
    let node = root;
    for (let depth = 0; depth < path.length; depth++) {
      const action = actionOf(node, path[depth]);
      if (depth == path.length - 1) {
        const isId = found[i] + 1 == layout.id;
        const leaf = new FieldLeaf(found[i], value.type, isId);
        leaf.next = action.leaf;
        action.leaf = leaf;
      } else {
        let inner = action.inner;
        if (inner == null) {
          inner = new FieldNode(FIELD_SLOTS);
          action.inner = inner;
        }
        node = inner;
      }
    }
  }
  return root;
}

function actionOf(node: FieldNode, field: u32): FieldAction {
  const slot = field & (FIELD_SLOTS - 1);
  let action = node.slots[slot];
  while (action != null) {
    if (action.field == field) return action;
    action = action.next;
  }
  const made = new FieldAction(field);
  made.next = node.slots[slot];
  node.slots[slot] = made;
  return made;
}
