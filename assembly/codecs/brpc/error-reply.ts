// The proxy's own replies: a response with one of bRPC's error codes and the text. By its source, the default retry
// policy of bRPC (C++) tries EFAILEDSOCKET and EEOF again, as it does without a proxy; no test runs such a client.
//
//   NoRoute, UnknownCluster        1001  ENOSERVICE
//   NoHealthyUpstream, Internal    2001  EINTERNAL
//   ConnectFailure                 1009  EFAILEDSOCKET
//   UpstreamReset                  1014  EEOF: the connection ended
//   Overload, RateLimited          2004  ELIMIT
//   Timeout, RequestTimeout        1008  ERPCTIMEDOUT
//   MalformedRequest               1003  EREQUEST
//   BadResponse                    2002  ERESPONSE
//   PermissionDenied               1004  ERPCAUTH
//
// ELOGOFF is not among them: it would make clients leave the whole connection.
//
// Spec: errno.proto and retry_policy.cpp of apache/brpc.
// Allocates: when the module starts.

import { ErrorKind, NO_ERROR_CODE } from "../../codec/error-kind";
import { ErrorReply } from "../../codec/error-reply";
import { storeU32Be } from "../../wire/byte-order";
import { ProtobufWriter } from "../../wire/protobuf";
import {
  BODY_LENGTH_OFFSET,
  EEOF,
  EFAILEDSOCKET,
  EINTERNAL,
  ELIMIT,
  ENOSERVICE,
  EREQUEST,
  ERESPONSE,
  ERPCAUTH,
  ERPCTIMEDOUT,
  HEAD_BYTES,
  MAGIC,
  META_CORRELATION_ID,
  META_LENGTH_OFFSET,
  META_RESPONSE,
  RESPONSE_ERROR_CODE,
  RESPONSE_ERROR_TEXT,
} from "./constants";

/** More than a reply has besides its text. */
const REPLY_BYTES: u32 = 64;

const writer = new ProtobufWriter();

function codeOf(kind: ErrorKind): u32 {
  switch (kind) {
    case ErrorKind.NoRoute:
    case ErrorKind.UnknownCluster:
      return ENOSERVICE;
    case ErrorKind.ConnectFailure:
      return EFAILEDSOCKET;
    case ErrorKind.UpstreamReset:
      return EEOF;
    case ErrorKind.Overload:
    case ErrorKind.RateLimited:
      return ELIMIT;
    case ErrorKind.Timeout:
    case ErrorKind.RequestTimeout:
      return ERPCTIMEDOUT;
    case ErrorKind.MalformedRequest:
      return EREQUEST;
    case ErrorKind.BadResponse:
      return ERESPONSE;
    case ErrorKind.PermissionDenied:
      return ERPCAUTH;
    default:
      return EINTERNAL;
  }
}

/** `Codec.encodeError`. */
export function writeErrorReply(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32 {
  const text = reply.text;
  if (capacity < REPLY_BYTES || capacity - REPLY_BYTES < text.len) return 0;
  writer.reset(out + HEAD_BYTES, capacity - HEAD_BYTES);
  const response = writer.openMessage(META_RESPONSE);
  const code = reply.code == NO_ERROR_CODE ? codeOf(reply.kind) : reply.code;
  writer.writeVarint(RESPONSE_ERROR_CODE, code);
  writer.writeBytes(RESPONSE_ERROR_TEXT, text.ptr, text.len);
  writer.closeMessage(response);
  writer.writeVarint(META_CORRELATION_ID, id);
  storeU32Be(out, MAGIC);
  storeU32Be(out + BODY_LENGTH_OFFSET, writer.len);
  storeU32Be(out + META_LENGTH_OFFSET, writer.len);
  return HEAD_BYTES + writer.len;
}
