// ZooKeeper: sessions of clients, their requests, and the watch events that servers send. README.md has the
// picture of a frame and what is not parsed.
// Allocates: when the module starts.
// Next: switchboard/router/router.ts

import { Codec, ConnectionMode } from "../../codec/codec";
import { DecodeStatus } from "../../codec/decode-status";
import { ErrorReply } from "../../codec/error-reply";
import { Message, MessageType, Origin, ResponseStatus, Slice } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { loadU32Be } from "../../wire/byte-order";
import { findAttribute, findAttributeId } from "./attributes";
import {
  API_ERROR,
  CONNECT_PASSWORD_OFFSET,
  CONNECTED_PASSWORD_OFFSET,
  CONNECTED_TIMEOUT_OFFSET,
  ERR_OFFSET,
  EVENT_XID,
  LENGTH_BYTES,
  MIN_REQUEST_LENGTH,
  REPLY_HEADER_LENGTH,
  REQUEST_BODY_OFFSET,
  THROTTLED_OP,
  WORD_BYTES,
  XID_OFFSET,
} from "./constants";
import { keepContext, writeErrorReply } from "./error-reply";
import { FrameKind, isHandshake, setKind, setXid } from "./frame";

const LETTER_A: u8 = 0x61;
const LETTER_Z: u8 = 0x7a;
/** A length that begins with more is no frame's: a gigabyte, or less than nothing. */
const MAX_LENGTH_BYTE: u8 = 0x3f;
/** A tab is the first character that the text of a server has; as a length it is 150 MB. */
const FIRST_TEXT_BYTE: u8 = 0x09;

export class ZookeeperCodec extends Codec {
  constructor() {
    super();
    this.defaultMode = ConnectionMode.Dedicated;
    this.orderedDownstream = true;
    this.idBits = 0;
  }

  decode(message: Message, ptr: usize, len: u32, state: usize): DecodeStatus {
    if (message.origin == Origin.Downstream) return decodeRequest(message, ptr, len);
    return decodeReply(message, ptr, len);
  }

  attributeId(namePtr: usize, nameLen: u32): i32 {
    return findAttributeId(namePtr, nameLen);
  }

  attribute(message: Message, id: i32, namePtr: usize, nameLen: u32, value: Slice): bool {
    return id >= 0 && findAttribute(message, id, value);
  }

  /** The client's own xids are good on a connection that is its alone. */
  patchId(message: Message, id: u64): bool {
    return true;
  }

  encodedSizeBound(message: Message, mutation: Mutation | null): u32 {
    return message.frameLength;
  }

  /** A frame has no place for further attributes: it is copied as it is. */
  encode(message: Message, id: u64, mutation: Mutation | null, out: usize): u32 {
    this.mutationApplied = mutation == null || mutation.count == 0;
    memory.copy(out, message.frame, message.frameLength);
    return message.frameLength;
  }

  captureContext(message: Message, out: usize): u32 {
    return keepContext(message, out);
  }

  encodeError(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32 {
    return writeErrorReply(reply, out, capacity);
  }
}

function isLetter(byte: u8): bool {
  return byte >= LETTER_A && byte <= LETTER_Z;
}

function decodeRequest(message: Message, ptr: usize, len: u32): DecodeStatus {
  if (len > 0) {
    const first = load<u8>(ptr);
    if (isLetter(first)) return decodeWord(message, ptr, len);
    if (first > MAX_LENGTH_BYTE) return DecodeStatus.Error;
  }
  if (len < LENGTH_BYTES) {
    message.need = LENGTH_BYTES;
    return DecodeStatus.WaitForData;
  }
  const length = loadU32Be(ptr);
  if (length < MIN_REQUEST_LENGTH) return DecodeStatus.Error;
  const total = LENGTH_BYTES + length;
  message.need = total;
  message.lengthKnown = true;
  if (len >= REQUEST_BODY_OFFSET) {
    const xid = loadU32Be(ptr + XID_OFFSET);
    if (xid == EVENT_XID) return DecodeStatus.Error;
    setXid(message, xid);
    // As long as it may be a ConnectRequest nobody knows how to answer it.
    message.idKnown = xid != 0;
  }
  if (len < total) return DecodeStatus.WaitForData;
  message.frameLength = total;
  message.type = MessageType.Request;
  const isConnect = isHandshake(ptr, total, CONNECT_PASSWORD_OFFSET);
  setKind(message, isConnect ? FrameKind.ConnectRequest : FrameKind.Request);
  message.idKnown = !isConnect;
  return DecodeStatus.Done;
}

/** `ruok` and the like: no length, no xid, and what is answered does not say where it ends. */
function decodeWord(message: Message, ptr: usize, len: u32): DecodeStatus {
  for (let i: u32 = 0; i < WORD_BYTES && i < len; i++) {
    if (!isLetter(load<u8>(ptr + i))) return DecodeStatus.Error;
  }
  message.need = WORD_BYTES;
  message.lengthKnown = true;
  if (len < WORD_BYTES) return DecodeStatus.WaitForData;
  message.frameLength = WORD_BYTES;
  message.type = MessageType.Oneway;
  setKind(message, FrameKind.Word);
  return DecodeStatus.Done;
}

function decodeReply(message: Message, ptr: usize, len: u32): DecodeStatus {
  message.type = MessageType.Push;
  if (len > 0 && load<u8>(ptr) >= FIRST_TEXT_BYTE) {
    // How long the text is only its end tells, which is the connection's.
    message.frameLength = 1;
    setKind(message, FrameKind.Text);
    return DecodeStatus.Done;
  }
  if (len < LENGTH_BYTES) {
    message.need = LENGTH_BYTES;
    return DecodeStatus.WaitForData;
  }
  const length = loadU32Be(ptr);
  if (length < REPLY_HEADER_LENGTH) return DecodeStatus.Error;
  const total = LENGTH_BYTES + length;
  message.need = total;
  message.lengthKnown = true;
  if (len < total) return DecodeStatus.WaitForData;
  message.frameLength = total;
  setXid(message, loadU32Be(ptr + XID_OFFSET));
  if (loadU32Be(ptr + XID_OFFSET) == EVENT_XID) {
    setKind(message, FrameKind.WatchEvent);
    return DecodeStatus.Done;
  }
  message.type = MessageType.Response;
  if (isHandshake(ptr, total, CONNECTED_PASSWORD_OFFSET)) {
    setKind(message, FrameKind.ConnectResponse);
    // Of a session that is over the server says so by giving it no time.
    const isRefused = <i32>loadU32Be(ptr + CONNECTED_TIMEOUT_OFFSET) <= 0;
    message.status = isRefused ? ResponseStatus.Error : ResponseStatus.Ok;
  } else {
    setKind(message, FrameKind.Reply);
    message.status = statusOf(<i32>loadU32Be(ptr + ERR_OFFSET));
  }
  return DecodeStatus.Done;
}

function statusOf(err: i32): ResponseStatus {
  if (err == 0) return ResponseStatus.Ok;
  const isBusiness = err < API_ERROR && err != THROTTLED_OP;
  return isBusiness ? ResponseStatus.BusinessError : ResponseStatus.Error;
}
