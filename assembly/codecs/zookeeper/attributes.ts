// The attributes of a frame. There are none by other names.
// Allocates: when the module starts.

import { DYNAMIC_ATTRIBUTE } from "../../codec/codec";
import { Message, Slice } from "../../codec/message";
import { loadU32Be, loadU64Be } from "../../wire/byte-order";
import { writeDecimal } from "../../wire/bytes";
import { StaticText } from "../../wire/static-text";
import {
  CONNECT_PASSWORD_OFFSET,
  CONNECT_SESSION_OFFSET,
  CONNECT_TIMEOUT_OFFSET,
  CONNECTED_PASSWORD_OFFSET,
  CONNECTED_SESSION_OFFSET,
  CONNECTED_TIMEOUT_OFFSET,
  ERR_OFFSET,
  hasPath,
  hasWatchFlag,
  LENGTH_BYTES,
  OPCODE_OFFSET,
  opcodeName,
  REQUEST_BODY_OFFSET,
  WORD_BYTES,
  ZXID_OFFSET,
} from "./constants";
import { FrameKind, kindOf, passwordBytes, xidOf } from "./frame";

// Attribute ids: positions in NAMES.
const OPCODE: i32 = 0;
const PATH: i32 = 1;
const XID: i32 = 2;
const WATCH: i32 = 3;
const READ_ONLY: i32 = 4;
const SESSION_ID: i32 = 5;
const SESSION_TIMEOUT: i32 = 6;
const ZXID: i32 = 7;
const ERR: i32 = 8;

const NAMES: StaticArray<StaticText> = [
  new StaticText("opcode"),
  new StaticText("path"),
  new StaticText("xid"),
  new StaticText("watch"),
  new StaticText("read_only"),
  new StaticText("session_id"),
  new StaticText("session_timeout"),
  new StaticText("zxid"),
  new StaticText("err"),
];

const CONNECT = new StaticText("connect");
const TRUE = new StaticText("true");
const FALSE = new StaticText("false");
const MINUS: u8 = 0x2d;
const ZERO: u8 = 0x30;
const SMALL_X: u8 = 0x78;
/** Room of a number's digits, for each attribute its own. */
const DIGITS: u32 = 24;

const digits = memory.data(216);

export function findAttributeId(namePtr: usize, nameLen: u32): i32 {
  for (let id = 0; id < NAMES.length; id++) {
    if (unchecked(NAMES[id]).equals(namePtr, nameLen)) return id;
  }
  return DYNAMIC_ATTRIBUTE;
}

/** `id` is not DYNAMIC_ATTRIBUTE. */
export function findAttribute(message: Message, id: i32, value: Slice): bool {
  switch (kindOf(message)) {
    case FrameKind.Request:
      return findOfRequest(message, id, value);
    case FrameKind.ConnectRequest:
      if (id == OPCODE) return isText(CONNECT, value);
      return findOfConnect(message, id, value);
    case FrameKind.ConnectResponse:
      return findOfConnected(message, id, value);
    case FrameKind.Reply:
      return findOfReply(message, id, value);
    case FrameKind.Word:
      if (id != OPCODE) return false;
      value.ptr = message.frame;
      value.len = WORD_BYTES;
      return true;
    default:
      return false;
  }
}

function findOfRequest(message: Message, id: i32, value: Slice): bool {
  const opcode = <i32>loadU32Be(message.frame + OPCODE_OFFSET);
  switch (id) {
    case OPCODE: {
      const name = opcodeName(opcode);
      return name.len > 0 ? isText(name, value) : isDecimal(opcode, id, value);
    }
    case PATH:
      return hasPath(opcode) && findPath(message, value);
    case XID:
      return isDecimal(<i32>xidOf(message), id, value);
    case WATCH:
      return hasWatchFlag(opcode) && findWatch(message, value);
    default:
      return false;
  }
}

function findPath(message: Message, value: Slice): bool {
  const start = REQUEST_BODY_OFFSET + LENGTH_BYTES;
  const total = message.frameLength;
  if (total < start) return false;
  const length = loadU32Be(message.frame + REQUEST_BODY_OFFSET);
  // That of a null, -1, is more than there is as well.
  if (length > total - start) return false;
  value.ptr = message.frame + start;
  value.len = length;
  return true;
}

function findWatch(message: Message, value: Slice): bool {
  if (!findPath(message, value)) return false;
  const at = value.ptr + value.len;
  if (at >= message.frame + message.frameLength) return false;
  return isBool(load<u8>(at) != 0, value);
}

function findOfConnect(message: Message, id: i32, value: Slice): bool {
  const frame = message.frame;
  if (id == READ_ONLY) return isReadOnly(message, CONNECT_PASSWORD_OFFSET, value);
  if (id == SESSION_ID) return isHex(loadU64Be(frame + CONNECT_SESSION_OFFSET), id, value);
  if (id != SESSION_TIMEOUT) return false;
  return isDecimal(<i32>loadU32Be(frame + CONNECT_TIMEOUT_OFFSET), id, value);
}

function findOfConnected(message: Message, id: i32, value: Slice): bool {
  const frame = message.frame;
  if (id == READ_ONLY) return isReadOnly(message, CONNECTED_PASSWORD_OFFSET, value);
  if (id == SESSION_ID) return isHex(loadU64Be(frame + CONNECTED_SESSION_OFFSET), id, value);
  if (id != SESSION_TIMEOUT) return false;
  return isDecimal(<i32>loadU32Be(frame + CONNECTED_TIMEOUT_OFFSET), id, value);
}

function findOfReply(message: Message, id: i32, value: Slice): bool {
  const frame = message.frame;
  if (id == XID) return isDecimal(<i32>xidOf(message), id, value);
  if (id == ERR) return isDecimal(<i32>loadU32Be(frame + ERR_OFFSET), id, value);
  return id == ZXID && isHex(loadU64Be(frame + ZXID_OFFSET), id, value);
}

/** The bool behind the password, which the oldest versions do not have. */
function isReadOnly(message: Message, passwordOffset: u32, value: Slice): bool {
  const at = passwordOffset + LENGTH_BYTES + passwordBytes(message.frame, passwordOffset);
  return isBool(at < message.frameLength && load<u8>(message.frame + at) != 0, value);
}

function isBool(isTrue: bool, value: Slice): bool {
  return isText(isTrue ? TRUE : FALSE, value);
}

function isText(text: StaticText, value: Slice): bool {
  value.ptr = text.ptr;
  value.len = text.len;
  return true;
}

function isDecimal(number: i32, id: i32, value: Slice): bool {
  const out = digits + <usize>id * DIGITS;
  value.ptr = out;
  if (number >= 0) {
    value.len = writeDecimal(out, number);
  } else {
    store<u8>(out, MINUS);
    value.len = 1 + writeDecimal(out + 1, <u64>-(<i64>number));
  }
  return true;
}

/** As ZooKeeper's own logs and tools write sessions and transactions: 0x10000459be10000. */
function isHex(number: u64, id: i32, value: Slice): bool {
  const out = digits + <usize>id * DIGITS;
  store<u8>(out, ZERO);
  store<u8>(out + 1, SMALL_X);
  let count: u32 = 1;
  for (let rest = number >> 4; rest > 0; rest >>= 4) count++;
  for (let i: u32 = 0; i < count; i++) {
    const digit = <u8>((number >> (4 * <u64>(count - 1 - i))) & 15);
    store<u8>(out + 2 + i, digit < 10 ? 0x30 + digit : 0x57 + digit);
  }
  value.ptr = out;
  value.len = 2 + count;
  return true;
}
