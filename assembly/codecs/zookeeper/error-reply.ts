// Replies of our own: a ReplyHeader and nothing behind it, as servers answer with errors. There is no room
// for a text in it.
// Allocates: never.

import { ErrorKind, NO_ERROR_CODE } from "../../codec/error-kind";
import { ErrorReply } from "../../codec/error-reply";
import { Message, MessageType } from "../../codec/message";
import { storeU32Be, storeU64Be } from "../../wire/byte-order";
import {
  ERR_OFFSET,
  LENGTH_BYTES,
  REPLY_HEADER_LENGTH,
  THROTTLED_OP,
  XID_OFFSET,
  ZXID_OFFSET,
} from "./constants";
import { FrameKind, kindOf, xidOf } from "./frame";

/** The xid. */
const CONTEXT_BYTES: u32 = 4;

// KeeperException.Code.
const SYSTEM_ERROR: i32 = -1;
const CONNECTION_LOSS: i32 = -4;
const MARSHALLING_ERROR: i32 = -5;
const UNIMPLEMENTED: i32 = -6;
const OPERATION_TIMEOUT: i32 = -7;
const NO_AUTH: i32 = -102;

/** The answer to a ConnectRequest has no place for an error: 0, nothing is kept of it. */
export function keepContext(message: Message, out: usize): u32 {
  const isRequest = message.type == MessageType.Request && kindOf(message) == FrameKind.Request;
  if (!isRequest || !message.idKnown) return 0;
  storeU32Be(out, xidOf(message));
  return CONTEXT_BYTES;
}

function errOf(reply: ErrorReply): i32 {
  if (reply.code != NO_ERROR_CODE) return -(<i32>reply.code);
  switch (reply.kind) {
    case ErrorKind.NoRoute:
    case ErrorKind.UnknownCluster:
      return UNIMPLEMENTED;
    case ErrorKind.NoHealthyUpstream:
    case ErrorKind.ConnectFailure:
    case ErrorKind.UpstreamReset:
      return CONNECTION_LOSS;
    case ErrorKind.Timeout:
    case ErrorKind.RequestTimeout:
      return OPERATION_TIMEOUT;
    case ErrorKind.Overload:
    case ErrorKind.RateLimited:
      return THROTTLED_OP;
    case ErrorKind.MalformedRequest:
      return MARSHALLING_ERROR;
    case ErrorKind.PermissionDenied:
      return NO_AUTH;
    default:
      return SYSTEM_ERROR;
  }
}

export function writeErrorReply(reply: ErrorReply, out: usize, capacity: u32): u32 {
  const total = LENGTH_BYTES + REPLY_HEADER_LENGTH;
  if (reply.context.len != CONTEXT_BYTES || capacity < total) return 0;
  storeU32Be(out, REPLY_HEADER_LENGTH);
  memory.copy(out + XID_OFFSET, reply.context.ptr, CONTEXT_BYTES);
  // Clients take what is not above 0 for no transaction of a server's.
  storeU64Be(out + ZXID_OFFSET, 0);
  storeU32Be(out + ERR_OFFSET, <u32>errOf(reply));
  return total;
}
