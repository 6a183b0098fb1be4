// The attributes that have names of their own; every other name is a key of the trans_info.
// Allocates: when the module starts.

import { DYNAMIC_ATTRIBUTE } from "../../codec/codec";
import { Message, MessageType, Slice } from "../../codec/message";
import { findPair } from "../../codec/protobuf-pairs";
import { textAt } from "../../codec/protobuf-text";
import { writeDecimal, writeSigned } from "../../wire/bytes";
import { ProtobufReader, WireType } from "../../wire/protobuf";
import { NO_FIELD, ProtobufFinder } from "../../wire/protobuf-finder";
import { StaticText } from "../../wire/static-text";
import {
  CLOSE_MSG,
  HEAD_BYTES,
  INIT_CONTENT_ENCODING,
  INIT_CONTENT_TYPE,
  INIT_REQUEST_META,
  INIT_RESPONSE_META,
  META_ERROR_MSG,
  META_MESSAGE_TYPE,
  META_TRANS_INFO,
  REQUEST_CONTENT_ENCODING,
  REQUEST_CONTENT_TYPE,
  REQUEST_MESSAGE_TYPE,
  REQUEST_TRANS_INFO,
  RESPONSE_CONTENT_ENCODING,
  RESPONSE_CONTENT_TYPE,
  RESPONSE_ERROR_MSG,
  RESPONSE_MESSAGE_TYPE,
  RESPONSE_TRANS_INFO,
  StreamFrameType,
} from "./constants";
import {
  funcRet,
  headerLength,
  isRead,
  isStreamFrame,
  ret,
  streamFrameType,
} from "./message-fields";

// Attribute ids: positions in NAMES.
const CALLER: i32 = 0;
const CALLEE: i32 = 1;
const FUNC: i32 = 2;
const SERVICE: i32 = 3;
const METHOD: i32 = 4;
const FRAME_TYPE: i32 = 5;
const CONTENT_TYPE: i32 = 6;
const CONTENT_ENCODING: i32 = 7;
const MESSAGE_TYPE: i32 = 8;
const RET: i32 = 9;
const FUNC_RET: i32 = 10;
const ERROR_MSG: i32 = 11;

const NAMES: StaticArray<StaticText> = [
  new StaticText("caller"),
  new StaticText("callee"),
  new StaticText("func"),
  new StaticText("service"),
  new StaticText("method"),
  new StaticText("frame_type"),
  new StaticText("content_type"),
  new StaticText("content_encoding"),
  new StaticText("message_type"),
  new StaticText("ret"),
  new StaticText("func_ret"),
  new StaticText("error_msg"),
];

const UNARY = new StaticText("unary");
const STREAM = new StaticText("stream");
const SLASH: u8 = 0x2f;
/** Room of a number's digits, for each attribute its own. */
const DIGITS: u32 = 24;

const digits = memory.data(288);
const reader = new ProtobufReader();
const found = new ProtobufFinder();
const name = new Slice();

export function findAttributeId(namePtr: usize, nameLen: u32): i32 {
  for (let id = 0; id < NAMES.length; id++) {
    if (unchecked(NAMES[id]).equals(namePtr, nameLen)) return id;
  }
  return DYNAMIC_ATTRIBUTE;
}

/** `id` is not DYNAMIC_ATTRIBUTE. */
export function findAttribute(message: Message, id: i32, value: Slice): bool {
  if (id == FRAME_TYPE) {
    const text = isStreamFrame(message) ? STREAM : UNARY;
    value.ptr = text.ptr;
    value.len = text.len;
    return true;
  }
  if (!isRead(message)) return false;
  if (id == ERROR_MSG) return findErrorMsg(message, value);
  if (id == RET || id == FUNC_RET) return findCode(message, id, value);
  if (id > METHOD) return findNumber(message, id, value);
  return findText(message, id, value);
}

function findText(message: Message, id: i32, value: Slice): bool {
  if (id == CALLER) return textAt(message, message.c, value);
  if (id == CALLEE) return textAt(message, message.d, value);
  if (!textAt(message, message.e, value)) return false;
  return id == FUNC || cutFunc(id, value);
}

