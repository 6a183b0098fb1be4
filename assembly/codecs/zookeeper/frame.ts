// What a decoded frame is, and where its fields are, in the fields `a` to `c` of its message.
// Allocates: never.

import { Message } from "../../codec/message";
import { loadU32Be } from "../../wire/byte-order";
import { LENGTH_BYTES, PASSWORD_BYTES, XID_OFFSET } from "./constants";

export enum FrameKind {
  /** RequestHeader and a body. */
  Request = 0,
  ConnectRequest = 1,
  /** Four letters, which a server answers with text and closes. */
  Word = 2,
  /** ReplyHeader and a body. */
  Reply = 3,
  ConnectResponse = 4,
  WatchEvent = 5,
  /** A byte of the answer to four letters. */
  Text = 6,
}

export function setKind(message: Message, kind: FrameKind): void {
  message.a = kind;
}

export function kindOf(message: Message): FrameKind {
  return <FrameKind>message.a;
}

/** Of a request of which no more than this is known, too. */
export function setXid(message: Message, xid: u32): void {
  message.b = xid;
}

export function xidOf(message: Message): u32 {
  return message.b;
}

/** Bytes of a password whose length is written at `offset`, which is within the frame. */
export function passwordBytes(frame: usize, offset: u32): u32 {
  const length = <i32>loadU32Be(frame + offset);
  return length > 0 ? <u32>length : 0;
}

/**
 * Whether a complete frame of `total` bytes is a ConnectRequest or a ConnectResponse. They have the protocol's
 * version, 0, where others have the xid, and end with a password and, in all but the oldest versions, a bool.
 * The frame alone says so: what comes first on a connection would have to be remembered.
 */
export function isHandshake(frame: usize, total: u32, passwordOffset: u32): bool {
  const least = passwordOffset + LENGTH_BYTES;
  if (total < least || loadU32Be(frame + XID_OFFSET) != 0) return false;
  const password = passwordBytes(frame, passwordOffset);
  if (password != 0 && password != PASSWORD_BYTES) return false;
  return least + password == total || least + password + 1 == total;
}
