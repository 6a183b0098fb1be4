// What a module imports and exports, read from its text.

import type { Signature } from "./signatures.js";
import { disassemble } from "./wabt-tools.js";

export interface ImportEntry {
  readonly module: string;
  readonly name: string;
  /** func, memory, table, global or tag. */
  readonly kind: string;
  /** Only of a func. */
  readonly signature: Signature | undefined;
}

export interface ExportEntry {
  readonly name: string;
  readonly kind: string;
  readonly signature: Signature | undefined;
}

export interface ModuleShape {
  readonly imports: readonly ImportEntry[];
  readonly exports: readonly ExportEntry[];
  /** True when the module runs code while it is instantiated. */
  readonly hasStartSection: boolean;
}

const TYPE = /^ {2}\(type \(;(\d+);\) \(func(.*)\)\)$/;
const IMPORT = /^ {2}\(import "(.*?)" "(.*?)" \((\w+)(?: \(;\d+;\))?(?: \(type (\d+)\))?/;
const FUNCTION = /^ {2}\(func \(;(\d+);\) \(type (\d+)\)/;
const EXPORT = /^ {2}\(export "(.*?)" \((\w+) (\d+)\)\)/;
const START = /^ {2}\(start \d+\)/;

const LETTERS: Readonly<Record<string, string>> = {
  i32: "i",
  i64: "I",
  f32: "f",
  f64: "F",
  v128: "v",
};

/** @throws Error when the bytes are no valid module. */
export function readShape(bytes: Uint8Array): ModuleShape {
  const lines = disassemble(bytes).split("\n");
  const types = new Map<string, Signature>();
  for (const [, index = "", shape = ""] of matches(lines, TYPE)) {
    types.set(index, parseSignature(shape));
  }
  const imports: ImportEntry[] = [];
  for (const [, module = "", name = "", kind = "", type = ""] of matches(lines, IMPORT)) {
    imports.push({ module, name, kind, signature: kind === "func" ? types.get(type) : undefined });
  }
  // The index space of functions begins with the imported ones.
  const functions = imports.filter(({ kind }) => kind === "func").map(({ signature }) => signature);
  for (const [, index, type = ""] of matches(lines, FUNCTION)) {
    functions[Number(index)] = types.get(type);
  }
  const exports = readExports(lines, functions);
  return { imports, exports, hasStartSection: lines.some((line) => START.test(line)) };
}

function readExports(
  lines: readonly string[],
  functions: readonly (Signature | undefined)[],
): ExportEntry[] {
  return matches(lines, EXPORT).map(([, name = "", kind = "", index]) => {
    const signature = kind === "func" ? functions[Number(index)] : undefined;
    return { name, kind, signature };
  });
}

function matches(lines: readonly string[], pattern: RegExp): RegExpExecArray[] {
  return lines.map((line) => pattern.exec(line)).filter((match) => match !== null);
}

/** " (param i32 i64) (result i32)" as "iI:i". */
function parseSignature(text: string): Signature {
  const letters = (keyword: string) => {
    const list = new RegExp(`\\(${keyword} ([^)]*)\\)`).exec(text)?.[1] ?? "";
    return list
      .split(" ")
      .filter((name) => name !== "")
      .map((name) => LETTERS[name] ?? "r")
      .join("");
  };
  return `${letters("param")}:${letters("result")}`;
}
