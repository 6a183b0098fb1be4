// What decides which endpoint a request goes to.
// Lives in the table's memory block, as long as the table is referenced.
// Allocates: never.

import { Codec } from "../../codec/codec";
import { Message, Slice } from "../../codec/message";
import { hashBytes } from "../../wire/bytes";

/** `hashOf` of a request that has no such attribute: it may go anywhere. */
export const NO_HASH: u32 = 0;

export enum HashKey {
  Attribute = 0,
  /** The client's address, without its port. */
  SourceAddress = 1,
  /** The client's address with its port. */
  SourceConnection = 2,
}

const SQRT2: f64 = 1.4142135623730951;
const LN2: f64 = 0.6931471805599453;

@unmanaged
export class HashPolicy {
  key: HashKey;
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

/**
 * The distance of an endpoint of this weight from a key, positive: the nearest one gets its requests. With equal
 * weights it is the one that ranks highest; of many keys each endpoint is nearest to as large a share as it has
 * of the weights, and only as many move as a weight changes by (weighted rendezvous hashing).
 */
export function distance(key: u32, endpoint: u32, weight: u32): f64 {
  return negativeLog(rank(key, endpoint)) / <f64>weight;
}

/**
 * -ln((x + 1/2) / 2^32), positive. By basic arithmetic alone, so that it is the same in every proxy, and with a
 * relative error below 1e-7 where x is large, which is what decides.
 */
function negativeLog(x: u32): f64 {
  const whole = ((<u64>x) << 1) | 1;
  // (x + 1/2) / 2^32 = mantissa * 2^exponent, with a mantissa in [1/sqrt 2, sqrt 2)
  const top = 63 - clz(whole);
  let mantissa = <f64>whole / <f64>((<u64>1) << top);
  let exponent = <f64>top - 33;
  if (mantissa > SQRT2) {
    mantissa *= 0.5;
    exponent += 1;
  }
  const z = (mantissa - 1) / (mantissa + 1);
  const zz = z * z;
  const series = 1 + zz * (1 / 3.0 + zz * (1 / 5.0 + zz * (1 / 7.0 + zz * (1 / 9.0))));
  return -(2 * z * series + exponent * LN2);
}
