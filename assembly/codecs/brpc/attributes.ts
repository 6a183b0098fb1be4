// The attributes that have names of their own; every other name is a key of the user_fields.
// Allocates: when the module starts.

import { DYNAMIC_ATTRIBUTE } from "../../codec/codec";
import { Message, MessageType, Slice } from "../../codec/message";
import { textAt } from "../../codec/protobuf-text";
import { writeSigned } from "../../wire/bytes";
import { WireType } from "../../wire/protobuf";
import { NO_FIELD, ProtobufFinder } from "../../wire/protobuf-finder";
import { StaticText } from "../../wire/static-text";
import {
  META_ATTACHMENT_SIZE,
  META_COMPRESS_TYPE,
  META_CONTENT_TYPE,
  META_REQUEST,
  META_RESPONSE,
  REQUEST_LOG_ID,
  REQUEST_PARENT_SPAN_ID,
  REQUEST_REQUEST_ID,
  REQUEST_SPAN_ID,
  REQUEST_TRACE_ID,
  RESPONSE_ERROR_TEXT,
} from "./constants";
import { errorCode, metaLength, metaStart } from "./message-fields";
import { hasKeyValues } from "./pairs";

// Attribute ids: positions in NAMES.
const SERVICE: i32 = 0;
const METHOD: i32 = 1;
const LOG_ID: i32 = 2;
const TRACE_ID: i32 = 3;
const SPAN_ID: i32 = 4;
const PARENT_SPAN_ID: i32 = 5;
const REQUEST_ID: i32 = 6;
const COMPRESS_TYPE: i32 = 7;
const CONTENT_TYPE: i32 = 8;
const ATTACHMENT_SIZE: i32 = 9;
const ERROR_CODE: i32 = 10;
const ERROR_TEXT: i32 = 11;

const NAMES: StaticArray<StaticText> = [
  new StaticText("service"),
  new StaticText("method"),
  new StaticText("log_id"),
  new StaticText("trace_id"),
  new StaticText("span_id"),
  new StaticText("parent_span_id"),
  new StaticText("request_id"),
  new StaticText("compress_type"),
  new StaticText("content_type"),
  new StaticText("attachment_size"),
  new StaticText("error_code"),
  new StaticText("error_text"),
];

/** Room of a number's digits, for each attribute its own. */
const DIGITS: u32 = 24;
const digits = memory.data(288);
const found = new ProtobufFinder();

export function findAttributeId(namePtr: usize, nameLen: u32): i32 {
  for (let id = 0; id < NAMES.length; id++) {
    if (unchecked(NAMES[id]).equals(namePtr, nameLen)) return id;
  }
  return DYNAMIC_ATTRIBUTE;
}

/** `id` is not DYNAMIC_ATTRIBUTE. */
export function findAttribute(message: Message, id: i32, value: Slice): bool {
  if (id == COMPRESS_TYPE || id == CONTENT_TYPE || id == ATTACHMENT_SIZE) {
    const isThere = find(message, NO_FIELD, fieldOf(id), WireType.Varint);
    // As protobuf has it: 0 where it is not written.
    return showNumber(id, isThere ? <i32>found.value : 0, value);
  }
  return message.type == MessageType.Request
    ? findOfRequest(message, id, value)
    : findOfResponse(message, id, value);
}

function findOfRequest(message: Message, id: i32, value: Slice): bool {
  if (id == SERVICE) return textAt(message, message.c, value);
  if (id == METHOD) return textAt(message, message.d, value);
  if (id > REQUEST_ID) return false;
  if (id == REQUEST_ID) {
    return !hasKeyValues(message) && findText(message, META_REQUEST, REQUEST_REQUEST_ID, value);
  }
  if (!find(message, META_REQUEST, fieldOf(id), WireType.Varint)) return false;
  return showNumber(id, <i64>found.value, value);
}

function findOfResponse(message: Message, id: i32, value: Slice): bool {
  if (id == ERROR_CODE) return showNumber(id, errorCode(message), value);
  return id == ERROR_TEXT && findText(message, META_RESPONSE, RESPONSE_ERROR_TEXT, value);
}

function fieldOf(id: i32): u32 {
  switch (id) {
    case LOG_ID:
      return REQUEST_LOG_ID;
    case TRACE_ID:
      return REQUEST_TRACE_ID;
    case SPAN_ID:
      return REQUEST_SPAN_ID;
    case PARENT_SPAN_ID:
      return REQUEST_PARENT_SPAN_ID;
    case COMPRESS_TYPE:
      return META_COMPRESS_TYPE;
    case CONTENT_TYPE:
      return META_CONTENT_TYPE;
    default:
      return META_ATTACHMENT_SIZE;
  }
}

/** The last field of this number, within those of the number `outer` unless that is NO_FIELD. */
function find(message: Message, outer: u32, field: u32, wireType: WireType): bool {
  return found.find(metaStart(message), metaLength(message), outer, field, wireType);
}

function findText(message: Message, outer: u32, field: u32, value: Slice): bool {
  if (!find(message, outer, field, WireType.Bytes)) return false;
  value.ptr = found.ptr;
  value.len = found.len;
  return found.len > 0;
}

function showNumber(id: i32, number: i64, value: Slice): bool {
  value.ptr = digits + <usize>(<u32>id * DIGITS);
  value.len = writeSigned(value.ptr, number);
  return true;
}
