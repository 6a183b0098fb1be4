// Texts in protobuf, remembered by where they are.
// Allocates: never.

import { readVarint32, readWidth } from "../wire/varint";
import { Message, Slice } from "./message";

/**
 * The text whose length is at this offset of the frame; false: there is none (0), or it is empty. The frame
 * was read to the text's end before.
 */
export function textAt(message: Message, lengthAt: u32, value: Slice): bool {
  if (lengthAt == 0) return false;
  const at = message.frame + lengthAt;
  const length = readVarint32(at, message.frame + message.frameLength);
  value.ptr = at + readWidth(length);
  value.len = <u32>length;
  return value.len > 0;
}
