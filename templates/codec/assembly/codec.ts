// Where a message ends, what kind it is, and how it is written anew.
//
// Bytes come from the network: each length is checked against the bytes that are there, since a trap ends every
// connection of the worker. Runs for each message: nothing is allocated here, so no `new` but in the constructor, no
// strings, no array literals.
import {
  Codec,
  DecodeStatus,
  ErrorReply,
  loadU16Be,
  loadU32Be,
  Message,
  MessageType,
  Mutation,
  ResponseStatus,
  Slice,
  storeU16Be,
  storeU32Be,
} from "metaproto-as/codec";
import { attributeId, findAttribute } from "./attributes";
import {
  HEADER_BYTES,
  ID_AT,
  Kind,
  LEAST_BYTES,
  LENGTH_AT,
  KIND_AT,
  MAGIC,
  MAGIC_FIRST_BYTE,
  messageType,
  METHOD_AT,
  Status,
  STATUS_AT,
  TAGS_LENGTH_BYTES,
} from "./frame";
import { writeError, writeFrame } from "./reply";
import { TagChange } from "./tags";

export class __Name__Codec extends Codec {
  private readonly tags: TagChange = new TagChange();

  constructor() {
    super();
    // Responses find their requests by id, so that many are in flight on a connection. Without ids:
    // ConnectionMode.InOrder or Exclusive, and 0 bits.
    this.idBits = 32;
  }

  /** Remembers where the tags are: `message.a` to `message.b`, from the frame's beginning. */
  decode(message: Message, ptr: usize, len: u32, state: usize): DecodeStatus {
    // Another protocol is refused at its first byte.
    if (len > 0 && load<u8>(ptr) != MAGIC_FIRST_BYTE) return DecodeStatus.Error;
    if (len < HEADER_BYTES) {
      message.need = HEADER_BYTES;
      return DecodeStatus.WaitForData;
    }
    if (loadU16Be(ptr) != MAGIC) return DecodeStatus.Error;
    const type = messageType(load<u8>(ptr + KIND_AT), message.origin);
    if (type < 0) return DecodeStatus.Error;
    message.type = type;
    message.id = loadU32Be(ptr + ID_AT);
    // From here on what is wrong can be answered.
    message.idKnown = type == MessageType.Request;
    const total = loadU32Be(ptr + LENGTH_AT);
    if (total < LEAST_BYTES) return DecodeStatus.Error;
    message.need = total;
    message.lengthKnown = true;
    if (len < total) return DecodeStatus.WaitForData;
    message.frameLength = total;
    return this.findTags(message, ptr) ? DecodeStatus.Done : DecodeStatus.Error;
  }

  /** False: a length says more than there is. */
  private findTags(message: Message, ptr: usize): bool {
    const methodLength = <u32>load<u8>(ptr + METHOD_AT);
    if (message.frameLength - LEAST_BYTES < methodLength) return false;
    const tagsAt = LEAST_BYTES + methodLength;
    const tagsLength = loadU16Be(ptr + tagsAt - TAGS_LENGTH_BYTES);
    if (message.frameLength - tagsAt < tagsLength) return false;
    message.a = tagsAt;
    message.b = tagsAt + tagsLength;
    const status = load<u8>(ptr + STATUS_AT);
    if (message.type == MessageType.Response && status != Status.Ok) {
      message.status =
        status == Status.Refused ? ResponseStatus.BusinessError : ResponseStatus.Error;
    }
    return true;
  }

  attributeId(namePtr: usize, nameLen: u32): i32 {
    return attributeId(namePtr, nameLen);
  }

  attribute(message: Message, id: i32, namePtr: usize, nameLen: u32, value: Slice): bool {
    return findAttribute(message, id, namePtr, nameLen, value);
  }

  patchId(message: Message, id: u64): bool {
    storeU32Be(message.frame + ID_AT, <u32>id);
    return true;
  }

  encodedSizeBound(message: Message, mutation: Mutation | null): u32 {
    return message.frameLength + (mutation == null ? 0 : this.tags.sizeBound(mutation));
  }

  encode(message: Message, id: u64, mutation: Mutation | null, out: usize): u32 {
    const length = this.encodeMutated(message, mutation, out);
    this.mutationApplied = length > 0 || mutation == null || mutation.count == 0;
    if (length == 0) memory.copy(out, message.frame, message.frameLength);
    storeU32Be(out + ID_AT, <u32>id);
    return length == 0 ? message.frameLength : length;
  }

  /** Returns the frame's length; 0: there is nothing to change, or no room for it in this protocol. */
  private encodeMutated(message: Message, mutation: Mutation | null, out: usize): u32 {
    if (mutation == null || mutation.count == 0) return 0;
    const frame = message.frame;
    const tagsAt = out + message.a;
    const tagsEnd = this.tags.write(frame + message.a, frame + message.b, mutation, tagsAt);
    if (tagsEnd == 0) return 0;
    const bodyLength = message.frameLength - message.b;
    const total = <u32>(tagsEnd - out) + bodyLength;
    memory.copy(out, frame, message.a);
    memory.copy(tagsEnd, frame + message.b, bodyLength);
    storeU32Be(out + LENGTH_AT, total);
    storeU16Be(tagsAt - TAGS_LENGTH_BYTES, <u32>(tagsEnd - tagsAt));
    return total;
  }

  /** An error reply needs nothing of the request but its id. */
  captureContext(message: Message, out: usize): u32 {
    return 0;
  }

  encodeError(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32 {
    return writeError(reply, id, out, capacity);
  }

  override encodeHeartbeatReply(message: Message, out: usize): u32 {
    return writeFrame(out, Kind.Pong, Status.Ok, message.id, 0);
  }

  override encodeHeartbeat(id: u64, out: usize): u32 {
    return writeFrame(out, Kind.Ping, Status.Ok, id, 0);
  }
}
