// What a response's body holds. Status 20: a small number, then a value or an exception unless the
// value is null, then a map of attachments when the number is 3 or more. Any other status: a text.
// Spec: DubboCodec.encodeResponseData of apache/dubbo 3.3.
// Allocates: never.

import { Message } from "../../codec/message";
import {
  HEADER_BYTES,
  MAX_RESPONSE_TAG,
  RESPONSE_NULL_VALUE,
  RESPONSE_WITH_EXCEPTION,
  STATUS_OFFSET,
  STATUS_OK,
  WITH_ATTACHMENTS,
} from "./constants";
import { ValueFormat } from "./value-format";

/** Returned when the body does not start with a number of `RESPONSE_...`. */
const NO_TAG: u32 = 0xffffffff;

export function hasStatusOk(message: Message): bool {
  return load<u8>(message.frame + STATUS_OFFSET) == STATUS_OK;
}

function responseTag(message: Message, format: ValueFormat): u32 {
  const end = message.frame + message.frameLength;
  const pos = format.readTag(message.frame + HEADER_BYTES, end);
  return pos != 0 && format.tag <= MAX_RESPONSE_TAG ? format.tag : NO_TAG;
}

/** Whether the body of a response with status 20 is an exception of the application. */
export function isException(message: Message, format: ValueFormat): bool {
  const tag = responseTag(message, format);
  return tag == RESPONSE_WITH_EXCEPTION || tag == RESPONSE_WITH_EXCEPTION + WITH_ATTACHMENTS;
}

/** The address behind the value or exception, where attachments are or would be; 0: there is none. */
export function findResultEnd(message: Message, format: ValueFormat): usize {
  const end = message.frame + message.frameLength;
  if (!hasStatusOk(message)) return 0;
  const pos = format.readTag(message.frame + HEADER_BYTES, end);
  if (pos == 0 || format.tag > MAX_RESPONSE_TAG) return 0;
  const isNullValue = format.tag % WITH_ATTACHMENTS == RESPONSE_NULL_VALUE;
  return isNullValue ? pos : format.readValue(pos, end);
}

/** Whether a map of attachments follows the value, when `findResultEnd` has found its end. */
export function hasAttachments(message: Message, format: ValueFormat): bool {
  const tag = responseTag(message, format);
  return tag != NO_TAG && tag >= WITH_ATTACHMENTS;
}
