// SOFA Bolt, versions 1 and 2: frames by their head, attributes and mutations of the header block, checksums,
// heartbeats and replies of our own. Contents pass through unread. README.md has what is not parsed.
// Allocates: when the module starts.
// Next: switchboard/router/router.ts

import { Codec } from "../../codec/codec";
import { DecodeStatus } from "../../codec/decode-status";
import { ErrorReply } from "../../codec/error-reply";
import { Message, MessageType, Origin, ResponseStatus, Slice } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { loadU16Be, loadU32Be, storeU16Be, storeU32Be } from "../../wire/byte-order";
import { findAttribute, findAttributeId } from "./attributes";
import {
  CLASS_LENGTH_BEFORE,
  CODEC_HESSIAN2,
  CODEC_OFFSET,
  COMMAND_VERSION,
  COMMAND_VERSION_OFFSET,
  CONTENT_LENGTH_BEFORE,
  CRC_BYTES,
  CommandCode,
  CommandType,
  HEADER_LENGTH_BEFORE,
  MAX_CONTENT_BYTES,
  MAX_HEADER_BYTES,
  NO_TIMEOUT,
  PROTOCOL_1,
  PROTOCOL_2,
  REQUEST_HEAD_BYTES,
  STATUS_SUCCESS,
  TYPE_OFFSET,
  VERSION_OFFSET,
  VERSION_WITH_CRC,
} from "./constants";
import { keepContext, writeErrorReply } from "./error-reply";
import {
  commandCode,
  commandType,
  contentOffset,
  fieldShift,
  hasCrc,
  headBytes,
  idOf,
  isIntact,
  keepStyle,
  seal,
  variantField,
  versionOf,
  writeResponse,
} from "./head";
import { PAIR_OVERHEAD } from "./header-block";
import { HeaderRewriter } from "./header-mutation";
import { isFrameworkError, saysError } from "./sofa-response";

/** A heartbeat's style between reading it and writing its answer. */
const style = memory.data(4);

const rewriter = new HeaderRewriter();

export class BoltCodec extends Codec {
  constructor() {
    super();
    this.idBits = 32;
  }

  decode(message: Message, ptr: usize, len: u32, state: usize): DecodeStatus {
    const status = readHead(message, ptr, len);
    if (status != DecodeStatus.Done) return status;
    const className = loadU16Be(ptr + message.a - CLASS_LENGTH_BEFORE);
    const header = loadU16Be(ptr + message.a - HEADER_LENGTH_BEFORE);
    const content = loadU32Be(ptr + message.a - CONTENT_LENGTH_BEFORE);
    if (className > MAX_HEADER_BYTES || header > MAX_HEADER_BYTES || content > MAX_CONTENT_BYTES) {
      return DecodeStatus.Error;
    }
    message.b = message.a + className;
    message.c = header;
    // No more than 2 GiB and 64 KiB: it cannot overflow.
    const whole = message.b + header + content + (hasCrc(ptr) ? CRC_BYTES : 0);
    message.need = whole;
    message.lengthKnown = true;
    if (len < whole) return DecodeStatus.WaitForData;
    if (!isIntact(ptr, whole)) return DecodeStatus.Error;
    message.frameLength = whole;
    if (message.type == MessageType.Response) message.status = responseStatus(message);
    return DecodeStatus.Done;
  }

  attributeId(namePtr: usize, nameLen: u32): i32 {
    return findAttributeId(namePtr, nameLen);
  }

  attribute(message: Message, id: i32, namePtr: usize, nameLen: u32, value: Slice): bool {
    return findAttribute(message, id, namePtr, nameLen, value);
  }

  /** The client's own timeout, in the head. */
  override timeoutMs(message: Message): u32 {
    if (message.type != MessageType.Request) return 0;
    const ms = <i32>loadU32Be(variantField(message.frame));
    return ms > 0 ? <u32>ms : 0;
  }

  patchId(message: Message, id: u64): bool {
    seal(message.frame, message.frameLength, id);
    return true;
  }

  encodedSizeBound(message: Message, mutation: Mutation | null): u32 {
    if (mutation == null) return message.frameLength;
    const added = <u64>mutation.payloadBytes() + <u64>mutation.count * PAIR_OVERHEAD;
    const bound = <u64>message.frameLength + added;
    return bound > u32.MAX_VALUE ? u32.MAX_VALUE : <u32>bound;
  }

