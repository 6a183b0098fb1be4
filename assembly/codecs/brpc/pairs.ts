// The key-value pairs of a message: `user_fields` of the RpcMeta, or, of a request of brpc-java, the KV
// attachments that it writes into the place of `request_id`.
// Allocates: when the module starts.

import { Message, MessageType, Slice } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { findPair, isPair, PairRewriter } from "../../codec/protobuf-pairs";
import { ProtobufReader, WireType } from "../../wire/protobuf";
import { META_REQUEST, META_USER_FIELDS, REQUEST_REQUEST_ID } from "./constants";
import { metaLength, metaStart, requestMeta, SEVERAL_METAS } from "./message-fields";

const reader = new ProtobufReader();
const name = new Slice();

/** Whether a request has pairs, and nothing else, where others have a `request_id`. */
export function hasKeyValues(message: Message): bool {
  if (message.type != MessageType.Request || requestMeta(message) == 0) return false;
  let isAny = false;
  reader.reset(metaStart(message), metaLength(message));
  while (reader.next()) {
    if (reader.field != META_REQUEST || reader.wireType != WireType.Bytes) continue;
    const outer = reader.enter();
    while (reader.next()) {
      if (reader.field != REQUEST_REQUEST_ID || reader.wireType != WireType.Bytes) continue;
      if (!isPair(reader.ptr, reader.len)) return false;
      isAny = true;
    }
    reader.leave(outer);
  }
  return isAny;
}

/** The value of a key. */
export function findValue(message: Message, namePtr: usize, nameLen: u32, value: Slice): bool {
  name.ptr = namePtr;
  name.len = nameLen;
  if (!hasKeyValues(message)) {
    return findPair(metaStart(message), metaLength(message), META_USER_FIELDS, name, value);
  }
  let isFound = false;
  reader.reset(metaStart(message), metaLength(message));
  while (reader.next()) {
    if (reader.field != META_REQUEST || reader.wireType != WireType.Bytes) continue;
    if (findPair(reader.ptr, reader.len, REQUEST_REQUEST_ID, name, value)) isFound = true;
  }
  return isFound;
}

/**
 * Writes the RpcMeta with a mutation of its pairs to `out`; returns the address behind it, 0: it cannot carry
 * the mutation.
 */
export function writeChanged(
  message: Message,
  rewriter: PairRewriter,
  mutation: Mutation,
  out: usize,
): usize {
  const start = metaStart(message);
  const length = metaLength(message);
  if (!hasKeyValues(message)) {
    return rewriter.write(start, length, META_USER_FIELDS, mutation, out);
  }
  const at = requestMeta(message);
  if (at == SEVERAL_METAS) return 0;
  const field = REQUEST_REQUEST_ID;
  return rewriter.writeWithin(start, start + length, message.frame + at, field, mutation, out);
}