/** Of `/service/method` a part; false: the name has another form. */
function cutFunc(id: i32, value: Slice): bool {
  if (load<u8>(value.ptr) != SLASH) return false;
  let slash = value.len - 1;
  while (load<u8>(value.ptr + slash) != SLASH) slash--;
  if (slash == 0) return false;
  if (id == SERVICE) {
    value.ptr++;
    value.len = slash - 1;
  } else {
    value.ptr += slash + 1;
    value.len -= slash + 1;
  }
  return value.len > 0;
}

function isInit(message: Message): bool {
  return isStreamFrame(message) && streamFrameType(message) == StreamFrameType.Init;
}

/** Whether the message is what a server has said. */
function isAnswer(message: Message): bool {
  return message.type == MessageType.Response || message.type == MessageType.StreamFrame;
}

function findCode(message: Message, id: i32, value: Slice): bool {
  if (!isAnswer(message)) return false;
  const code = id == RET ? ret(message) : isInit(message) ? 0 : funcRet(message);
  const out = digits + <usize>(<u32>id * DIGITS);
  value.ptr = out;
  value.len = writeSigned(out, code);
  return true;
}

/** A number that is 0 where it is not written. */
function findNumber(message: Message, id: i32, value: Slice): bool {
  const field = numberField(message, id);
  if (field == NO_FIELD) return false;
  const isNested = id == MESSAGE_TYPE && isInit(message);
  const isThere = lastField(
    message,
    isNested ? INIT_REQUEST_META : NO_FIELD,
    field,
    WireType.Varint,
  );
  const out = digits + <usize>(<u32>id * DIGITS);
  value.ptr = out;
  value.len = writeDecimal(out, isThere ? <u32>found.value : 0);
  return true;
}

function numberField(message: Message, id: i32): u32 {
  if (isStreamFrame(message)) {
    if (!isInit(message)) return NO_FIELD;
    if (id == CONTENT_TYPE) return INIT_CONTENT_TYPE;
    if (id == CONTENT_ENCODING) return INIT_CONTENT_ENCODING;
    return isAnswer(message) ? NO_FIELD : META_MESSAGE_TYPE;
  }
  const isResponse = isAnswer(message);
  if (id == CONTENT_TYPE) return isResponse ? RESPONSE_CONTENT_TYPE : REQUEST_CONTENT_TYPE;
  if (id == CONTENT_ENCODING) {
    return isResponse ? RESPONSE_CONTENT_ENCODING : REQUEST_CONTENT_ENCODING;
  }
  return isResponse ? RESPONSE_MESSAGE_TYPE : REQUEST_MESSAGE_TYPE;
}

function errorMsgField(message: Message): u32 {
  return isStreamFrame(message) ? CLOSE_MSG : RESPONSE_ERROR_MSG;
}

function findErrorMsg(message: Message, value: Slice): bool {
  if (!isAnswer(message)) return false;
  const isThere = isInit(message)
    ? lastField(message, INIT_RESPONSE_META, META_ERROR_MSG, WireType.Bytes)
    : lastField(message, NO_FIELD, errorMsgField(message), WireType.Bytes);
  value.ptr = found.ptr;
  value.len = found.len;
  return isThere && found.len > 0;
}

/** Where the protobuf of the frame ends that says something of it. */
function metadataLength(message: Message): u32 {
  return isStreamFrame(message) ? message.frameLength - HEAD_BYTES : headerLength(message);
}

/** The last field of this number, within those of the number `outer` unless that is NO_FIELD. */
function lastField(message: Message, outer: u32, field: u32, wireType: WireType): bool {
  return found.find(message.frame + HEAD_BYTES, metadataLength(message), outer, field, wireType);
}

/** The value of a key of the trans_info. */
export function findTransInfo(message: Message, namePtr: usize, nameLen: u32, value: Slice): bool {
  if (!isRead(message)) return false;
  name.ptr = namePtr;
  name.len = nameLen;
  const start = message.frame + HEAD_BYTES;
  if (!isStreamFrame(message)) {
    const field = isAnswer(message) ? RESPONSE_TRANS_INFO : REQUEST_TRANS_INFO;
    return findPair(start, headerLength(message), field, name, value);
  }
  if (message.type != MessageType.Request) return false;
  let isFound = false;
  reader.reset(start, message.frameLength - HEAD_BYTES);
  while (reader.next()) {
    if (reader.field != INIT_REQUEST_META || reader.wireType != WireType.Bytes) continue;
    if (findPair(reader.ptr, reader.len, META_TRANS_INFO, name, value)) isFound = true;
  }
  return isFound;
}
