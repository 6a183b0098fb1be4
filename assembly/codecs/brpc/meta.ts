// Reads the RpcMeta of a frame. As protobuf's own parsers do, of a field that comes twice the last counts,
// messages are merged, and a field of another wire type is an unknown one.
// Allocates: when the module starts.

import { Message, Origin, ResponseStatus } from "../../codec/message";
import { ProtobufReader, WireType } from "../../wire/protobuf";
import { varintBefore } from "../../wire/varint";
import {
  FIRST_APPLICATION_CODE,
  META_CORRELATION_ID,
  META_REQUEST,
  META_RESPONSE,
  META_STREAM_SETTINGS,
  REQUEST_METHOD_NAME,
  REQUEST_SERVICE_NAME,
  REQUEST_TIMEOUT_MS,
  RESPONSE_ERROR_CODE,
} from "./constants";
import {
  addFlag,
  addRequestMeta,
  errorCode,
  HAS_REQUEST,
  HAS_RESPONSE,
  HAS_STREAM,
  hasFlag,
  metaStart,
  setCorrelationId,
  setErrorCode,
  setTimeout,
} from "./message-fields";

const reader = new ProtobufReader();

/** Where the length in front of the field at hand is, as an offset in the frame. */
function lengthAt(message: Message): u32 {
  return <u32>(varintBefore(reader.ptr) - message.frame);
}

/** Reads the RpcMeta of `len` bytes; false: it is malformed, or not what this peer may send. */
export function readMeta(message: Message, len: u32): bool {
  const isRequest = message.origin == Origin.Downstream;
  reader.reset(metaStart(message), len);
  while (reader.next()) {
    if (reader.wireType == WireType.Varint) {
      if (reader.field == META_CORRELATION_ID) takeCorrelationId(message);
    } else if (reader.wireType == WireType.Bytes) {
      if (reader.field == META_REQUEST) readRequest(message);
      else if (reader.field == META_RESPONSE) readResponse(message);
      else if (reader.field == META_STREAM_SETTINGS) addFlag(message, HAS_STREAM);
    }
  }
  if (reader.isMalformed) return false;
  if (!isRequest) {
    message.status = statusOf(errorCode(message));
    return hasFlag(message, HAS_RESPONSE) || !hasFlag(message, HAS_REQUEST);
  }
  if (hasFlag(message, HAS_STREAM)) return false;
  return hasFlag(message, HAS_REQUEST) || !hasFlag(message, HAS_RESPONSE);
}

function takeCorrelationId(message: Message): void {
  const end = metaStart(message) + reader.offset;
  message.id = reader.value;
  setCorrelationId(message, <u32>(varintBefore(end) - message.frame), <u32>(end - message.frame));
}

function readRequest(message: Message): void {
  addFlag(message, HAS_REQUEST);
  const isRequest = message.origin == Origin.Downstream;
  if (isRequest) addRequestMeta(message, lengthAt(message));
  const outer = reader.enter();
  while (reader.next()) {
    if (!isRequest) continue;
    if (reader.wireType == WireType.Varint) {
      if (reader.field == REQUEST_TIMEOUT_MS) setTimeout(message, <u32>reader.value);
    } else if (reader.wireType == WireType.Bytes) {
      if (reader.field == REQUEST_SERVICE_NAME) message.c = lengthAt(message);
      else if (reader.field == REQUEST_METHOD_NAME) message.d = lengthAt(message);
    }
  }
  reader.leave(outer);
}

function readResponse(message: Message): void {
  addFlag(message, HAS_RESPONSE);
  const isResponse = message.origin == Origin.Upstream;
  const outer = reader.enter();
  while (reader.next()) {
    if (!isResponse || reader.wireType != WireType.Varint) continue;
    if (reader.field == RESPONSE_ERROR_CODE) setErrorCode(message, <u32>reader.value);
  }
  reader.leave(outer);
}

/** Below the codes of applications are those of bRPC and of the operating system. */
function statusOf(code: i32): ResponseStatus {
  if (code == 0) return ResponseStatus.Ok;
  const isOwn = code > 0 && code < FIRST_APPLICATION_CODE;
  return isOwn ? ResponseStatus.Error : ResponseStatus.BusinessError;
}
