// Dubbo 2 (`dubbo://`): frames by their 16-byte header, attributes and attachments of Hessian2 and
// fastjson2 bodies, events, and replies of our own. Other serializations pass through unread.
// README.md has the header's picture and what is not parsed.
// Allocates: when the module starts.
// Next: switchboard/router/router.ts

import { Codec, DYNAMIC_ATTRIBUTE } from "../../codec/codec";
import { DecodeStatus } from "../../codec/decode-status";
import { ErrorReply } from "../../codec/error-reply";
import { Message, MessageType, Origin, ResponseStatus, Slice } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { loadU32Be, loadU64Be, storeU32Be, storeU64Be } from "../../wire/byte-order";
import { parseDecimal, writeDecimal } from "../../wire/bytes";
import { StaticText } from "../../wire/static-text";
import { AttachmentRewriter } from "./attachment-rewriter";
import { findAttachment } from "./attachments";
import {
  BODY_LENGTH_OFFSET,
  FLAG_EVENT,
  FLAG_OFFSET,
  FLAG_REQUEST,
  FLAG_TWO_WAY,
  HEADER_BYTES,
  ID_OFFSET,
  MAGIC_HIGH,
  MAGIC_LOW,
  SERIALIZATION_MASK,
  STATUS_OFFSET,
} from "./constants";
import { writeErrorReply } from "./error-reply";
import { isReadonlyEvent, writeHeartbeat, writeHeartbeatReply } from "./events";
import { formatOf, hessian2 } from "./formats";
import { NULL_VALUE, readGenericMethod, readHead, textAt } from "./request-body";
import { hasStatusOk, isException } from "./response-body";
import { ValueFormat } from "./value-format";

// Attribute ids: positions in NAMES.
const INTERFACE: i32 = 0;
const METHOD: i32 = 1;
const VERSION: i32 = 2;
const PATH: i32 = 3;
const DUBBO: i32 = 4;
const GENERIC_METHOD: i32 = 5;
const SERIALIZATION: i32 = 6;
const STATUS: i32 = 7;

const NAMES: StaticArray<StaticText> = [
  new StaticText("interface"),
  new StaticText("method"),
  new StaticText("version"),
  new StaticText("path"),
  new StaticText("dubbo"),
  new StaticText("generic_method"),
  new StaticText("serialization"),
  new StaticText("status"),
];

const TIMEOUT = new StaticText("timeout");
const TIMEOUT_DIGITS: u32 = 10;

const rewriter = new AttachmentRewriter();
/** Digits of the attributes `serialization` and `status`. */
const serializationDigits = memory.data(20);
const statusDigits = memory.data(20);

function flagOf(message: Message): u32 {
  return load<u8>(message.frame + FLAG_OFFSET);
}

function readDecimal(digits: usize, number: u32, value: Slice): bool {
  value.ptr = digits;
  value.len = writeDecimal(digits, number);
  return true;
}

/** Of a call, with attachments. */
function hasBody(type: MessageType): bool {
  return type != MessageType.Heartbeat && type != MessageType.Event && type != MessageType.GoAway;
}

export class DubboCodec extends Codec {
  private readonly value: Slice = new Slice();

  decode(message: Message, ptr: usize, len: u32, state: usize): DecodeStatus {
    if (len > 0 && load<u8>(ptr) != MAGIC_HIGH) return DecodeStatus.Error;
    if (len > 1 && load<u8>(ptr + 1) != MAGIC_LOW) return DecodeStatus.Error;
    if (len < HEADER_BYTES) {
      message.need = len < 2 ? 2 : HEADER_BYTES;
      return DecodeStatus.WaitForData;
    }
    const flag: u32 = load<u8>(ptr + FLAG_OFFSET);
    if (!this.readType(message, flag)) return DecodeStatus.Error;
    message.id = loadU64Be(ptr + ID_OFFSET);
    message.idKnown = message.type == MessageType.Request || message.type == MessageType.Response;
    const bodyLength = loadU32Be(ptr + BODY_LENGTH_OFFSET);
    if (bodyLength > u32.MAX_VALUE - HEADER_BYTES) return DecodeStatus.Error;
    message.need = HEADER_BYTES + bodyLength;
    message.lengthKnown = true;
    if (len < message.need) return DecodeStatus.WaitForData;
    message.frameLength = message.need;
    this.readBodyType(message, flag);
    return DecodeStatus.Done;
  }

  /** Sets the type that the header tells; false when this peer may not send it. */
  private readType(message: Message, flag: u32): bool {
    const isRequest = (flag & FLAG_REQUEST) != 0;
    const isTwoWay = (flag & FLAG_TWO_WAY) != 0;
    if ((flag & FLAG_EVENT) != 0) {
      message.type = isRequest && isTwoWay ? MessageType.Heartbeat : MessageType.Event;
      return true;
    }
    if (!isRequest) message.type = MessageType.Response;
    else message.type = isTwoWay ? MessageType.Request : MessageType.Oneway;
    return isRequest == (message.origin == Origin.Downstream);
  }

  /** What only the body tells: a response's status, and what an event is about. */
  private readBodyType(message: Message, flag: u32): void {
    if (message.type == MessageType.Response) {
      message.status = this.responseStatus(message, flag);
    } else if (message.type == MessageType.Event && message.origin == Origin.Upstream) {
      if ((flag & FLAG_REQUEST) != 0 && isReadonlyEvent(message)) message.type = MessageType.GoAway;
    }
  }

  private responseStatus(message: Message, flag: u32): ResponseStatus {
    if (!hasStatusOk(message)) return ResponseStatus.Error;
    const format = formatOf(flag);
    if (format == null || !isException(message, format)) return ResponseStatus.Ok;
    return ResponseStatus.BusinessError;
  }

