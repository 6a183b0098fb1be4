// AssemblyScript: everything that the engine may ask a codec, asked about any bytes, and everything that
// the contract of assembly/codec promises, checked.

import { Codec } from "../../../assembly/codec/codec";
import { DecodeStatus } from "../../../assembly/codec/decode-status";
import { ErrorKind, NO_ERROR_CODE } from "../../../assembly/codec/error-kind";
import { ErrorReply } from "../../../assembly/codec/error-reply";
import { Message, MessageType, Origin, Slice } from "../../../assembly/codec/message";
import { Mutation } from "../../../assembly/codec/mutation";
import { equalBytes, hashBytes } from "../../../assembly/wire/bytes";
import { StaticText } from "../../../assembly/wire/static-text";
import { DecodedFields } from "./decoded-fields";
import { Change, changes } from "./mutations";
import { work } from "./mutator";
import { checkOutput, inputsBegin, isEqual, openOutput, placeAtEnd } from "./room";
import { mix, mixBytes, Target } from "./target";

const CONTEXT_BYTES: u32 = 256;
const HEARTBEAT_BYTES: u32 = 64;
const STATE_BYTES: u32 = 1024;
const STATE_GUARD: u64 = 0x5a5a5a5a5a5a5a5a;
const ERROR_KINDS: u32 = 13;
/** Beyond what any protocol has room for. */
const MAX_ERROR_CODE: u32 = 0x10000;
const UNKNOWN_ERROR_BYTES: u32 = 512;

const state = memory.data(1032, 16);
const contextBytes = memory.data(256, 16);
/** A second copy of what was encoded, to be compared or decoded. */
const encoded = memory.data(65536, 16);
const reason = new StaticText("no healthy upstream, and no other one either");

export class CodecTarget extends Target {
  private readonly message: Message = new Message();
  private readonly whole: DecodedFields = new DecodedFields();
  private readonly value: Slice = new Slice();
  private readonly reply: ErrorReply = new ErrorReply();
  private origin: Origin = Origin.Downstream;
  private digest: u32 = 0;
  /** Decides what is tried with an input; a function of its bytes. */
  private choice: u32 = 0;

  /** `names`: attributes to ask for. */
  constructor(
    private readonly codec: Codec,
    private readonly names: StaticArray<StaticText>,
  ) {
    super();
    this.reply.text.ptr = reason.ptr;
    this.reply.text.len = reason.len;
    if (codec.stateBytes > STATE_BYTES) abort("more state than there is room for");
    store<u64>(state + codec.stateBytes, STATE_GUARD);
  }

  /** Where a message's own end cannot be told from a reply alone, say so. */
  canReadReply(message: Message): bool {
    return true;
  }

  /** What messages are changed by. */
  mutations(): StaticArray<Change> {
    return changes;
  }

  /** Where requests that have a context cannot be answered with every kind of error, say so. */
  answersEverything(): bool {
    return true;
  }

  run(ptr: usize, len: u32): u32 {
    this.choice = hashBytes(work, len);
    this.digest = 0;
    this.verdict = 0;
    this.runFrom(Origin.Downstream, ptr, len);
    this.runFrom(Origin.Upstream, ptr, len);
    if (load<u64>(state + this.codec.stateBytes) != STATE_GUARD) {
      abort("wrote behind the connection's state");
    }
    return this.digest;
  }

  private choose(bound: u32): u32 {
    this.choice = mix(this.choice, bound);
    return <u32>((<u64>this.choice * <u64>bound) >> 32);
  }

  private clearState(): void {
    memory.fill(state, 0, this.codec.stateBytes);
  }

