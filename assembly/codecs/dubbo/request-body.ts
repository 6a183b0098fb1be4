// What a request's body starts with: Dubbo version, interface, service version, method, descriptor
// of the parameters' types; then one value for each parameter, then the map of attachments.
//
// Found once for each message and kept in its fields as offset << 16 | length, both from the frame's
// start: 0 is an absent value. So a head that does not fit in the first 64 KiB is not understood.
//   b Dubbo version   c interface   d service version   e method   f descriptor
// Spec: DubboCodec.encodeRequestData of apache/dubbo 3.3; JVMS 4.3.2 for descriptors.
// Allocates: never.

import { Message, Slice } from "../../codec/message";
import { equalBytes } from "../../wire/bytes";
import { HEADER_BYTES } from "./constants";
import { staticText } from "./static-text";
import { ValueFormat } from "./value-format";

/** Bits of `message.a`. */
export const HEAD_READ: u32 = 1;
export const HEAD_VALID: u32 = 2;

const GENERIC_METHOD = staticText("$invoke");
const GENERIC_ASYNC_METHOD = staticText("$invokeAsync");

/** Bit i: the letter i places after `B` is a primitive type: B C D F I J S Z. */
const PRIMITIVES: u32 = 0x01020197;

/** Returned for a descriptor that is none. */
const NOT_A_DESCRIPTOR: u32 = 0xffffffff;

/** The text that was read last as offset and length; 0: it is no text, or too far away. */
function textWord(message: Message, format: ValueFormat): u32 {
  if (format.textPtr == 0) return 0;
  const offset = format.textPtr - message.frame;
  const len = format.textLen;
  return offset < 0x10000 && len < 0x10000 ? ((<u32>offset) << 16) | len : 0;
}

/** Where the first argument begins: behind the descriptor. */
function argumentsStart(message: Message): usize {
  return message.frame + (message.f >> 16) + (message.f & 0xffff);
}

function parseHead(message: Message, format: ValueFormat): bool {
  const end = message.frame + message.frameLength;
  let pos = format.readValue(message.frame + HEADER_BYTES, end);
  if (pos == 0) return false;
  message.b = textWord(message, format);
  pos = format.readValue(pos, end);
  if (pos == 0) return false;
  message.c = textWord(message, format);
  pos = format.readValue(pos, end);
  if (pos == 0) return false;
  message.d = textWord(message, format);
  pos = format.readValue(pos, end);
  if (pos == 0) return false;
  message.e = textWord(message, format);
  pos = format.readValue(pos, end);
  if (pos == 0) return false;
  message.f = textWord(message, format);
  return message.f != 0 && pos == argumentsStart(message);
}

/** Finds the values of the head; false when the body does not start with them. */
export function readHead(message: Message, format: ValueFormat): bool {
  if ((message.a & HEAD_READ) == 0) {
    message.a |= HEAD_READ;
    if (parseHead(message, format)) message.a |= HEAD_VALID;
  }
  return (message.a & HEAD_VALID) != 0;
}

/** Sets `value` to the text at `word`; false when it is absent. */
export function textAt(message: Message, word: u32, value: Slice): bool {
  if (word == 0) return false;
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

/** Walks over the arguments to the map of attachments; 0 when that is not possible. */
export function findRequestMap(message: Message, format: ValueFormat): usize {
  if (!readHead(message, format)) return 0;
  const descriptor = message.frame + (message.f >> 16);
  const count = countParameters(descriptor, message.f & 0xffff);
  if (count == NOT_A_DESCRIPTOR) return 0;
  const end = message.frame + message.frameLength;
  return format.readValues(argumentsStart(message), end, count);
}

/** The method that a generic call names in its first argument. */
export function readGenericMethod(message: Message, format: ValueFormat, value: Slice): bool {
  if (!readHead(message, format) || !textAt(message, message.e, value)) return false;
  const isGeneric =
    (value.len == GENERIC_METHOD.len && equalBytes(value.ptr, GENERIC_METHOD.ptr, value.len)) ||
    (value.len == GENERIC_ASYNC_METHOD.len &&
      equalBytes(value.ptr, GENERIC_ASYNC_METHOD.ptr, value.len));
  if (!isGeneric) return false;
  const pos = format.readValue(argumentsStart(message), message.frame + message.frameLength);
  if (pos == 0 || format.textPtr == 0) return false;
  value.ptr = format.textPtr;
  value.len = format.textLen;
  return true;
}
