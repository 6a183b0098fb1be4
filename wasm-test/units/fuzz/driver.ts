// AssemblyScript: runs a target on many inputs in one call. An input is a function of the seed, its
// number and the corpus, so that any of them can be made again. A unit binds a target and re-exports
// what is here.

import { allocatedHeapBytes, usedHeapBytes } from "../heap-usage";
import { fuelLeft, setFuel } from "./fuel";
import { makeInput, MAX_INPUT_BYTES, resize, takeInput, work, workLen } from "./mutator";
import { below, seedRandom } from "./random";
import { checkMemory, openRoom, placeAtEnd, placeElsewhere } from "./room";
import { Target } from "./target";

export { addEntry, addToken, endSeeds, reserve } from "./corpus";
export { workLen as inputLen } from "./mutator";

const UNLIMITED: i32 = i32.MAX_VALUE;
/** One input of so many is run in another place too. */
const PLACES: u32 = 8;
/** Branches that the coverage copy can have. */
const MAP_BYTES: u32 = 16384;

let target: Target = changetype<Target>(0);
const coverage = memory.data(16384, 16);
const known = memory.data(16384, 16);
const verdicts = memory.data(16);
let isOpen: bool = false;
let heapBefore: u32 = 0;
/** The number of the input that is being run. */
let current: u32 = 0;
let worstSteps: u32 = 0;
let worstBytes: u32 = 1;

let stepsPerStep: u32 = 1;

/** How many steps the module takes for one of the optimised one, whose bounds the target has. */
export function setStepsPerStep(steps: u32): void {
  stepsPerStep = steps;
}

export function bindTarget(chosen: Target): void {
  target = chosen;
}

export function maxInputBytes(): u32 {
  return MAX_INPUT_BYTES;
}

export function inputPtr(): usize {
  return work;
}

export function currentInput(): u32 {
  return current;
}

/** How many inputs had the verdict. */
export function verdictCount(verdict: u32): u32 {
  return load<u32>(verdicts + ((<usize>verdict) << 2));
}

export function lastVerdict(): u32 {
  return target.verdict;
}

/** The most steps that an input took beyond the fixed ones, per 1000 bytes of its length. */
export function worstStepsPerKilobyte(): u32 {
  return <u32>((<u64>worstSteps * 1000) / worstBytes);
}

export function coverageMap(): usize {
  return coverage;
}

/** To be called when there is a corpus, and each time that it has grown. */
export function open(): void {
  setFuel(UNLIMITED);
  if (!isOpen) {
    target.open();
    openRoom(target.heapBytes);
    // What start-up runs is reached, by no input.
    takeNews();
  }
  isOpen = true;
  // The first input may fill what is kept for ever after.
  heapBefore = 0;
}

/** Makes input `index` of `seed` without running it. */
export function make(seed: u32, index: u32): void {
  setFuel(UNLIMITED);
  seedRandom(seed, index);
  makeInput();
  if (below(8) != 0) resize(target.repair(work, workLen));
}

/** Takes an input instead of making one. */
export function take(ptr: usize, len: u32): void {
  takeInput(ptr, len);
}

/** Runs the input that was made or taken last. */
export function runInput(): u32 {
  const len = workLen;
  const place = placeAtEnd(work, len);
  const allowed = (target.fixedSteps + len * target.stepsPerByte) * stepsPerStep;
  setFuel(<i32>allowed);
  const digest = target.run(place, len);
  countSteps(allowed - <u32>fuelLeft(), len);
  setFuel(UNLIMITED);
  const verdict = target.verdict & 3;
  store<u32>(verdicts + ((<usize>verdict) << 2), verdictCount(verdict) + 1);
  checkMemory();
  return digest;
}

function countSteps(steps: u32, len: u32): void {
  if (steps <= target.fixedSteps || len == 0) return;
  const beyond = steps - target.fixedSteps;
  if (<u64>beyond * worstBytes <= <u64>worstSteps * len) return;
  worstSteps = beyond;
  worstBytes = len;
}

/** What is before and behind an input does not matter, nor does where it is, nor what was before it. */
export function compareElsewhere(digest: u32): void {
  const noise = <u8>(digest >> 24);
  if (target.run(placeElsewhere(work, workLen, noise), workLen) != digest) {
    abort("what came out depends on bytes outside of the input, or on an earlier one");
  }
}

/** Fails when the heap is not what it was: something was allocated for ever. */
export function checkHeap(): void {
  setFuel(UNLIMITED);
  usedHeapBytes();
  const used = allocatedHeapBytes();
  if (heapBefore == 0) heapBefore = used;
  else if (used > heapBefore + target.heapSlack) abort("memory is not given back");
}

/** Runs `count` inputs from number `first` on. */
export function run(seed: u32, first: u32, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    current = first + i;
    make(seed, current);
    const digest = runInput();
    if (digest % PLACES == 0) compareElsewhere(digest);
    if (i % target.inputsPerHeapCheck == 0) checkHeap();
  }
  checkHeap();
}

/**
 * Runs inputs from number `first` on until one reaches a branch that none did before; returns how many
 * were run. For the copy that counts branches.
 */
export function runUntilNew(seed: u32, first: u32, count: u32): u32 {
  for (let i: u32 = 0; i < count; i++) {
    current = first + i;
    make(seed, current);
    memory.fill(coverage, 0, MAP_BYTES);
    runInput();
    if (takeNews()) return i + 1;
    if (i % target.inputsPerHeapCheck == 0) checkHeap();
  }
  return count;
}

/** Runs the input that was taken; true when it reaches a branch that none did before. */
export function runForNews(): bool {
  memory.fill(coverage, 0, MAP_BYTES);
  runInput();
  return takeNews();
}

function takeNews(): bool {
  let news = false;
  for (let i: usize = 0; i < MAP_BYTES; i += 8) {
    const reached = load<u64>(coverage + i);
    const before = load<u64>(known + i);
    if ((reached & ~before) == 0) continue;
    store<u64>(known + i, before | reached);
    news = true;
  }
  return news;
}

/** Address of a byte for each branch: whether it was ever reached. */
export function knownBranches(): usize {
  return known;
}
