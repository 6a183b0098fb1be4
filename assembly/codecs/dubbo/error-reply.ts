// The proxy's own replies to requests, such that Dubbo's client raises an exception that says what
// happened, at once, and retries only where that helps.
//
// Statuses other than 20 reach the caller as a network error (code 1), a timeout (code 2) for 30 and
// 31, and the failover that is the client's default retries all of them. An org.apache.dubbo.rpc.
// RpcException as the result of the call is not retried: it is what a retry through the same proxy
// could only repeat.
//
//   NoRoute, UnknownCluster, NoHealthyUpstream   RpcException, code 6: no invoker
//   Overload                                     RpcException, code 7: limit exceeded
//   ConnectFailure                               status 80: another endpoint may answer
//   UpstreamReset                                status 35, as Dubbo's client reports a lost channel
//   Timeout                                      status 31
//   MalformedRequest                             status 40
//   BadResponse                                  status 50
//
// Spec: DefaultFuture.returnFromResponse, DecodeableRpcResult, FailoverClusterInvoker of apache/dubbo 3.3.
// Allocates: when the module starts.

import { ErrorKind } from "../../codec/error-kind";
import { Slice } from "../../codec/message";
import {
  CODE_LIMIT_EXCEEDED,
  CODE_NO_INVOKER,
  HEADER_BYTES,
  RESPONSE_WITH_EXCEPTION,
  STATUS_BAD_REQUEST,
  STATUS_BAD_RESPONSE,
  STATUS_CHANNEL_INACTIVE,
  STATUS_OK,
  STATUS_SERVER_ERROR,
  STATUS_SERVER_TIMEOUT,
} from "./constants";
import { writeHeader } from "./header";
import { staticText } from "./static-text";
import { ExceptionShape, ValueFormat } from "./value-format";

/** More than a reply has besides its text. */
const REPLY_BYTES: u32 = 192;

const RPC_EXCEPTION = new ExceptionShape(
  staticText("org.apache.dubbo.rpc.RpcException"),
  staticText("detailMessage"),
  staticText("code"),
);

function statusOf(kind: ErrorKind): u32 {
  switch (kind) {
    case ErrorKind.ConnectFailure:
      return STATUS_SERVER_ERROR;
    case ErrorKind.UpstreamReset:
      return STATUS_CHANNEL_INACTIVE;
    case ErrorKind.Timeout:
      return STATUS_SERVER_TIMEOUT;
    case ErrorKind.MalformedRequest:
      return STATUS_BAD_REQUEST;
    case ErrorKind.BadResponse:
      return STATUS_BAD_RESPONSE;
    default:
      return STATUS_OK;
  }
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
 * Writes the reply with the body in `format`, whose id is `serialization`, and returns its length; 0
 * when `capacity` may be too small or the text is not UTF-8.
 */
export function writeErrorReply(
  kind: ErrorKind,
  id: u64,
  format: ValueFormat,
  text: Slice,
  out: usize,
  capacity: u32,
): u32 {
  if (capacity < REPLY_BYTES || capacity - REPLY_BYTES < text.len) return 0;
  const status = statusOf(kind);
  const body = out + HEADER_BYTES;
  const code = kind == ErrorKind.Overload ? CODE_LIMIT_EXCEEDED : CODE_NO_INVOKER;
  const end =
    status == STATUS_OK
      ? writeRpcException(format, body, text, code)
      : writeText(format, body, text);
  return end == 0 ? 0 : writeHeader(out, format.serialization, status, id, end);
}
