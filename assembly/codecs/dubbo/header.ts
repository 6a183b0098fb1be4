// Writing the 16 bytes of a frame's header.
// Allocates: never.

import { storeU16Be, storeU32Be, storeU64Be } from "../../wire/byte-order";
import {
  BODY_LENGTH_OFFSET,
  FLAG_OFFSET,
  HEADER_BYTES,
  ID_OFFSET,
  MAGIC,
  STATUS_OFFSET,
} from "./constants";

/** Writes a header for the body that ends at `end` and returns the frame's length. */
export function writeHeader(out: usize, flag: u32, status: u32, id: u64, end: usize): u32 {
  const frameLength = <u32>(end - out);
  storeU16Be(out, MAGIC);
  store<u8>(out + FLAG_OFFSET, <u8>flag);
  store<u8>(out + STATUS_OFFSET, <u8>status);
  storeU64Be(out + ID_OFFSET, id);
  storeU32Be(out + BODY_LENGTH_OFFSET, frameLength - HEADER_BYTES);
  return frameLength;
}
