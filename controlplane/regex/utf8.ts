// Sets of code points as automata over the bytes of their UTF-8 encodings.
import type { CodePointRanges } from "./program.js";

/** Of one state: what the next byte may be, ascending and disjoint, and the state after it. */
export type ByteTransitions = readonly {
  readonly first: number;
  readonly last: number;
  readonly next: number;
}[];

/** The state after the last byte of a code point. */
export const CODE_POINT_END = 0;

const CONTINUATION_BITS = 6;
/** By length of the encoding (RFC 3629 section 3): first and last code point, first and last first byte. */
const ENCODINGS = [
  { length: 1, first: 0, last: 0x7f, lead: 0x00, lastLead: 0x7f },
  { length: 2, first: 0x80, last: 0x7ff, lead: 0xc0, lastLead: 0xdf },
  { length: 3, first: 0x800, last: 0xffff, lead: 0xe0, lastLead: 0xef },
  { length: 4, first: 0x10000, last: 0x10ffff, lead: 0xf0, lastLead: 0xf4 },
] as const;

const FIRST_MULTIBYTE = 0x80;
const MAX_CODE_POINT = 0x10ffff;

/**
 * States for any number of sets; equal states are made once. As in RE2's own compiler,
 *
 * - surrogates (U+D800 to U+DFFF) are encoded as if they were characters: some protocols, such as Hessian, put them on
 *   the wire that way;
 * - a set of all code points from U+0080 on, as in `.` and `[^a]`, also takes encodings of three and four bytes that are
 *   longer than needed or beyond U+10FFFF, which halves the states of such sets.
 */
export class Utf8Automaton {
  private readonly states: ByteTransitions[] = [[]];
  private readonly byKey = new Map<string, number>();

  transitions(state: number): ByteTransitions {
    return this.states[state] ?? [];
  }

  get size(): number {
    return this.states.length;
  }

  /** The state that accepts exactly the encodings of `ranges`. */
  add(ranges: CodePointRanges): number {
    const transitions: { first: number; last: number; next: number }[] = [];
    const hasAllMultibyte =
      (ranges.at(-2) ?? Infinity) <= FIRST_MULTIBYTE && ranges.at(-1) === MAX_CODE_POINT;
    for (const { length, first, last, lead, lastLead } of ENCODINGS) {
      const bits = (length - 1) * CONTINUATION_BITS;
      if (hasAllMultibyte && length > 2)
        transitions.push({
          first: lead,
          last: lastLead,
          next: this.suffix([0, 2 ** bits - 1], bits),
        });
      else transitions.push(...this.split(clip(ranges, first, last), bits, lead));
    }
    return this.intern(transitions);
  }

  /** Transitions on the bits above the lowest `bits` of values in `ranges`, offset by `lead`. */
  private split(
    ranges: CodePointRanges,
    bits: number,
    lead: number,
  ): { first: number; last: number; next: number }[] {
    const size = 2 ** bits;
    const partial = new Map<number, number[]>();
    const transitions: { first: number; last: number; next: number }[] = [];
    const addPartial = (top: number, low: number, high: number): void => {
      const list = partial.get(top) ?? [];
      list.push(low, high);
      partial.set(top, list);
    };
    for (let index = 0; index < ranges.length; index += 2) {
      const low = ranges[index] ?? 0;
      const high = ranges[index + 1] ?? 0;
      let firstFull = Math.floor(low / size);
      let lastFull = Math.floor(high / size);
      if (firstFull === lastFull) {
        addPartial(firstFull, low % size, high % size);
        continue;
      }
      if (low % size !== 0) addPartial(firstFull++, low % size, size - 1);
      if (high % size !== size - 1) addPartial(lastFull--, 0, high % size);
      if (firstFull <= lastFull)
        transitions.push({
          first: lead + firstFull,
          last: lead + lastFull,
          next: this.suffix([0, size - 1], bits),
        });
    }
    for (const [top, list] of partial)
      transitions.push({ first: lead + top, last: lead + top, next: this.suffix(list, bits) });
    return transitions.sort((a, b) => a.first - b.first);
  }

  private suffix(ranges: CodePointRanges, bits: number): number {
    if (bits === 0) return CODE_POINT_END;
    return this.intern(this.split(ranges, bits - CONTINUATION_BITS, 0x80));
  }

  private intern(transitions: readonly { first: number; last: number; next: number }[]): number {
    const merged: { first: number; last: number; next: number }[] = [];
    for (const transition of transitions) {
      const before = merged.at(-1);
      if (before?.next === transition.next && before.last + 1 === transition.first)
        before.last = transition.last;
      else merged.push({ ...transition });
    }
    const key = merged.map(({ first, last, next }) => `${first}-${last}>${next}`).join();
    let state = this.byKey.get(key);
    if (state === undefined) {
      state = this.states.push(merged) - 1;
      this.byKey.set(key, state);
    }
    return state;
  }
}

function clip(ranges: CodePointRanges, min: number, max: number): CodePointRanges {
  const clipped: number[] = [];
  for (let index = 0; index < ranges.length; index += 2) {
    const first = Math.max(ranges[index] ?? 0, min);
    const last = Math.min(ranges[index + 1] ?? 0, max);
    if (first <= last) clipped.push(first, last);
  }
  return clipped;
}
