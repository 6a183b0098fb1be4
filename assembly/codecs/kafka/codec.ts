// Kafka: requests of clients and the answers of brokers, which come in their order. README.md has the picture
// of a frame and what is not parsed.
// Allocates: when the module starts.
// Next: switchboard/router/router.ts

import { Codec, ConnectionMode } from "../../codec/codec";
import { DecodeStatus } from "../../codec/decode-status";
import { ErrorReply } from "../../codec/error-reply";
import { Message, MessageType, Origin, Slice } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { loadU16Be } from "../../wire/byte-order";
import { apiOf, Field } from "./apis";
import { findAttribute, findAttributeId } from "./attributes";
import { isApplicable, writeMutated } from "./client-id";
import { ApiKey, LENGTH_BYTES, MIN_RESPONSE_LENGTH } from "./constants";
import { writeErrorReply } from "./error-reply";
import { fields } from "./fields";
import { apiKeyOf, FrameKind, hasHeader, lengthAt, setKind } from "./frame";
import { keepContext } from "./reply-context";

/** A length that begins with more is no frame's: a gigabyte, or less than nothing. HTTP begins so. */
const MAX_LENGTH_BYTE: u8 = 0x3f;

const acks: Slice = changetype<Slice>(heap.alloc(offsetof<Slice>()));

export class KafkaCodec extends Codec {
  constructor() {
    super();
    this.defaultMode = ConnectionMode.Dedicated;
    this.orderedDownstream = true;
    this.idBits = 0;
  }

  decode(message: Message, ptr: usize, len: u32, state: usize): DecodeStatus {
    if (len > 0 && load<u8>(ptr) > MAX_LENGTH_BYTE) return DecodeStatus.Error;
    if (len < LENGTH_BYTES) {
      message.need = LENGTH_BYTES;
      return DecodeStatus.WaitForData;
    }
    const total = lengthAt(ptr);
    message.need = total;
    message.lengthKnown = true;
    if (len < total) return DecodeStatus.WaitForData;
    message.frameLength = total;
    if (message.origin == Origin.Downstream) onRequest(message);
    else onResponse(message);
    return DecodeStatus.Done;
  }

  attributeId(namePtr: usize, nameLen: u32): i32 {
    return findAttributeId(namePtr, nameLen);
  }

  attribute(message: Message, id: i32, namePtr: usize, nameLen: u32, value: Slice): bool {
    return id >= 0 && findAttribute(message, id, value);
  }

  /** The client's own correlation ids are good on a connection that is its alone. */
  patchId(message: Message, id: u64): bool {
    return true;
  }

  encodedSizeBound(message: Message, mutation: Mutation | null): u32 {
    if (mutation === null) return message.frameLength;
    return message.frameLength + mutation.payloadBytes();
  }

  encode(message: Message, id: u64, mutation: Mutation | null, out: usize): u32 {
    this.mutationApplied = true;
    if (mutation !== null && mutation.count > 0) {
      if (isApplicable(message, mutation)) return writeMutated(message, out);
      this.mutationApplied = false;
    }
    memory.copy(out, message.frame, message.frameLength);
    return message.frameLength;
  }

  captureContext(message: Message, out: usize): u32 {
    return keepContext(message, out);
  }

  encodeError(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32 {
    return writeErrorReply(reply, out, capacity);
  }
}

function onRequest(message: Message): void {
  if (!hasHeader(message.frame, message.frameLength)) {
    setKind(message, FrameKind.Token);
    message.type = MessageType.Push;
    return;
  }
  setKind(message, FrameKind.Request);
  message.type = isUnanswered(message) ? MessageType.Oneway : MessageType.Request;
  message.isUntimed = apiOf(apiKeyOf(message)).waits;
}

/** Brokers do not answer what is produced with acks 0. */
function isUnanswered(message: Message): bool {
  if (apiKeyOf(message) != ApiKey.Produce || !fields.find(message, Field.Acks, acks)) return false;
  return loadU16Be(acks.ptr) == 0;
}

function onResponse(message: Message): void {
  const isToken = message.frameLength < LENGTH_BYTES + MIN_RESPONSE_LENGTH;
  setKind(message, isToken ? FrameKind.Token : FrameKind.Response);
  message.type = isToken ? MessageType.Push : MessageType.Response;
}
