// What a codec's fields of a Message mean here: where things are in a frame, as offsets from its start.
//
//   a, b  the correlation id, from a to before b; 0: there is none
//   c, d  service_name, method_name: where the length in front of the text is; 0: none
//   e     where the length of the RpcRequestMeta is; 0: none, SEVERAL_METAS: there are more of them
//   f     of a request its timeout in ms; of a response its error code
//   g     what the RpcMeta has: HAS_ flags
//
// Allocates: never.

import { Message } from "../../codec/message";
import { loadU32Be } from "../../wire/byte-order";
import { HEAD_BYTES, META_LENGTH_OFFSET } from "./constants";

export const SEVERAL_METAS: u32 = 0xffffffff;

export const HAS_REQUEST: u32 = 1;
export const HAS_RESPONSE: u32 = 2;
export const HAS_STREAM: u32 = 4;

export function metaLength(message: Message): u32 {
  return loadU32Be(message.frame + META_LENGTH_OFFSET);
}

/** The address of the RpcMeta. */
export function metaStart(message: Message): usize {
  return message.frame + HEAD_BYTES;
}

export function setCorrelationId(message: Message, from: u32, to: u32): void {
  message.a = from;
  message.b = to;
}

export function hasCorrelationId(message: Message): bool {
  return message.a != 0;
}

/** The address of the correlation id, where there is one. */
export function correlationIdStart(message: Message): usize {
  return message.frame + message.a;
}

export function correlationIdEnd(message: Message): usize {
  return message.frame + message.b;
}

/** `lengthAt`: where the length of the RpcRequestMeta is. */
export function addRequestMeta(message: Message, lengthAt: u32): void {
  message.e = message.e == 0 ? lengthAt : SEVERAL_METAS;
}

export function requestMeta(message: Message): u32 {
  return message.e;
}

export function setTimeout(message: Message, ms: u32): void {
  message.f = ms;
}

/** Nobody waits less than 0 ms: that is no timeout. */
export function timeout(message: Message): u32 {
  return <i32>message.f > 0 ? message.f : 0;
}

export function setErrorCode(message: Message, code: u32): void {
  message.f = code;
}

export function errorCode(message: Message): i32 {
  return <i32>message.f;
}

export function addFlag(message: Message, flag: u32): void {
  message.g |= flag;
}

export function hasFlag(message: Message, flag: u32): bool {
  return (message.g & flag) != 0;
}
