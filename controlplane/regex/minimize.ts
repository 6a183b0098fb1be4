// Hopcroft's algorithm: the smallest automaton that accepts the same values.
import { type Automaton, DEAD } from "./automaton.js";

/** The states of the result are numbered in the order in which they are reached from the start; `DEAD` is 0. */
export function minimize(automaton: Automaton): Automaton {
  const blockOfState = refine(automaton);
  const dead = blockOfState[DEAD] ?? 0;
  const numbers = new Map<number, number>([[dead, DEAD]]);
  /** One state of each block, by the block's number. */
  const members = [DEAD];
  const numberOf = (state: number): number => {
    const block = blockOfState[state] ?? dead;
    let number = numbers.get(block);
    if (number === undefined) {
      number = members.push(state) - 1;
      numbers.set(block, number);
    }
    return number;
  };
  const start = numberOf(automaton.start);
  const next: number[] = [];
  for (let number = 0; number < members.length; number++) {
    const row = (members[number] ?? DEAD) * automaton.classCount;
    for (let byteClass = 0; byteClass < automaton.classCount; byteClass++)
      next.push(numberOf(automaton.next[row + byteClass] ?? DEAD));
  }
  return mergeClasses({
    ...automaton,
    stateCount: members.length,
    start,
    accepting: Uint8Array.from(members, (state) => automaton.accepting[state] ?? 0),
    next: Int32Array.from(next),
  });
}

/** @returns for each state a number that is equal for states which accept the same rests of values. */
function refine(automaton: Automaton): Int32Array {
  const { stateCount, classCount, accepting } = automaton;
  const partition = new Partition(stateCount);
  const sources = predecessors(automaton);
  for (let state = 0; state < stateCount; state++)
    if (accepting[state] === 1) partition.mark(state);
  partition.splitMarked(() => undefined);
  const pending: number[] = [];
  const isPending = new Uint8Array(stateCount);
  const enqueue = (block: number): void => {
    if (isPending[block] === 1) return;
    isPending[block] = 1;
    pending.push(block);
  };
  for (let block = 0; block < partition.blockCount; block++) enqueue(block);
  for (let splitter = pending.pop(); splitter !== undefined; splitter = pending.pop()) {
    isPending[splitter] = 0;
    const states = partition.statesOf(splitter);
    for (let byteClass = 0; byteClass < classCount; byteClass++) {
      for (const state of states)
        for (const source of sources(state, byteClass)) partition.mark(source);
      partition.splitMarked((block, created) => {
        if (isPending[block] === 1) enqueue(created);
        else enqueue(partition.sizeOf(created) < partition.sizeOf(block) ? created : block);
      });
    }
  }
  return partition.blockOfState;
}

/** Which states lead to a state on a class, as one flat list per class sorted by target. */
function predecessors(automaton: Automaton): (state: number, byteClass: number) => Int32Array {
  const { stateCount, classCount, next } = automaton;
  const offsets = new Int32Array(stateCount * classCount + 1);
  const slot = (target: number, byteClass: number): number => target * classCount + byteClass;
  for (let index = 0; index < next.length; index++) {
    const at = slot(next[index] ?? DEAD, index % classCount) + 1;
    offsets[at] = (offsets[at] ?? 0) + 1;
  }
  for (let index = 1; index < offsets.length; index++)
    offsets[index] = (offsets[index] ?? 0) + (offsets[index - 1] ?? 0);
  const sources = new Int32Array(next.length);
  const fill = offsets.slice();
  for (let index = 0; index < next.length; index++) {
    const at = slot(next[index] ?? DEAD, index % classCount);
    sources[fill[at] ?? 0] = Math.floor(index / classCount);
    fill[at] = (fill[at] ?? 0) + 1;
  }
  return (state, byteClass) => {
    const at = slot(state, byteClass);
    return sources.subarray(offsets[at], offsets[at + 1]);
  };
}

/** Blocks of states; each is a stretch of `order`, the marked ones of it in front. */
class Partition {
  readonly blockOfState: Int32Array;
  private readonly order: Int32Array;
  private readonly position: Int32Array;
  private readonly begin: number[] = [0];
  private readonly end: number[];
  private readonly markedCount: number[] = [0];
  private readonly touched: number[] = [];

  constructor(stateCount: number) {
    this.blockOfState = new Int32Array(stateCount);
    this.order = Int32Array.from({ length: stateCount }, (_, index) => index);
    this.position = this.order.slice();
    this.end = [stateCount];
  }

  get blockCount(): number {
    return this.begin.length;
  }

  sizeOf(block: number): number {
    return (this.end[block] ?? 0) - (this.begin[block] ?? 0);
  }

  /** A copy: splits move states. */
  statesOf(block: number): Int32Array {
    return this.order.slice(this.begin[block], this.end[block]);
  }

  mark(state: number): void {
    const block = this.blockOfState[state] ?? 0;
    const marked = this.markedCount[block] ?? 0;
    const border = (this.begin[block] ?? 0) + marked;
    const position = this.position[state] ?? 0;
    if (position < border) return;
    const other = this.order[border] ?? 0;
    this.order[position] = other;
    this.position[other] = position;
    this.order[border] = state;
    this.position[state] = border;
    if (marked === 0) this.touched.push(block);
    this.markedCount[block] = marked + 1;
  }

  /** Moves the marked states of each block into a block of their own, unless all of it are marked. */
  splitMarked(onSplit: (block: number, created: number) => void): void {
    for (const block of this.touched.splice(0)) {
      const marked = this.markedCount[block] ?? 0;
      this.markedCount[block] = 0;
      if (marked === this.sizeOf(block)) continue;
      const begin = this.begin[block] ?? 0;
      const created = this.begin.push(begin) - 1;
      this.end.push(begin + marked);
      this.markedCount.push(0);
      this.begin[block] = begin + marked;
      for (let index = begin; index < begin + marked; index++)
        this.blockOfState[this.order[index] ?? 0] = created;
      onSplit(block, created);
    }
  }
}

/** Classes that no state tells apart become one. */
function mergeClasses(automaton: Automaton): Automaton {
  const { stateCount, classCount, next } = automaton;
  const byColumn = new Map<string, number>();
  const merged: number[] = [];
  const columns: number[] = [];
  for (let byteClass = 0; byteClass < classCount; byteClass++) {
    const column: number[] = [];
    for (let state = 0; state < stateCount; state++)
      column.push(next[state * classCount + byteClass] ?? DEAD);
    const key = column.join();
    let number = byColumn.get(key);
    if (number === undefined) {
      number = columns.push(byteClass) - 1;
      byColumn.set(key, number);
    }
    merged.push(number);
  }
  const compact: number[] = [];
  for (let state = 0; state < stateCount; state++)
    for (const column of columns) compact.push(next[state * classCount + column] ?? DEAD);
  return {
    ...automaton,
    classCount: columns.length,
    classOfByte: automaton.classOfByte.map((byteClass) => merged[byteClass] ?? 0),
    next: Int32Array.from(compact),
  };
}
