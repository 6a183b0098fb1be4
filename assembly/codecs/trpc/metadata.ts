// Reads what the protobuf of a frame says of it: the header of a unary frame, the body of the first and of
// the last frame of a stream. As protobuf's own parsers do, of a field that comes twice the last counts, and
// a field of another wire type is an unknown one.
// Allocates: when the module starts.

import { Message, MessageType, Origin, ResponseStatus, StreamEnd } from "../../codec/message";
import { ProtobufReader, WireType } from "../../wire/protobuf";
import { varintBefore } from "../../wire/varint";
import {
  CLOSE_FUNC_RET,
  CLOSE_RESET,
  CLOSE_RET,
  CLOSE_TYPE,
  FIRST_APPLICATION_CODE,
  HEAD_BYTES,
  INIT_REQUEST_META,
  INIT_RESPONSE_META,
  META_CALLEE,
  META_CALLER,
  META_FUNC,
  META_RET,
  ONEWAY_CALL,
  REQUEST_CALL_TYPE,
  REQUEST_CALLEE,
  REQUEST_CALLER,
  REQUEST_FUNC,
  REQUEST_ID,
  REQUEST_TIMEOUT,
  RESPONSE_FUNC_RET,
  RESPONSE_RET,
} from "./constants";
import {
  addRequestMeta,
  funcRet,
  ret,
  setFuncRet,
  setRequestId,
  setRet,
  setTimeout,
} from "./message-fields";

const reader = new ProtobufReader();

/** Where the length in front of the field at hand is, as an offset in the frame. */
function lengthAt(message: Message): u32 {
  return <u32>(varintBefore(reader.ptr) - message.frame);
}

function takeRequestId(message: Message): void {
  const id = <u32>reader.value;
  const end = message.frame + HEAD_BYTES + reader.offset;
  if (id == 0) {
    setRequestId(message, 0, 0);
    return;
  }
  setRequestId(message, <u32>(varintBefore(end) - message.frame), <u32>(end - message.frame));
  message.id = id;
}

/** Reads the header of `len` bytes of a unary frame; false: it is malformed. */
export function readHeader(message: Message, len: u32): bool {
  const isRequest = message.origin == Origin.Downstream;
  const head = message.id;
  reader.reset(message.frame + HEAD_BYTES, len);
  while (reader.next()) {
    if (reader.field == REQUEST_ID && reader.wireType == WireType.Varint) {
      message.id = head;
      takeRequestId(message);
    } else if (isRequest) {
      takeRequestField(message);
    } else if (reader.wireType == WireType.Varint) {
      if (reader.field == RESPONSE_RET) setRet(message, <u32>reader.value);
      else if (reader.field == RESPONSE_FUNC_RET) setFuncRet(message, <u32>reader.value);
    }
  }
  if (!isRequest) {
    if (ret(message) != 0) message.status = ResponseStatus.Error;
    else if (funcRet(message) != 0) message.status = ResponseStatus.BusinessError;
  }
  return !reader.isMalformed;
}

function takeRequestField(message: Message): void {
  if (reader.wireType == WireType.Varint) {
    const value = <u32>reader.value;
    if (reader.field == REQUEST_TIMEOUT) setTimeout(message, value);
    else if (reader.field == REQUEST_CALL_TYPE) {
      message.type = value == ONEWAY_CALL ? MessageType.Oneway : MessageType.Request;
    }
  } else if (reader.wireType == WireType.Bytes) {
    if (reader.field == REQUEST_CALLER) message.c = lengthAt(message);
    else if (reader.field == REQUEST_CALLEE) message.d = lengthAt(message);
    else if (reader.field == REQUEST_FUNC) message.e = lengthAt(message);
  }
}

/** Reads the body of `len` bytes of a stream's first frame; false: it is malformed. */
export function readInit(message: Message, len: u32): bool {
  reader.reset(message.frame + HEAD_BYTES, len);
  while (reader.next()) {
    if (reader.wireType != WireType.Bytes) continue;
    if (message.origin == Origin.Downstream) {
      if (reader.field == INIT_REQUEST_META) readRequestMeta(message);
    } else if (reader.field == INIT_RESPONSE_META) {
      readResponseMeta(message);
    }
  }
  if (message.origin == Origin.Upstream && ret(message) != 0) {
    message.status = ResponseStatus.Error;
    message.streamEnd = StreamEnd.Whole;
  }
  return !reader.isMalformed;
}

function readResponseMeta(message: Message): void {
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.wireType != WireType.Varint) continue;
    if (reader.field == META_RET) setRet(message, <u32>reader.value);
  }
  reader.leave(outer);
}

function readRequestMeta(message: Message): void {
  addRequestMeta(message, lengthAt(message));
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.wireType != WireType.Bytes) continue;
    if (reader.field == META_CALLER) message.c = lengthAt(message);
    else if (reader.field == META_CALLEE) message.d = lengthAt(message);
    else if (reader.field == META_FUNC) message.e = lengthAt(message);
  }
  reader.leave(outer);
}

/**
 * Reads the body of `len` bytes of a frame that ends a stream, or the client's half of it; false: it is
 * malformed.
 */
export function readClose(message: Message, len: u32): bool {
  let isReset = false;
  reader.reset(message.frame + HEAD_BYTES, len);
  while (reader.next()) {
    if (reader.wireType != WireType.Varint) continue;
    const value = <u32>reader.value;
    if (reader.field == CLOSE_TYPE) isReset = value == CLOSE_RESET;
    else if (reader.field == CLOSE_RET) setRet(message, value);
    else if (reader.field == CLOSE_FUNC_RET) setFuncRet(message, value);
  }
  const isHalf = message.origin == Origin.Downstream && !isReset && ret(message) == 0;
  message.streamEnd = isHalf ? StreamEnd.Half : StreamEnd.Whole;
  message.status = statusOfClose(message, isReset);
  return !reader.isMalformed;
}

/** Servers put the application's code into `ret`, and none there for an error that has none. */
function statusOfClose(message: Message, isReset: bool): ResponseStatus {
  const code = ret(message);
  if (code >= FIRST_APPLICATION_CODE) return ResponseStatus.BusinessError;
  if (code != 0) return ResponseStatus.Error;
  return isReset || funcRet(message) != 0 ? ResponseStatus.BusinessError : ResponseStatus.Ok;
}