  attributeId(namePtr: usize, nameLen: u32): i32 {
    for (let id = 0; id < NAMES.length; id++) {
      if (unchecked(NAMES[id]).equals(namePtr, nameLen)) return id;
    }
    return DYNAMIC_ATTRIBUTE;
  }

  attribute(message: Message, id: i32, namePtr: usize, nameLen: u32, value: Slice): bool {
    const flag = flagOf(message);
    if (id == SERIALIZATION)
      return readDecimal(serializationDigits, flag & SERIALIZATION_MASK, value);
    const type = message.type;
    const isResponse = type == MessageType.Response;
    if (!isResponse && type != MessageType.Request && type != MessageType.Oneway) return false;
    if (id == STATUS && isResponse) {
      return readDecimal(statusDigits, load<u8>(message.frame + STATUS_OFFSET), value);
    }
    const format = formatOf(flag);
    if (format == null) return false;
    if (!isResponse && id == GENERIC_METHOD) return readGenericMethod(message, format, value);
    if (id != DYNAMIC_ATTRIBUTE) {
      if (id < 0 || id >= NAMES.length) return false;
      const word = isResponse ? NULL_VALUE : this.headWord(message, format, id);
      if (word != NULL_VALUE) return textAt(message, word, value);
      const name = unchecked(NAMES[id]);
      namePtr = name.ptr;
      nameLen = name.len;
    }
    return findAttachment(message, format, namePtr, nameLen, value);
  }

  /** The consumer's timeout, which it sends as an attachment. */
  override timeoutMs(message: Message): u32 {
    const format = formatOf(flagOf(message));
    if (format == null) return 0;
    const value = this.value;
    if (!findAttachment(message, format, TIMEOUT.ptr, TIMEOUT.len, value)) return 0;
    const ms = value.len > TIMEOUT_DIGITS ? -1 : parseDecimal(value.ptr, value.len);
    return ms < 0 || ms > <i64>u32.MAX_VALUE ? 0 : <u32>ms;
  }

  /** The field of a value at the head of a request's body; NULL_VALUE: attachments may have it. */
  private headWord(message: Message, format: ValueFormat, id: i32): u32 {
    if (!readHead(message, format)) return NULL_VALUE;
    if (id == INTERFACE || id == PATH) return message.c;
    if (id == METHOD) return message.e;
    if (id == VERSION) return message.d;
    return id == DUBBO ? message.b : NULL_VALUE;
  }

  patchId(message: Message, id: u64): bool {
    storeU64Be(message.frame + ID_OFFSET, id);
    return true;
  }

  encodedSizeBound(message: Message, mutation: Mutation | null): u32 {
    if (mutation == null) return message.frameLength;
    const bound = <u64>message.frameLength + rewriter.sizeBound(mutation);
    return bound > u32.MAX_VALUE ? u32.MAX_VALUE : <u32>bound;
  }

  encode(message: Message, id: u64, mutation: Mutation | null, out: usize): u32 {
    let end: usize = 0;
    this.mutationApplied = true;
    if (mutation != null && mutation.count > 0) {
      end = this.encodeMutation(message, mutation, out);
      this.mutationApplied = end != 0;
    }
    if (end == 0) {
      memory.copy(out, message.frame, message.frameLength);
      end = out + message.frameLength;
    }
    const length = <u32>(end - out);
    storeU64Be(out + ID_OFFSET, id);
    storeU32Be(out + BODY_LENGTH_OFFSET, length - HEADER_BYTES);
    return length;
  }

  override keepsMiddle(message: Message, mutation: Mutation): bool {
    const format = formatOf(flagOf(message));
    if (format == null || !hasBody(message.type)) return false;
    const map = rewriter.plan(message, format, mutation);
    this.headLength = HEADER_BYTES;
    this.keptLength = <u32>(map - message.frame);
    return map != 0;
  }

  override encodeEnds(message: Message, id: u64, head: usize, tail: usize): u32 {
    const map = message.frame + this.keptLength;
    const rest = message.frameLength - this.keptLength;
    const end = rewriter.writePlanned(map, tail);
    this.mutationApplied = end != 0;
    if (end == 0) memory.copy(tail, map, rest);
    const tailLength = end == 0 ? rest : <u32>(end - tail);
    memory.copy(head, message.frame, HEADER_BYTES);
    storeU64Be(head + ID_OFFSET, id);
    storeU32Be(head + BODY_LENGTH_OFFSET, this.keptLength + tailLength - HEADER_BYTES);
    return tailLength;
  }

  private encodeMutation(message: Message, mutation: Mutation, out: usize): usize {
    const format = formatOf(flagOf(message));
    if (format == null || !hasBody(message.type)) return 0;
    return rewriter.rewrite(message, format, mutation, out);
  }

  /** One byte: the request's flags. */
  captureContext(message: Message, out: usize): u32 {
    store<u8>(out, <u8>flagOf(message));
    return 1;
  }

  encodeError(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32 {
    const context = reply.context;
    // Of a request that could not be decoded, Hessian2 is the best guess.
    let format: ValueFormat | null = hessian2;
    if (context.len > 0) {
      const flag: u32 = load<u8>(context.ptr);
      if ((flag & FLAG_TWO_WAY) == 0) return 0;
      format = formatOf(flag);
    }
    return writeErrorReply(reply, id, format, out, capacity);
  }

  override encodeHeartbeatReply(message: Message, out: usize): u32 {
    return writeHeartbeatReply(message, out);
  }

  override encodeHeartbeat(id: u64, out: usize): u32 {
    return writeHeartbeat(id, out);
  }
}
