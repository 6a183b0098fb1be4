// Drives a compiled codec as the engine does, and fails where it breaks its contract: frames lie at
// the very end of the wasm memory, so that a read behind them traps; what is written lies between
// guard bytes; attribute values must lie within the frame or in the codec's own memory.
import {
  type CodecExports,
  type DecodedMessage,
  DecodeStatus,
  type EncodedFrame,
  type ErrorKind,
  MutationOperation,
  type MessageType,
  type MutationStep,
  type Origin,
  type ResponseStatus,
  type StreamEnd,
  type TransactionStep,
} from "./contract.js";
import { instantiateUnit } from "../../modules/unit.js";

const PAGE = 65536;
const GUARD_BYTES = 64;
const GUARD = 0xa5;
const CONTEXT_BYTES = 256;
const HEARTBEAT_BYTES = 64;
const STREAM_RESET_BYTES = 64;
const ENTRY_BYTES = 20;
// Offsets within the harness's own memory: names and mutations, connection states, written frames.
const STATES = PAGE * 2;
const OUTPUT = PAGE * 6;

/** Thrown when the codec breaks a rule of assembly/codec; the message names the rule. */
export class ContractViolation extends Error {}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: false });

/** A mutation written to the codec's memory. */
interface WrittenMutation {
  readonly count: number;
  readonly entries: number;
}

export class CodecHarness {
  readonly exports: CodecExports;
  private readonly base: number;
  private nextState: number;
  private last: DecodedMessage | undefined;
  private framePtr = 0;

  private constructor(exports: CodecExports) {
    this.exports = exports;
    this.base = exports.memory.grow(16) * PAGE;
    this.nextState = this.base + STATES;
  }

  /** Builds and instantiates `wasm-test/units/<unit>.ts`. */
  static async load(unit: string): Promise<CodecHarness> {
    return new CodecHarness(await instantiateUnit<CodecExports>(unit));
  }

  /** Gives the codec its configuration. @returns what is wrong with it; empty: nothing. */
  configure(configuration: Uint8Array): string {
    const ptr = this.exports.reserve(Math.max(configuration.length, 1));
    this.view(ptr, configuration.length).set(configuration);
    if (this.exports.configure(ptr, configuration.length)) return "";
    return decoder.decode(this.view(this.exports.faultPtr(), this.exports.faultLen()));
  }

  /** The address after one more allocation: constant distances mean that nothing else allocates. */
  allocationProbe(): number {
    return this.exports.reserve(16);
  }

  /** Room for a connection's decoder state, zeroed; there is room for a few hundred. */
  openState(): number {
    const size = Math.max(8, (this.exports.stateBytes() + 7) & ~7);
    if (this.nextState + size > this.base + OUTPUT) throw new Error("too many connection states");
    const state = this.nextState;
    this.nextState += size;
    this.clearState(state);
    return state;
  }

  /** Zeroes a state, as when a new connection opens. */
  clearState(state: number): void {
    this.view(state, this.exports.stateBytes()).fill(0);
  }

  /** Copies `bytes` to the end of memory and returns their address. */
  placeFrame(bytes: Uint8Array): number {
    const { memory } = this.exports;
    const wanted = this.base + OUTPUT + bytes.length * 2 + 4 * PAGE;
    const missing = wanted - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
    const ptr = memory.buffer.byteLength - bytes.length;
    new Uint8Array(memory.buffer).set(bytes, ptr);
    return ptr;
  }

  /** Shows `bytes` to the codec, which start at a frame boundary. */
  decode(bytes: Uint8Array, origin: Origin, state: number): DecodedMessage {
    this.framePtr = this.placeFrame(bytes);
    const decodeStatus = this.exports.decode(origin, this.framePtr, bytes.length, state);
    const message = this.readMessage(decodeStatus as DecodeStatus);
    if (decodeStatus === DecodeStatus.WaitForData && message.need <= bytes.length) {
      throw new ContractViolation("need is always more than was shown");
    }
    if (decodeStatus === DecodeStatus.Done && message.frameLength > bytes.length) {
      throw new ContractViolation("Done needs a complete frame");
    }
    if (decodeStatus === DecodeStatus.Done && message.frameLength === 0) {
      throw new ContractViolation("a frame has at least one byte");
    }
    this.last = message;
    return message;
  }

  /** Moves the decoded frame to another address, as the engine does when it compacts a buffer. */
  moveFrame(): void {
    const frame = this.frame();
    const { memory } = this.exports;
    memory.grow(1);
    this.framePtr = memory.buffer.byteLength - frame.length;
    new Uint8Array(memory.buffer).set(frame, this.framePtr);
    this.exports.moveFrame(this.framePtr);
  }

