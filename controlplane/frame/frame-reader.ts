// The codec of the module `frame`, in this process: what it makes of bytes.
import { readFile } from "node:fs/promises";

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  reserve(bytes: number): number;
  configure(ptr: number, len: number): number;
  textPtr(): number;
  textLen(): number;
  decode(isFromClient: boolean, ptr: number, len: number): number;
  fact(which: number): number;
  id(): bigint;
  refusal(which: number): number;
  contentFault(): number;
  findBytes(index: number): number;
  findText(index: number): number;
  valuePtr(): number;
  valueLen(): number;
  sectionOffset(index: number, which: number): number;
}

const PAGE = 65_536;

export type Reading =
  | { readonly outcome: "more"; readonly need: number }
  | { readonly outcome: "frame"; readonly frame: FrameFacts }
  | { readonly outcome: "refused"; readonly refusal: Refusal };

/** See assembly/codec/message.ts. */
export interface FrameFacts {
  readonly length: number;
  readonly type: number;
  readonly status: number;
  /** Position among the description's layouts. */
  readonly layout: number;
  readonly id: bigint;
  /** 0: the client does not say. */
  readonly timeoutMs: number;
  /** Where a part of it is not what its type says, from the frame's start; the codec passes it on all the same. */
  readonly contentFault: number | undefined;
}

/** See assembly/codecs/frame/frame-fault.ts. */
export interface Refusal {
  readonly reason: number;
  /** From the frame's start. */
  readonly offset: number;
  readonly detail: number;
  /** Position among the layouts; -1: none fits. */
  readonly layout: number;
}

export interface FoundValue {
  /** From the frame's start. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** As an attribute. */
  readonly text: string;
}

export class FrameReader {
  private framePtr = 0;

  private constructor(private readonly exports: Exports) {}

  /**
   * @param file `build/tools/frame-reader.wasm` of this package.
   * @throws Error when the module refuses the table.
   */
  static async load(file: string, table: Uint8Array): Promise<FrameReader> {
    const code = new Uint8Array(await readFile(file));
    const imports = { env: { abort: abortReader } };
    const { instance } = await WebAssembly.instantiate(code, imports);
    const reader = new FrameReader(instance.exports as unknown as Exports);
    reader.configure(table);
    return reader;
  }

  private configure(table: Uint8Array): void {
    const { exports } = this;
    const ptr = exports.reserve(Math.max(table.length, 1));
    this.view(ptr, table.length).set(table);
    if (exports.configure(ptr, table.length)) return;
    const text = this.view(exports.textPtr(), exports.textLen());
    throw new Error(new TextDecoder().decode(text));
  }

  private view(ptr: number, len: number): Uint8Array {
    return new Uint8Array(this.exports.memory.buffer, ptr, len);
  }

  /** Looks at bytes that begin with a frame. */
  read(bytes: Uint8Array, isFromClient: boolean): Reading {
    const { exports } = this;
    const { memory } = exports;
    // At the end of the memory: nothing behind them can be read.
    const missing = bytes.length + PAGE;
    memory.grow(Math.ceil(missing / PAGE));
    this.framePtr = memory.buffer.byteLength - bytes.length;
    this.view(this.framePtr, bytes.length).set(bytes);
    const status = exports.decode(isFromClient, this.framePtr, bytes.length);
    const layout = exports.fact(4) - 1;
    if (status === 0) return { outcome: "more", need: exports.fact(0) >>> 0 };
    if (status === 1) {
      // First: asking for a value looks into its part, and what was looked into is not looked into again.
      const contentFault = this.contentFault();
      return {
        outcome: "frame",
        frame: {
          length: exports.fact(1) >>> 0,
          type: exports.fact(2),
          status: exports.fact(3),
          layout,
          id: exports.id(),
          timeoutMs: exports.fact(5) >>> 0,
          contentFault,
        },
      };
    }
    const [reason, offset, detail] = [exports.refusal(0), exports.refusal(1), exports.refusal(2)];
    return { outcome: "refused", refusal: { reason, offset, detail, layout } };
  }

  private contentFault(): number | undefined {
    const fault = this.exports.contentFault() >>> 0;
    return fault === 0 ? undefined : fault - 1;
  }

  /** Of the frame that was read last; undefined: it has no such value. */
  value(index: number): FoundValue | undefined {
    const { exports } = this;
    if (!exports.findBytes(index)) return undefined;
    const offset = exports.valuePtr() - this.framePtr;
    const bytes = this.view(exports.valuePtr(), exports.valueLen()).slice();
    const hasText = exports.findText(index);
    const text = hasText ? this.view(exports.valuePtr(), exports.valueLen()).slice() : bytes;
    return { offset, bytes, text: new TextDecoder().decode(text) };
  }

  /** Of a section of the frame that was read last: its start, its variable part, and behind it. */
  section(index: number): readonly [number, number, number] {
    const at = (which: number): number => this.exports.sectionOffset(index, which);
    return [at(0), at(1), at(2)];
  }
}

function abortReader(): never {
  throw new Error("the module that reads frames has ended in a fault of its own");
}
