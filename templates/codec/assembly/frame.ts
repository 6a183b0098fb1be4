// What a message looks like on the wire; numbers are big-endian.
//
//   0       2      3        4        8      12           13+n           15+n
//   +-------+------+--------+--------+------+------------+--------------+-----------------+------+
//   | magic | kind | status | length | id   | n, method  | bytes of all | tags: n, key,   | body |
//   |  u16  |  u8  |   u8   |  u32   | u32  | u8, text   | tags, u16    | n, value; n: u8 |      |
//   +-------+------+--------+--------+------+------------+--------------+-----------------+------+
//
// `length` counts the whole frame. `status` is 0 in requests.
import { MessageType, Origin } from "metaproto-as/codec";

export const MAGIC: u32 = 0xca11;
export const MAGIC_FIRST_BYTE: u8 = 0xca;

export const KIND_AT: u32 = 2;
export const STATUS_AT: u32 = 3;
export const LENGTH_AT: u32 = 4;
export const ID_AT: u32 = 8;
export const METHOD_AT: u32 = 12;
/** Up to and with the length of the method. */
export const HEADER_BYTES: u32 = 13;
/** Of the number of bytes of all tags. */
export const TAGS_LENGTH_BYTES: u32 = 2;
/** Of a frame without method, tags and body. */
export const LEAST_BYTES: u32 = HEADER_BYTES + TAGS_LENGTH_BYTES;

export enum Kind {
  Request = 0,
  Response = 1,
  /** A request that nobody answers. */
  Oneway = 2,
  Ping = 3,
  Pong = 4,
}

/** Of responses. */
export enum Status {
  Ok = 0,
  /** The application's own error: the server works. */
  Refused = 1,
  Failed = 2,
  NotFound = 3,
  Timeout = 4,
  Busy = 5,
  Forbidden = 6,
  Malformed = 7,
}

/** What a message of this kind is to the engine; -1: this side does not send it. */
export function messageType(kind: u32, origin: Origin): i32 {
  if (kind == Kind.Ping) return MessageType.Heartbeat;
  if (kind == Kind.Pong) return MessageType.Event;
  if (origin == Origin.Upstream) return kind == Kind.Response ? MessageType.Response : -1;
  if (kind == Kind.Request) return MessageType.Request;
  return kind == Kind.Oneway ? MessageType.Oneway : -1;
}