  encode(message: Message, id: u64, mutation: Mutation | null, out: usize): u32 {
    let length: u32 = 0;
    this.mutationApplied = true;
    if (mutation != null && mutation.count > 0) {
      length = writeChanged(message, mutation, out);
      this.mutationApplied = length != 0;
    }
    if (length == 0) {
      length = message.frameLength;
      memory.copy(out, message.frame, length);
    }
    seal(out, length, id);
    return length;
  }

  captureContext(message: Message, out: usize): u32 {
    return keepContext(message, out);
  }

  encodeError(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32 {
    return writeErrorReply(reply, id, out, capacity);
  }

  override encodeHeartbeatReply(message: Message, out: usize): u32 {
    keepStyle(message.frame, style);
    const length = writeResponse(style, CommandCode.Heartbeat, STATUS_SUCCESS, out);
    seal(out, length, message.id);
    return length;
  }

  /** Of version 1, which servers answer on any connection. */
  override encodeHeartbeat(id: u64, out: usize): u32 {
    memory.fill(out, 0, REQUEST_HEAD_BYTES);
    store<u8>(out, <u8>PROTOCOL_1);
    store<u8>(out + TYPE_OFFSET, <u8>CommandType.Request);
    store<u8>(out + COMMAND_VERSION_OFFSET, <u8>COMMAND_VERSION);
    store<u8>(out + CODEC_OFFSET, <u8>CODEC_HESSIAN2);
    storeU32Be(variantField(out), NO_TIMEOUT);
    seal(out, REQUEST_HEAD_BYTES, id);
    return REQUEST_HEAD_BYTES;
  }
}

/** Reads all of the head but the lengths; Done: it is there. */
function readHead(message: Message, ptr: usize, len: u32): DecodeStatus {
  if (len == 0) return need(message, 1);
  const protocol: u32 = load<u8>(ptr);
  if (protocol != PROTOCOL_1 && protocol != PROTOCOL_2) return DecodeStatus.Error;
  const shift = <u32>fieldShift(ptr);
  if (shift != 0) {
    if (len == 1) return need(message, 2);
    const version = load<u8>(ptr + VERSION_OFFSET);
    // Of any other version nobody could say whether a checksum follows.
    if (version == 0 || version > <u8>VERSION_WITH_CRC) return DecodeStatus.Error;
  }
  if (len < 2 + shift) return need(message, 2 + shift);
  const type = commandType(ptr);
  if (type > <u32>CommandType.Oneway) return DecodeStatus.Error;
  const head = headBytes(ptr);
  if (len < head) return need(message, head);
  const command = commandCode(ptr);
  if (command > <u32>CommandCode.Response) return DecodeStatus.Error;
  message.a = head;
  message.id = idOf(ptr);
  message.dialect = shift == 0 ? 0 : versionOf(ptr);
  message.type = messageType(type, command, message.origin);
  message.idKnown = message.type == MessageType.Request || message.type == MessageType.Response;
  return DecodeStatus.Done;
}

function need(message: Message, bytes: u32): DecodeStatus {
  message.need = bytes;
  return DecodeStatus.WaitForData;
}

function messageType(type: u32, command: u32, origin: Origin): MessageType {
  if (command == CommandCode.Heartbeat) {
    return type == CommandType.Request ? MessageType.Heartbeat : MessageType.Event;
  }
  // A server may call its client, too.
  if ((type == CommandType.Response) != (origin == Origin.Upstream)) return MessageType.Push;
  if (type == CommandType.Response) return MessageType.Response;
  return type == CommandType.Oneway ? MessageType.Oneway : MessageType.Request;
}

function responseStatus(message: Message): ResponseStatus {
  if (loadU16Be(variantField(message.frame)) != STATUS_SUCCESS) return ResponseStatus.Error;
  if (message.c == 0 || !saysError(message)) return ResponseStatus.Ok;
  return isFrameworkError(message) ? ResponseStatus.Error : ResponseStatus.BusinessError;
}

/** Writes the frame with another header block; returns its length, 0: it cannot carry the mutation. */
function writeChanged(message: Message, mutation: Mutation, out: usize): u32 {
  if (message.type == MessageType.Heartbeat || message.type == MessageType.Event) return 0;
  const block = out + message.b;
  const end = rewriter.write(message, mutation, block);
  if (end == 0) return 0;
  const header = <u32>(end - block);
  const rest = message.frameLength - contentOffset(message);
  if (header > MAX_HEADER_BYTES || rest > u32.MAX_VALUE - message.b - header) return 0;
  memory.copy(out, message.frame, message.b);
  memory.copy(end, message.frame + contentOffset(message), rest);
  storeU16Be(out + message.a - HEADER_LENGTH_BEFORE, header);
  return message.b + header + rest;
}
