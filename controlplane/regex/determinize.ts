// Subset construction: from the instructions of a pattern to a deterministic automaton over bytes.
import { type Automaton, DEAD, TooComplex } from "./automaton.js";
import { byteClasses, isWordByte } from "./byte-classes.js";
import { Condition, type Program } from "./program.js";
import { CODE_POINT_END, Utf8Automaton } from "./utf8.js";

const NEWLINE = 10;

/** What the byte before a state was, as far as assertions ask for it. */
const Before = { Nothing: 0, Other: 1, Word: 2, Newline: 3 } as const;

export interface DeterminizeLimits {
  readonly maxStates: number;
  /** Instructions looked at, a measure of time that does not depend on the machine. */
  readonly maxSteps: number;
}

/**
 * A state of the result is a set of places in the program: instructions that consume or assert, the match, and places
 * within the bytes of a code point. Assertions are decided when the next byte is known, as RE2's own DFA does.
 */
interface State {
  /** Place = instruction * `stride` + state within its code point; ascending. */
  readonly places: readonly number[];
  /** Always `Nothing` if no place asserts. */
  readonly before: number;
}

/** Throws `TooComplex` beyond the limits. */
export function determinize(program: Program, limits: DeterminizeLimits): Automaton {
  return new Determinizer(program, limits).run();
}

class Determinizer {
  private readonly utf8 = new Utf8Automaton();
  /** Of instructions that consume: the state before the first byte of a code point. */
  private readonly firstByte: readonly number[];
  private readonly stride: number;
  private readonly states: State[] = [{ places: [], before: Before.Nothing }];
  private readonly byKey = new Map<string, number>([[keyOf([], Before.Nothing), DEAD]]);
  private steps = 0;

  constructor(
    private readonly program: Program,
    private readonly limits: DeterminizeLimits,
  ) {
    this.firstByte = program.instructions.map((instruction) =>
      instruction.kind === "consume" ? this.utf8.add(instruction.ranges) : CODE_POINT_END,
    );
    this.stride = this.utf8.size;
  }

  run(): Automaton {
    const classOfByte = byteClasses(this.program, this.utf8);
    const classCount = (classOfByte[255] ?? 0) + 1;
    const representatives = Array.from({ length: classCount }, (_, index) =>
      classOfByte.indexOf(index),
    );
    const initial = new Set<number>();
    this.close(this.program.start, initial, undefined);
    const start = this.intern(initial, Before.Nothing);
    const next: number[] = [];
    const accepting: number[] = [];
    for (let index = 0; index < this.states.length; index++) {
      const state = this.states[index];
      if (state === undefined) break;
      accepting.push(this.isAccepting(state) ? 1 : 0);
      for (const byte of representatives) next.push(this.step(state, byte));
    }
    return {
      stateCount: this.states.length,
      classCount,
      start,
      classOfByte,
      accepting: Uint8Array.from(accepting),
      next: Int32Array.from(next),
    };
  }

  private step(state: State, byte: number): number {
    const target = new Set<number>();
    for (const place of this.decided(state, conditionsBefore(state.before, byte))) {
      this.countStep();
      const pc = Math.floor(place / this.stride);
      const instruction = this.program.instructions[pc];
      if (instruction?.kind !== "consume") continue;
      const within = place % this.stride || (this.firstByte[pc] ?? CODE_POINT_END);
      const transition = this.utf8
        .transitions(within)
        .find(({ first, last }) => first <= byte && byte <= last);
      if (transition === undefined) continue;
      if (transition.next === CODE_POINT_END) this.close(instruction.next, target, undefined);
      else target.add(pc * this.stride + transition.next);
    }
    return this.intern(target, beforeNext(byte));
  }

  private isAccepting(state: State): boolean {
    const places = this.decided(state, conditionsAtEnd(state.before));
    for (const place of places)
      if (this.program.instructions[place / this.stride]?.kind === "match") return true;
    return false;
  }

  /** The places of a state once it is known which conditions hold. */
  private decided(state: State, conditions: number): Iterable<number> {
    if (!state.places.some((place) => this.isAssertion(place))) return state.places;
    const places = new Set<number>();
    for (const place of state.places)
      if (place % this.stride === 0) this.close(place / this.stride, places, conditions);
      else places.add(place);
    return places;
  }

  /**
   * Adds the places that are reached from an instruction without consuming anything.
   * @param conditions those that hold; undefined: not known yet, and assertions are places themselves.
   */
  private close(pc: number, places: Set<number>, conditions: number | undefined): void {
    const pending = [pc];
    const seen = new Set<number>();
    for (let current = pending.pop(); current !== undefined; current = pending.pop()) {
      if (seen.has(current)) continue;
      seen.add(current);
      this.countStep();
      const instruction = this.program.instructions[current];
      switch (instruction?.kind) {
        case "jump":
          pending.push(instruction.next);
          break;
        case "fork":
          pending.push(instruction.other, instruction.next);
          break;
        case "assert":
          if (conditions === undefined) places.add(current * this.stride);
          else if ((instruction.conditions & ~conditions) === 0) pending.push(instruction.next);
          break;
        case "consume":
        case "match":
          places.add(current * this.stride);
          break;
        case "fail":
        case undefined:
          break;
      }
    }
  }

  private intern(set: ReadonlySet<number>, before: number): number {
    const places = Array.from(set).sort((a, b) => a - b);
    const relevant = places.some((place) => this.isAssertion(place)) ? before : Before.Other;
    const key = keyOf(places, places.length === 0 ? Before.Nothing : relevant);
    let state = this.byKey.get(key);
    if (state === undefined) {
      if (this.states.length >= this.limits.maxStates) throw new TooComplex();
      state = this.states.push({ places, before: relevant }) - 1;
      this.byKey.set(key, state);
    }
    return state;
  }

  private isAssertion(place: number): boolean {
    return (
      place % this.stride === 0 && this.program.instructions[place / this.stride]?.kind === "assert"
    );
  }

  private countStep(): void {
    if (++this.steps > this.limits.maxSteps) throw new TooComplex();
  }
}

function keyOf(places: readonly number[], before: number): string {
  return `${before}:${places.join()}`;
}

function beforeNext(byte: number): number {
  if (byte === NEWLINE) return Before.Newline;
  return isWordByte(byte) ? Before.Word : Before.Other;
}

function conditionsBefore(before: number, byte: number): number {
  return (
    conditionsAfter(before) |
    (byte === NEWLINE ? Condition.EndLine : 0) |
    boundary((before === Before.Word) !== isWordByte(byte))
  );
}

function conditionsAtEnd(before: number): number {
  return (
    conditionsAfter(before) |
    Condition.EndLine |
    Condition.EndText |
    boundary(before === Before.Word)
  );
}

function conditionsAfter(before: number): number {
  if (before === Before.Nothing) return Condition.BeginText | Condition.BeginLine;
  return before === Before.Newline ? Condition.BeginLine : 0;
}

function boundary(isBoundary: boolean): number {
  return isBoundary ? Condition.WordBoundary : Condition.NoWordBoundary;
}
