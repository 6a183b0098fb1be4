// The instructions that RE2 makes of a pattern, read from re2js, which is RE2's parser and compiler in JavaScript: so
// a pattern is accepted, refused and understood here exactly as by Envoy.
import { RE2JS } from "re2js";

/** Ranges of code points, ascending and disjoint: first, last, first, last, ... */
export type CodePointRanges = readonly number[];

export type Instruction =
  | { readonly kind: "fail" | "match" }
  | { readonly kind: "jump"; readonly next: number }
  | { readonly kind: "fork"; readonly next: number; readonly other: number }
  /** Goes on where all of `conditions` hold. */
  | { readonly kind: "assert"; readonly next: number; readonly conditions: number }
  | { readonly kind: "consume"; readonly next: number; readonly ranges: CodePointRanges };

export interface Program {
  readonly instructions: readonly Instruction[];
  readonly start: number;
}

/** Conditions of an assertion; the numbers are RE2's. */
export const Condition = {
  BeginLine: 1,
  EndLine: 2,
  BeginText: 4,
  EndText: 8,
  WordBoundary: 16,
  NoWordBoundary: 32,
} as const;

/** Numbers of re2js 2.10; the tests of this folder fail if they change. */
const Op = {
  Alt: 1,
  AltMatch: 2,
  Capture: 3,
  EmptyWidth: 4,
  Fail: 5,
  Match: 6,
  Nop: 7,
  Rune: 8,
  Rune1: 9,
  RuneAny: 10,
  RuneAnyNotNewline: 11,
} as const;
const FOLD_CASE = 1;
const MAX_CODE_POINT = 0x10ffff;

/** Throws what re2js throws for a pattern that RE2 refuses. */
export function compileProgram(pattern: string): Program {
  const { prog } = RE2JS.compile(pattern).re2() as { readonly prog: unknown };
  if (!isRecord(prog) || !Array.isArray(prog["inst"])) throw unexpected("program");
  return {
    instructions: prog["inst"].map(readInstruction),
    start: readNumber(prog["start"]),
  };
}

function readInstruction(instruction: unknown): Instruction {
  if (!isRecord(instruction)) throw unexpected("instruction");
  const op = readNumber(instruction["op"]);
  const next = readNumber(instruction["out"]);
  const argument = readNumber(instruction["arg"]);
  switch (op) {
    case Op.Alt:
    case Op.AltMatch:
      return { kind: "fork", next, other: argument };
    case Op.Capture:
    case Op.Nop:
      return { kind: "jump", next };
    case Op.EmptyWidth:
      return { kind: "assert", next, conditions: argument };
    case Op.Fail:
      return { kind: "fail" };
    case Op.Match:
      return { kind: "match" };
    case Op.Rune:
    case Op.Rune1:
      return { kind: "consume", next, ranges: readRunes(instruction["runes"], argument) };
    case Op.RuneAny:
      return { kind: "consume", next, ranges: [0, MAX_CODE_POINT] };
    case Op.RuneAnyNotNewline:
      return { kind: "consume", next, ranges: [0, 9, 11, MAX_CODE_POINT] };
    default:
      throw unexpected(`instruction ${op}`);
  }
}

/** One code point, whose case may not matter, or ranges of them. */
function readRunes(value: unknown, flags: number): CodePointRanges {
  if (!(value instanceof Int32Array) && !Array.isArray(value)) throw unexpected("runes");
  const runes = Array.from(value as ArrayLike<unknown>, readNumber);
  const [only] = runes;
  if (runes.length !== 1 || only === undefined) return runes;
  return (flags & FOLD_CASE) === 0 ? [only, only] : caseVariants(only);
}

const variants = new Map<number, CodePointRanges>();

/** A code point and all that differ from it only by case, by RE2's own tables. */
function caseVariants(codePoint: number): CodePointRanges {
  let ranges = variants.get(codePoint);
  if (ranges === undefined) {
    // NUL keeps the class from being turned back into one code point and a flag.
    const { instructions } = compileProgram(`(?i)[\\x{0}\\x{${codePoint.toString(16)}}]`);
    const set = instructions.find((instruction) => instruction.kind === "consume");
    if (set?.kind !== "consume") throw unexpected("class");
    ranges = withoutNul(set.ranges);
    variants.set(codePoint, ranges);
  }
  return ranges;
}

function withoutNul(ranges: CodePointRanges): CodePointRanges {
  const [, last = 0, ...rest] = ranges;
  return last === 0 ? rest : [1, last, ...rest];
}

function readNumber(value: unknown): number {
  if (typeof value !== "number") throw unexpected("number");
  return value;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function unexpected(what: string): Error {
  return new Error(`re2js: unexpected ${what}`);
}
