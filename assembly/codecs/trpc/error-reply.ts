// The proxy's own replies, which trpc-go's client raises as an errs.Error of the type "callee framework" with
// the code and the text: one of these codes, that no client takes for a reason to think ill of its peer.
//
//   NoRoute, UnknownCluster   11   no such service
//   NoHealthyUpstream         131  no node to choose, as a client itself says it
//   ConnectFailure            111  likewise: cannot connect
//   UpstreamReset             141  likewise: the network, the connection was lost
//   Overload                  22
//   Timeout, RequestTimeout   21
//   MalformedRequest          1    a server's own, of what it cannot decode
//   BadResponse               122  a client's own, likewise
//   RateLimited               23
//   PermissionDenied          41
//   Internal                  31
//
// A unary call gets a response, a stream that the server has not taken yet the answer to its INIT, and any
// other stream its end: CLOSE of the type RESET.
//
// Spec: TrpcRetCode of trpc.proto; decodeInitFrame and decodeCloseFrame of trpc-go v1.0.3.
// Allocates: when the module starts.

import { ErrorKind, NO_ERROR_CODE } from "../../codec/error-kind";
import { ErrorReply } from "../../codec/error-reply";
import { Message, MessageType, Slice } from "../../codec/message";
import { loadU32Be, storeU16Be, storeU32Be } from "../../wire/byte-order";
import { ProtobufWriter } from "../../wire/protobuf";
import { StaticText } from "../../wire/static-text";
import {
  CLOSE_MSG,
  CLOSE_RESET,
  CLOSE_RET,
  CLOSE_TYPE,
  FRAME_TYPE_OFFSET,
  FrameType,
  HEAD_BYTES,
  HEADER_LENGTH_OFFSET,
  INIT_RESPONSE_META,
  MAGIC,
  META_ERROR_MSG,
  META_RET,
  REQUEST_ID,
  RESPONSE_ERROR_MSG,
  RESPONSE_RET,
  RET_CLIENT_CANCELED,
  RET_CLIENT_CONNECT,
  RET_CLIENT_DECODE,
  RET_CLIENT_NETWORK,
  RET_CLIENT_ROUTER,
  RET_SERVER_AUTH,
  RET_SERVER_DECODE,
  RET_SERVER_LIMITED,
  RET_SERVER_NO_SERVICE,
  RET_SERVER_OVERLOAD,
  RET_SERVER_SYSTEM,
  RET_SERVER_TIMEOUT,
  STREAM_FRAME_TYPE_OFFSET,
  STREAM_ID_OFFSET,
  StreamFrameType,
  TOTAL_LENGTH_OFFSET,
  VERSION_OFFSET,
} from "./constants";
import { isIdInHead, isRead, requestIdOffset } from "./message-fields";

/** More than a reply has besides its text. */
const REPLY_BYTES: u32 = 64;
const RESET_BYTES: u32 = 64;

// What is kept of a request: the first bytes of its head from the frame type on, and flags.
//
//   0  frame type   1  stream frame type   2  version   3  flags   4  id in the head, as it is
const CONTEXT_BYTES: u32 = 8;
const IS_ONEWAY: u32 = 1;
/** The id in the head is not the request's: it goes back as it came. */
const KEEPS_HEAD_ID: u32 = 2;
/** Only the head has the id. */
const IS_HEAD_ID_ALL: u32 = 4;

const CUT_OFF = new StaticText("metaproto: the stream was given up");

const writer = new ProtobufWriter();

function codeOf(kind: ErrorKind): u32 {
  switch (kind) {
    case ErrorKind.NoRoute:
    case ErrorKind.UnknownCluster:
      return RET_SERVER_NO_SERVICE;
    case ErrorKind.NoHealthyUpstream:
      return RET_CLIENT_ROUTER;
    case ErrorKind.ConnectFailure:
      return RET_CLIENT_CONNECT;
    case ErrorKind.UpstreamReset:
      return RET_CLIENT_NETWORK;
    case ErrorKind.Overload:
      return RET_SERVER_OVERLOAD;
    case ErrorKind.Timeout:
    case ErrorKind.RequestTimeout:
      return RET_SERVER_TIMEOUT;
    case ErrorKind.MalformedRequest:
      return RET_SERVER_DECODE;
    case ErrorKind.BadResponse:
      return RET_CLIENT_DECODE;
    case ErrorKind.RateLimited:
      return RET_SERVER_LIMITED;
    case ErrorKind.PermissionDenied:
      return RET_SERVER_AUTH;
    default:
      return RET_SERVER_SYSTEM;
  }
}

