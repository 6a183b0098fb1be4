// AssemblyScript: the containers as flat wasm exports.

import { PointerVector } from "../../assembly/containers/pointer-vector";
import { Random } from "../../assembly/containers/random";
import { Slab } from "../../assembly/containers/slab";
import { TimerNode, TimerWheel } from "../../assembly/containers/timer-wheel";
import { usedHeapBytes } from "./heap-usage";

export { usedHeapBytes };

// ---- PointerVector

let vector = new PointerVector();

export function vectorLength(): u32 {
  return vector.length;
}

export function vectorAt(index: u32): usize {
  return vector.at(index);
}

export function vectorPush(pointer: usize): void {
  vector.push(pointer);
}

export function vectorPop(): usize {
  return vector.pop();
}

export function vectorRemove(pointer: usize): bool {
  return vector.remove(pointer);
}

export function vectorRemoveAt(index: u32): void {
  vector.removeAt(index);
}

export function vectorFree(): void {
  vector.free();
}

// ---- Slab

let slab = new Slab(16, 512);

export function slabReset(recordBytes: u32, maxRecords: u32): void {
  slab = new Slab(recordBytes, maxRecords);
}

export function slabAcquire(): usize {
  return slab.acquire();
}

export function slabRelease(record: usize): void {
  slab.release(record);
}

export function slabIndexOf(record: usize): u32 {
  return slab.indexOf(record);
}

export function slabAt(index: u32): usize {
  return slab.at(index);
}

export function slabHas(index: u32): bool {
  return slab.has(index);
}

export function slabUsed(): u32 {
  return slab.used;
}

// ---- TimerWheel

@unmanaged
class NamedNode extends TimerNode {
  name: u32;
  /** Another node that this one's timer cancels, or 0. */
  victim: usize;
  /** Ticks after which its timer sets it again, or 0. */
  again: u32;
}

class RecordingWheel extends TimerWheel {
  readonly fired: Array<u32> = new Array<u32>();

  override onTimer(node: TimerNode): void {
    const named = changetype<NamedNode>(node);
    this.fired.push(named.name);
    if (named.victim != 0) this.cancel(changetype<TimerNode>(named.victim));
    if (named.again != 0) this.set(node, named.again);
  }
}

let wheel = new RecordingWheel();

export function wheelReset(): void {
  wheel = new RecordingWheel();
}

export function newNode(name: u32, victim: usize, again: u32): usize {
  const node = changetype<NamedNode>(heap.alloc(offsetof<NamedNode>()));
  memory.fill(changetype<usize>(node), 0, offsetof<NamedNode>());
  node.name = name;
  node.victim = victim;
  node.again = again;
  return changetype<usize>(node);
}

export function wheelSet(node: usize, ticks: u32): void {
  wheel.set(changetype<TimerNode>(node), ticks);
}

export function wheelCancel(node: usize): void {
  wheel.cancel(changetype<TimerNode>(node));
}

export function wheelIsSet(node: usize): bool {
  return wheel.isSet(changetype<TimerNode>(node));
}

export function wheelAdvanceTo(tick: u64): void {
  wheel.fired.length = 0;
  wheel.advanceTo(tick);
}

export function wheelActive(): u32 {
  return wheel.active;
}

export function firedCount(): u32 {
  return wheel.fired.length;
}

export function firedName(index: u32): u32 {
  return wheel.fired[index];
}

// ---- Random

const random = new Random();

export function randomSeed(seed: u64): void {
  random.seed(seed);
}

export function randomBelow(bound: u32): u32 {
  return random.below(bound);
}

export function randomNext(): u32 {
  return random.nextU32();
}
