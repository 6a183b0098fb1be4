// A protocol for tests of what a connection can be besides a way for single requests: streams, pushes, and
// connections of one's own. Big-endian:
//
//   0  u8   kind: Q request, A answer, O oneway, S frame of a stream, P push, G go away
//   1  u8   1 opens a stream, 2 its sender is done, 4 the stream is over, 8 needs a connection of its own,
//           16 untimed, 32 an error, 64 there is no error reply to it
//   2  u16  length of the text
//   4  u32  request id
//   8       text, the attribute `text`

import { Codec, ConnectionMode, DYNAMIC_ATTRIBUTE } from "../../assembly/codec/codec";
import { DecodeStatus } from "../../assembly/codec/decode-status";
import { ErrorReply } from "../../assembly/codec/error-reply";
import {
  Message,
  MessageType,
  ResponseStatus,
  Slice,
  StreamEnd,
} from "../../assembly/codec/message";
import { Mutation } from "../../assembly/codec/mutation";
import { loadU16Be, loadU32Be, storeU16Be, storeU32Be } from "../../assembly/wire/byte-order";
import { StaticText } from "../../assembly/wire/static-text";

const HEAD: u32 = 8;
const TEXT = new StaticText("text");

enum Flag {
  Opens = 1,
  Half = 2,
  Whole = 4,
  Own = 8,
  Untimed = 16,
  Error = 32,
  Unanswerable = 64,
}

function typeOf(kind: u8): i32 {
  switch (kind) {
    case 0x51:
      return MessageType.Request;
    case 0x41:
      return MessageType.Response;
    case 0x4f:
      return MessageType.Oneway;
    case 0x53:
      return MessageType.StreamFrame;
    case 0x50:
      return MessageType.Push;
    case 0x47:
      return MessageType.GoAway;
    default:
      return -1;
  }
}

export class SessionsCodec extends Codec {
  constructor(isById: bool) {
    super();
    this.defaultMode = isById ? ConnectionMode.Shared : ConnectionMode.InOrder;
    this.idBits = isById ? 32 : 0;
    this.orderedDownstream = !isById;
  }

  decode(message: Message, ptr: usize, len: u32, state: usize): DecodeStatus {
    message.need = HEAD;
    if (len == 0) return DecodeStatus.WaitForData;
    const type = typeOf(load<u8>(ptr));
    if (type < 0) return DecodeStatus.Error;
    if (len < HEAD) return DecodeStatus.WaitForData;
    const total = HEAD + loadU16Be(ptr + 2);
    message.id = loadU32Be(ptr + 4);
    message.idKnown = true;
    message.need = total;
    message.lengthKnown = true;
    if (len < total) return DecodeStatus.WaitForData;
    const flags = <u32>load<u8>(ptr + 1);
    message.type = type;
    message.frameLength = total;
    message.opensStream = (flags & Flag.Opens) != 0;
    if ((flags & Flag.Half) != 0) message.streamEnd = StreamEnd.Half;
    if ((flags & Flag.Whole) != 0) message.streamEnd = StreamEnd.Whole;
    message.needsOwnConnection = (flags & Flag.Own) != 0;
    message.isUntimed = (flags & Flag.Untimed) != 0;
    if ((flags & Flag.Error) != 0) message.status = ResponseStatus.Error;
    return DecodeStatus.Done;
  }

  attributeId(namePtr: usize, nameLen: u32): i32 {
    return TEXT.equals(namePtr, nameLen) ? 0 : DYNAMIC_ATTRIBUTE;
  }

  attribute(message: Message, id: i32, namePtr: usize, nameLen: u32, value: Slice): bool {
    if (id != 0) return false;
    value.ptr = message.frame + HEAD;
    value.len = message.frameLength - HEAD;
    return true;
  }

  patchId(message: Message, id: u64): bool {
    storeU32Be(message.frame + 4, <u32>id);
    return true;
  }

  encodedSizeBound(message: Message, mutation: Mutation | null): u32 {
    return message.frameLength;
  }

  encode(message: Message, id: u64, mutation: Mutation | null, out: usize): u32 {
    this.mutationApplied = mutation == null || mutation.count == 0;
    memory.copy(out, message.frame, message.frameLength);
    storeU32Be(out + 4, <u32>id);
    return message.frameLength;
  }

  captureContext(message: Message, out: usize): u32 {
    if ((load<u8>(message.frame + 1) & Flag.Unanswerable) == 0) return 0;
    store<u8>(out, 1);
    return 1;
  }

  encodeError(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32 {
    const text = reply.text;
    if (reply.context.len > 0) return 0;
    if (capacity < HEAD + text.len) return 0;
    store<u8>(out, reply.endsStream ? 0x53 : 0x41);
    store<u8>(out + 1, Flag.Whole | Flag.Error);
    storeU16Be(out + 2, text.len);
    storeU32Be(out + 4, <u32>id);
    memory.copy(out + HEAD, text.ptr, text.len);
    return HEAD + text.len;
  }

  override encodeStreamReset(id: u64, out: usize): u32 {
    store<u8>(out, 0x53);
    store<u8>(out + 1, Flag.Whole);
    storeU16Be(out + 2, 0);
    storeU32Be(out + 4, <u32>id);
    return HEAD;
  }
}
