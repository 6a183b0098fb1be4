// A small text protocol, as an example of a codec: one line a request, one line a response, in order.
//
//   request    VERB key args\n       key and args may be missing
//   response   anything\n            an error begins with "ERR "
//
// Allocates: at start-up.
// Next: switchboard/router/router.ts

import { Codec, ConnectionMode, DYNAMIC_ATTRIBUTE } from "../../codec/codec";
import { DecodeStatus } from "../../codec/decode-status";
import { ErrorReply } from "../../codec/error-reply";
import { Message, MessageType, Origin, ResponseStatus, Slice } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { equalBytes } from "../../wire/bytes";
import { StaticText } from "../../wire/static-text";

const NEWLINE: u8 = 0x0a;
const SPACE: u8 = 0x20;
const VERB = new StaticText("verb");
const KEY = new StaticText("key");
const ERROR = new StaticText("ERR ");

export class LineCodec extends Codec {
  constructor() {
    super();
    this.defaultMode = ConnectionMode.InOrder;
    this.orderedDownstream = true;
    this.idBits = 0;
    // u32: how many bytes of an incomplete line have been searched for its end.
    this.stateBytes = 4;
  }

  decode(message: Message, ptr: usize, len: u32, state: usize): DecodeStatus {
    const isRequest = message.origin == Origin.Downstream;
    message.type = isRequest ? MessageType.Request : MessageType.Response;
    // The place in the order is the id: a request can be answered as soon as it begins.
    message.idKnown = isRequest;
    if (isRequest && len > 0 && load<u8>(ptr) <= SPACE) return DecodeStatus.Error;
    let at = load<u32>(state);
    while (at < len && load<u8>(ptr + at) != NEWLINE) at++;
    if (at >= len) {
      store<u32>(state, len);
      message.need = len + 1;
      return DecodeStatus.WaitForData;
    }
    store<u32>(state, 0);
    message.frameLength = at + 1;
    if (!isRequest && at >= ERROR.len && equalBytes(ptr, ERROR.ptr, ERROR.len)) {
      message.status = ResponseStatus.Error;
    }
    return DecodeStatus.Done;
  }

  attributeId(namePtr: usize, nameLen: u32): i32 {
    if (VERB.equals(namePtr, nameLen)) return 0;
    if (KEY.equals(namePtr, nameLen)) return 1;
    return DYNAMIC_ATTRIBUTE;
  }

  /** Word `id` of a request; there are no others, so none by name. */
  attribute(message: Message, id: i32, namePtr: usize, nameLen: u32, value: Slice): bool {
    if (id < 0 || message.type != MessageType.Request) return false;
    const end = message.frame + message.frameLength - 1;
    let at = message.frame;
    for (let word = 0; word < id; word++) {
      at = endOfWord(at, end);
      if (at < end) at++;
    }
    value.ptr = at;
    value.len = <u32>(endOfWord(at, end) - at);
    return value.len > 0;
  }

  /** There is no id to patch. */
  patchId(message: Message, id: u64): bool {
    return true;
  }

  encodedSizeBound(message: Message, mutation: Mutation | null): u32 {
    return message.frameLength;
  }

  /** A line has no place for further attributes: it is copied as it is. */
  encode(message: Message, id: u64, mutation: Mutation | null, out: usize): u32 {
    this.mutationApplied = mutation == null || mutation.count == 0;
    memory.copy(out, message.frame, message.frameLength);
    return message.frameLength;
  }

  captureContext(message: Message, out: usize): u32 {
    return 0;
  }

  encodeError(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32 {
    const text = reply.text;
    if (capacity <= ERROR.len || capacity - ERROR.len <= text.len) return 0;
    memory.copy(out, ERROR.ptr, ERROR.len);
    memory.copy(out + ERROR.len, text.ptr, text.len);
    store<u8>(out + ERROR.len + text.len, NEWLINE);
    return ERROR.len + text.len + 1;
  }
}

/** The first blank from `at` on, or `end`. */
function endOfWord(at: usize, end: usize): usize {
  while (at < end && load<u8>(at) != SPACE) at++;
  return at;
}
