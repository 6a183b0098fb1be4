// Thrift: framed, unframed and THeader transport; strict and lax binary and compact protocol; found
// out for each frame. See README.md for what is not parsed.
// Allocates: never, after start-up.
// Next: switchboard/router/router.ts

import { Codec, ConnectionMode } from "../../codec/codec";
import { DecodeStatus } from "../../codec/decode-status";
import { ErrorReply } from "../../codec/error-reply";
import { Message, MessageType, Slice } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { loadU32Be, storeU16Be, storeU32Be } from "../../wire/byte-order";
import { VARINT32_BYTES } from "../../wire/varint";
import { keepContext, writeApplicationException } from "./application-exception";
import { findAttribute, findAttributeId } from "./attributes";
import { BinaryGrammar } from "./binary-grammar";
import { CompactGrammar } from "./compact-grammar";
import {
  FRAME_LENGTH_BYTES,
  MAX_FRAME_LENGTH,
  Protocol,
  Transport,
  protocolOf,
  transportOf,
} from "./constants";
import {
  HEADER_OFFSET,
  HEADER_WORDS_OFFSET,
  HEADER_WORD_BYTES,
  MAX_HEADER_WORDS,
  assumeCall,
  readHeader,
} from "./header-transport";
import { findInfo } from "./info-headers";
import { BLOCK_OVERHEAD, ENTRY_OVERHEAD, INFO_UNREADABLE, InfoRewriter } from "./info-mutation";
import { headerSeqid, infoOffset, messageSeqid, payloadOffset } from "./message-fields";
import { bodyOffset, readMessageHead, readResponseStatus } from "./message-head";
import { copyMessage, patchSeqids, preferredSeqid, writeHeaderSeqid } from "./sequence-ids";
import { STRUCT_WALK_BYTES, StructWalk } from "./struct-walk";
import {
  DIALECT_NONE,
  DIALECT_UNDECIDED,
  detectDialect,
  leastFrameBytes,
} from "./transport-detection";
import { walkValues } from "./value-walk";

const binary = new BinaryGrammar();
const compact = new CompactGrammar();
const rewriter = new InfoRewriter();

export class ThriftCodec extends Codec {
  constructor() {
    super();
    // The usual servers work through a connection in order, and some clients number all calls 0.
    this.defaultMode = ConnectionMode.Exclusive;
    this.orderedDownstream = true;
    // Sequence ids are signed; not every library can write a negative one.
    this.idBits = 31;
    this.stateBytes = STRUCT_WALK_BYTES;
  }

  decode(message: Message, ptr: usize, len: u32, state: usize): DecodeStatus {
    if (len == 0) {
      message.need = 1;
      return DecodeStatus.WaitForData;
    }
    const dialect = detectDialect(ptr, len);
    if (dialect == DIALECT_NONE) return DecodeStatus.Error;
    if (dialect == DIALECT_UNDECIDED) {
      message.need = leastFrameBytes(load<u8>(ptr));
      return DecodeStatus.WaitForData;
    }
    message.dialect = dialect;
    if (transportOf(dialect) == Transport.Unframed) {
      return decodeUnframed(message, len, changetype<StructWalk>(state));
    }
    return decodeFrame(message, FRAME_LENGTH_BYTES + loadU32Be(ptr), len);
  }

  attributeId(namePtr: usize, nameLen: u32): i32 {
    return findAttributeId(namePtr, nameLen);
  }

  attribute(message: Message, id: i32, namePtr: usize, nameLen: u32, value: Slice): bool {
    if (id >= 0) return findAttribute(message, id, value);
    return findInfo(message, namePtr, nameLen, value);
  }

  patchId(message: Message, id: u64): bool {
    return patchSeqids(message, id);
  }

  encodedSizeBound(message: Message, mutation: Mutation | null): u32 {
    const bound = message.frameLength + VARINT32_BYTES;
    if (mutation == null || infoOffset(message) == 0) return bound;
    return bound + BLOCK_OVERHEAD + mutation.payloadBytes() + mutation.count * ENTRY_OVERHEAD;
  }

  encode(message: Message, id: u64, mutation: Mutation | null, out: usize): u32 {
    const changes = mutation != null && mutation.count > 0 ? mutation : null;
    const transport = transportOf(message.dialect);
    if (transport == Transport.Header) return this.encodeHeaderFrame(message, id, changes, out);
    this.mutationApplied = changes == null;
    const length = copyMessage(message, id, 0, out);
    if (transport == Transport.Framed) storeU32Be(out, length - FRAME_LENGTH_BYTES);
    return length;
  }