  private decode(origin: Origin, ptr: usize, len: u32): DecodeStatus {
    const message = this.message;
    message.reset(origin, ptr);
    const status = this.codec.decode(message, ptr, len, state);
    if (status == DecodeStatus.WaitForData) {
      if (message.need <= len) abort("need is always more than was shown");
    } else if (status == DecodeStatus.Done) {
      if (message.frameLength == 0) abort("a frame has at least one byte");
      if (message.frameLength > len) abort("Done needs a complete frame");
      if (message.origin != origin) abort("the origin is the engine's");
      if (message.dialect > 15) abort("a dialect beyond 15");
    }
    return status;
  }

  private runFrom(origin: Origin, ptr: usize, len: u32): void {
    this.origin = origin;
    this.clearState();
    const status = this.decode(origin, ptr, len);
    this.whole.take(status, this.message);
    this.digest = mix(this.digest, this.whole.digest());
    if (len > 1) this.runInParts(len);
    if (!isEqual(ptr, work, len)) abort("decoding changed the frame");
    if (status == DecodeStatus.Done) {
      this.verdict = 1;
      this.clearState();
      this.decode(origin, ptr, len);
      this.useMessage(ptr, this.message.frameLength);
      if (!isEqual(ptr, work, len)) abort("a frame is not changed but by patchId");
    } else if (this.verdict == 0) {
      this.verdict = status == DecodeStatus.Error ? 3 : 2;
      if (this.message.idKnown && origin == Origin.Downstream) this.answer(0);
    }
  }

  /** Shows a part of the input before the rest. */
  private runInParts(len: u32): void {
    this.clearState();
    const cut: u32 = 1 + this.choose(len - 1);
    if (!this.showPart(cut)) return;
    const need = this.message.need;
    const isKnown = this.message.lengthKnown;
    if (isKnown && this.whole.status == DecodeStatus.Done && this.whole.frameLength != need) {
      abort("a frame's length does not change once it is known");
    }
    if (this.whole.status == DecodeStatus.Done && this.whole.frameLength < need) {
      abort("less than was needed is enough");
    }
    // It may be an error by then, but no frame.
    if (need <= len && need - 1 > cut && !this.showPart(need - 1)) {
      if (this.whole.status == DecodeStatus.Done) abort("less than was needed is a frame");
      return;
    }
    const place = placeAtEnd(work, len);
    const status = this.decode(this.origin, place, len);
    if (!this.whole.equals(status, this.message)) abort("parts are not what the whole is");
  }

  /** True when the part needs more; if not, the whole has to be the same. */
  private showPart(cut: u32): bool {
    const status = this.decode(this.origin, placeAtEnd(work, cut), cut);
    if (status == DecodeStatus.WaitForData) return true;
    placeAtEnd(work, this.whole.shown);
    if (status == DecodeStatus.Error) {
      if (this.whole.status != DecodeStatus.Error) abort("an error that more bytes mend");
    } else if (!this.whole.equals(status, this.message)) {
      abort("a complete frame that more bytes change");
    }
    return false;
  }

  private useMessage(ptr: usize, len: u32): void {
    const message = this.message;
    this.whole.take(DecodeStatus.Done, message);
    for (let i = 0; i < this.names.length; i++) this.readAttribute(this.names[i], ptr, len);
    const contextLen = this.keepContext();
    if (this.origin == Origin.Downstream && message.type == MessageType.Request) {
      this.answer(contextLen);
    }
    if (message.type == MessageType.Heartbeat) this.answerHeartbeat();
    this.encodeUnchanged(ptr, len);
    this.encodeChanged(ptr, len);
    this.patch(ptr, len);
  }

  private find(name: StaticText): bool {
    const id = this.codec.attributeId(name.ptr, name.len);
    this.value.ptr = 0;
    this.value.len = 0;
    return this.codec.attribute(this.message, id, name.ptr, name.len, this.value);
  }

  private readAttribute(name: StaticText, ptr: usize, len: u32): void {
    if (!this.find(name)) {
      this.digest = mix(this.digest, 0xffff);
      return;
    }
    const value = this.value;
    const isInFrame =
      value.ptr >= ptr &&
      value.ptr - ptr <= <usize>len &&
      value.len <= len - <u32>(value.ptr - ptr);
    if (!isInFrame && value.ptr + value.len > inputsBegin()) {
      abort("a value lies within its frame");
    }
    this.digest = mixBytes(this.digest, value.ptr, value.len);
  }

