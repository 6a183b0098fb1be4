// tRPC: unary calls, and streams of the client, of the server and of both. README.md has the picture of a
// frame and what is not parsed.
// Allocates: when the module starts.
// Next: switchboard/router/router.ts

import { Codec } from "../../codec/codec";
import { DecodeStatus } from "../../codec/decode-status";
import { ErrorReply } from "../../codec/error-reply";
import { Message, MessageType, Origin, Slice } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { copyWithVarint, PairRewriter } from "../../codec/protobuf-pairs";
import { loadU32Be, storeU16Be, storeU32Be } from "../../wire/byte-order";
import { VARINT32_BYTES, varintSize, writePaddedVarint } from "../../wire/varint";
import { findAttribute, findAttributeId, findTransInfo } from "./attributes";
import {
  FRAME_TYPE_OFFSET,
  FrameType,
  HEAD_BYTES,
  HEADER_LENGTH_OFFSET,
  MAGIC_HIGH,
  MAGIC_LOW,
  MAX_HEADER_BYTES,
  REQUEST_TRANS_INFO,
  RESPONSE_TRANS_INFO,
  STREAM_ID_OFFSET,
  StreamFrameType,
  TOTAL_LENGTH_OFFSET,
} from "./constants";
import { keepContext, writeErrorReply, writeStreamReset } from "./error-reply";
import { writeInitMeta } from "./init-mutation";
import {
  headerLength,
  headId,
  isIdInHead,
  isStreamFrame,
  requestIdEnd,
  requestIdOffset,
  setRead,
  streamFrameType,
  timeout,
} from "./message-fields";
import { readClose, readHeader, readInit } from "./metadata";

/** Longer headers could not take an id of ours. */
const MAX_READ_HEADER: u32 = MAX_HEADER_BYTES - VARINT32_BYTES;
/** What another id, and the lengths around an INIT's meta, may add to a frame. */
const GROWTH: u32 = 3 * VARINT32_BYTES;

const rewriter = new PairRewriter();

export class TrpcCodec extends Codec {
  constructor() {
    super();
    this.idBits = 32;
    // trpc-go answers a client's reset itself, and its handler waits on.
    this.isResetHeeded = false;
  }

  decode(message: Message, ptr: usize, len: u32, state: usize): DecodeStatus {
    if (len > 0 && load<u8>(ptr) != MAGIC_HIGH) return DecodeStatus.Error;
    if (len > 1 && load<u8>(ptr + 1) != MAGIC_LOW) return DecodeStatus.Error;
    if (len < HEAD_BYTES) {
      message.need = len < 2 ? 2 : HEAD_BYTES;
      return DecodeStatus.WaitForData;
    }
    const total = loadU32Be(ptr + TOTAL_LENGTH_OFFSET);
    if (total < HEAD_BYTES) return DecodeStatus.Error;
    message.id = headId(message);
    message.need = total;
    message.lengthKnown = true;
    const type: u32 = load<u8>(ptr + FRAME_TYPE_OFFSET);
    if (type == FrameType.Stream) return decodeStreamFrame(message, total, len);
    return type == FrameType.Unary ? decodeUnary(message, total, len) : DecodeStatus.Error;
  }

  attributeId(namePtr: usize, nameLen: u32): i32 {
    return findAttributeId(namePtr, nameLen);
  }

  attribute(message: Message, id: i32, namePtr: usize, nameLen: u32, value: Slice): bool {
    if (id >= 0) return findAttribute(message, id, value);
    return findTransInfo(message, namePtr, nameLen, value);
  }

  /** What the caller has left, by its own reckoning. */
  override timeoutMs(message: Message): u32 {
    return isStreamFrame(message) ? 0 : timeout(message);
  }

  patchId(message: Message, id: u64): bool {
    if (id == message.id) return true;
    const at = requestIdOffset(message);
    const width = requestIdEnd(message) - at;
    if (at != 0 && varintSize(id) > width) return false;
    if (isIdInHead(message)) storeU32Be(message.frame + STREAM_ID_OFFSET, <u32>id);
    if (at != 0) writePaddedVarint(message.frame + at, id, width);
    return true;
  }

  encodedSizeBound(message: Message, mutation: Mutation | null): u32 {
    let bound = <u64>message.frameLength + GROWTH;
    if (mutation != null) bound += rewriter.sizeBound(mutation);
    return bound > u32.MAX_VALUE ? u32.MAX_VALUE : <u32>bound;
  }

  encode(message: Message, id: u64, mutation: Mutation | null, out: usize): u32 {
    const changes = mutation != null && mutation.count > 0 ? mutation : null;
    this.mutationApplied = true;
    if (changes == null) return copyFrame(message, id, out);
    const length = isStreamFrame(message)
      ? encodeInit(message, id, changes, out)
      : encodeUnary(message, id, changes, out);
    if (length > 0) return length;
    this.mutationApplied = false;
    return copyFrame(message, id, out);
  }

  captureContext(message: Message, out: usize): u32 {
    return keepContext(message, out);
  }

