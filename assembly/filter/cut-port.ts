// The address of a peer without its port.
// Allocates: never.
import { Slice } from "../codec/message";

const COLON: u8 = 0x3a;
const OPEN_BRACKET: u8 = 0x5b;
const CLOSE_BRACKET: u8 = 0x5d;

/** Of `1.2.3.4:80` and `[::1]:80` the address alone, without brackets as Envoy writes it; others stay. */
export function cutPort(address: Slice): void {
  const ptr = address.ptr;
  let len = address.len;
  while (len > 0 && load<u8>(ptr + len - 1) != COLON) len--;
  if (len < 2) return;
  const isClosed = len > 2 && load<u8>(ptr + len - 2) == CLOSE_BRACKET;
  const isBracketed = isClosed && load<u8>(ptr) == OPEN_BRACKET;
  address.ptr = isBracketed ? ptr + 1 : ptr;
  address.len = isBracketed ? len - 3 : len - 1;
}