  private keepContext(): u32 {
    const out = openOutput(CONTEXT_BYTES);
    const written = this.codec.captureContext(this.message, out);
    checkOutput(out, CONTEXT_BYTES, written);
    memory.copy(contextBytes, out, written);
    return written;
  }

  /** An error reply to the request, which has to be a response of its protocol. */
  private answer(contextLen: u32): void {
    const reply = this.reply;
    reply.context.ptr = contextLen == 0 ? 0 : contextBytes;
    reply.context.len = contextLen;
    reply.kind = <ErrorKind>this.choose(ERROR_KINDS);
    reply.code = this.choose(4) == 0 ? this.choose(MAX_ERROR_CODE) : NO_ERROR_CODE;
    const most = UNKNOWN_ERROR_BYTES + reply.text.len + contextLen;
    const isTight = this.choose(4) == 0;
    const capacity = isTight ? this.choose(most) : most;
    const out = openOutput(capacity);
    const id = this.message.id;
    const written = this.codec.encodeError(reply, id, out, capacity);
    checkOutput(out, capacity, written);
    this.digest = mixBytes(this.digest, out, written);
    if (contextLen == 0) return;
    if (written == 0) {
      if (!isTight && this.answersEverything()) abort("a request that cannot be answered");
      return;
    }
    if (this.canReadReply(this.message)) this.readReply(out, written, id);
  }

  private readReply(out: usize, written: u32, id: u64): void {
    this.restoreAfter();
    this.clearState();
    const isDone = this.decode(Origin.Upstream, out, written) == DecodeStatus.Done;
    if (!isDone || this.message.frameLength != written) abort("an error reply that is no frame");
    if (this.message.type != MessageType.Response) abort("an error reply that is no response");
    if (this.message.id != id) abort("an error reply to another request");
    this.restore();
  }

  private answerHeartbeat(): void {
    const out = openOutput(HEARTBEAT_BYTES);
    const written = this.codec.encodeHeartbeatReply(this.message, out);
    checkOutput(out, HEARTBEAT_BYTES, written);
    if (written == 0) return;
    this.restoreAfter();
    const id = this.message.id;
    this.clearState();
    const isDone = this.decode(Origin.Upstream, out, written) == DecodeStatus.Done;
    if (!isDone || this.message.frameLength != written) abort("a heartbeat's reply is no frame");
    if (this.message.type != MessageType.Event) abort("a heartbeat's reply asks for another one");
    if (this.message.id != id) abort("a heartbeat's reply has another id");
    this.restore();
  }

  private restoredPtr: usize = 0;
  private restoredLen: u32 = 0;

  /** The message is decoded again once another one has been. */
  private restoreAfter(): void {
    this.restoredPtr = this.message.frame;
    this.restoredLen = this.message.frameLength;
  }

  private restore(): void {
    this.clearState();
    this.decode(this.origin, this.restoredPtr, this.restoredLen);
  }

  /** Returns the number of bytes; they are at `encoded`. */
  private encode(id: u64, mutation: Mutation | null): u32 {
    const bound = this.codec.encodedSizeBound(this.message, mutation);
    const out = openOutput(bound);
    const written = this.codec.encode(this.message, id, mutation, out);
    checkOutput(out, bound, written);
    if (written == 0) abort("encode writes a frame");
    memory.copy(encoded, out, written);
    return written;
  }

  private anotherId(): u64 {
    const bits = this.codec.idBits;
    const id = ((<u64>this.choose(0x10000)) << this.choose(bits < 48 ? 16 : 48)) | 1;
    return bits == 64 ? id : id & (((<u64>1) << bits) - 1);
  }