  /**
   * Runs `use` with the engine's other message, while the one that was decoded last and its frame
   * stay alive.
   */
  withOtherMessage(use: () => void): void {
    const { last, framePtr } = this;
    this.exports.memory.grow(1);
    this.exports.selectMessage(1);
    try {
      use();
    } finally {
      this.exports.memory.grow(1);
      this.exports.selectMessage(0);
      this.last = last;
      this.framePtr = framePtr;
    }
  }

  /** A copy of the frame that was decoded last, as it is now in the codec's memory. */
  frame(): Uint8Array {
    return this.view(this.framePtr, this.done().frameLength).slice();
  }

  attributeId(name: string): number {
    const { ptr, len } = this.writeText(this.base, name);
    return this.exports.attributeId(ptr, len);
  }

  /** An attribute's bytes of the message decoded last, found as the route table does. */
  attributeBytes(name: string): Uint8Array | undefined {
    this.done();
    const { ptr, len } = this.writeText(this.base, name);
    const id = this.exports.attributeId(ptr, len);
    if (!this.exports.attribute(id, ptr, len)) return undefined;
    const value = this.exports.valuePtr();
    const valueLen = this.exports.valueLen();
    this.checkSlice(value, valueLen);
    return this.view(value, valueLen).slice();
  }

  attribute(name: string): string | undefined {
    const bytes = this.attributeBytes(name);
    return bytes && decoder.decode(bytes);
  }

  /** How long the client of the message decoded last waits, in milliseconds; 0: it does not say. */
  timeoutMs(): number {
    this.done();
    return this.exports.timeoutMs();
  }

  /** The frame with another id patched in place, or undefined when its width could change. */
  patchId(id: bigint): Uint8Array | undefined {
    this.done();
    return this.exports.patchId(id) ? this.frame() : undefined;
  }

  /** Encodes the message decoded last; checks the bound, the guards and that the frame is whole. */
  encode(id: bigint, steps?: readonly MutationStep[]): EncodedFrame {
    const before = this.frame();
    const { count, entries } = steps ? this.writeMutation(steps) : { count: 0, entries: 0 };
    const bound = this.exports.encodedSizeBound(count, entries);
    const bytes = this.capture(bound, (out) => this.exports.encode(id, count, entries, out));
    if (Buffer.compare(before, this.frame()) !== 0) {
      throw new ContractViolation("encode does not change the frame");
    }
    const applied = Boolean(this.exports.mutationApplied());
    if (this.exports.keepsMiddle(count, entries) !== 0) this.checkEnds(id, bound, bytes, applied);
    return { bytes, applied };
  }

  /** A frame that is written in parts is the one that is written as a whole. */
  private checkEnds(id: bigint, bound: number, whole: Uint8Array, applied: boolean): void {
    const headLength = this.exports.headLength();
    const kept = this.exports.keptLength();
    const frame = this.frame();
    const written = this.capture(headLength + bound - kept, (head) => {
      return headLength + this.exports.encodeEnds(id, head, head + headLength);
    });
    const parts = [
      written.subarray(0, headLength),
      frame.subarray(headLength, kept),
      written.subarray(headLength),
    ];
    if (Buffer.compare(Buffer.concat(parts), whole) !== 0) {
      throw new ContractViolation("encodeEnds writes the ends of what encode writes");
    }
    if (Boolean(this.exports.mutationApplied()) !== applied) {
      throw new ContractViolation("encodeEnds applies what encode does");
    }
    if (Buffer.compare(frame, this.frame()) !== 0) {
      throw new ContractViolation("encodeEnds does not change the frame");
    }
  }

  /** Also of a frame whose head alone was decoded. */
  captureContext(): Uint8Array {
    return this.capture(CONTEXT_BYTES, (out) => this.exports.captureContext(out));
  }

  /** An error reply; `capacity` defaults to what the contract promises. Empty: the codec has none. */
  encodeError(
    kind: ErrorKind,
    id: bigint,
    text: string,
    context: Uint8Array = new Uint8Array(0),
    capacity: number = 512 + encoder.encode(text).length + context.length,
    code = 0,
  ): Uint8Array {
    const at = this.base;
    this.exports.setErrorCode(code);
    this.view(at, context.length).set(context);
    this.exports.setContext(context.length > 0 ? at : 0, context.length);
    const { ptr, len } = this.writeText(at + context.length, text);
    return this.capture(capacity, (out) =>
      this.exports.encodeError(kind, id, ptr, len, out, capacity),
    );
  }

  /** As `encodeError`, of a stream that has had an answer already. */
  encodeStreamError(
    kind: ErrorKind,
    id: bigint,
    text: string,
    context?: Uint8Array,
    code = 0,
  ): Uint8Array {
    this.exports.setEndsStream(1);
    try {
      return this.encodeError(kind, id, text, context, undefined, code);
    } finally {
      this.exports.setEndsStream(0);
    }
  }

