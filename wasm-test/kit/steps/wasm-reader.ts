// Reading a WebAssembly binary as far as rewriting its code needs it: sections, numbers, instructions.
// Spec: WebAssembly 2.0, chapter 5 "Binary Format"; of the extensions only what asc emits.

export const Op = {
  Unreachable: 0x00,
  Block: 0x02,
  Loop: 0x03,
  If: 0x04,
  Else: 0x05,
  End: 0x0b,
  Br: 0x0c,
  BrIf: 0x0d,
  BrTable: 0x0e,
  Call: 0x10,
  CallIndirect: 0x11,
  SelectTyped: 0x1c,
  GlobalGet: 0x23,
  GlobalSet: 0x24,
  I32Store8: 0x3a,
  I32Const: 0x41,
  I64Const: 0x42,
  F32Const: 0x43,
  F64Const: 0x44,
  I32Eqz: 0x45,
  I32Sub: 0x6b,
  Extended: 0xfc,
  Vector: 0xfd,
} as const;

/** A block without parameters and results. */
export const EMPTY_BLOCK = 0x40;

export class WasmReader {
  constructor(
    readonly bytes: Uint8Array,
    public at = 0,
    readonly end = bytes.length,
  ) {}

  byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw new Error("the module ends too soon");
    return value;
  }

  /** An unsigned LEB128 number of up to 32 bits. */
  u32(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  /** Passes a LEB128 number of any size and sign. */
  skipNumber(): void {
    while (this.byte() >= 0x80);
  }

  text(): string {
    const length = this.u32();
    const text = new TextDecoder().decode(this.bytes.subarray(this.at, this.at + length));
    this.at += length;
    return text;
  }

  /** A reader of the next `length` bytes, which this one passes. */
  part(length: number): WasmReader {
    const part = new WasmReader(this.bytes, this.at, this.at + length);
    this.at += length;
    return part;
  }

  private skipMemoryArgument(): void {
    this.skipNumber();
    this.skipNumber();
  }

  /** Passes what belongs to the instruction whose opcode was read last. */
  skipImmediates(op: number): void {
    if (op >= 0x28 && op <= 0x3e) {
      this.skipMemoryArgument();
    } else if (op === Op.Extended) {
      this.skipExtended(this.u32());
    } else if (op === Op.Vector) {
      this.skipVector(this.u32());
    } else if (op === Op.F32Const) {
      this.at += 4;
    } else if (op === Op.F64Const) {
      this.at += 8;
    } else if (op === Op.BrTable || op === Op.SelectTyped) {
      const count = this.u32() + (op === Op.BrTable ? 1 : 0);
      for (let i = 0; i < count; i++) this.skipNumber();
    } else if (op === Op.CallIndirect) {
      this.skipNumber();
      this.skipNumber();
    } else if (hasOneNumber(op)) {
      this.skipNumber();
    } else if (op > 0xc4) {
      throw new Error(`an instruction that is not known here: 0x${op.toString(16)}`);
    }
  }

  private skipExtended(op: number): void {
    if (op > 17) throw new Error(`an instruction that is not known here: 0xfc ${op}`);
    // memory.init, memory.copy, table.init, table.copy have two; data.drop to table.size one.
    const numbers = op < 8 ? 0 : op === 8 || op === 10 || op === 12 || op === 14 ? 2 : 1;
    for (let i = 0; i < numbers; i++) this.skipNumber();
  }

  private skipVector(op: number): void {
    if (op <= 11 || op === 92 || op === 93) this.skipMemoryArgument();
    else if (op === 12 || op === 13) this.at += 16;
    else if (op >= 21 && op <= 34) this.at += 1;
    else if (op >= 84 && op <= 91) {
      this.skipMemoryArgument();
      this.at += 1;
    }
  }
}

/** Blocks, branches, calls, locals, globals, tables, memory sizes, integer constants, references. */
function hasOneNumber(op: number): boolean {
  return (
    (op >= Op.Block && op <= Op.If) ||
    op === Op.Br ||
    op === Op.BrIf ||
    op === Op.Call ||
    (op >= 0x20 && op <= 0x26) ||
    (op >= 0x3f && op <= Op.I64Const) ||
    op === 0xd0 ||
    op === 0xd2
  );
}