/** `Codec.captureContext`; of an incomplete frame its head is there. */
export function keepContext(message: Message, out: usize): u32 {
  const frame = message.frame;
  let flags: u32 = message.type == MessageType.Oneway ? IS_ONEWAY : 0;
  if (!isIdInHead(message)) flags |= KEEPS_HEAD_ID;
  if (isRead(message) && requestIdOffset(message) == 0) flags |= IS_HEAD_ID_ALL;
  store<u8>(out, load<u8>(frame + FRAME_TYPE_OFFSET));
  store<u8>(out + 1, load<u8>(frame + STREAM_FRAME_TYPE_OFFSET));
  store<u8>(out + 2, load<u8>(frame + VERSION_OFFSET));
  store<u8>(out + 3, <u8>flags);
  memory.copy(out + 4, frame + STREAM_ID_OFFSET, 4);
  return CONTEXT_BYTES;
}

/** `Codec.encodeError`. */
export function writeErrorReply(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32 {
  const text = reply.text;
  if (capacity < REPLY_BYTES || capacity - REPLY_BYTES < text.len) return 0;
  const code = reply.code == NO_ERROR_CODE ? codeOf(reply.kind) : reply.code;
  const context = reply.context;
  writer.reset(out + HEAD_BYTES, capacity - HEAD_BYTES);
  if (context.len < CONTEXT_BYTES) return writeResponse(out, <u32>id, id, 1, code, text);
  const type: u32 = load<u8>(context.ptr);
  const streamType: u32 = load<u8>(context.ptr + 1);
  const flags: u32 = load<u8>(context.ptr + 3);
  if ((flags & IS_ONEWAY) != 0) return 0;
  if (type == FrameType.Stream) {
    if (reply.endsStream || streamType != StreamFrameType.Init) {
      return writeClose(out, id, code, text.ptr, text.len);
    }
    return writeInit(out, id, code, text);
  }
  const version: u32 = load<u8>(context.ptr + 2);
  const head = (flags & KEEPS_HEAD_ID) != 0 ? loadU32Be(context.ptr + 4) : <u32>id;
  const requestId = (flags & IS_HEAD_ID_ALL) != 0 ? 0 : id;
  return writeResponse(out, head, requestId, version, code, text);
}

function writeResponse(
  out: usize,
  head: u32,
  requestId: u64,
  version: u32,
  code: u32,
  text: Slice,
): u32 {
  if (requestId != 0) writer.writeVarint(REQUEST_ID, requestId);
  writer.writeVarint(RESPONSE_RET, code);
  writer.writeBytes(RESPONSE_ERROR_MSG, text.ptr, text.len);
  writeHead(out, FrameType.Unary, 0, head);
  storeU16Be(out + HEADER_LENGTH_OFFSET, writer.len);
  store<u8>(out + VERSION_OFFSET, <u8>version);
  return HEAD_BYTES + writer.len;
}

function writeInit(out: usize, id: u64, code: u32, text: Slice): u32 {
  const meta = writer.openMessage(INIT_RESPONSE_META);
  writer.writeVarint(META_RET, code);
  writer.writeBytes(META_ERROR_MSG, text.ptr, text.len);
  writer.closeMessage(meta);
  return writeHead(out, FrameType.Stream, StreamFrameType.Init, <u32>id);
}

function writeClose(out: usize, id: u64, code: u32, ptr: usize, len: u32): u32 {
  writer.writeVarint(CLOSE_TYPE, CLOSE_RESET);
  writer.writeVarint(CLOSE_RET, code);
  writer.writeBytes(CLOSE_MSG, ptr, len);
  return writeHead(out, FrameType.Stream, StreamFrameType.Close, <u32>id);
}

/** Behind it is what `writer` has written; returns the length of the frame. */
function writeHead(out: usize, type: u32, streamType: u32, id: u32): u32 {
  memory.fill(out, 0, HEAD_BYTES);
  storeU16Be(out, MAGIC);
  store<u8>(out + FRAME_TYPE_OFFSET, <u8>type);
  store<u8>(out + STREAM_FRAME_TYPE_OFFSET, <u8>streamType);
  storeU32Be(out + TOTAL_LENGTH_OFFSET, HEAD_BYTES + writer.len);
  storeU32Be(out + STREAM_ID_OFFSET, id);
  return HEAD_BYTES + writer.len;
}

/** `Codec.encodeStreamReset`. */
export function writeStreamReset(id: u64, out: usize): u32 {
  writer.reset(out + HEAD_BYTES, RESET_BYTES - HEAD_BYTES);
  return writeClose(out, id, RET_CLIENT_CANCELED, CUT_OFF.ptr, CUT_OFF.len);
}
