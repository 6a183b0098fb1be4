// A small protocol, for tests of the conformance kit.
//
//   0  "TK"                    4  u32  request id             12  u16  bytes of tags
//   2  u8  kind                8  u32  bytes of the frame     14  tags: u8 length, key, u16 length, value
//   3  u8  status                                                  body
//
// All big-endian. Kinds: 0 request, 1 response, 2 one-way, 3 heartbeat, 4 answer to a heartbeat.
import { Codec, DYNAMIC_ATTRIBUTE } from "../../../assembly/codec/codec";
import { DecodeStatus } from "../../../assembly/codec/decode-status";
import { ErrorReply } from "../../../assembly/codec/error-reply";
import { Message, MessageType, ResponseStatus, Slice } from "../../../assembly/codec/message";
import { Mutation, MutationOperation } from "../../../assembly/codec/mutation";
import { loadU16Be, loadU32Be, storeU16Be, storeU32Be } from "../../../assembly/wire/byte-order";
import { Fault } from "./fault";

const HEAD_BYTES: u32 = 14;
const PIECE_BYTES: u32 = 40;
const MAGIC: u32 = 0x544b;
const STATUS: usize = 3;
const ID: usize = 4;
const LENGTH: usize = 8;
const TAGS: usize = 12;
/** Beyond the memory of the module. */
const FAR: usize = 0xfffffff0;
/** So that what is done for nothing is done. */
const scratch = memory.data(8);
const KINDS: StaticArray<MessageType> = [
  MessageType.Request,
  MessageType.Response,
  MessageType.Oneway,
  MessageType.Heartbeat,
  MessageType.Event,
];

export class TicketCodec extends Codec {
  private fault: Fault = Fault.None;

  constructor() {
    super();
    this.idBits = 32;
  }

  override configure(ptr: usize, len: u32): string {
    if (len > 0) this.fault = <Fault>load<u8>(ptr);
    return len <= 1 ? "" : "one byte, which says what is to be wrong";
  }

  decode(message: Message, ptr: usize, len: u32, state: usize): DecodeStatus {
    if (this.fault == Fault.TakesAllForOne && len > HEAD_BYTES) storeU32Be(ptr + LENGTH, len);
    if (len >= 2 && loadU16Be(ptr) != MAGIC) {
      if (this.fault == Fault.TrapsOnGarbage) unreachable();
      if (this.fault != Fault.WaitsForGarbage) return DecodeStatus.Error;
      message.need = len + 1;
      return DecodeStatus.WaitForData;
    }
    if (len < HEAD_BYTES) {
      if (this.fault == Fault.RefusesParts && len > 2) return DecodeStatus.Error;
      message.need = HEAD_BYTES;
      return DecodeStatus.WaitForData;
    }
    return this.decodeHead(message, ptr, len);
  }

  private decodeHead(message: Message, ptr: usize, len: u32): DecodeStatus {
    let total = loadU32Be(ptr + LENGTH);
    const kind = load<u8>(ptr + 2);
    if (this.fault == Fault.LoopsByLength) store<usize>(scratch, loop(total));
    if (kind >= <u8>KINDS.length || total < HEAD_BYTES) return DecodeStatus.Error;
    const tags = loadU16Be(ptr + TAGS);
    // What lies where the tags end, whether or not it is part of the frame.
    if (this.fault == Fault.ReadsBehindTags && tags > 0x7fff) store<u8>(scratch, load<u8>(FAR));
    if (tags > total - HEAD_BYTES && this.fault != Fault.ReadsBehindTags) return DecodeStatus.Error;
    message.type = unchecked(KINDS[kind]);
    message.id = loadU32Be(ptr + ID);
    message.idKnown = message.type == MessageType.Request;
    if (this.fault == Fault.PassesHeadAlone && total > HEAD_BYTES) total = HEAD_BYTES;
    if (this.fault == Fault.PassesPieces && len < total)
      total = len < PIECE_BYTES ? PIECE_BYTES : len;
    message.need = total;
    message.lengthKnown = true;
    if (len < total) return DecodeStatus.WaitForData;
    if (this.fault == Fault.Leaks) heap.alloc(64);
    if (this.fault == Fault.DropsResponses && message.type == MessageType.Response)
      message.type = MessageType.Event;
    message.frameLength = total;
    if (load<u8>(ptr + STATUS) != 0 && this.fault != Fault.StatusIsLost)
      message.status = ResponseStatus.Error;
    return DecodeStatus.Done;
  }

  attributeId(namePtr: usize, nameLen: u32): i32 {
    return DYNAMIC_ATTRIBUTE;
  }

  attribute(message: Message, id: i32, namePtr: usize, nameLen: u32, value: Slice): bool {
    const end = message.frame + HEAD_BYTES + <usize>loadU16Be(message.frame + TAGS);
    let at = message.frame + HEAD_BYTES;
    while (at < end) {
      const next = tagEnd(at, end);
      if (next == 0) return false;
      if (keyIs(at, namePtr, nameLen)) {
        const keyLen = <usize>load<u8>(at);
        value.ptr = at + keyLen + 3;
        value.len = <u32>(next - value.ptr);
        if (this.fault == Fault.CutsAttribute && value.len > 0) value.len--;
        return true;
      }
      at = next;
    }
    return false;
  }

  patchId(message: Message, id: u64): bool {
    if (this.fault == Fault.SpoilsStatus) store<u8>(message.frame + STATUS + 9, 0xff);
    if (this.fault != Fault.KeepsId) storeU32Be(message.frame + ID, <u32>id);
    return true;
  }

