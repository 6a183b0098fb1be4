// The head of a message: type, method name and sequence id, before the struct of arguments.
//
//   strict   | 80 01 00 type | name length u32 | name | seqid u32 |
//   lax      | name length u32 | name | type u8 | seqid u32 |
//   compact  | 82 | type << 5 | 1 | seqid varint | name length varint | name |
//
// Big-endian. Spec: thrift-binary-protocol.md and thrift-compact-protocol.md, "Message".
// Allocates: never.

import { DecodeStatus } from "../../codec/decode-status";
import { Message, MessageType, Origin, ResponseStatus } from "../../codec/message";
import { loadU16Be, loadU32Be } from "../../wire/byte-order";
import { VARINT_MALFORMED, readVarint32, readWidth } from "../../wire/varint";
import {
  BINARY_VERSION,
  COMPACT_PROTOCOL_ID,
  COMPACT_TYPE_SHIFT,
  COMPACT_VERSION,
  COMPACT_VERSION_MASK,
  MAX_NAME_BYTES,
  Protocol,
  WireType,
} from "./constants";
import {
  nameLength,
  nameOffset,
  seqidOffset,
  setName,
  setSeqid,
  setWireType,
  wireType,
} from "./message-fields";

const SEQID_BYTES: u32 = 4;

/**
 * Reads the head at offset `at` of the frame, of which `len` bytes are there. Done: all fields are
 * set, and `id`. WaitForData: `need` is a least offset where the struct may end. Error: `idKnown`
 * is false. The bounds of a frame are the caller's matter.
 */
export function readMessageHead(
  message: Message,
  protocol: Protocol,
  at: u32,
  len: u32,
): DecodeStatus {
  if (protocol == Protocol.Compact) return readCompactHead(message, at, len);
  if (protocol == Protocol.LaxBinary) return readLaxHead(message, at, len);
  return readStrictHead(message, at, len);
}

/** Where the struct begins, after `readMessageHead`. */
export function bodyOffset(message: Message, protocol: Protocol): u32 {
  return protocol == Protocol.Compact
    ? nameOffset(message) + nameLength(message)
    : seqidOffset(message) + SEQID_BYTES;
}

/**
 * Sets the status of a response from the first field of its struct at offset `at`, of which at
 * least the first byte is there: a result is field 0, a declared exception any other.
 */
export function readResponseStatus(message: Message, protocol: Protocol, at: u32, len: u32): void {
  if (wireType(message) == WireType.Exception) {
    message.status = ResponseStatus.Error;
    return;
  }
  const header: u32 = load<u8>(message.frame + at);
  if (header == 0) return;
  let isResult = false;
  if (protocol != Protocol.Compact) {
    isResult = at + 3 <= len && loadU16Be(message.frame + at + 1) == 0;
  } else if (header >> 4 == 0) {
    isResult = at + 2 <= len && load<u8>(message.frame + at + 1) == 0;
  }
  if (!isResult) message.status = ResponseStatus.BusinessError;
}

/** Sets the message's type; false when a peer of this origin must not send it. */
function classify(message: Message, type: u32): bool {
  setWireType(message, type);
  if (message.origin == Origin.Upstream) {
    message.type = MessageType.Response;
    return type == WireType.Reply || type == WireType.Exception;
  }
  message.type = type == WireType.Oneway ? MessageType.Oneway : MessageType.Request;
  return type == WireType.Call || type == WireType.Oneway;
}

function finish(message: Message, seqidAt: u32, width: u32, seqid: u32): DecodeStatus {
  setSeqid(message, seqidAt, width, seqid);
  message.id = seqid;
  message.idKnown = message.type != MessageType.Oneway;
  return DecodeStatus.Done;
}

function waitFor(message: Message, need: u32): DecodeStatus {
  message.need = need;
  return DecodeStatus.WaitForData;
}

function readStrictHead(message: Message, at: u32, len: u32): DecodeStatus {
  const lengthAt = at + 4;
  const nameAt = lengthAt + 4;
  if (len < nameAt) return waitFor(message, nameAt + SEQID_BYTES + 1);
  const word = loadU32Be(message.frame + at);
  if (word >> 16 != BINARY_VERSION || !classify(message, word & 0xff)) return DecodeStatus.Error;
  const nameBytes = loadU32Be(message.frame + lengthAt);
  if (nameBytes > MAX_NAME_BYTES) return DecodeStatus.Error;
  const seqidAt = nameAt + nameBytes;
  if (len < seqidAt + SEQID_BYTES) return waitFor(message, seqidAt + SEQID_BYTES + 1);
  setName(message, nameAt, nameBytes);
  return finish(message, seqidAt, SEQID_BYTES, loadU32Be(message.frame + seqidAt));
}

function readLaxHead(message: Message, at: u32, len: u32): DecodeStatus {
  const nameAt = at + 4;
  if (len < nameAt) return waitFor(message, nameAt + 1 + SEQID_BYTES + 1);
  const nameBytes = loadU32Be(message.frame + at);
  if (nameBytes > MAX_NAME_BYTES) return DecodeStatus.Error;
  const seqidAt = nameAt + nameBytes + 1;
  const isTypeThere = len >= seqidAt;
  if (isTypeThere && !classify(message, load<u8>(message.frame + seqidAt - 1))) {
    return DecodeStatus.Error;
  }
  if (len < seqidAt + SEQID_BYTES) return waitFor(message, seqidAt + SEQID_BYTES + 1);
  setName(message, nameAt, nameBytes);
  return finish(message, seqidAt, SEQID_BYTES, loadU32Be(message.frame + seqidAt));
}

function readCompactHead(message: Message, at: u32, len: u32): DecodeStatus {
  const frame = message.frame;
  const seqidAt = at + 2;
  if (len < seqidAt) return waitFor(message, seqidAt + 3);
  const version: u32 = load<u8>(frame + at + 1);
  if (
    load<u8>(frame + at) != COMPACT_PROTOCOL_ID ||
    (version & COMPACT_VERSION_MASK) != COMPACT_VERSION ||
    !classify(message, version >> COMPACT_TYPE_SHIFT)
  ) {
    return DecodeStatus.Error;
  }
  const seqid = readVarint32(frame + seqidAt, frame + len);
  const width = readWidth(seqid);
  if (width == VARINT_MALFORMED) return DecodeStatus.Error;
  if (width == 0) return waitFor(message, len + 3);
  const lengthAt = seqidAt + width;
  const length = readVarint32(frame + lengthAt, frame + len);
  const lengthWidth = readWidth(length);
  if (lengthWidth == VARINT_MALFORMED) return DecodeStatus.Error;
  if (lengthWidth == 0) return waitFor(message, len + 2);
  const nameBytes = <u32>length;
  if (nameBytes > MAX_NAME_BYTES) return DecodeStatus.Error;
  const nameAt = lengthAt + lengthWidth;
  if (len < nameAt + nameBytes) return waitFor(message, nameAt + nameBytes + 1);
  setName(message, nameAt, nameBytes);
  return finish(message, seqidAt, width, <u32>seqid);
}
