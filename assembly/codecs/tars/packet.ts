// Reads packets. Fields come in the order of their tags, as every peer writes them, and as readers take for
// granted: one that is behind a field with a larger tag is not found by them.
// Allocates: when the module starts.

import { Message, MessageType, Origin, ResponseStatus, Slice } from "../../codec/message";
import { parseDecimal } from "../../wire/bytes";
import { StaticText } from "../../wire/static-text";
import {
  LENGTH_BYTES,
  ONEWAY_PACKET,
  PACKET_TYPE_TAG,
  REQUEST_CONTEXT_TAG,
  REQUEST_FUNC_TAG,
  REQUEST_ID_TAG,
  REQUEST_SERVANT_TAG,
  REQUEST_STATUS_TAG,
  REQUEST_TIMEOUT_TAG,
  RESPONSE_CONTEXT_TAG,
  RESPONSE_DESC_TAG,
  RESPONSE_ID_TAG,
  RESPONSE_MESSAGE_TYPE_TAG,
  RESPONSE_RET_TAG,
  RESPONSE_STATUS_TAG,
  VERSION_TAG,
} from "./constants";
import { JceReader, JceType } from "./jce";
import { findInMap } from "./maps";
import { isRequestPacket, isTup, setContext } from "./message-fields";

/** A client's sign of life, which asks for nothing. */
const PING = new StaticText("tars_ping");
/** Where a TUP response has its iRet. */
const RESULT_CODE = new StaticText("status_result_code");
const MINUS: u8 = 0x2d;

export enum ReadStatus {
  Done = 0,
  /** More bytes may make it readable. */
  Incomplete = 1,
  Malformed = 2,
}

const reader = new JceReader();
const strings = new JceReader();
const text = new Slice();
const name = new Slice();

/** Reads the four numbers that a packet begins with, as far as they are before `end`. */
export function readNumbers(message: Message, end: usize): ReadStatus {
  reader.reset(message.frame + LENGTH_BYTES, end);
  const isRequest = message.origin == Origin.Downstream;
  message.type = isRequest ? MessageType.Request : MessageType.Response;
  let idTag = isRequest ? REQUEST_ID_TAG : RESPONSE_ID_TAG;
  for (let tag = VERSION_TAG; tag <= RESPONSE_MESSAGE_TYPE_TAG; tag++) {
    if (!reader.next()) return ReadStatus.Incomplete;
    if (reader.tag != tag || !reader.isInt) return ReadStatus.Malformed;
    if (!reader.readInt()) return ReadStatus.Incomplete;
    if (tag == VERSION_TAG && isTup(<i32>reader.value)) idTag = REQUEST_ID_TAG;
    if (tag == PACKET_TYPE_TAG && isRequest && reader.value == ONEWAY_PACKET) {
      message.type = MessageType.Oneway;
    }
    if (tag == idTag) {
      message.id = <u64>(<u32>reader.value);
      message.a = <u32>(reader.start - message.frame);
    }
  }
  return ReadStatus.Done;
}

/** Reads the fields behind those of `readNumbers`, up to `end`; false: they are malformed. */
export function readRest(message: Message, end: usize): bool {
  setContext(message, 0, 0);
  let last = RESPONSE_MESSAGE_TYPE_TAG;
  const isRequest = isRequestPacket(message);
  reader.reset(reader.at, end);
  while (!reader.isAtEnd) {
    if (!reader.next() || reader.tag <= last) return false;
    last = reader.tag;
    const start = <u32>(reader.start - message.frame);
    if (last > REQUEST_CONTEXT_TAG && message.d == 0) setContext(message, start, start);
    const isRead = isRequest ? takeRequestField(message, start) : takeResponseField(message, start);
    if (!isRead) return false;
  }
  const length = <u32>(end - message.frame);
  if (message.d == 0) setContext(message, length, length);
  if (isRequest && (message.b == 0 || message.c == 0)) return false;
  if (message.origin == Origin.Downstream) {
    if (message.type == MessageType.Oneway && isPing(message)) message.type = MessageType.Event;
    return true;
  }
  if (isRequest) takeTupResult(message);
  const ret = <i32>message.g;
  if (ret != 0) message.status = ret < 0 ? ResponseStatus.Error : ResponseStatus.BusinessError;
  return true;
}

/** Reads the field at hand; false: it is malformed. */
function takeRequestField(message: Message, start: u32): bool {
  switch (reader.tag) {
    case REQUEST_SERVANT_TAG:
      message.b = start;
      return reader.isString && reader.readString();
    case REQUEST_FUNC_TAG:
      message.c = start;
      return reader.isString && reader.readString();
    case REQUEST_TIMEOUT_TAG:
      return takeNumber(message, message.origin == Origin.Downstream);
    case REQUEST_CONTEXT_TAG:
      return takeContext(message, start);
    case REQUEST_STATUS_TAG:
      message.f = start;
      return reader.type == JceType.Map && reader.skip();
    default:
      return reader.skip();
  }
}

function takeResponseField(message: Message, start: u32): bool {
  switch (reader.tag) {
    case RESPONSE_RET_TAG:
      return takeNumber(message, true);
    case RESPONSE_STATUS_TAG:
      message.f = start;
      return reader.type == JceType.Map && reader.skip();
    case RESPONSE_DESC_TAG:
      message.h = start;
      return reader.isString && reader.readString();
    case RESPONSE_CONTEXT_TAG:
      return takeContext(message, start);
    default:
      return reader.skip();
  }
}

function takeNumber(message: Message, isKept: bool): bool {
  if (!reader.isInt || !reader.readInt()) return false;
  if (isKept) message.g = <u32>reader.value;
  return true;
}

function takeContext(message: Message, start: u32): bool {
  if (reader.type != JceType.Map || !reader.skip()) return false;
  setContext(message, start, <u32>(reader.at - message.frame));
  return true;
}

function isPing(message: Message): bool {
  return stringAt(message, message.c, text) && PING.equals(text.ptr, text.len);
}

/** A TUP response has its iRet as a text in its status. */
function takeTupResult(message: Message): void {
  name.ptr = RESULT_CODE.ptr;
  name.len = RESULT_CODE.len;
  if (message.f == 0) return;
  if (!findInMap(message.frame + message.f, message.frame + message.need, name, text)) return;
  const isNegative = text.len > 0 && load<u8>(text.ptr) == MINUS;
  const sign: u32 = isNegative ? 1 : 0;
  const code = parseDecimal(text.ptr + sign, text.len - sign);
  if (code < 0 || code > i32.MAX_VALUE) return;
  message.g = isNegative ? <u32>-code : <u32>code;
}

/** The string in the field at this offset, which was read before; false: there is none (0). */
export function stringAt(message: Message, offset: u32, value: Slice): bool {
  if (offset == 0) return false;
  strings.reset(message.frame + offset, message.frame + message.need);
  if (!strings.next() || !strings.isString || !strings.readString()) return false;
  value.ptr = strings.ptr;
  value.len = strings.len;
  return true;
}