  private encodeHeaderFrame(message: Message, id: u64, changes: Mutation | null, out: usize): u32 {
    let payload: u32 = 0;
    if (changes != null) payload = writeChangedHeader(message, changes, out);
    this.mutationApplied = changes == null || payload != 0;
    if (payload == 0) payload = copyHeader(message, out);
    writeHeaderSeqid(message, id, out);
    const length = payload + copyMessage(message, id, payloadOffset(message), out + payload);
    storeU32Be(out, length - FRAME_LENGTH_BYTES);
    return length;
  }

  captureContext(message: Message, out: usize): u32 {
    return keepContext(message, out);
  }

  encodeError(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32 {
    return writeApplicationException(reply, id, out, capacity);
  }
}

/** A frame of `frameBytes`: the head is read as soon as it is there, so that an error can be answered. */
function decodeFrame(message: Message, frameBytes: u32, len: u32): DecodeStatus {
  const known = len < frameBytes ? len : frameBytes;
  let status = DecodeStatus.Done;
  let at = FRAME_LENGTH_BYTES;
  if (transportOf(message.dialect) == Transport.Header) {
    status = readHeader(message, frameBytes, known);
    at = payloadOffset(message);
  }
  if (status == DecodeStatus.Done) status = decodePayload(message, at, frameBytes, known);
  if (status == DecodeStatus.Error) return status;
  message.need = frameBytes;
  message.lengthKnown = true;
  if (len < frameBytes) return DecodeStatus.WaitForData;
  // The frame ends before its message does.
  if (status == DecodeStatus.WaitForData) return DecodeStatus.Error;
  message.frameLength = frameBytes;
  return DecodeStatus.Done;
}

/** Reads the message at `at`, of which the struct is not walked: the frame says where it ends. */
function decodePayload(message: Message, at: u32, frameBytes: u32, known: u32): DecodeStatus {
  const protocol = protocolOf(message.dialect);
  if (protocol == Protocol.Opaque) {
    assumeCall(message);
    return DecodeStatus.Done;
  }
  const status = readMessageHead(message, protocol, at, known);
  if (status == DecodeStatus.WaitForData && message.need > frameBytes) return DecodeStatus.Error;
  if (status != DecodeStatus.Done) return status;
  if (transportOf(message.dialect) == Transport.Header) {
    message.id = preferredSeqid(headerSeqid(message), messageSeqid(message));
  }
  const body = bodyOffset(message, protocol);
  if (body >= frameBytes) return DecodeStatus.Error;
  if (body >= known) return DecodeStatus.WaitForData;
  if (message.type == MessageType.Response) readResponseStatus(message, protocol, body, known);
  return DecodeStatus.Done;
}

function decodeUnframed(message: Message, len: u32, walk: StructWalk): DecodeStatus {
  const protocol = protocolOf(message.dialect);
  let status = readMessageHead(message, protocol, 0, len);
  if (status != DecodeStatus.Done) return status;
  const body = bodyOffset(message, protocol);
  if (walk.position == 0) walk.begin(body);
  status =
    protocol == Protocol.Compact
      ? walkValues<CompactGrammar>(compact, walk, message.frame, len)
      : walkValues<BinaryGrammar>(binary, walk, message.frame, len);
  message.need = walk.wanted;
  if (status == DecodeStatus.WaitForData) return status;
  const end = walk.position;
  walk.clear();
  if (status == DecodeStatus.Error) return status;
  message.frameLength = end;
  if (message.type == MessageType.Response) readResponseStatus(message, protocol, body, end);
  return DecodeStatus.Done;
}

function copyHeader(message: Message, out: usize): u32 {
  memory.copy(out, message.frame, payloadOffset(message));
  return payloadOffset(message);
}

/** Writes a header with the mutation; returns where the payload goes, 0 when that is impossible. */
function writeChangedHeader(message: Message, mutation: Mutation, out: usize): u32 {
  const info = infoOffset(message);
  if (info == 0) return 0;
  const written = rewriter.write(message, mutation, out + info);
  if (written == INFO_UNREADABLE) return 0;
  const end = info + written;
  const words = (end - HEADER_OFFSET + HEADER_WORD_BYTES - 1) / HEADER_WORD_BYTES;
  const payload = HEADER_OFFSET + words * HEADER_WORD_BYTES;
  const isLonger = payload > payloadOffset(message);
  if (isLonger && words > MAX_HEADER_WORDS) return 0;
  const frameBytes = <u64>message.frameLength - payloadOffset(message) + payload + VARINT32_BYTES;
  if (isLonger && frameBytes > <u64>MAX_FRAME_LENGTH) return 0;
  memory.fill(out + end, 0, payload - end);
  memory.copy(out, message.frame, info);
  storeU16Be(out + HEADER_WORDS_OFFSET, words);
  return payload;
}
