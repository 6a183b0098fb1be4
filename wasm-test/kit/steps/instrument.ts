// Copies of a compiled module that count what they do. The code stays what the compiler made of it;
// between its instructions go
//   fuel       a global that each function and each turn of a loop takes one from: at 0 it traps
//   coverage   a byte of memory for each branch, set once it was taken
// A module may import `fuel.setFuel` and `fuel.fuelLeft`: calls of them become accesses of the global. Of others
// the global can be exported.
import { EMPTY_BLOCK, Op, WasmReader } from "./wasm-reader.js";

const Section = {
  Custom: 0,
  Type: 1,
  Import: 2,
  Function: 3,
  Global: 6,
  Export: 7,
  Code: 10,
} as const;
const I32 = 0x7f;
const EXPORTED_GLOBAL = 3;

/** A place where the code can go two ways, or where a function begins. */
export interface Branch {
  /** The function's name as the compiler's name section has it, or its number. */
  readonly function: string;
  readonly kind: "entry" | "then" | "else" | "loop" | "taken" | "passed";
}

export interface Instrumented {
  readonly bytes: Uint8Array;
  /** In the order of the map's bytes. */
  readonly branches: readonly Branch[];
}

export interface Instrumentation {
  /** Address of the map of branches, one byte for each; left out: branches are not counted. */
  readonly coverageMap?: number;
  /** Only functions whose name passes are counted. */
  readonly isCovered?: (name: string) => boolean;
  /** The global is exported under this name; left out: it is not. */
  readonly fuelExport?: string;
}

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
}

/** `value` is an address below 2^31, which signed LEB128 tells from a negative number by bit 6. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 64) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
}

interface RawSection {
  readonly id: number;
  readonly content: WasmReader;
}

function readSections(bytes: Uint8Array): RawSection[] {
  const reader = new WasmReader(bytes, 8);
  const sections: RawSection[] = [];
  while (reader.at < bytes.length) {
    const id = reader.byte();
    sections.push({ id, content: reader.part(reader.u32()) });
  }
  return sections;
}

interface Imports {
  readonly functions: readonly string[];
  readonly globals: number;
}

function readImports(section: WasmReader | undefined): Imports {
  const functions: string[] = [];
  let globals = 0;
  for (let left = section?.u32() ?? 0; section !== undefined && left > 0; left--) {
    const name = `${section.text()}.${section.text()}`;
    const kind = section.byte();
    if (kind === 0) {
      section.skipNumber();
      functions.push(name);
    } else if (kind === 3) {
      section.at += 2;
      globals++;
    } else {
      if (kind === 1) section.at++;
      const hasMost = (section.byte() & 1) !== 0;
      section.skipNumber();
      if (hasMost) section.skipNumber();
    }
  }
  return { functions, globals };
}

/** Names of functions by index, from the custom section "name". */
function readNames(sections: readonly RawSection[]): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const { id, content } of sections) {
    if (id !== Section.Custom || content.text() !== "name") continue;
    while (content.at < content.end) {
      const kind = content.byte();
      const part = content.part(content.u32());
      if (kind !== 1) continue;
      for (let left = part.u32(); left > 0; left--) names.set(part.u32(), part.text());
    }
  }
  return names;
}

interface OpenBlock {
  readonly op: number;
  readonly isEmpty: boolean;
  hasElse: boolean;
}

class Rewriter {
  readonly branches: Branch[] = [];
  private readonly setFuel: number;
  private readonly fuelLeft: number;

  constructor(
    private readonly imports: Imports,
    private readonly fuelGlobal: number,
    private readonly options: Instrumentation,
  ) {
    this.setFuel = imports.functions.indexOf("fuel.setFuel");
    this.fuelLeft = imports.functions.indexOf("fuel.fuelLeft");
  }

  private count(functionName: string, kind: Branch["kind"], out: number[]): void {
    const { coverageMap, isCovered } = this.options;
    if (coverageMap === undefined || isCovered?.(functionName) === false) return;
    const address = coverageMap + this.branches.length;
    this.branches.push({ function: functionName, kind });
    out.push(Op.I32Const, ...signed(address), Op.I32Const, 1, Op.I32Store8, 0, 0);
  }

  private burn(out: number[]): void {
    const global = unsigned(this.fuelGlobal);
    out.push(Op.GlobalGet, ...global, Op.I32Const, 1, Op.I32Sub, Op.GlobalSet, ...global);
    out.push(Op.GlobalGet, ...global, Op.I32Eqz, Op.If, EMPTY_BLOCK, Op.Unreachable, Op.End);
  }

  /** One function's body: its locals, and its instructions with what counts them. */
  rewrite(body: WasmReader, name: string): number[] {
    const start = body.at;
    for (let groups = body.u32(); groups > 0; groups--) {
      body.skipNumber();
      body.byte();
    }
    const out = [...body.bytes.subarray(start, body.at)];
    // An abstract method has nothing but a trap.
    if (body.bytes[body.at] !== Op.Unreachable) this.count(name, "entry", out);
    this.burn(out);
    const blocks: OpenBlock[] = [];
    while (body.at < body.end) {
      const at = body.at;
      const op = body.byte();
      body.skipImmediates(op);
      const instruction = body.bytes.subarray(at, body.at);
      if (op === Op.BrIf) this.rewriteBranch(instruction, blocks, name, out);
      else if (op === Op.Call) this.rewriteCall(instruction, out);
      else if (op >= Op.Block && op <= Op.End) this.rewriteBlock(instruction, blocks, name, out);
      else for (const byte of instruction) out.push(byte);
    }
    return out;
  }

