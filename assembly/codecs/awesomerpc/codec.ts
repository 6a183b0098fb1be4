// AwesomeRPC, the example protocol of Aeraki Mesh. README.md has the picture of a frame.
// Source: AwesomeRPC's header and encoder in aeraki-mesh/meta-protocol-awesomerpc.
// Allocates: when the module starts.
// Next: switchboard/router/router.ts

import { Codec, DYNAMIC_ATTRIBUTE } from "../../codec/codec";
import { DecodeStatus } from "../../codec/decode-status";
import { NO_ERROR_CODE } from "../../codec/error-kind";
import { ErrorReply } from "../../codec/error-reply";
import { Message, MessageType, Origin, ResponseStatus, Slice } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { loadU16Be, loadU32Be, storeU16Be, storeU32Be } from "../../wire/byte-order";
import { writeSigned } from "../../wire/bytes";
import { StaticText } from "../../wire/static-text";

const HEAD_BYTES: u32 = 13;
/** Byte 0. */
const VERSION_OFFSET: usize = 0;
/** Bytes 1..4, big-endian u32: the request id. */
const FLOW_OFFSET: usize = 1;
/** Bytes 5..8, big-endian u32: of the whole frame. */
const LENGTH_OFFSET: usize = 5;
/** Bytes 9..10, big-endian i16. */
const COMMAND_OFFSET: usize = 9;
/** Bytes 11..12, big-endian i16: 0 of requests, and of what went well. */
const RESPONSE_CODE_OFFSET: usize = 11;

/** The only error that there is. */
const ERROR_CODE: u32 = 1;

// What is kept of a request: its version and its command, as they are.
const CONTEXT_BYTES: u32 = 3;

// Attribute ids: positions in NAMES.
const COMMAND: i32 = 0;
const VERSION: i32 = 1;

const NAMES: StaticArray<StaticText> = [
  new StaticText("cmd"),
  new StaticText("version"),
  new StaticText("rsp_code"),
];

/** Room of a number's digits, for each attribute its own. */
const DIGITS: u32 = 8;
const digits = memory.data(24);

export class AwesomeRpcCodec extends Codec {
  constructor() {
    super();
    this.idBits = 32;
  }

  decode(message: Message, ptr: usize, len: u32, state: usize): DecodeStatus {
    if (len < HEAD_BYTES) {
      message.need = HEAD_BYTES;
      return DecodeStatus.WaitForData;
    }
    const total = loadU32Be(ptr + LENGTH_OFFSET);
    if (total < HEAD_BYTES) return DecodeStatus.Error;
    const isRequest = message.origin == Origin.Downstream;
    message.type = isRequest ? MessageType.Request : MessageType.Response;
    message.id = loadU32Be(ptr + FLOW_OFFSET);
    message.idKnown = true;
    message.need = total;
    message.lengthKnown = true;
    if (len < total) return DecodeStatus.WaitForData;
    message.frameLength = total;
    if (!isRequest && responseCode(message) != 0) message.status = ResponseStatus.Error;
    return DecodeStatus.Done;
  }

  attributeId(namePtr: usize, nameLen: u32): i32 {
    for (let id = 0; id < NAMES.length; id++) {
      if (unchecked(NAMES[id]).equals(namePtr, nameLen)) return id;
    }
    return DYNAMIC_ATTRIBUTE;
  }

  attribute(message: Message, id: i32, namePtr: usize, nameLen: u32, value: Slice): bool {
    if (id == DYNAMIC_ATTRIBUTE) return false;
    let number: i64 = 0;
    if (id == COMMAND) {
      number = <i16>loadU16Be(message.frame + COMMAND_OFFSET);
    } else if (id == VERSION) {
      number = load<i8>(message.frame + VERSION_OFFSET);
    } else {
      if (message.type != MessageType.Response) return false;
      number = responseCode(message);
    }
    value.ptr = digits + <usize>(<u32>id * DIGITS);
    value.len = writeSigned(value.ptr, number);
    return true;
  }

  patchId(message: Message, id: u64): bool {
    storeU32Be(message.frame + FLOW_OFFSET, <u32>id);
    return true;
  }

  encodedSizeBound(message: Message, mutation: Mutation | null): u32 {
    return message.frameLength;
  }

  /** There is no place for anything that a mutation could add. */
  encode(message: Message, id: u64, mutation: Mutation | null, out: usize): u32 {
    this.mutationApplied = mutation == null || mutation.count == 0;
    memory.copy(out, message.frame, message.frameLength);
    storeU32Be(out + FLOW_OFFSET, <u32>id);
    return message.frameLength;
  }

  captureContext(message: Message, out: usize): u32 {
    store<u8>(out, load<u8>(message.frame + VERSION_OFFSET));
    store<u16>(out + 1, load<u16>(message.frame + COMMAND_OFFSET));
    return CONTEXT_BYTES;
  }

  encodeError(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32 {
    if (capacity < HEAD_BYTES) return 0;
    memory.fill(out, 0, HEAD_BYTES);
    const context = reply.context;
    if (context.len >= CONTEXT_BYTES) {
      store<u8>(out + VERSION_OFFSET, load<u8>(context.ptr));
      store<u16>(out + COMMAND_OFFSET, load<u16>(context.ptr + 1));
    }
    storeU32Be(out + FLOW_OFFSET, <u32>id);
    storeU32Be(out + LENGTH_OFFSET, HEAD_BYTES);
    const code = reply.code == NO_ERROR_CODE ? ERROR_CODE : reply.code;
    // A code whose low 16 bits are 0 would look like success.
    storeU16Be(out + RESPONSE_CODE_OFFSET, (code & 0xffff) == 0 ? ERROR_CODE : code);
    return HEAD_BYTES;
  }
}

function responseCode(message: Message): i32 {
  return <i16>loadU16Be(message.frame + RESPONSE_CODE_OFFSET);
}
