// TARS: requests and responses of its own protocol, of TUP and of its JSON. README.md has the picture of a
// frame and what is not parsed.
// Allocates: when the module starts.
// Next: switchboard/router/router.ts

import { Codec } from "../../codec/codec";
import { DecodeStatus } from "../../codec/decode-status";
import { ErrorReply } from "../../codec/error-reply";
import { Message, MessageType, Slice } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { loadU32Be, storeU32Be } from "../../wire/byte-order";
import { findAttribute, findAttributeId, findValue } from "./attributes";
import {
  LENGTH_BYTES,
  MAX_NUMBERS_BYTES,
  MIN_FRAME_BYTES,
  REQUEST_CONTEXT_TAG,
  VERSION_TAG,
} from "./constants";
import { keepContext, writeErrorReply } from "./error-reply";
import { fits, intWidth, JceType, MAX_INT_BYTES, writeWideInt } from "./jce";
import { MapRewriter } from "./maps";
import { contextEnd, contextStart, requestIdField, timeout } from "./message-fields";
import { readNumbers, readRest, ReadStatus } from "./packet";

const rewriter = new MapRewriter();

export class TarsCodec extends Codec {
  constructor() {
    super();
    this.idBits = 32;
  }

  decode(message: Message, ptr: usize, len: u32, state: usize): DecodeStatus {
    if (len > LENGTH_BYTES && (<u32>load<u8>(ptr + LENGTH_BYTES)) >> 4 != VERSION_TAG) {
      return DecodeStatus.Error;
    }
    if (len < MIN_FRAME_BYTES) {
      message.need = MIN_FRAME_BYTES;
      return DecodeStatus.WaitForData;
    }
    const total = loadU32Be(ptr);
    if (total < MIN_FRAME_BYTES) return DecodeStatus.Error;
    const shown: u32 = min(len, total);
    const status = readNumbers(message, ptr + shown);
    if (status == ReadStatus.Malformed) return DecodeStatus.Error;
    if (status == ReadStatus.Incomplete) {
      if (shown == total || shown >= MAX_NUMBERS_BYTES) return DecodeStatus.Error;
      message.need = min(total, MAX_NUMBERS_BYTES);
      return DecodeStatus.WaitForData;
    }
    message.idKnown = message.type != MessageType.Oneway;
    message.need = total;
    message.lengthKnown = true;
    if (len < total) return DecodeStatus.WaitForData;
    if (!readRest(message, ptr + total)) return DecodeStatus.Error;
    message.frameLength = total;
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
    const at = requestIdField(message);
    const head: u32 = load<u8>(at);
    const type = <JceType>(head & 15);
    if (!fits(<i32>id, type)) return false;
    writeWideInt(at, head >> 4, <i32>id, type);
    return true;
  }

  encodedSizeBound(message: Message, mutation: Mutation | null): u32 {
    let bound = <u64>message.frameLength + MAX_INT_BYTES;
    if (mutation != null) bound += rewriter.sizeBound(mutation);
    return bound > u32.MAX_VALUE ? u32.MAX_VALUE : <u32>bound;
  }

  encode(message: Message, id: u64, mutation: Mutation | null, out: usize): u32 {
    const start = contextStart(message);
    const end = contextEnd(message);
    const frameEnd = message.frame + message.frameLength;
    const context = copyWithId(message, id, start, out);
    let rest: usize = 0;
    this.mutationApplied = true;
    if (mutation != null && mutation.count > 0) {
      rest = rewriter.write(start, end, REQUEST_CONTEXT_TAG, mutation, context);
      this.mutationApplied = rest != 0;
    }
    if (rest == 0) rest = copy(start, end, context);
    const length = <u32>(copy(end, frameEnd, rest) - out);
    storeU32Be(out, length);
    return length;
  }

  captureContext(message: Message, out: usize): u32 {
    return keepContext(message, out);
  }

  encodeError(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32 {
    return writeErrorReply(reply, id, out, capacity);
  }
}

/** Copies the frame up to `end` with another id; returns the address behind it. */
function copyWithId(message: Message, id: u64, end: usize, out: usize): usize {
  if (id == message.id) return copy(message.frame, end, out);
  const at = requestIdField(message);
  const head: u32 = load<u8>(at);
  const type = <JceType>(head & 15);
  out = copy(message.frame, at, out);
  out = writeWideInt(out, head >> 4, <i32>id, type);
  return copy(at + 1 + intWidth(type), end, out);
}

/** Copies [from, to) to `out`; returns the address behind it. */
function copy(from: usize, to: usize, out: usize): usize {
  memory.copy(out, from, to - from);
  return out + (to - from);
}