  /** The begin, the middle or the end of a block. */
  private rewriteBlock(
    instruction: Uint8Array,
    blocks: OpenBlock[],
    name: string,
    out: number[],
  ): void {
    const op = instruction[0] ?? Op.Unreachable;
    if (op === Op.End) {
      const block = blocks.pop();
      if (block?.op === Op.If && !block.hasElse && block.isEmpty) {
        out.push(Op.Else);
        this.count(name, "else", out);
      }
      out.push(op);
      return;
    }
    for (const byte of instruction) out.push(byte);
    if (op === Op.Else) {
      const block = blocks.at(-1);
      if (block !== undefined) block.hasElse = true;
      this.count(name, "else", out);
      return;
    }
    blocks.push({ op, hasElse: false, isEmpty: instruction[1] === EMPTY_BLOCK });
    if (op === Op.Loop) this.burn(out);
    if (op !== Op.Block) this.count(name, op === Op.Loop ? "loop" : "then", out);
  }

  /** Both ways of a conditional branch are counted: it becomes a branch within an `if`. */
  private rewriteBranch(
    instruction: Uint8Array,
    blocks: readonly OpenBlock[],
    name: string,
    out: number[],
  ): void {
    const depth = new WasmReader(instruction, 1).u32();
    const target = blocks[blocks.length - 1 - depth];
    // A loop's label takes no values here; a block's takes its results.
    if (target === undefined || (target.op !== Op.Loop && !target.isEmpty)) {
      out.push(...instruction);
      return;
    }
    out.push(Op.If, EMPTY_BLOCK);
    this.count(name, "taken", out);
    out.push(Op.Br, ...unsigned(depth + 1), Op.End);
    this.count(name, "passed", out);
  }

  private rewriteCall(instruction: Uint8Array, out: number[]): void {
    const target = new WasmReader(instruction, 1).u32();
    const global = unsigned(this.fuelGlobal);
    if (target === this.setFuel) out.push(Op.GlobalSet, ...global);
    else if (target === this.fuelLeft) out.push(Op.GlobalGet, ...global);
    else out.push(...instruction);
  }

  rewriteAll(code: WasmReader, names: ReadonlyMap<number, string>): number[] {
    const count = code.u32();
    const out = unsigned(count);
    for (let i = 0; i < count; i++) {
      const index = this.imports.functions.length + i;
      const body = code.part(code.u32());
      const rewritten = this.rewrite(body, names.get(index) ?? `#${index}`);
      for (const byte of unsigned(rewritten.length)) out.push(byte);
      for (const byte of rewritten) out.push(byte);
    }
    return out;
  }
}

function contentOf(sections: readonly RawSection[], id: number): WasmReader | undefined {
  return sections.find((section) => section.id === id)?.content;
}

/** The global section with one more at its end: i32, mutable, as much fuel as there can be. */
function withFuelGlobal(section: WasmReader, count: number): number[] {
  const rest = section.bytes.subarray(section.at, section.end);
  const most = [0xff, 0xff, 0xff, 0xff, 0x07];
  return [...unsigned(count + 1), ...rest, I32, 1, Op.I32Const, ...most, Op.End];
}

/** The export section with one more at its end: the global of that index. */
function withExport(section: WasmReader, name: string, global: number): number[] {
  const count = section.u32();
  const rest = section.bytes.subarray(section.at, section.end);
  const text = new TextEncoder().encode(name);
  return [
    ...unsigned(count + 1),
    ...rest,
    text.length,
    ...text,
    EXPORTED_GLOBAL,
    ...unsigned(global),
  ];
}

/** The module with counters; custom sections are left out. */
export function instrument(bytes: Uint8Array, options: Instrumentation = {}): Instrumented {
  const sections = readSections(bytes);
  const names = readNames(readSections(bytes));
  const imports = readImports(contentOf(readSections(bytes), Section.Import));
  const globals = contentOf(sections, Section.Global);
  if (globals === undefined) throw new Error("a module without globals has no fuel");
  const count = globals.u32();
  const rewriter = new Rewriter(imports, imports.globals + count, options);
  const parts: Uint8Array[] = [bytes.subarray(0, 8)];
  for (const { id, content } of sections) {
    if (id === Section.Custom) continue;
    let body: Uint8Array | number[] = bytes.subarray(content.at, content.end);
    if (id === Section.Global) body = withFuelGlobal(globals, count);
    if (id === Section.Export && options.fuelExport !== undefined)
      body = withExport(content, options.fuelExport, imports.globals + count);
    if (id === Section.Code) body = rewriter.rewriteAll(content, names);
    parts.push(Uint8Array.from([id, ...unsigned(body.length)]), Uint8Array.from(body));
  }
  return { bytes: new Uint8Array(Buffer.concat(parts)), branches: rewriter.branches };
}
