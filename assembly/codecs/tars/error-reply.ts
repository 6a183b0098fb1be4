// The proxy's own replies: a response with one of TARS' own codes as iRet, and the text as sResultDesc.
//
//   NoRoute, UnknownCluster        -4   no such servant
//   NoHealthyUpstream              -10  no endpoint
//   ConnectFailure, UpstreamReset  -8   the connection to the server
//   Overload, RateLimited          -9   overload
//   Timeout, RequestTimeout        -7   timeout
//   MalformedRequest               -1   the server could not decode
//   BadResponse                    -12  the client could not decode
//   PermissionDenied, Internal     -99  unknown
//
// All fields are there that clients ask for: one that misses `status` waits on, as if nothing had come.
// A TUP client gets what it sent, a RequestPacket, with the code and the text in its status.
//
// Spec: RequestF.tars and BaseF.tars of TarsCloud/TarsProtocol.
// Allocates: when the module starts.

import { ErrorKind, NO_ERROR_CODE } from "../../codec/error-kind";
import { ErrorReply } from "../../codec/error-reply";
import { Message, Slice } from "../../codec/message";
import { storeU32Be } from "../../wire/byte-order";
import { writeSigned } from "../../wire/bytes";
import { StaticText } from "../../wire/static-text";
import {
  LENGTH_BYTES,
  PACKET_TYPE_TAG,
  REQUEST_BUFFER_TAG,
  REQUEST_CONTEXT_TAG,
  REQUEST_FUNC_TAG,
  REQUEST_ID_TAG,
  REQUEST_MESSAGE_TYPE_TAG,
  REQUEST_SERVANT_TAG,
  REQUEST_STATUS_TAG,
  REQUEST_TIMEOUT_TAG,
  RESPONSE_BUFFER_TAG,
  RESPONSE_DESC_TAG,
  RESPONSE_ID_TAG,
  RESPONSE_MESSAGE_TYPE_TAG,
  RESPONSE_RET_TAG,
  RESPONSE_STATUS_TAG,
  TARSADAPTERNULL,
  TARSCLIENTDECODEERR,
  TARSINVOKETIMEOUT,
  TARSPROXYCONNECTERR,
  TARSSERVERDECODEERR,
  TARSSERVERNOSERVANTERR,
  TARSSERVEROVERLOAD,
  TARSSERVERUNKNOWNERR,
  VERSION_TAG,
} from "./constants";
import { JceType, writeHead, writeInt, writeString } from "./jce";
import { isTup, versionOf } from "./message-fields";
import { stringAt } from "./packet";

/** More than a reply has besides its text and what was kept of the request. */
const REPLY_BYTES: u32 = 192;

// What is kept of a request: its version, and with TUP the names of the servant and the function, each behind
// its length, where they are short.
//
//   0 version   4 length   5 servant   length   function
const VERSION_BYTES: u32 = 4;
const MAX_KEPT_NAME: u32 = 120;
const TARS_VERSION: i32 = 1;

const RESULT_CODE = new StaticText("STATUS_RESULT_CODE");
const RESULT_DESC = new StaticText("STATUS_RESULT_DESC");

const digits = memory.data(24);
const name = new Slice();

function codeOf(kind: ErrorKind): i32 {
  switch (kind) {
    case ErrorKind.NoRoute:
    case ErrorKind.UnknownCluster:
      return TARSSERVERNOSERVANTERR;
    case ErrorKind.NoHealthyUpstream:
      return TARSADAPTERNULL;
    case ErrorKind.ConnectFailure:
    case ErrorKind.UpstreamReset:
      return TARSPROXYCONNECTERR;
    case ErrorKind.Overload:
    case ErrorKind.RateLimited:
      return TARSSERVEROVERLOAD;
    case ErrorKind.Timeout:
    case ErrorKind.RequestTimeout:
      return TARSINVOKETIMEOUT;
    case ErrorKind.MalformedRequest:
      return TARSSERVERDECODEERR;
    case ErrorKind.BadResponse:
      return TARSCLIENTDECODEERR;
    default:
      return TARSSERVERUNKNOWNERR;
  }
}

