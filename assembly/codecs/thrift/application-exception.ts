// Error replies: TApplicationException in a message of type EXCEPTION, with the name and the
// sequence id of the request and in its transport and protocol. Clients compare name (Go, Node) and
// sequence id (Go, Java, Node).
//
//   struct { 1: string message, 2: i32 type }
//
// Spec: https://github.com/apache/thrift/blob/c6c39e7/doc/specs/thrift-rpc.md, "Response struct".
// Allocates: at start-up.

import { ErrorKind, NO_ERROR_CODE } from "../../codec/error-kind";
import { ErrorReply } from "../../codec/error-reply";
import { Message, Slice } from "../../codec/message";
import { storeU16Be, storeU32Be } from "../../wire/byte-order";
import { writeVarint } from "../../wire/varint";
import { findMethod } from "./attributes";
import {
  BINARY_VERSION,
  BinaryType,
  COMPACT_PROTOCOL_ID,
  COMPACT_TYPE_SHIFT,
  COMPACT_VERSION,
  CompactType,
  FRAME_LENGTH_BYTES,
  Protocol,
  Transport,
  WireType,
  protocolOf,
  transportOf,
} from "./constants";
import {
  HEADER_MAGIC,
  HEADER_OFFSET,
  HEADER_PROTOCOL_BINARY,
  HEADER_PROTOCOL_COMPACT,
  HEADER_SEQID_OFFSET,
  HEADER_WORDS_OFFSET,
  HEADER_WORD_BYTES,
} from "./header-transport";
import { headerProtocolId, headerSeqid, messageSeqid, seqidOffset } from "./message-fields";
import { headerReplySeqid, messageReplySeqid } from "./sequence-ids";

// TApplicationExceptionType.
const UNKNOWN_METHOD: u32 = 1;
const INTERNAL_ERROR: u32 = 6;
const PROTOCOL_ERROR: u32 = 7;

const MESSAGE_FIELD: u32 = 1;
const TYPE_FIELD: u32 = 2;

// What is kept of a request:
//
//   0         1                    2          4              8               12
//   +---------+--------------------+----------+--------------+---------------+------
//   | dialect | THeader protocol id| unused   | header seqid | message seqid | method
//   +---------+--------------------+----------+--------------+---------------+------
//   native byte order
const PROTOCOL_ID_OFFSET: usize = 1;
const HEADER_SEQID_KEPT_OFFSET: usize = 4;
const MESSAGE_SEQID_KEPT_OFFSET: usize = 8;
const METHOD_OFFSET: u32 = 12;
const MAX_CONTEXT_BYTES: u32 = 256;
/** A longer name is cut off. */
const MAX_KEPT_METHOD_BYTES: u32 = MAX_CONTEXT_BYTES - METHOD_OFFSET;

/** More than a reply takes besides its name and its text. */
const REPLY_OVERHEAD: u32 = 64;

const method = new Slice();

/** `Codec.captureContext`: the name is kept as the server would repeat it, without the service. */
export function keepContext(message: Message, out: usize): u32 {
  store<u8>(out, <u8>message.dialect);
  store<u8>(out + PROTOCOL_ID_OFFSET, <u8>headerProtocolId(message));
  store<u16>(out + 2, 0);
  store<u32>(out + HEADER_SEQID_KEPT_OFFSET, headerSeqid(message));
  const seqid = seqidOffset(message) == 0 ? <u32>message.id : messageSeqid(message);
  store<u32>(out + MESSAGE_SEQID_KEPT_OFFSET, seqid);
  if (!findMethod(message, method)) return METHOD_OFFSET;
  const length = method.len < MAX_KEPT_METHOD_BYTES ? method.len : MAX_KEPT_METHOD_BYTES;
  memory.copy(out + METHOD_OFFSET, method.ptr, length);
  return METHOD_OFFSET + length;
}

/**
 * `Codec.encodeError`. Without a context the transport is unknown, and there is no reply that any
 * client would take for one.
 */
export function writeApplicationException(
  reply: ErrorReply,
  id: u64,
  out: usize,
  capacity: u32,
): u32 {
  const context = reply.context;
  const text = reply.text;
  if (context.len < METHOD_OFFSET) return 0;
  if (REPLY_OVERHEAD + <u64>context.len + <u64>text.len > <u64>capacity) return 0;
  const dialect: u32 = load<u8>(context.ptr);
  const transport = transportOf(dialect);
  const protocol = replyProtocol(context.ptr, dialect);
  let at = out;
  let seqid = <u32>id;
  if (transport == Transport.Framed) at += FRAME_LENGTH_BYTES;
  if (transport == Transport.Header) {
    at = writeHeader(context.ptr, seqid, protocol, out);
    const header = load<u32>(context.ptr + HEADER_SEQID_KEPT_OFFSET);
    seqid = messageReplySeqid(seqid, header, load<u32>(context.ptr + MESSAGE_SEQID_KEPT_OFFSET));
  }
  at = writeHead(context, protocol, seqid, at);
  at = writeStruct(protocol, exceptionType(reply), text, at);
  const length = <u32>(at - out);
  if (transport != Transport.Unframed) storeU32Be(out, length - FRAME_LENGTH_BYTES);
  return length;
}

