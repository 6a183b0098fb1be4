// The unit wasm-test/units/telemetry.ts, and memory of it in which no byte too many can be read unseen.
import { type UnitExports, instantiateUnit } from "../modules/unit.js";

export interface TelemetryExports extends UnitExports {
  usedHeapBytes: () => number;
  allocate: (size: number) => number;

  traceIdHigh: () => bigint;
  traceIdLow: () => bigint;
  spanId: () => bigint;
  sampling: () => number;
  isRandom: () => number;
  isSampled: () => number;
  hasIds: () => number;
  setContext: (high: bigint, low: bigint, span: bigint, decision: number, random: boolean) => void;
  clearContext: () => void;
  readTraceparent: (ptr: number, len: number) => number;
  writeTraceparent: (out: number) => number;
  traceFlags: () => number;
  tracestateBytes: (ptr: number, len: number) => number;
  readB3: (ptr: number, len: number) => number;
  writeB3: (out: number) => number;
  maxB3Bytes: () => number;
  maxB3TraceIdBytes: () => number;
  readB3TraceId: (ptr: number, len: number) => number;
  readB3SpanId: (ptr: number, len: number) => number;
  readB3Sampled: (ptr: number, len: number) => number;
  readB3Flags: (ptr: number, len: number) => number;
  completeB3: () => number;
  writeB3TraceId: (out: number) => number;
  writeSpanId: (out: number) => number;
  b3SampledDigit: () => number;

  bufferReset: (firstBytes: number, maxBytes: number) => void;
  bufferPtr: () => number;
  bufferLen: () => number;
  bufferIsOverflown: () => number;
  bufferTruncate: (len: number) => void;
  appendBytes: (ptr: number, len: number) => void;
  appendJsonString: (ptr: number, len: number) => void;
  appendUtf8: (ptr: number, len: number) => void;
  utf8Bytes: (ptr: number, len: number) => number;
  utf8Prefix: (ptr: number, len: number, maxBytes: number) => number;
  appendDecimal: (value: bigint) => void;
  appendSignedDecimal: (value: bigint) => void;
  appendHex64: (value: bigint) => void;
  appendTimestamp: (unixNs: bigint) => void;

  useSpans: (maxBytes: number) => void;
  useLogs: (maxBytes: number) => void;
  batchPtr: () => number;
  batchLen: () => number;
  batchCount: () => number;
  beginResource: () => void;
  endResource: (name: number, nameLen: number, version: number, versionLen: number) => number;
  stringAttribute: (key: number, keyLen: number, value: number, valueLen: number) => void;
  intAttribute: (key: number, keyLen: number, value: bigint) => void;
  finish: () => number;
  clearBatch: () => void;
  spanBegin: (high: bigint, low: bigint, span: bigint, parent: bigint) => void;
  spanName: (ptr: number, len: number) => void;
  spanKind: (kind: number) => void;
  spanTimes: (startNs: bigint, endNs: bigint) => void;
  spanTraceState: (flags: number, ptr: number, len: number) => void;
  spanStatus: (status: number, ptr: number, len: number) => void;
  spanEnd: () => number;
  logBegin: (timeNs: bigint, observedNs: bigint) => void;
  logSeverity: (number: number, ptr: number, len: number) => void;
  logBody: (ptr: number, len: number) => void;
  logSpan: (high: bigint, low: bigint, span: bigint, flags: number) => void;
  logEnd: () => number;
}

/** Text as UTF-8, or bytes. */
export type Bytes = string | Uint8Array;

const PAGE_BYTES = 65_536;

/** The unit with a page of memory of the test's own at the very end: who reads beyond it traps. */
export class TelemetryUnit {
  private constructor(
    readonly exports: TelemetryExports,
    private readonly end: number,
    private readonly scratch: number,
  ) {}

  static async create(): Promise<TelemetryUnit> {
    const exports = await instantiateUnit<TelemetryExports>("telemetry");
    const scratch = exports.allocate(PAGE_BYTES);
    // The allocator only uses memory that it has asked for itself.
    exports.memory.grow(1);
    return new TelemetryUnit(exports, exports.memory.buffer.byteLength, scratch);
  }

  /** True as long as nothing that was allocated has moved the end of the memory. */
  get isAtEnd(): boolean {
    return this.exports.memory.buffer.byteLength === this.end;
  }

  /** Calls `read` with bytes that end where the memory ends. */
  at<T>(bytes: Bytes, read: (ptr: number, len: number) => T): T {
    const content = Buffer.from(bytes as string);
    const ptr = this.end - content.length;
    new Uint8Array(this.exports.memory.buffer).set(content, ptr);
    return read(ptr, content.length);
  }

  /** Calls `read` with several pieces, each elsewhere in memory. */
  pieces<T>(pieces: readonly Bytes[], read: (...spans: number[]) => T): T {
    let ptr = this.scratch;
    const spans = pieces.flatMap((piece) => {
      const content = Buffer.from(piece as string);
      new Uint8Array(this.exports.memory.buffer).set(content, ptr);
      ptr += content.length;
      return [ptr - content.length, content.length];
    });
    return read(...spans);
  }

  /** What `write` has written where it was told, by the number of bytes that it returns. */
  written(write: (out: number) => number): string {
    return this.bytes(this.scratch, write(this.scratch)).toString("latin1");
  }

  /** A copy of memory. */
  bytes(ptr: number, len: number): Buffer {
    return Buffer.from(new Uint8Array(this.exports.memory.buffer, ptr, len));
  }

  /** What `append` appends to an empty buffer. */
  appended(append: () => void): Buffer {
    this.exports.bufferTruncate(0);
    append();
    return this.bytes(this.exports.bufferPtr(), this.exports.bufferLen());
  }
}
