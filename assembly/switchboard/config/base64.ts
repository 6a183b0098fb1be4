// Base64 as the JSON mapping of protobuf allows for bytes.
// Allocates: on growth of the output; cold path only.

import { decodeBase64 } from "../../wire/base64";
import { ByteBuffer } from "./byte-buffer";

/** Appends what the `len` bytes at `ptr` encode to `out`; false, with nothing of use there, if they are not base64. */
export function appendBase64(ptr: usize, len: u32, out: ByteBuffer): bool {
  const start = out.extend((len >> 2) * 3 + 3);
  const length = decodeBase64(ptr, len, out.ptr + start);
  out.len = start + <u32>max<i32>(length, 0);
  return length >= 0;
}
