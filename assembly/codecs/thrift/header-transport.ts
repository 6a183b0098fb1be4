// THeader: a frame with a header before the message.
//
//   0        4       6       8       12      14                           14 + 4 * words
//   +--------+-------+-------+-------+-------+------------ - - -+---------+---------- - -
//   | length | 0f ff | flags | seqid | words | header           | padding | payload
//   +--------+-------+-------+-------+-------+------------ - - -+---------+---------- - -
//   header: protocol id, number of transforms, ids of the transforms (varints), info blocks
//
// Big-endian; the length does not count itself; transforms apply to the payload only.
// Spec: https://github.com/apache/thrift/blob/24b18d5/doc/specs/HeaderFormat.md
// Allocates: never.

import { DecodeStatus } from "../../codec/decode-status";
import { Message, MessageType, Origin } from "../../codec/message";
import { loadU16Be, loadU32Be } from "../../wire/byte-order";
import { VARINT_MALFORMED, readVarint32, readWidth } from "../../wire/varint";
import { Protocol, Transport, WireType, dialectOf } from "./constants";
import { setHeader, setPayloadOffset, setWireType } from "./message-fields";

/** Bytes 4 and 5. */
export const HEADER_MAGIC: u32 = 0x0fff;
/** Bytes 8..11. */
export const HEADER_SEQID_OFFSET: u32 = 8;
/** Bytes 12 and 13, in words of 4 bytes. */
export const HEADER_WORDS_OFFSET: u32 = 12;
/** Where the header of variable length begins. */
export const HEADER_OFFSET: u32 = 14;
export const HEADER_WORD_BYTES: u32 = 4;
/** Longer headers are refused by the C++ library, although the field could hold them. */
export const MAX_HEADER_WORDS: u32 = 16383;

export const HEADER_PROTOCOL_BINARY: u32 = 0;
export const HEADER_PROTOCOL_COMPACT: u32 = 2;

/** Does nothing. */
const TRANSFORM_NONE: u32 = 0;
/** The only transform with data of its own in the header; long given up. */
const TRANSFORM_HMAC: u32 = 2;
/** Ours: more transforms than there are kinds. */
const MAX_TRANSFORMS: u32 = 8;

const BINARY_VERSION_BYTE: u8 = 0x80;

/** What the transforms leave of a frame for us to read. */
enum Readable {
  Nothing = 0,
  InfoOnly = 1,
  All = 2,
}

/** Position in the header and what was found there; one reader, used within one call only. */
class HeaderReader {
  static at: usize = 0;
  static end: usize = 0;
  static isBroken: bool = false;

  static next(): u32 {
    const result = readVarint32(HeaderReader.at, HeaderReader.end);
    const width = readWidth(result);
    if (width == 0 || width == VARINT_MALFORMED) {
      HeaderReader.isBroken = true;
      return 0;
    }
    HeaderReader.at += width;
    return <u32>result;
  }
}

/**
 * Reads the header of a frame of `frameBytes`, of which `len` are there. Done: `message.dialect` is
 * set, `message.id` holds the header's sequence id, and the first byte of the payload is there.
 */
export function readHeader(message: Message, frameBytes: u32, len: u32): DecodeStatus {
  if (len < HEADER_OFFSET) return DecodeStatus.WaitForData;
  const frame = message.frame;
  const words = loadU16Be(frame + HEADER_WORDS_OFFSET);
  const payload = HEADER_OFFSET + words * HEADER_WORD_BYTES;
  if (payload >= frameBytes) return DecodeStatus.Error;
  if (len <= payload) return DecodeStatus.WaitForData;
  HeaderReader.at = frame + HEADER_OFFSET;
  HeaderReader.end = frame + payload;
  HeaderReader.isBroken = false;
  const protocolId = HeaderReader.next();
  const readable = readTransforms();
  if (HeaderReader.isBroken) return DecodeStatus.Error;
  const info = readable == Readable.Nothing ? 0 : <u32>(HeaderReader.at - frame);
  const seqid = loadU32Be(frame + HEADER_SEQID_OFFSET);
  message.id = seqid;
  setHeader(message, protocolId, seqid, info);
  setPayloadOffset(message, payload);
  const isReadable = readable == Readable.All;
  const protocol = isReadable ? payloadProtocol(protocolId, frame + payload) : Protocol.Opaque;
  message.dialect = dialectOf(Transport.Header, protocol);
  return DecodeStatus.Done;
}

/**
 * Sets the type of a message whose payload cannot be read: a call and its reply are assumed, since
 * a request that is taken for one-way would lose its reply.
 */
export function assumeCall(message: Message): void {
  const isResponse = message.origin == Origin.Upstream;
  message.type = isResponse ? MessageType.Response : MessageType.Request;
  setWireType(message, isResponse ? WireType.Reply : WireType.Call);
  message.idKnown = true;
}

function readTransforms(): Readable {
  const count = HeaderReader.next();
  if (count > MAX_TRANSFORMS) HeaderReader.isBroken = true;
  let readable = Readable.All;
  for (let i: u32 = 0; i < count && !HeaderReader.isBroken; i++) {
    const transform = HeaderReader.next();
    if (transform == TRANSFORM_HMAC) return Readable.Nothing;
    if (transform != TRANSFORM_NONE) readable = Readable.InfoOnly;
  }
  return readable;
}

function payloadProtocol(protocolId: u32, payload: usize): Protocol {
  if (protocolId == HEADER_PROTOCOL_COMPACT) return Protocol.Compact;
  if (protocolId != HEADER_PROTOCOL_BINARY) return Protocol.Opaque;
  return load<u8>(payload) == BINARY_VERSION_BYTE ? Protocol.Binary : Protocol.LaxBinary;
}