  private encodeUnchanged(ptr: usize, len: u32): void {
    const same = this.encode(this.message.id, null);
    if (same != len || !isEqual(encoded, ptr, len)) abort("the frame's own id changes it");
    const id = this.anotherId();
    const written = this.encode(id, null);
    this.digest = mixBytes(this.digest, encoded, written);
    this.expectFrame(written, id);
  }

  /** What was encoded is one frame with the same meaning and another id. */
  private expectFrame(written: u32, id: u64): void {
    this.restoreAfter();
    this.clearState();
    if (this.decode(this.origin, encoded, written) != DecodeStatus.Done) {
      abort("what was encoded is no frame");
    }
    if (this.message.frameLength != written) abort("what was encoded is not one frame");
    if (!this.whole.isSameBut(this.message, id)) abort("encoding changed the message");
  }

  private encodeChanged(ptr: usize, len: u32): void {
    this.restore();
    const mutations = this.mutations();
    const change: Change = mutations[this.choose(mutations.length)];
    const id = this.anotherId();
    const written = this.encode(id, change.mutation);
    const isApplied = this.codec.mutationApplied;
    this.expectEnds(id, change.mutation, written);
    this.digest = mix(mixBytes(this.digest, encoded, written), <u32>isApplied);
    if (isApplied) {
      this.verdict = 2;
      this.expectFrame(written, id);
      this.expectValue(change);
      const again = this.encode(id, change.mutation);
      if (!this.codec.mutationApplied) abort("a change that cannot be made twice");
      if (again != written) abort("a change made twice makes the frame longer");
      this.restore();
      return;
    }
    const plain = mixBytes(0, encoded, written);
    const unchanged = this.encode(id, null);
    if (mixBytes(0, encoded, unchanged) != plain) abort("a change was made in part");
  }

  /** Written in parts, the frame is what was encoded. */
  private expectEnds(id: u64, mutation: Mutation, written: u32): void {
    const codec = this.codec;
    const isApplied = codec.mutationApplied;
    const bound = codec.encodedSizeBound(this.message, mutation);
    if (!codec.keepsMiddle(this.message, mutation)) return;
    const head = codec.headLength;
    const kept = codec.keptLength;
    const frame = this.message.frame;
    const room = head + bound - kept;
    const out = openOutput(room);
    const tail = codec.encodeEnds(this.message, id, out, out + head);
    checkOutput(out, room, head + tail);
    const isWhole =
      kept + tail == written &&
      isEqual(encoded, out, head) &&
      isEqual(encoded + head, frame + head, kept - head) &&
      isEqual(encoded + kept, out + head, tail);
    if (!isWhole || codec.mutationApplied != isApplied) abort("the ends are others");
  }

  private expectValue(change: Change): void {
    if (!this.find(lowerCase(change.key))) abort("what was set is not there");
    if (this.value.len < change.value.len) abort("what was set is another value");
    const isSame = equalBytes(this.value.ptr, change.value.ptr, change.value.len);
    if (!isSame && isAscii(change.value)) abort("what was set is another value");
  }

  /** Last: the frame is changed, and put right again. */
  private patch(ptr: usize, len: u32): void {
    this.restoreAfter();
    const id = this.anotherId();
    const expected = this.encode(id, null);
    if (!this.codec.patchId(this.message, id)) {
      if (this.codec.idBits == 64) abort("an id of one width can always be patched");
      return;
    }
    if (expected != len || !isEqual(ptr, encoded, len)) abort("patching is not what encoding is");
    memory.copy(ptr, work, len);
  }
}

const lowered = new StaticText("user-id");

function lowerCase(name: StaticText): StaticText {
  return name.len == lowered.len ? lowered : name;
}

function isAscii(text: StaticText): bool {
  for (let i: u32 = 0; i < text.len; i++) {
    if (load<u8>(text.ptr + i) >= 0x80) return false;
  }
  return true;
}
