// The proxy's own replies to requests, such that Dubbo's client raises an exception that says what
// happened, at once, and retries only where that helps.
//
// A status other than 20 reaches the caller as a network error (code 1), or a timeout (code 2) for
// 30 and 31, and the failover that is the client's default retries all of them. An org.apache.dubbo.
// rpc.RpcException as the result of the call is not retried: it is for what a retry through the same
// proxy would only repeat. The client takes an object in the request's serialization only, but a
// status with a text in Hessian2 too: the statuses in brackets are for serializations not written here.
//
//   NoRoute, UnknownCluster   RpcException, code 6: no invoker        [60]
//   NoHealthyUpstream         RpcException, code 6                    [80]
//   Overload                  RpcException, code 7: limit exceeded    [100]
//   ConnectFailure            status 80: another endpoint may answer
//   UpstreamReset             status 35, as Dubbo's client itself reports a lost channel
//   Timeout                   status 31
//   MalformedRequest          status 40
//   BadResponse               status 50
//   RateLimited               RpcException, code 7                    [100]
//   PermissionDenied          RpcException, code 4: forbidden         [70]
//   Internal                  status 80
//
// Spec: DefaultFuture.returnFromResponse, DecodeableRpcResult, FailoverClusterInvoker of apache/dubbo 3.3.
// Allocates: when the module starts.

import { ErrorKind, NO_ERROR_CODE } from "../../codec/error-kind";
import { ErrorReply } from "../../codec/error-reply";
import { Slice } from "../../codec/message";
import { StaticText } from "../../wire/static-text";
import {
  CODE_FORBIDDEN,
  CODE_LIMIT_EXCEEDED,
  CODE_NO_INVOKER,
  HEADER_BYTES,
  RESPONSE_WITH_EXCEPTION,
  STATUS_BAD_REQUEST,
  STATUS_BAD_RESPONSE,
  STATUS_CHANNEL_INACTIVE,
  STATUS_CLIENT_TIMEOUT,
  STATUS_OK,
  STATUS_SERVER_ERROR,
  STATUS_SERVER_TIMEOUT,
  STATUS_SERVICE_ERROR,
  STATUS_SERVICE_NOT_FOUND,
  STATUS_THREADPOOL_EXHAUSTED,
} from "./constants";
import { hessian2 } from "./formats";
import { writeHeader } from "./header";
import { ExceptionShape, ValueFormat } from "./value-format";

const NO_CODE: u32 = 0xffffffff;

/** More than a reply has besides its text. */
const REPLY_BYTES: u32 = 192;

const RPC_EXCEPTION = new ExceptionShape(
  new StaticText("org.apache.dubbo.rpc.RpcException"),
  new StaticText("detailMessage"),
  new StaticText("code"),
);

/** The status that says most about an error. */
function statusOf(kind: ErrorKind): u32 {
  switch (kind) {
    case ErrorKind.NoRoute:
    case ErrorKind.UnknownCluster:
      return STATUS_SERVICE_NOT_FOUND;
    case ErrorKind.Overload:
    case ErrorKind.RateLimited:
      return STATUS_THREADPOOL_EXHAUSTED;
    case ErrorKind.PermissionDenied:
      return STATUS_SERVICE_ERROR;
    case ErrorKind.UpstreamReset:
      return STATUS_CHANNEL_INACTIVE;
    case ErrorKind.Timeout:
      return STATUS_SERVER_TIMEOUT;
    case ErrorKind.MalformedRequest:
      return STATUS_BAD_REQUEST;
    case ErrorKind.RequestTimeout:
      return STATUS_CLIENT_TIMEOUT;
    case ErrorKind.BadResponse:
      return STATUS_BAD_RESPONSE;
    default:
      return STATUS_SERVER_ERROR;
  }
}

/** The RpcException's code for an error that no retry mends, else NO_CODE. */
function codeOf(kind: ErrorKind): u32 {
  switch (kind) {
    case ErrorKind.NoRoute:
    case ErrorKind.UnknownCluster:
    case ErrorKind.NoHealthyUpstream:
      return CODE_NO_INVOKER;
    case ErrorKind.Overload:
    case ErrorKind.RateLimited:
      return CODE_LIMIT_EXCEEDED;
    case ErrorKind.PermissionDenied:
      return CODE_FORBIDDEN;
    default:
      return NO_CODE;
  }
}

/** A code that is no status, or that of a success, says no more than that something failed. */
function replyStatus(reply: ErrorReply): u32 {
  if (reply.code == NO_ERROR_CODE) return statusOf(reply.kind);
  return reply.code > 0xff || reply.code == STATUS_OK ? STATUS_SERVER_ERROR : reply.code;
}

function writeText(format: ValueFormat, out: usize, text: Slice): usize {
  const end = format.writeText(format.beginValue(out), text.ptr, text.len);
  return end == 0 ? 0 : format.endValue(out, end);
}

function writeRpcException(format: ValueFormat, out: usize, text: Slice, code: u32): usize {
  const head = format.writeTag(out, RESPONSE_WITH_EXCEPTION);
  const end = format.writeException(format.beginValue(head), RPC_EXCEPTION, text, code);
  return end == 0 ? 0 : format.endValue(head, end);
}

/**
 * Writes the reply to request `id` and returns its length; 0 when `capacity` may be too small or the
 * text is not UTF-8. `format` is the request's; null: one that is not written here.
 */
export function writeErrorReply(
  reply: ErrorReply,
  id: u64,
  format: ValueFormat | null,
  out: usize,
  capacity: u32,
): u32 {
  const text = reply.text;
  if (capacity < REPLY_BYTES || capacity - REPLY_BYTES < text.len) return 0;
  const body = out + HEADER_BYTES;
  const code = reply.code == NO_ERROR_CODE ? codeOf(reply.kind) : NO_CODE;
  if (format != null && code != NO_CODE) {
    const end = writeRpcException(format, body, text, code);
    return end == 0 ? 0 : writeHeader(out, format.serialization, STATUS_OK, id, end);
  }
  const known = format == null ? hessian2 : format;
  const end = writeText(known, body, text);
  return end == 0 ? 0 : writeHeader(out, known.serialization, replyStatus(reply), id, end);
}
