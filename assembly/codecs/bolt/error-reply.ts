// The proxy's own replies. A text can only be told by SOFA's own response; the statuses of Bolt have none, but those
// below become exceptions of their own in the client. No status is used with which a client drops its connection.
//
//   Overload, RateLimited        4   the server's threads are busy
//   Timeout, RequestTimeout      7   SofaTimeOutException
//   MalformedRequest             9   CodecException
//   all others                   0   with SOFA's response: SofaRpcException with the text
//
// To who does not speak SOFA's classes, or speaks a serialization that is not written here, there is a status:
//   NoRoute, UnknownCluster      6   no processor
//   NoHealthyUpstream, ConnectFailure, UpstreamReset   5   communication error
//   all others                   1   error
//
// Spec: RpcResponseResolver of sofa-bolt 1.6, BoltClientTransport of sofa-rpc 5.13.
// Allocates: never.

import { ErrorKind, NO_ERROR_CODE } from "../../codec/error-kind";
import { ErrorReply } from "../../codec/error-reply";
import { Message, MessageType } from "../../codec/message";
import { isAscii } from "../../wire/bytes";
import {
  CRC_BYTES,
  CommandCode,
  STATUS_CODEC_EXCEPTION,
  STATUS_COMMUNICATION_ERROR,
  STATUS_CONNECTION_CLOSED,
  STATUS_ERROR,
  STATUS_LAST,
  STATUS_NO_PROCESSOR,
  STATUS_SERVER_BUSY,
  STATUS_SUCCESS,
  STATUS_TIMEOUT,
} from "./constants";
import {
  hasCrc,
  headBytes,
  keepStyle,
  seal,
  storeLengths,
  STYLE_BYTES,
  styleCodec,
  writeResponse,
} from "./head";
import {
  hasErrorContent,
  isSofaRequest,
  RESPONSE_CLASS,
  writeErrorContent,
  writeErrorHeader,
} from "./sofa-response";

/** More than a reply has besides its text. */
const REPLY_BYTES: u32 = 288;
/** Hessian2 writes longer ones in parts; the engine has none. */
const MAX_TEXT: u32 = 0xffff;

// The context of a request: its style, and then whether it is SOFA's, or one of these.
const IS_OTHER: u32 = 0;
const IS_SOFA: u32 = 1;
const IS_UNANSWERED: u32 = 2;

/** Writes 5 bytes at `out`, or none when the head of the frame is not there yet. */
export function keepContext(message: Message, out: usize): u32 {
  if (message.a == 0) return 0;
  keepStyle(message.frame, out);
  let kind = IS_OTHER;
  if (message.type != MessageType.Request) kind = IS_UNANSWERED;
  else if (message.frameLength > 0 && isSofaRequest(message)) kind = IS_SOFA;
  store<u8>(out + STYLE_BYTES, <u8>kind);
  return STYLE_BYTES + 1;
}

/** The status that says most, without a text. */
function statusOf(kind: ErrorKind): u32 {
  switch (kind) {
    case ErrorKind.Overload:
    case ErrorKind.RateLimited:
      return STATUS_SERVER_BUSY;
    case ErrorKind.Timeout:
    case ErrorKind.RequestTimeout:
      return STATUS_TIMEOUT;
    case ErrorKind.MalformedRequest:
      return STATUS_CODEC_EXCEPTION;
    case ErrorKind.NoRoute:
    case ErrorKind.UnknownCluster:
      return STATUS_NO_PROCESSOR;
    case ErrorKind.NoHealthyUpstream:
    case ErrorKind.ConnectFailure:
    case ErrorKind.UpstreamReset:
      return STATUS_COMMUNICATION_ERROR;
    default:
      return STATUS_ERROR;
  }
}

/** Whether the status is an exception that says enough: there is no text then. */
function isPlain(status: u32): bool {
  return (
    status == STATUS_SERVER_BUSY || status == STATUS_TIMEOUT || status == STATUS_CODEC_EXCEPTION
  );
}

/** A code that no client knows would end its connection: it says no more than that something failed. */
function knownStatus(code: u32): u32 {
  const isGap = code > STATUS_CODEC_EXCEPTION && code < STATUS_CONNECTION_CLOSED;
  return isGap || code > STATUS_LAST ? STATUS_ERROR : code;
}

/** Writes the reply to request `id` and returns its length; 0: it is never answered, or `capacity` may be too small. */
export function writeErrorReply(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32 {
  const context = reply.context;
  const text = reply.text;
  if (capacity < REPLY_BYTES || capacity - REPLY_BYTES < text.len) return 0;
  const style: usize = context.len > STYLE_BYTES ? context.ptr : 0;
  const kind: u32 = style == 0 ? IS_OTHER : load<u8>(style + STYLE_BYTES);
  if (kind == IS_UNANSWERED) return 0;
  const hasCode = reply.code != NO_ERROR_CODE;
  const status = hasCode ? knownStatus(reply.code) : statusOf(reply.kind);
  const canTell = kind == IS_SOFA && hasErrorContent(styleCodec(style)) && text.len <= MAX_TEXT;
  const isTold = canTell && !hasCode && !isPlain(status) && isAscii(text.ptr, text.len);
  const length = isTold
    ? writeTold(reply, style, out)
    : writeResponse(style, CommandCode.Response, status, out);
  seal(out, length, id);
  return length;
}

/** SOFA's response with the text. */
function writeTold(reply: ErrorReply, style: usize, out: usize): u32 {
  writeResponse(style, CommandCode.Response, STATUS_SUCCESS, out);
  const head = headBytes(out);
  memory.copy(out + head, RESPONSE_CLASS.ptr, RESPONSE_CLASS.len);
  const block = out + head + RESPONSE_CLASS.len;
  const header = writeErrorHeader(block);
  const content = writeErrorContent(styleCodec(style), reply.text, block + header);
  storeLengths(out, RESPONSE_CLASS.len, header, content);
  const length = head + RESPONSE_CLASS.len + header + content;
  return hasCrc(out) ? length + CRC_BYTES : length;
}
