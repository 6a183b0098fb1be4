// Attributes: of the head, of the class, and all that the header block has by name.
// Allocates: when the module starts.

import { DYNAMIC_ATTRIBUTE } from "../../codec/codec";
import { Message, MessageType, Slice } from "../../codec/message";
import { loadU16Be } from "../../wire/byte-order";
import { writeDecimal } from "../../wire/bytes";
import { StaticText } from "../../wire/static-text";
import { classLength, codecOf, variantField } from "./head";
import { findValue } from "./header-block";

// Attribute ids: positions in NAMES. The first have keys of SOFA's, at the same positions in KEYS.
const SERVICE: i32 = 0;
const INTERFACE: i32 = 3;
const CLASS: i32 = 4;
const CODEC: i32 = 5;
const STATUS: i32 = 6;

const NAMES: StaticArray<StaticText> = [
  new StaticText("service"),
  new StaticText("method"),
  new StaticText("target_app"),
  new StaticText("interface"),
  new StaticText("class"),
  new StaticText("codec"),
  new StaticText("status"),
];

const KEYS: StaticArray<StaticText> = [
  new StaticText("sofa_head_target_service"),
  new StaticText("sofa_head_method_name"),
  new StaticText("sofa_head_target_app"),
];

const COLON: u32 = 0x3a;

/** Digits of the attributes `codec` and `status`. */
const codecDigits = memory.data(20);
const statusDigits = memory.data(20);

export function findAttributeId(namePtr: usize, nameLen: u32): i32 {
  for (let id = 0; id < NAMES.length; id++) {
    if (unchecked(NAMES[id]).equals(namePtr, nameLen)) return id;
  }
  return DYNAMIC_ATTRIBUTE;
}

/** `name` is of DYNAMIC_ATTRIBUTE, and in lower case. */
export function findAttribute(
  message: Message,
  id: i32,
  namePtr: usize,
  nameLen: u32,
  value: Slice,
): bool {
  if (message.type == MessageType.Heartbeat || message.type == MessageType.Event) return false;
  if (id == DYNAMIC_ATTRIBUTE) return findValue(message, namePtr, nameLen, true, value);
  if (id == CLASS) return findClass(message, value);
  if (id == CODEC) return readDecimal(codecDigits, codecOf(message.frame), value);
  if (id == STATUS) {
    if (message.type != MessageType.Response) return false;
    return readDecimal(statusDigits, loadU16Be(variantField(message.frame)), value);
  }
  return id == INTERFACE ? findInterface(message, value) : findNamed(message, id, value);
}

function readDecimal(digits: usize, number: u32, value: Slice): bool {
  value.ptr = digits;
  value.len = writeDecimal(digits, number);
  return true;
}

function findClass(message: Message, value: Slice): bool {
  value.ptr = message.frame + message.a;
  value.len = classLength(message);
  return value.len > 0;
}

/** By SOFA's key, which servers go by; without one by the name itself. */
function findNamed(message: Message, id: i32, value: Slice): bool {
  const key = unchecked(KEYS[id]);
  if (findValue(message, key.ptr, key.len, false, value)) return true;
  const name = unchecked(NAMES[id]);
  return findValue(message, name.ptr, name.len, false, value);
}

/** Of `interface:version` or `interface:version:uniqueId` the first part. */
function findInterface(message: Message, value: Slice): bool {
  if (!findNamed(message, SERVICE, value)) return false;
  for (let i: u32 = 0; i < value.len; i++) {
    if (load<u8>(value.ptr + i) != COLON) continue;
    value.len = i;
    break;
  }
  return value.len > 0;
}
