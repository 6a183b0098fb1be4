// Base64, in the standard or the URL-safe alphabet, with padding or without.
// Spec: RFC 4648 sections 4 and 5, as the JSON mapping of protobuf allows for bytes.
// Allocates: on growth of the output; cold path only.

import { ByteBuffer } from "./byte-buffer";

const PADDING: u32 = 0x3d;

/** Appends what the `len` bytes at `ptr` encode to `out`; false, with nothing of use there, if they are not base64. */
export function decodeBase64(ptr: usize, len: u32, out: ByteBuffer): bool {
  let end = ptr + len;
  if (len > 0 && (len & 3) == 0 && load<u8>(end - 1) == PADDING) {
    end--;
    if (load<u8>(end - 1) == PADDING) end--;
  }
  const digits = <u32>(end - ptr);
  const rest = digits & 3;
  if (rest == 1) return false;
  let to = out.extend((digits >> 2) * 3 + (rest == 0 ? 0 : rest - 1));
  let bits: u32 = 0;
  let held: u32 = 0;
  for (; ptr < end; ptr++) {
    const digit = sextet(load<u8>(ptr));
    if (digit < 0) return false;
    bits = (bits << 6) | digit;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    store<u8>(out.ptr + to, <u8>(bits >> held));
    to++;
  }
  // Bits that no byte takes must be zero: one text for each value.
  return (bits & ((1 << held) - 1)) == 0;
}

function sextet(byte: u32): i32 {
  if (byte - 0x41 < 26) return byte - 0x41;
  if (byte - 0x61 < 26) return byte - 0x61 + 26;
  if (byte - 0x30 < 10) return byte - 0x30 + 52;
  if (byte == 0x2b || byte == 0x2d) return 62;
  return byte == 0x2f || byte == 0x5f ? 63 : -1;
}
