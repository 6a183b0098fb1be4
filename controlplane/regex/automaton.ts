/** A deterministic automaton over byte classes in which every state has a transition for every class. */
export interface Automaton {
  readonly stateCount: number;
  readonly classCount: number;
  readonly start: number;
  /** Class of each of the 256 bytes. */
  readonly classOfByte: Uint8Array<ArrayBuffer>;
  /** 1: a value that ends here matches. */
  readonly accepting: Uint8Array<ArrayBuffer>;
  /** `next[state * classCount + class]`. */
  readonly next: Int32Array<ArrayBuffer>;
}

/** State from which nothing matches any more. */
export const DEAD = 0;

/** The automaton would be larger, or take longer to make, than is allowed. */
export class TooComplex extends Error {}