  encodedSizeBound(message: Message, mutation: Mutation | null): u32 {
    let bound = message.frameLength;
    if (mutation !== null) bound += mutation.payloadBytes() + 3 * mutation.count;
    return bound;
  }

  encode(message: Message, id: u64, mutation: Mutation | null, out: usize): u32 {
    this.mutationApplied = true;
    const isMutable = message.type <= MessageType.Oneway && this.tagsAreSound(message);
    const isChanged = mutation !== null && mutation.count > 0;
    if (!isChanged || !isMutable || this.fault == Fault.PretendsMutation) {
      if (isChanged && !isMutable) this.mutationApplied = false;
      memory.copy(out, message.frame, message.frameLength);
      storeU32Be(out + ID, <u32>id);
      return message.frameLength;
    }
    memory.copy(out, message.frame, HEAD_BYTES);
    storeU32Be(out + ID, <u32>id);
    const tags = this.writeTags(message, mutation!, out + HEAD_BYTES);
    const before = <u32>loadU16Be(message.frame + TAGS);
    const body = message.frameLength - HEAD_BYTES - before;
    memory.copy(out + HEAD_BYTES + tags, message.frame + HEAD_BYTES + before, body);
    storeU16Be(out + TAGS, tags);
    const total = HEAD_BYTES + tags + body;
    if (this.fault != Fault.ForgetsLength) storeU32Be(out + LENGTH, total);
    return total;
  }

  private tagsAreSound(message: Message): bool {
    const end = message.frame + HEAD_BYTES + <usize>loadU16Be(message.frame + TAGS);
    let at = message.frame + HEAD_BYTES;
    while (at < end) {
      at = tagEnd(at, end);
      if (at == 0) return false;
    }
    return true;
  }

  /** Tags that no step names, in their order; then those of the steps. */
  private writeTags(message: Message, mutation: Mutation, out: usize): u32 {
    const end = message.frame + HEAD_BYTES + <usize>loadU16Be(message.frame + TAGS);
    let at = message.frame + HEAD_BYTES;
    let to = out;
    while (at < end) {
      const next = tagEnd(at, end);
      let isKept = this.fault != Fault.LosesOtherTags;
      for (let i: u32 = 0; i < mutation.count; i++) {
        const step = mutation.entry(i);
        const isAdded = step.operation == MutationOperation.AddIfAbsent;
        if (!isAdded && keyIs(at, step.keyPtr, step.keyLen)) isKept = false;
      }
      if (isKept) {
        memory.copy(to, at, next - at);
        to += next - at;
      }
      at = next;
    }
    for (let i: u32 = 0; i < mutation.count; i++) {
      const step = mutation.entry(i);
      if (step.operation == MutationOperation.Remove || hasKey(out, to, step.keyPtr, step.keyLen))
        continue;
      store<u8>(to, step.keyLen);
      memory.copy(to + 1, step.keyPtr, step.keyLen);
      storeU16Be(to + 1 + step.keyLen, step.valueLen);
      memory.copy(to + 3 + step.keyLen, step.valuePtr, step.valueLen);
      to += 3 + step.keyLen + step.valueLen;
    }
    return <u32>(to - out);
  }

  captureContext(message: Message, out: usize): u32 {
    return 0;
  }

  encodeError(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32 {
    const total = HEAD_BYTES + reply.text.len;
    if (capacity < total || this.fault == Fault.HasNoError) return 0;
    writeHead(out, 1, id, total);
    if (this.fault != Fault.ErrorLooksWell) store<u8>(out + STATUS, <u8>reply.kind + 1);
    memory.copy(out + HEAD_BYTES, reply.text.ptr, reply.text.len);
    return this.fault == Fault.ErrorIsCut ? total - 1 : total;
  }

  override encodeHeartbeatReply(message: Message, out: usize): u32 {
    if (this.fault == Fault.IgnoresHeartbeat) return 0;
    writeHead(out, 4, message.id, HEAD_BYTES);
    return HEAD_BYTES;
  }

  override encodeHeartbeat(id: u64, out: usize): u32 {
    writeHead(out, this.fault == Fault.SendsStrangeHeartbeat ? 9 : 3, id, HEAD_BYTES);
    return HEAD_BYTES;
  }
}

function writeHead(out: usize, kind: u8, id: u64, total: u32): void {
  memory.fill(out, 0, HEAD_BYTES);
  storeU16Be(out, MAGIC);
  store<u8>(out + 2, kind);
  storeU32Be(out + ID, <u32>id);
  storeU32Be(out + LENGTH, total);
}

/** Where the tag at `at` ends; 0: it does not fit. */
function tagEnd(at: usize, end: usize): usize {
  const keyLen = <usize>load<u8>(at);
  if (end - at < keyLen + 3) return 0;
  const valueLen = <usize>loadU16Be(at + 1 + keyLen);
  return end - at - keyLen - 3 < valueLen ? 0 : at + keyLen + 3 + valueLen;
}

function keyIs(at: usize, namePtr: usize, nameLen: u32): bool {
  return load<u8>(at) == <u8>nameLen && memory.compare(at + 1, namePtr, nameLen) == 0;
}

function hasKey(from: usize, end: usize, namePtr: usize, nameLen: u32): bool {
  let at = from;
  while (at < end) {
    if (keyIs(at, namePtr, nameLen)) return true;
    at = tagEnd(at, end);
  }
  return false;
}

function loop(count: u32): usize {
  let sum: usize = 0;
  for (let i: u32 = 0; i < count; i++) sum = sum * 31 + i;
  return sum;
}
