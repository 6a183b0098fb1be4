// What routes, limits, logs and stats may name of a message: its method, its status, and each tag by its key.
import {
  DYNAMIC_ATTRIBUTE,
  Message,
  MessageType,
  Slice,
  StaticText,
  writeDecimal,
} from "metaproto-as/codec";
import { HEADER_BYTES, METHOD_AT, STATUS_AT } from "./frame";
import { findTag } from "./tags";

// Attribute ids: positions in NAMES.
const METHOD: i32 = 0;
const STATUS: i32 = 1;

const NAMES: StaticArray<StaticText> = [new StaticText("method"), new StaticText("status")];

/** Room of a number's digits. */
const digits = memory.data(4);

/** The number by which `findAttribute` knows the name; it looks for others among the tags. */
export function attributeId(namePtr: usize, nameLen: u32): i32 {
  for (let id = 0; id < NAMES.length; id++) {
    if (unchecked(NAMES[id]).equals(namePtr, nameLen)) return id;
  }
  return DYNAMIC_ATTRIBUTE;
}

/** False: the message has no such attribute. */
export function findAttribute(
  message: Message,
  id: i32,
  namePtr: usize,
  nameLen: u32,
  value: Slice,
): bool {
  if (id == METHOD) return findMethod(message, value);
  if (id == STATUS) return findStatus(message, value);
  const tags = message.frame + message.a;
  return findTag(tags, message.frame + message.b, namePtr, nameLen, value);
}

function findMethod(message: Message, value: Slice): bool {
  value.ptr = message.frame + HEADER_BYTES;
  value.len = load<u8>(message.frame + METHOD_AT);
  return value.len > 0;
}

function findStatus(message: Message, value: Slice): bool {
  if (message.type != MessageType.Response) return false;
  value.ptr = digits;
  value.len = writeDecimal(digits, load<u8>(message.frame + STATUS_AT));
  return true;
}