/** `Codec.captureContext`; of an incomplete frame its version is there. */
export function keepContext(message: Message, out: usize): u32 {
  const version = versionOf(message);
  store<i32>(out, version);
  if (!isTup(version)) return VERSION_BYTES;
  let at = keepName(message, message.b, out + VERSION_BYTES);
  at = keepName(message, message.c, at);
  return <u32>(at - out);
}

function keepName(message: Message, offset: u32, out: usize): usize {
  const isKept = stringAt(message, offset, name) && name.len <= MAX_KEPT_NAME;
  const length: u32 = isKept ? name.len : 0;
  store<u8>(out, <u8>length);
  if (length > 0) memory.copy(out + 1, name.ptr, length);
  return out + 1 + length;
}

/** `Codec.encodeError`. */
export function writeErrorReply(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32 {
  const text = reply.text;
  const context = reply.context;
  if (capacity < REPLY_BYTES || capacity - REPLY_BYTES < text.len + context.len) return 0;
  const code = reply.code == NO_ERROR_CODE ? codeOf(reply.kind) : <i32>reply.code;
  const version = context.len >= VERSION_BYTES ? load<i32>(context.ptr) : TARS_VERSION;
  let at = writeInt(out + LENGTH_BYTES, VERSION_TAG, version);
  at = writeInt(at, PACKET_TYPE_TAG, 0);
  at = isTup(version)
    ? writeTupRest(at, <i32>id, code, text, context)
    : writeResponseRest(at, <i32>id, code, text);
  storeU32Be(out, <u32>(at - out));
  return <u32>(at - out);
}

function writeResponseRest(at: usize, id: i32, code: i32, text: Slice): usize {
  at = writeInt(at, RESPONSE_ID_TAG, id);
  at = writeInt(at, RESPONSE_MESSAGE_TYPE_TAG, 0);
  at = writeInt(at, RESPONSE_RET_TAG, code);
  at = writeBytesHead(at, RESPONSE_BUFFER_TAG, 0);
  at = writeMapHead(at, RESPONSE_STATUS_TAG, 0);
  return writeString(at, RESPONSE_DESC_TAG, text.ptr, text.len);
}

function writeTupRest(at: usize, id: i32, code: i32, text: Slice, context: Slice): usize {
  at = writeInt(at, REQUEST_MESSAGE_TYPE_TAG, 0);
  at = writeInt(at, REQUEST_ID_TAG, id);
  const servant = context.ptr + VERSION_BYTES;
  const servantLength: u32 = load<u8>(servant);
  at = writeString(at, REQUEST_SERVANT_TAG, servant + 1, servantLength);
  const func = servant + 1 + servantLength;
  at = writeString(at, REQUEST_FUNC_TAG, func + 1, load<u8>(func));
  // Its arguments are a map, which has none.
  at = writeMapHead(writeBytesHead(at, REQUEST_BUFFER_TAG, 2), 0, 0);
  at = writeInt(at, REQUEST_TIMEOUT_TAG, 0);
  at = writeMapHead(at, REQUEST_CONTEXT_TAG, 0);
  at = writeMapHead(at, REQUEST_STATUS_TAG, 2);
  at = writeString(at, 0, RESULT_CODE.ptr, RESULT_CODE.len);
  at = writeString(at, 1, digits, writeSigned(digits, code));
  at = writeString(at, 0, RESULT_DESC.ptr, RESULT_DESC.len);
  return writeString(at, 1, text.ptr, text.len);
}

/** Behind it are `count` pairs; returns the address of the first. */
function writeMapHead(at: usize, tag: u32, count: i32): usize {
  return writeInt(writeHead(at, tag, JceType.Map), 0, count);
}

/** Behind it are `count` bytes; returns the address of the first. */
function writeBytesHead(at: usize, tag: u32, count: i32): usize {
  at = writeHead(writeHead(at, tag, JceType.SimpleList), 0, JceType.Int8);
  return writeInt(at, 0, count);
}