  encodeStreamReset(id: bigint): Uint8Array {
    return this.capture(STREAM_RESET_BYTES, (out) => this.exports.encodeStreamReset(id, out));
  }

  encodeHeartbeatReply(): Uint8Array {
    this.done();
    return this.capture(HEARTBEAT_BYTES, (out) => this.exports.encodeHeartbeatReply(out));
  }

  encodeHeartbeat(id: bigint): Uint8Array {
    return this.capture(HEARTBEAT_BYTES, (out) => this.exports.encodeHeartbeat(id, out));
  }

  /** Nanoseconds of one decode with lookups of `names`, the best of several runs of `rounds`. */
  measureDecode(bytes: Uint8Array, names: readonly string[], rounds: number): number {
    const ids = names.map((name) => this.attributeId(name));
    new Int32Array(this.exports.memory.buffer, this.base, ids.length).set(ids);
    this.exports.setLookups(this.base, ids.length);
    const state = this.openState();
    const ptr = this.placeFrame(bytes);
    let best = Infinity;
    for (let run = 0; run < 7; run++) {
      const start = process.hrtime.bigint();
      this.exports.repeatDecode(ptr, bytes.length, state, rounds);
      best = Math.min(best, Number(process.hrtime.bigint() - start) / rounds);
    }
    return best;
  }

  private view(ptr: number, len: number): Uint8Array {
    return new Uint8Array(this.exports.memory.buffer, ptr, len);
  }

  private done(): DecodedMessage {
    if (this.last?.decodeStatus !== DecodeStatus.Done) throw new Error("no frame was decoded");
    return this.last;
  }

  private readMessage(decodeStatus: DecodeStatus): DecodedMessage {
    const at = this.exports.messageRecord();
    const words = new BigUint64Array(this.exports.memory.buffer, at, 15);
    return {
      decodeStatus,
      type: Number(words[0]) as MessageType,
      status: Number(words[2]) as ResponseStatus,
      frameLength: Number(words[4]),
      need: Number(words[5]),
      lengthKnown: words[6] !== 0n,
      id: words[7] ?? 0n,
      idKnown: words[8] !== 0n,
      dialect: Number(words[9]),
      opensStream: words[10] !== 0n,
      streamEnd: Number(words[11]) as StreamEnd,
      needsOwnConnection: words[12] !== 0n,
      isUntimed: words[13] !== 0n,
      transaction: Number(words[14]) as TransactionStep,
    };
  }

  private writeText(at: number, text: string): { readonly ptr: number; readonly len: number } {
    const bytes = encoder.encode(text);
    this.view(at, bytes.length).set(bytes);
    return { ptr: at, len: bytes.length };
  }

  private writeMutation(steps: readonly MutationStep[]): WrittenMutation {
    const entries = this.base;
    let text = entries + ENTRY_BYTES * steps.length;
    steps.forEach((step, index) => {
      const key = this.writeText(text, step.key);
      const value = this.writeText(key.ptr + key.len, step.value ?? "");
      text = value.ptr + value.len;
      const operation = step.operation;
      const isRemove = operation === MutationOperation.Remove;
      const record = [operation, key.ptr, key.len, isRemove ? 0 : value.ptr, value.len];
      const view = new DataView(this.exports.memory.buffer, entries + ENTRY_BYTES * index);
      record.forEach((field, position) => {
        view.setUint32(position * 4, field, true);
      });
    });
    if (text > this.base + STATES) throw new Error("the mutation is too large for the harness");
    return { count: steps.length, entries };
  }

  /** Runs `write` on `room` bytes between guards and returns what it wrote. */
  private capture(room: number, write: (out: number) => number): Uint8Array {
    const start = this.base + OUTPUT;
    const size = room + 2 * GUARD_BYTES;
    if (start + size > this.framePtr && this.framePtr !== 0) {
      throw new Error("the output would overlap the frame");
    }
    this.view(start, size).fill(GUARD);
    const out = start + GUARD_BYTES;
    const written = write(out);
    if (written > room) {
      throw new ContractViolation(
        `wrote ${String(written)} bytes, the bound is ${String(room)} bytes`,
      );
    }
    const guards = [this.view(start, GUARD_BYTES), this.view(out + room, GUARD_BYTES)];
    if (guards.some((guard) => guard.some((byte) => byte !== GUARD))) {
      throw new ContractViolation("wrote outside of the room it was given");
    }
    return this.view(out, written).slice();
  }

  private checkSlice(ptr: number, len: number): void {
    const inFrame =
      ptr >= this.framePtr && ptr + len <= this.framePtr + (this.last?.frameLength ?? 0);
    const inCodec = ptr + len <= this.base;
    if (!inFrame && !inCodec) throw new ContractViolation("a value lies within its frame");
  }
}
