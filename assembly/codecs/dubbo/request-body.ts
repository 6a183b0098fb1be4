// What a request's body starts with: Dubbo version, interface, service version, method, descriptor
// of the parameters' types; then one value for each parameter, then the map of attachments.
//
// Found once for each message and kept in its fields as offset << 16 | length, the offset from the
// frame's start, so that a text beyond the first 64 KiB is none.
//   b Dubbo version   c interface   d service version   e method
// f is the offset of the descriptor, which only those need who look behind it.
// Spec: DubboCodec.encodeRequestData of apache/dubbo 3.3; JVMS 4.3.2 for descriptors.
// Allocates: never.

import { Message, Slice } from "../../codec/message";
import { StaticText } from "../../wire/static-text";
import { HEADER_BYTES } from "./constants";
import { ValueFormat } from "./value-format";

/** Bits of `message.a`. */
const HEAD_READ: u32 = 1;
const HEAD_VALID: u32 = 2;

/** A field for a value that is null. */
export const NULL_VALUE: u32 = 0;
/** A field for a value that is no string, one in several chunks, or too far away. */
const NO_TEXT: u32 = 1;

const GENERIC_METHOD = new StaticText("$invoke");
const GENERIC_ASYNC_METHOD = new StaticText("$invokeAsync");

/** Bit i: the letter i places after `B` is a primitive type: B C D F I J S Z. */
const PRIMITIVES: u32 = 0x01020197;

/** Returned for a descriptor that is none. */
const NOT_A_DESCRIPTOR: u32 = 0xffffffff;

/** What the value at `pos`, which was read last, is to the message's fields. */
function textWord(message: Message, format: ValueFormat, pos: usize): u32 {
  if (format.textPtr == 0) return format.isNull(pos, endOf(message)) ? NULL_VALUE : NO_TEXT;
  const offset = format.textPtr - message.frame;
  const len = format.textLen;
  return offset < 0x10000 && len < 0x10000 ? ((<u32>offset) << 16) | len : NO_TEXT;
}

function endOf(message: Message): usize {
  return message.frame + message.frameLength;
}

function parseHead(message: Message, format: ValueFormat): bool {
  const end = endOf(message);
  const dubbo = message.frame + HEADER_BYTES;
  const interfaceName = format.readHeadValue(dubbo, end);
  if (interfaceName == 0) return false;
  message.b = textWord(message, format, dubbo);
  const version = format.readHeadValue(interfaceName, end);
  if (version == 0) return false;
  message.c = textWord(message, format, interfaceName);
  const method = format.readHeadValue(version, end);
  if (method == 0) return false;
  message.d = textWord(message, format, version);
  const descriptor = format.readHeadValue(method, end);
  if (descriptor == 0) return false;
  message.e = textWord(message, format, method);
  message.f = <u32>(descriptor - message.frame);
  return true;
}

/** Finds the values of the head; false when the body does not start with them. */
export function readHead(message: Message, format: ValueFormat): bool {
  if ((message.a & HEAD_READ) == 0) {
    message.a |= HEAD_READ;
    if (parseHead(message, format)) message.a |= HEAD_VALID;
  }
  return (message.a & HEAD_VALID) != 0;
}

/** Sets `value` to the text that `word` stands for; false when it is none. */
export function textAt(message: Message, word: u32, value: Slice): bool {
  if (word == NULL_VALUE || word == NO_TEXT) return false;
  value.ptr = message.frame + (word >> 16);
  value.len = word & 0xffff;
  return true;
}

function isPrimitive(char: u32): bool {
  const bit = char - 0x42;
  return bit < 32 && ((PRIMITIVES >> bit) & 1) != 0;
}

/** How many parameters a descriptor such as `Ljava/lang/String;[I` names. */
function countParameters(ptr: usize, len: u32): u32 {
  let count: u32 = 0;
  let inName = false;
  let inArray = false;
  for (let i: u32 = 0; i < len; i++) {
    const char: u32 = load<u8>(ptr + i);
    if (inName) {
      inName = char != 0x3b; // ;
    } else if (char == 0x5b) {
      inArray = true; // [
      continue;
    } else {
      inName = char == 0x4c; // L
      if (!inName && !isPrimitive(char)) return NOT_A_DESCRIPTOR;
      count++;
    }
    inArray = false;
  }
  return inName || inArray ? NOT_A_DESCRIPTOR : count;
}

/** Reads the descriptor and returns where the first argument begins; the head is valid. */
function readDescriptor(message: Message, format: ValueFormat): usize {
  const pos = message.frame + message.f;
  return format.readValue(pos, endOf(message));
}

/** Walks over the arguments to the map of attachments; 0 when that is not possible. */
export function findRequestMap(message: Message, format: ValueFormat): usize {
  if (!readHead(message, format)) return 0;
  const pos = readDescriptor(message, format);
  if (pos == 0 || format.textPtr == 0) return 0;
  const count = countParameters(format.textPtr, format.textLen);
  if (count == NOT_A_DESCRIPTOR) return 0;
  return format.readValues(pos, endOf(message), count);
}

function isGeneric(method: Slice): bool {
  return (
    GENERIC_METHOD.equals(method.ptr, method.len) ||
    GENERIC_ASYNC_METHOD.equals(method.ptr, method.len)
  );
}

/** The method that a generic call names in its first argument. */
export function readGenericMethod(message: Message, format: ValueFormat, value: Slice): bool {
  if (!readHead(message, format) || !textAt(message, message.e, value)) return false;
  if (!isGeneric(value)) return false;
  const pos = readDescriptor(message, format);
  if (pos == 0) return false;
  const end = format.readValue(pos, endOf(message));
  if (end == 0 || format.textPtr == 0) return false;
  value.ptr = format.textPtr;
  value.len = format.textLen;
  return true;
}
