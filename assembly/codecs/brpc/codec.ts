// bRPC's standard protocol, baidu_std. README.md has the picture of a frame and what is not parsed.
// Allocates: when the module starts.
// Next: switchboard/router/router.ts

import { Codec } from "../../codec/codec";
import { DecodeStatus } from "../../codec/decode-status";
import { ErrorReply } from "../../codec/error-reply";
import { Message, MessageType, Origin, Slice } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { PairRewriter } from "../../codec/protobuf-pairs";
import { loadU32Be, storeU32Be } from "../../wire/byte-order";
import { WireType } from "../../wire/protobuf";
import { VARINT32_BYTES, varintSize, writePaddedVarint, writeVarint } from "../../wire/varint";
import { findAttribute, findAttributeId } from "./attributes";
import {
  BODY_LENGTH_OFFSET,
  HEAD_BYTES,
  MAGIC,
  MAGIC_BYTES,
  META_CORRELATION_ID,
  META_LENGTH_OFFSET,
} from "./constants";
import { writeErrorReply } from "./error-reply";
import {
  correlationIdEnd,
  correlationIdStart,
  hasCorrelationId,
  metaLength,
  metaStart,
  timeout,
} from "./message-fields";
import { readMeta } from "./meta";
import { findValue, writeChanged } from "./pairs";

/** What another id with its tag, and the length of an RpcRequestMeta, may add to a frame. */
const GROWTH: u32 = 11 + VARINT32_BYTES;

const rewriter = new PairRewriter();

export class BrpcCodec extends Codec {
  constructor() {
    super();
    // A positive int64.
    this.idBits = 63;
  }

  decode(message: Message, ptr: usize, len: u32, state: usize): DecodeStatus {
    const shown: u32 = min(len, MAGIC_BYTES);
    for (let i: u32 = 0; i < shown; i++) {
      if (load<u8>(ptr + i) != <u8>(MAGIC >> (24 - 8 * i))) return DecodeStatus.Error;
    }
    if (len < HEAD_BYTES) {
      message.need = len < MAGIC_BYTES ? MAGIC_BYTES : HEAD_BYTES;
      return DecodeStatus.WaitForData;
    }
    const body = loadU32Be(ptr + BODY_LENGTH_OFFSET);
    const meta = loadU32Be(ptr + META_LENGTH_OFFSET);
    if (meta > body || body > u32.MAX_VALUE - HEAD_BYTES) return DecodeStatus.Error;
    const isRequest = message.origin == Origin.Downstream;
    message.type = isRequest ? MessageType.Request : MessageType.Response;
    message.need = HEAD_BYTES + body;
    message.lengthKnown = true;
    if (len < HEAD_BYTES + meta) return DecodeStatus.WaitForData;
    const isSound = readMeta(message, meta);
    message.idKnown = hasCorrelationId(message);
    if (!isSound) return DecodeStatus.Error;
    if (len < message.need) return DecodeStatus.WaitForData;
    message.frameLength = message.need;
    return DecodeStatus.Done;
  }

  attributeId(namePtr: usize, nameLen: u32): i32 {
    return findAttributeId(namePtr, nameLen);
  }

  attribute(message: Message, id: i32, namePtr: usize, nameLen: u32, value: Slice): bool {
    if (id >= 0) return findAttribute(message, id, value);
    return findValue(message, namePtr, nameLen, value);
  }

  override timeoutMs(message: Message): u32 {
    return timeout(message);
  }

  patchId(message: Message, id: u64): bool {
    if (id == message.id) return true;
    if (!hasCorrelationId(message)) return false;
    const at = correlationIdStart(message);
    const width = <u32>(correlationIdEnd(message) - at);
    if (varintSize(id) > width) return false;
    writePaddedVarint(at, id, width);
    return true;
  }

  encodedSizeBound(message: Message, mutation: Mutation | null): u32 {
    let bound = <u64>message.frameLength + GROWTH;
    if (mutation != null) bound += rewriter.sizeBound(mutation);
    return bound > u32.MAX_VALUE ? u32.MAX_VALUE : <u32>bound;
  }

  encode(message: Message, id: u64, mutation: Mutation | null, out: usize): u32 {
    const hasPlace = id != message.id && hasCorrelationId(message);
    if (hasPlace) rewriter.replaceId(correlationIdStart(message), correlationIdEnd(message), id);
    else rewriter.replaceId(0, 0, 0);
    const start = metaStart(message);
    const end = start + metaLength(message);
    const meta = out + HEAD_BYTES;
    this.mutationApplied = true;
    let written: usize = 0;
    if (mutation != null && mutation.count > 0) {
      written = writeChanged(message, rewriter, mutation, meta);
      this.mutationApplied = written != 0;
    }
    if (written == 0) written = rewriter.copy(start, end, meta);
    if (id != message.id && !hasPlace) written = appendId(id, written);
    return finish(message, out, written, end);
  }

  captureContext(message: Message, out: usize): u32 {
    return 0;
  }

  encodeError(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32 {
    return writeErrorReply(reply, id, out, capacity);
  }
}

/** Returns the address behind it. */
function appendId(id: u64, out: usize): usize {
  out += writeVarint(out, (META_CORRELATION_ID << 3) | WireType.Varint);
  return out + writeVarint(out, id);
}

/** Puts the head in front of a meta that ends at `written`, and what follows the old one behind it. */
function finish(message: Message, out: usize, written: usize, rest: usize): u32 {
  const meta = <u32>(written - out) - HEAD_BYTES;
  const restLength = <u32>(message.frame + message.frameLength - rest);
  memory.copy(written, rest, restLength);
  storeU32Be(out, MAGIC);
  storeU32Be(out + BODY_LENGTH_OFFSET, meta + restLength);
  storeU32Be(out + META_LENGTH_OFFSET, meta);
  return HEAD_BYTES + meta + restLength;
}
