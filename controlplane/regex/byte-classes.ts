import { Condition, type Program } from "./program.js";
import type { Utf8Automaton } from "./utf8.js";

const NEWLINE = 10;
/** `\w` of RE2: ASCII only. First and last bytes. */
const WORD_RANGES = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
] as const;

export function isWordByte(byte: number): boolean {
  return WORD_RANGES.some(([first, last]) => byte >= first && byte <= last);
}

/** Bytes that no part of a pattern tells apart have the same class. */
export function byteClasses(program: Program, utf8: Utf8Automaton): Uint8Array<ArrayBuffer> {
  const isFirst = new Uint8Array(257);
  const separate = (first: number, last: number): void => {
    isFirst[first] = 1;
    isFirst[last + 1] = 1;
  };
  for (let state = 0; state < utf8.size; state++)
    for (const { first, last } of utf8.transitions(state)) separate(first, last);
  let conditions = 0;
  for (const instruction of program.instructions)
    if (instruction.kind === "assert") conditions |= instruction.conditions;
  if ((conditions & (Condition.WordBoundary | Condition.NoWordBoundary)) !== 0)
    for (const [first, last] of WORD_RANGES) separate(first, last);
  if ((conditions & (Condition.BeginLine | Condition.EndLine)) !== 0) separate(NEWLINE, NEWLINE);
  const classes = new Uint8Array(256);
  let current = 0;
  for (let byte = 1; byte < 256; byte++) {
    if (isFirst[byte] === 1) current++;
    classes[byte] = current;
  }
  return classes;
}
