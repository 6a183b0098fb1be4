// AssemblyScript entry: any table with any frame as a fuzz target. Tables come from the control plane, and are
// believed no more than bytes of a network.
//
//   0                 2
//   +-----------------+-------+-------+
//   | length of table | table | frame |
//   +-----------------+-------+-------+

import { FrameCodec } from "../../assembly/codecs/frame/codec";
import { DecodeStatus } from "../../assembly/codec/decode-status";
import { ErrorKind, NO_ERROR_CODE } from "../../assembly/codec/error-kind";
import { ErrorReply } from "../../assembly/codec/error-reply";
import { Message, Origin, Slice } from "../../assembly/codec/message";
import { Mutation } from "../../assembly/codec/mutation";
import { loadU16Be } from "../../assembly/wire/byte-order";
import { StaticText } from "../../assembly/wire/static-text";
import { bindTarget } from "./fuzz/driver";
import { changes } from "./fuzz/mutations";
import { checkOutput, inputsBegin, openOutput } from "./fuzz/room";
import { mix, mixBytes, Target } from "./fuzz/target";

export * from "./fuzz/driver";

const LENGTH_BYTES: u32 = 2;
const HEARTBEAT_BYTES: u32 = 64;
const CONTEXT_BYTES: u32 = 256;
const UNKNOWN_ERROR_BYTES: u32 = 512;
const ERROR_KINDS: u32 = 13;

const contextBytes = memory.data(256, 16);
const reason = new StaticText("no healthy upstream, and no other one either");
const NAMES: StaticArray<StaticText> = [
  new StaticText("service"),
  new StaticText("func"),
  new StaticText("cmd"),
  new StaticText("user-id"),
  new StaticText("key"),
];

class FrameTableTarget extends Target {
  private readonly codec: FrameCodec = new FrameCodec();
  private readonly message: Message = new Message();
  private readonly value: Slice = new Slice();
  private readonly reply: ErrorReply = new ErrorReply();
  private digest: u32 = 0;

  constructor() {
    super();
    this.reply.text.ptr = reason.ptr;
    this.reply.text.len = reason.len;
    // Tables are made anew, and given back between inputs.
    this.heapBytes = 8 << 20;
    this.inputsPerHeapCheck = 64;
    this.heapSlack = 256 << 10;
    this.fixedSteps = 200000;
    this.stepsPerByte = 2000;
  }

  run(ptr: usize, len: u32): u32 {
    this.digest = 0;
    this.verdict = 3;
    if (len < LENGTH_BYTES) return 0;
    const table = min(loadU16Be(ptr), len - LENGTH_BYTES);
    const fault = this.codec.configure(ptr + LENGTH_BYTES, table);
    if (fault.length > 0) return mix(1, fault.length);
    this.verdict = 2;
    const frame = ptr + LENGTH_BYTES + table;
    const rest = len - LENGTH_BYTES - table;
    this.runFrom(Origin.Downstream, frame, rest);
    this.runFrom(Origin.Upstream, frame, rest);
    this.probe();
    return this.digest;
  }

  private runFrom(origin: Origin, ptr: usize, len: u32): void {
    const message = this.message;
    message.reset(origin, ptr);
    const status = this.codec.decode(message, ptr, len, 0);
    this.digest = mix(mix(this.digest, <u32>status), message.need);
    if (status == DecodeStatus.WaitForData && message.need <= len) {
      abort("need is always more than was shown");
    }
    if (status == DecodeStatus.Done) {
      if (message.frameLength == 0) abort("a frame has at least one byte");
      if (message.frameLength > len) abort("Done needs a complete frame");
      this.verdict = 1;
    }
    if (status != DecodeStatus.Error) this.answer();
    if (status == DecodeStatus.Done) this.use(ptr, message.frameLength);
  }

  private answer(): void {
    const out = openOutput(CONTEXT_BYTES);
    const kept = this.codec.captureContext(this.message, out);
    checkOutput(out, CONTEXT_BYTES, kept);
    memory.copy(contextBytes, out, kept);
    this.digest = mixBytes(this.digest, out, kept);
    const reply = this.reply;
    reply.context.ptr = contextBytes;
    reply.context.len = kept;
    const most = UNKNOWN_ERROR_BYTES + reply.text.len + kept;
    for (let kind: u32 = 0; kind < ERROR_KINDS; kind++) {
      reply.kind = <ErrorKind>kind;
      reply.code = (kind & 1) == 0 ? NO_ERROR_CODE : 70_000;
      const capacity = kind % 3 == 0 ? this.digest % most : most;
      const room = openOutput(capacity);
      const written = this.codec.encodeError(reply, this.message.id, room, capacity);
      checkOutput(room, capacity, written);
      this.digest = mixBytes(this.digest, room, written);
    }
  }

  private use(ptr: usize, len: u32): void {
    const codec = this.codec;
    const message = this.message;
    for (let i = 0; i < NAMES.length; i++) this.find(NAMES[i].ptr, NAMES[i].len, ptr, len);
    const attributes = codec.table.attributes;
    for (let i = 0; i < attributes.length; i++) {
      this.find(attributes[i].ptr, attributes[i].len, ptr, len);
    }
    this.digest = mix(this.digest, codec.timeoutMs(message));
    const out = openOutput(HEARTBEAT_BYTES);
    checkOutput(out, HEARTBEAT_BYTES, codec.encodeHeartbeatReply(message, out));
    this.encode(message.id, null);
    this.encode((<u64>1) << 40, null);
    for (let i = 0; i < changes.length; i++) this.encode(<u64>i, changes[i].mutation);
    const before = message.id;
    codec.patchId(message, 9);
    codec.patchId(message, before);
  }

  private find(namePtr: usize, nameLen: u32, ptr: usize, len: u32): void {
    const value = this.value;
    const id = this.codec.attributeId(namePtr, nameLen);
    if (!this.codec.attribute(this.message, id, namePtr, nameLen, value)) return;
    const isInFrame =
      value.ptr >= ptr &&
      value.ptr - ptr <= <usize>len &&
      value.len <= len - <u32>(value.ptr - ptr);
    if (!isInFrame && value.ptr + value.len > inputsBegin()) {
      abort("a value lies within its frame");
    }
    this.digest = mixBytes(this.digest, value.ptr, value.len);
  }

  private encode(id: u64, mutation: Mutation | null): void {
    const bound = this.codec.encodedSizeBound(this.message, mutation);
    const out = openOutput(bound);
    const written = this.codec.encode(this.message, id, mutation, out);
    checkOutput(out, bound, written);
    if (written == 0) abort("encode writes a frame");
    this.digest = mixBytes(this.digest, out, written);
  }

  private probe(): void {
    const out = openOutput(HEARTBEAT_BYTES);
    const written = this.codec.encodeHeartbeat(5, out);
    checkOutput(out, HEARTBEAT_BYTES, written);
    this.digest = mixBytes(this.digest, out, written);
  }
}

bindTarget(new FrameTableTarget());
