// What decides which endpoint a request goes to.
// Lives in the table's memory block, as long as the table is referenced.
// Allocates: never.

import { Codec } from "../../codec/codec";
import { Message, Slice } from "../../codec/message";
import { hashBytes } from "../../wire/bytes";

/** `hashOf` of a request that has no such attribute: it may go anywhere. */
export const NO_HASH: u32 = 0;

@unmanaged
export class HashPolicy {
  /** The client's address, without its port; there is no attribute then. */
  isSourceAddress: bool;
  /** What the codec calls the attribute. */
  attribute: i32;
  /** Lower case. */
  namePtr: usize;
  nameLen: u32;

  hashOfAttribute(codec: Codec, message: Message, value: Slice): u32 {
    if (!codec.attribute(message, this.attribute, this.namePtr, this.nameLen, value))
      return NO_HASH;
    return hashOf(value.ptr, value.len);
  }
}

/** Never NO_HASH. */
export function hashOf(ptr: usize, len: u32): u32 {
  const hash = hashBytes(ptr, len);
  return hash == NO_HASH ? 1 : hash;
}

/**
 * How an endpoint ranks for a key: the one that ranks highest gets its requests, and if it goes only those move
 * (rendezvous hashing). The same in every worker and proxy.
 */
export function rank(key: u32, endpoint: u32): u32 {
  let x = ((<u64>key) << 32) | (<u64>endpoint);
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccd;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53;
  return <u32>((x ^ (x >> 33)) >> 32);
}