function exceptionType(reply: ErrorReply): u32 {
  if (reply.code != NO_ERROR_CODE) return reply.code;
  const kind = reply.kind;
  if (kind == ErrorKind.NoRoute) return UNKNOWN_METHOD;
  const isRefused = kind == ErrorKind.MalformedRequest || kind == ErrorKind.RequestTimeout;
  return isRefused ? PROTOCOL_ERROR : INTERNAL_ERROR;
}

/** The encoding of a reply to a request that could not be read is the one its header names. */
function replyProtocol(context: usize, dialect: u32): Protocol {
  const protocol = protocolOf(dialect);
  if (protocol != Protocol.Opaque) return protocol;
  const isCompact = load<u8>(context + PROTOCOL_ID_OFFSET) == HEADER_PROTOCOL_COMPACT;
  return isCompact ? Protocol.Compact : Protocol.Binary;
}

function writeHeader(context: usize, id: u32, protocol: Protocol, out: usize): usize {
  const isCompact = protocol == Protocol.Compact;
  const seqid = headerReplySeqid(
    id,
    load<u32>(context + HEADER_SEQID_KEPT_OFFSET),
    load<u32>(context + MESSAGE_SEQID_KEPT_OFFSET),
  );
  storeU16Be(out + FRAME_LENGTH_BYTES, HEADER_MAGIC);
  storeU16Be(out + FRAME_LENGTH_BYTES + 2, 0);
  storeU32Be(out + HEADER_SEQID_OFFSET, seqid);
  storeU16Be(out + HEADER_WORDS_OFFSET, 1);
  store<u32>(out + HEADER_OFFSET, isCompact ? HEADER_PROTOCOL_COMPACT : HEADER_PROTOCOL_BINARY);
  return out + HEADER_OFFSET + HEADER_WORD_BYTES;
}

function writeHead(context: Slice, protocol: Protocol, seqid: u32, out: usize): usize {
  const name = context.ptr + METHOD_OFFSET;
  const length = context.len - METHOD_OFFSET;
  if (protocol == Protocol.Compact) {
    store<u8>(out, <u8>COMPACT_PROTOCOL_ID);
    store<u8>(out + 1, <u8>((WireType.Exception << COMPACT_TYPE_SHIFT) | COMPACT_VERSION));
    out += 2;
    out += writeVarint(out, seqid);
    out += writeVarint(out, length);
    memory.copy(out, name, length);
    return out + length;
  }
  if (protocol == Protocol.Binary) {
    storeU32Be(out, (BINARY_VERSION << 16) | WireType.Exception);
    out += 4;
  }
  storeU32Be(out, length);
  out += 4;
  memory.copy(out, name, length);
  out += length;
  if (protocol == Protocol.LaxBinary) store<u8>(out++, <u8>WireType.Exception);
  storeU32Be(out, seqid);
  return out + 4;
}

function writeStruct(protocol: Protocol, type: u32, text: Slice, out: usize): usize {
  if (protocol == Protocol.Compact) {
    store<u8>(out++, <u8>((MESSAGE_FIELD << 4) | CompactType.Binary));
    out += writeVarint(out, text.len);
    memory.copy(out, text.ptr, text.len);
    out += text.len;
    store<u8>(out++, <u8>(((TYPE_FIELD - MESSAGE_FIELD) << 4) | CompactType.I32));
    // Zigzag.
    out += writeVarint(out, type << 1);
    store<u8>(out, <u8>CompactType.Stop);
    return out + 1;
  }
  store<u8>(out++, <u8>BinaryType.String);
  storeU16Be(out, MESSAGE_FIELD);
  storeU32Be(out + 2, text.len);
  out += 6;
  memory.copy(out, text.ptr, text.len);
  out += text.len;
  store<u8>(out++, <u8>BinaryType.I32);
  storeU16Be(out, TYPE_FIELD);
  storeU32Be(out + 2, type);
  out += 6;
  store<u8>(out, <u8>BinaryType.Stop);
  return out + 1;
}
