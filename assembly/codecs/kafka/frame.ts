// What a decoded frame is, in the fields `a` and `b` of its message.
// Allocates: never.

import { Message } from "../../codec/message";
import { loadU16Be, loadU32Be } from "../../wire/byte-order";
import {
  API_KEY_OFFSET,
  API_VERSION_OFFSET,
  ApiKey,
  CLIENT_ID_OFFSET,
  CLIENT_ID_TEXT_OFFSET,
  LENGTH_BYTES,
  MIN_REQUEST_LENGTH,
  NULL_LENGTH,
} from "./constants";

export enum FrameKind {
  Request = 0,
  Response = 1,
  /** A token of SASL without a header: of which mechanism only the two sides know. */
  Token = 2,
}

/** No version of an api gets there; a token has letters in this place, or a length. */
const MAX_VERSION: u32 = 31;
const MAX_API_KEY: u32 = 0x7fff;

export function setKind(message: Message, kind: FrameKind): void {
  message.a = kind;
}

export function kindOf(message: Message): FrameKind {
  return <FrameKind>message.a;
}

export function apiKeyOf(message: Message): u32 {
  return loadU16Be(message.frame + API_KEY_OFFSET);
}

export function apiVersionOf(message: Message): u32 {
  return loadU16Be(message.frame + API_VERSION_OFFSET);
}

/** Whether a complete frame of `total` bytes begins with a request's header. */
export function hasHeader(frame: usize, total: u32): bool {
  if (total < LENGTH_BYTES + MIN_REQUEST_LENGTH) return false;
  if (loadU16Be(frame + API_KEY_OFFSET) > MAX_API_KEY) return false;
  return loadU16Be(frame + API_VERSION_OFFSET) <= MAX_VERSION;
}

/** Of a request; the first version of one api has no client id, and is taken to have none that can be read. */
export function hasClientId(message: Message): bool {
  if (apiKeyOf(message) == ApiKey.ControlledShutdown && apiVersionOf(message) == 0) return false;
  return CLIENT_ID_TEXT_OFFSET + clientIdBytes(message) <= message.frameLength;
}

export function isClientIdNull(message: Message): bool {
  return clientIdLength(message) <= NULL_LENGTH;
}

/** Bytes of the client id, 0 of a null, whether or not there are so many. */
export function clientIdBytes(message: Message): u32 {
  const length = clientIdLength(message);
  return length > 0 ? <u32>length : 0;
}

function clientIdLength(message: Message): i32 {
  return <i32>(<i16>loadU16Be(message.frame + CLIENT_ID_OFFSET));
}

/** Length of a whole frame of which four bytes are there. */
export function lengthAt(frame: usize): u32 {
  return LENGTH_BYTES + loadU32Be(frame);
}
