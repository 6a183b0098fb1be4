// What a codec's fields of a Message mean here: where things are in a frame, as offsets from its start.
//
//   a     the field with the request id
//   b, c  the fields with servant and func; 0: none
//   d, e  the map `context`, from d to before e; the same: there is none, and here is its place
//   f     the map `status`; 0: none
//   g     of a request its timeout in ms, of a response its iRet
//   h     of a response the field sResultDesc; 0: none
//
// Allocates: never.

import { Message, Origin } from "../../codec/message";
import { loadU16Be, loadU32Be } from "../../wire/byte-order";
import { FIRST_TUP_VERSION, LAST_TUP_VERSION, LENGTH_BYTES } from "./constants";
import { JceType } from "./jce";

/** iVersion, of a message of which this field has come. */
export function versionOf(message: Message): i32 {
  const at = message.frame + LENGTH_BYTES;
  switch (<JceType>(load<u8>(at) & 15)) {
    case JceType.Int8:
      return load<i8>(at + 1);
    case JceType.Int16:
      return <i16>loadU16Be(at + 1);
    case JceType.Int32:
      return <i32>loadU32Be(at + 1);
    default:
      return 0;
  }
}

/** Whether the packet is a RequestPacket: those of clients are, and those of servers in TUP. */
export function isRequestPacket(message: Message): bool {
  return message.origin == Origin.Downstream || isTup(versionOf(message));
}

export function isTup(version: i32): bool {
  return version >= <i32>FIRST_TUP_VERSION && version <= <i32>LAST_TUP_VERSION;
}

/** The address of the field with the request id. */
export function requestIdField(message: Message): usize {
  return message.frame + message.a;
}

export function setContext(message: Message, from: u32, to: u32): void {
  message.d = from;
  message.e = to;
}

export function contextStart(message: Message): usize {
  return message.frame + message.d;
}

export function contextEnd(message: Message): usize {
  return message.frame + message.e;
}

export function hasContext(message: Message): bool {
  return message.d != message.e;
}

/** Nobody waits less than 0 ms: that is no timeout. */
export function timeout(message: Message): u32 {
  return <i32>message.g > 0 ? message.g : 0;
}

export function ret(message: Message): i32 {
  return <i32>message.g;
}
