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
  const types = new Map<string, Signature>();
  const functions: (Signature | undefined)[] = [];
  const imports: ImportEntry[] = [];
  const exported: { name: string; kind: string; index: number }[] = [];
  let hasStartSection = false;
  for (const line of disassemble(bytes).split("\n")) {
    const [, type, shape = ""] = TYPE.exec(line) ?? [];
    if (type !== undefined) types.set(type, parseSignature(shape));
    const [, module, importName, importKind, importType = ""] = IMPORT.exec(line) ?? [];
    if (module !== undefined && importName !== undefined && importKind !== undefined) {
      const signature = importKind === "func" ? types.get(importType) : undefined;
      if (importKind === "func") functions.push(signature);
      imports.push({ module, name: importName, kind: importKind, signature });
    }
    const [, index, functionType = ""] = FUNCTION.exec(line) ?? [];
    if (index !== undefined) functions[Number(index)] = types.get(functionType);
    const [, name, kind, target] = EXPORT.exec(line) ?? [];
    if (name !== undefined && kind !== undefined) {
      exported.push({ name, kind, index: Number(target) });
    }
    if (START.test(line)) hasStartSection = true;
  }
  const exports = exported.map(({ name, kind, index }) => ({
    name,
    kind,
    signature: kind === "func" ? functions[index] : undefined,
  }));
  return { imports, exports, hasStartSection };
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