  encodeError(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32 {
    return writeErrorReply(reply, id, out, capacity);
  }

  override encodeStreamReset(id: u64, out: usize): u32 {
    return writeStreamReset(id, out);
  }
}

/** The header is read as soon as it is there: it has the id that an error is answered with. */
function decodeUnary(message: Message, total: u32, len: u32): DecodeStatus {
  const isRequest = message.origin == Origin.Downstream;
  const header = headerLength(message);
  message.type = isRequest ? MessageType.Request : MessageType.Response;
  message.idKnown = message.id != 0;
  if (header == 0 || header > MAX_READ_HEADER || header > total - HEAD_BYTES) {
    return DecodeStatus.Error;
  }
  if (len < HEAD_BYTES + header) return DecodeStatus.WaitForData;
  const isSound = readHeader(message, header);
  message.idKnown = message.id != 0 && !isOneway(message);
  if (!isSound) return DecodeStatus.Error;
  setRead(message);
  if (len < total) return DecodeStatus.WaitForData;
  message.frameLength = total;
  return DecodeStatus.Done;
}

function isOneway(message: Message): bool {
  return message.type == MessageType.Oneway;
}

function decodeStreamFrame(message: Message, total: u32, len: u32): DecodeStatus {
  const type = streamFrameType(message);
  if (type < <u32>StreamFrameType.Init || type > <u32>StreamFrameType.Close) {
    return DecodeStatus.Error;
  }
  message.idKnown = true;
  message.type = MessageType.StreamFrame;
  if (type == StreamFrameType.Init) {
    message.opensStream = message.origin == Origin.Downstream;
    message.type = message.opensStream ? MessageType.Request : MessageType.Response;
  }
  if (len < total) return DecodeStatus.WaitForData;
  message.frameLength = total;
  if (type == StreamFrameType.Init) {
    if (!readInit(message, total - HEAD_BYTES)) return DecodeStatus.Error;
    setRead(message);
  } else if (type == StreamFrameType.Close) {
    if (!readClose(message, total - HEAD_BYTES)) return DecodeStatus.Error;
    setRead(message);
  }
  return DecodeStatus.Done;
}

/** Copies the frame with another id; returns its length. */
function copyFrame(message: Message, id: u64, out: usize): u32 {
  const frame = message.frame;
  const end = frame + message.frameLength;
  const at = requestIdOffset(message);
  if (at == 0 || id == message.id) {
    memory.copy(out, frame, message.frameLength);
    writeHeadId(message, id, out);
    return message.frameLength;
  }
  const idEnd = frame + requestIdEnd(message);
  const length = <u32>(copyWithVarint(frame, end, frame + at, idEnd, id, out) - out);
  writeHeadId(message, id, out);
  return writeLengths(message, length, length - message.frameLength, out);
}

function writeHeadId(message: Message, id: u64, out: usize): void {
  if (isIdInHead(message)) storeU32Be(out + STREAM_ID_OFFSET, <u32>id);
}

/** `growth` may wrap: the header has become shorter. */
function writeLengths(message: Message, length: u32, growth: u32, out: usize): u32 {
  storeU32Be(out + TOTAL_LENGTH_OFFSET, length);
  storeU16Be(out + HEADER_LENGTH_OFFSET, headerLength(message) + growth);
  return length;
}

/** Changes the trans_info of a header; returns the frame's length, 0: it cannot carry the mutation. */
function encodeUnary(message: Message, id: u64, mutation: Mutation, out: usize): u32 {
  const frame = message.frame;
  const header = headerLength(message);
  const start = frame + HEAD_BYTES;
  const isResponse = message.type == MessageType.Response;
  const field = isResponse ? RESPONSE_TRANS_INFO : REQUEST_TRANS_INFO;
  const at = requestIdOffset(message);
  if (at == 0 || id == message.id) rewriter.replaceId(0, 0, 0);
  else rewriter.replaceId(frame + at, frame + requestIdEnd(message), id);
  const end = rewriter.write(start, header, field, mutation, out + HEAD_BYTES);
  if (end == 0) return 0;
  const written = <u32>(end - out) - HEAD_BYTES;
  const rest = message.frameLength - HEAD_BYTES - header;
  // An empty header would be no frame.
  if (written == 0 || written > MAX_READ_HEADER || written > u32.MAX_VALUE - HEAD_BYTES - rest) {
    return 0;
  }
  memory.copy(out, frame, HEAD_BYTES);
  memory.copy(end, start + header, rest);
  writeHeadId(message, id, out);
  return writeLengths(message, HEAD_BYTES + written + rest, written - header, out);
}

/** Changes the trans_info of what opens a stream, likewise. */
function encodeInit(message: Message, id: u64, mutation: Mutation, out: usize): u32 {
  if (!message.opensStream) return 0;
  const length = writeInitMeta(message, rewriter, mutation, out);
  if (length == 0) return 0;
  storeU32Be(out + TOTAL_LENGTH_OFFSET, length);
  writeHeadId(message, id, out);
  return length;
}
