// Events: heartbeats, which both sides send and answer, and READONLY, by which a provider that shuts
// down asks for no more requests.
// Spec: HeaderExchangeHandler, HeartbeatHandler, HeaderExchangeServer of apache/dubbo 3.3.
// Allocates: never.

import { Message } from "../../codec/message";
import { storeU32Be } from "../../wire/byte-order";
import {
  FLAG_EVENT,
  FLAG_OFFSET,
  FLAG_REQUEST,
  FLAG_TWO_WAY,
  HEADER_BYTES,
  SERIALIZATION_FASTJSON2,
  SERIALIZATION_HESSIAN2,
  SERIALIZATION_MASK,
  STATUS_OK,
} from "./constants";
import { writeHeader } from "./header";

/** The letter that READONLY is. */
const READONLY: u32 = 0x52;
/** A body of two bytes: a Hessian2 string of length 1, and the letter. */
const HESSIAN2_READONLY: u32 = 0x0152;
/** Hessian2's null. */
const HESSIAN2_NULL: u32 = 0x4e;
/** JSONB's null, after its length. */
const JSONB_NULL: u32 = 0xaf;
/** An event's body is not longer, or it is not a letter. */
const MAX_EVENT_BODY: u32 = 48;

/**
 * Whether a one-way event is READONLY. Each serialization writes that short text its own way, but
 * those with a text's bytes at the end have the letter there; taking another event for it only costs
 * a new connection.
 */
export function isReadonlyEvent(message: Message): bool {
  const bodyLength = message.frameLength - HEADER_BYTES;
  const body = message.frame + HEADER_BYTES;
  if (bodyLength == 0 || bodyLength > MAX_EVENT_BODY) return false;
  if (load<u8>(body + bodyLength - 1) != READONLY) return false;
  const serialization = load<u8>(message.frame + FLAG_OFFSET) & SERIALIZATION_MASK;
  return (
    serialization != SERIALIZATION_HESSIAN2 ||
    (bodyLength == 2 && load<u8>(body) == HESSIAN2_READONLY >> 8)
  );
}

/** Writes null as `serialization` does at `body`, or what the heartbeat's own body was. */
function writeNull(message: Message, serialization: u32, body: usize): usize {
  const bodyLength = message.frameLength - HEADER_BYTES;
  if (serialization == SERIALIZATION_FASTJSON2) {
    storeU32Be(body, 1);
    store<u8>(body + 4, <u8>JSONB_NULL);
    return body + 5;
  }
  const isUnknown = serialization != SERIALIZATION_HESSIAN2;
  if (isUnknown && bodyLength > 0 && bodyLength <= MAX_EVENT_BODY) {
    memory.copy(body, message.frame + HEADER_BYTES, bodyLength);
    return body + bodyLength;
  }
  store<u8>(body, <u8>HESSIAN2_NULL);
  return body + 1;
}

/** Writes the answer to a heartbeat at `out` (64 bytes): the same null, in the same serialization. */
export function writeHeartbeatReply(message: Message, out: usize): u32 {
  const serialization: u32 = load<u8>(message.frame + FLAG_OFFSET) & SERIALIZATION_MASK;
  const end = writeNull(message, serialization, out + HEADER_BYTES);
  return writeHeader(out, FLAG_EVENT | serialization, STATUS_OK, message.id, end);
}

/** Writes a heartbeat at `out` (64 bytes), in Hessian2. */
export function writeHeartbeat(id: u64, out: usize): u32 {
  const body = out + HEADER_BYTES;
  store<u8>(body, <u8>HESSIAN2_NULL);
  const flag = FLAG_REQUEST | FLAG_TWO_WAY | FLAG_EVENT | SERIALIZATION_HESSIAN2;
  return writeHeader(out, flag, 0, id, body + 1);
}
