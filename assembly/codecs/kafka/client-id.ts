// The one thing of a request that a mutation can change: the client id, which brokers log, count and bound by.
// Allocates: never.

import { Message } from "../../codec/message";
import { Mutation, MutationOperation } from "../../codec/mutation";
import { storeU16Be, storeU32Be } from "../../wire/byte-order";
import { StaticText } from "../../wire/static-text";
import {
  CLIENT_ID_OFFSET,
  CLIENT_ID_TEXT_OFFSET,
  LENGTH_BYTES,
  MAX_CLIENT_ID_BYTES,
  NULL_LENGTH,
} from "./constants";
import { clientIdBytes, FrameKind, hasClientId, isClientIdNull, kindOf } from "./frame";

const NAME = new StaticText("client_id");

/** Of the last `isApplicable`. */
let isNull: bool = false;
let valuePtr: usize = 0;
let valueLen: u32 = 0;

/** Whether the mutation changes nothing but the client id; what that becomes is for `writeMutated`. */
export function isApplicable(message: Message, mutation: Mutation): bool {
  if (kindOf(message) != FrameKind.Request || !hasClientId(message)) return false;
  isNull = isClientIdNull(message);
  valuePtr = message.frame + CLIENT_ID_TEXT_OFFSET;
  valueLen = clientIdBytes(message);
  for (let i: u32 = 0; i < mutation.count; i++) {
    const entry = mutation.entry(i);
    if (!NAME.equals(entry.keyPtr, entry.keyLen)) return false;
    if (entry.operation == MutationOperation.Remove) {
      isNull = true;
      continue;
    }
    if (entry.operation == MutationOperation.AddIfAbsent && !isNull) continue;
    isNull = false;
    valuePtr = entry.valuePtr;
    valueLen = entry.valueLen;
  }
  return isNull || valueLen <= MAX_CLIENT_ID_BYTES;
}

/** The request with its new client id; returns the number of bytes. */
export function writeMutated(message: Message, out: usize): u32 {
  const len: u32 = isNull ? 0 : valueLen;
  const oldEnd = CLIENT_ID_TEXT_OFFSET + clientIdBytes(message);
  const rest = message.frameLength - oldEnd;
  const total = CLIENT_ID_TEXT_OFFSET + len + rest;
  memory.copy(out, message.frame, CLIENT_ID_OFFSET);
  storeU32Be(out, total - LENGTH_BYTES);
  storeU16Be(out + CLIENT_ID_OFFSET, isNull ? <u32>NULL_LENGTH : len);
  memory.copy(out + CLIENT_ID_TEXT_OFFSET, valuePtr, len);
  memory.copy(out + CLIENT_ID_TEXT_OFFSET + len, message.frame + oldEnd, rest);
  return total;
}
