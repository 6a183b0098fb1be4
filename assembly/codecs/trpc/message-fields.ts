// What a codec's fields of a Message mean here: where things are in a frame, as offsets from its start.
//
//   a, b     the request id in the header, from a to before b; 0: it has none, or that is 0
//   c, d, e  caller, callee, func: where the length in front of the text is; 0: none
//   f        of a request its timeout in ms; of a response or an end of a stream its `ret`
//   g        of a response or an end of a stream its `func_ret`; of an INIT where the length of its
//            request_meta is, 0: none, SEVERAL_METAS: there are more of them
//   h        1: the frame's protobuf has been read
//
// Allocates: never.

import { Message } from "../../codec/message";
import { loadU16Be, loadU32Be } from "../../wire/byte-order";
import {
  FRAME_TYPE_OFFSET,
  FrameType,
  HEADER_LENGTH_OFFSET,
  STREAM_FRAME_TYPE_OFFSET,
  STREAM_ID_OFFSET,
} from "./constants";

export const SEVERAL_METAS: u32 = 0xffffffff;

export function isStreamFrame(message: Message): bool {
  return load<u8>(message.frame + FRAME_TYPE_OFFSET) == FrameType.Stream;
}

export function streamFrameType(message: Message): u32 {
  return load<u8>(message.frame + STREAM_FRAME_TYPE_OFFSET);
}

/** The id in the frame's head. */
export function headId(message: Message): u32 {
  return loadU32Be(message.frame + STREAM_ID_OFFSET);
}

export function headerLength(message: Message): u32 {
  return loadU16Be(message.frame + HEADER_LENGTH_OFFSET);
}

export function setRequestId(message: Message, from: u32, to: u32): void {
  message.a = from;
  message.b = to;
}

/** Where the request id is in the header; 0: only the head has it. */
export function requestIdOffset(message: Message): u32 {
  return message.a;
}

export function requestIdEnd(message: Message): u32 {
  return message.b;
}

/** The id in the head is the request's: it is rewritten, too. */
export function isIdInHead(message: Message): bool {
  return message.a == 0 || <u64>headId(message) == message.id;
}

export function setTimeout(message: Message, ms: u32): void {
  message.f = ms;
}

export function timeout(message: Message): u32 {
  return message.f;
}

export function setRet(message: Message, ret: u32): void {
  message.f = ret;
}

export function ret(message: Message): i32 {
  return <i32>message.f;
}

export function setFuncRet(message: Message, ret: u32): void {
  message.g = ret;
}

export function funcRet(message: Message): i32 {
  return <i32>message.g;
}

/** `lengthAt`: where the length in front of the request_meta is. */
export function addRequestMeta(message: Message, lengthAt: u32): void {
  message.g = message.g == 0 ? lengthAt : SEVERAL_METAS;
}

export function requestMeta(message: Message): u32 {
  return message.g;
}

export function setRead(message: Message): void {
  message.h = 1;
}

/** False: of an incomplete frame only the head is known. */
export function isRead(message: Message): bool {
  return message.h != 0;
}
