// The attributes that have names of their own; every other name is a key of the context, or of the status.
// Allocates: when the module starts.

import { DYNAMIC_ATTRIBUTE } from "../../codec/codec";
import { Message, Origin, Slice } from "../../codec/message";
import { writeSigned } from "../../wire/bytes";
import { StaticText } from "../../wire/static-text";
import {
  LENGTH_BYTES,
  PACKET_TYPE_TAG,
  REQUEST_MESSAGE_TYPE_TAG,
  RESPONSE_MESSAGE_TYPE_TAG,
} from "./constants";
import { JceReader } from "./jce";
import { findInMap } from "./maps";
import {
  contextEnd,
  contextStart,
  hasContext,
  isRequestPacket,
  ret,
  versionOf,
} from "./message-fields";
import { stringAt } from "./packet";

// Attribute ids: positions in NAMES.
const SERVANT: i32 = 0;
const FUNC: i32 = 1;
const VERSION: i32 = 2;
const PACKET_TYPE: i32 = 3;
const MESSAGE_TYPE: i32 = 4;
const RET: i32 = 5;
const RESULT_DESC: i32 = 6;

const NAMES: StaticArray<StaticText> = [
  new StaticText("servant"),
  new StaticText("func"),
  new StaticText("version"),
  new StaticText("packet_type"),
  new StaticText("message_type"),
  new StaticText("ret"),
  new StaticText("result_desc"),
];

/** Where a TUP response has its sResultDesc. */
const TUP_RESULT_DESC = new StaticText("status_result_desc");
/** Room of a number's digits, for each attribute its own. */
const DIGITS: u32 = 24;

const digits = memory.data(168);
const reader = new JceReader();
const name = new Slice();

export function findAttributeId(namePtr: usize, nameLen: u32): i32 {
  for (let id = 0; id < NAMES.length; id++) {
    if (unchecked(NAMES[id]).equals(namePtr, nameLen)) return id;
  }
  return DYNAMIC_ATTRIBUTE;
}

/** `id` is not DYNAMIC_ATTRIBUTE. */
export function findAttribute(message: Message, id: i32, value: Slice): bool {
  switch (id) {
    case SERVANT:
      return stringAt(message, message.b, value) && value.len > 0;
    case FUNC:
      return stringAt(message, message.c, value) && value.len > 0;
    case VERSION:
      return showNumber(id, versionOf(message), value);
    case PACKET_TYPE:
      return showNumber(id, numberAt(message, PACKET_TYPE_TAG), value);
    case MESSAGE_TYPE: {
      const isRequest = isRequestPacket(message);
      const tag = isRequest ? REQUEST_MESSAGE_TYPE_TAG : RESPONSE_MESSAGE_TYPE_TAG;
      return showNumber(id, numberAt(message, tag), value);
    }
    case RET:
      return message.origin == Origin.Upstream && showNumber(id, ret(message), value);
    case RESULT_DESC:
      return message.origin == Origin.Upstream && findResultDesc(message, value);
    default:
      return false;
  }
}

function findResultDesc(message: Message, value: Slice): bool {
  if (!isRequestPacket(message)) return stringAt(message, message.h, value) && value.len > 0;
  return findInStatus(message, TUP_RESULT_DESC.ptr, TUP_RESULT_DESC.len, value);
}

/** One of the four numbers that every packet begins with. */
function numberAt(message: Message, tag: u32): i64 {
  reader.reset(message.frame + LENGTH_BYTES, message.frame + message.frameLength);
  while (reader.next() && reader.isInt && reader.readInt()) {
    if (reader.tag == tag) return reader.value;
  }
  return 0;
}

function showNumber(id: i32, number: i64, value: Slice): bool {
  value.ptr = digits + <usize>(<u32>id * DIGITS);
  value.len = writeSigned(value.ptr, number);
  return true;
}

/** The value of a key of the context, or else of the status. */
export function findValue(message: Message, namePtr: usize, nameLen: u32, value: Slice): bool {
  name.ptr = namePtr;
  name.len = nameLen;
  if (hasContext(message)) {
    if (findInMap(contextStart(message), contextEnd(message), name, value)) return true;
  }
  return findInStatus(message, namePtr, nameLen, value);
}

function findInStatus(message: Message, namePtr: usize, nameLen: u32, value: Slice): bool {
  if (message.f == 0) return false;
  name.ptr = namePtr;
  name.len = nameLen;
  const end = message.frame + message.frameLength;
  return findInMap(message.frame + message.f, end, name, value);
}
