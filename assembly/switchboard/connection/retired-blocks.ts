// Blocks that output queues may still refer to: freed when everything of this VM call is flushed.
// Allocates: on growth.
import { PointerVector } from "../../containers/pointer-vector";
import { freeBudgeted } from "./memory-budget";

const blocks = new PointerVector();
const sizes = new PointerVector();

export function retireBlock(block: usize, bytes: u32): void {
  blocks.push(block);
  sizes.push(bytes);
}

export function freeRetiredBlocks(): void {
  while (blocks.length > 0) freeBudgeted(blocks.pop(), <u32>sizes.pop());
}
