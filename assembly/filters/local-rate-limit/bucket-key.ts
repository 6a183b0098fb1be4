// The key of a bucket in shared data, by which workers and successive configurations find the same one: name,
// parameters, and what its requests have to match.
//
//   prefix, name, 0, maxTokens u32, tokensPerFill u32, intervalNs u64, hash of the matches u64     little-endian
//
// Allocates: cold path only.
import { StaticText } from "../../wire/static-text";
import { BucketShape } from "./bucket-record";

const PREFIX = new StaticText("metaproto.local_rate_limit.");
const FNV_OFFSET: u64 = 0xcbf29ce484222325;
const FNV_PRIME: u64 = 0x100000001b3;
const NUMBERS_BYTES: u32 = 24;

/** FNV-1a in 64 bits, with which a hash can go on: of a condition, match by match. */
export class MatchHash {
  value: u64 = FNV_OFFSET;

  add(ptr: usize, len: u32): void {
    this.addByte(1);
    for (let i: u32 = 0; i < len; i++) this.addByte(load<u8>(ptr + i));
  }

  private addByte(byte: u64): void {
    this.value = (this.value ^ byte) * FNV_PRIME;
  }
}

/** `matches`: of a condition; 0 for the default bucket. */
export function bucketKey(name: ArrayBuffer, shape: BucketShape, matches: u64): ArrayBuffer {
  const nameLen = <u32>name.byteLength;
  // eslint-disable-next-line no-restricted-syntax -- at configuration
  const key = new ArrayBuffer(<i32>(PREFIX.len + nameLen + 1 + NUMBERS_BYTES));
  let at = changetype<usize>(key);
  memory.copy(at, PREFIX.ptr, PREFIX.len);
  at += PREFIX.len;
  memory.copy(at, changetype<usize>(name), nameLen);
  at += nameLen + 1;
  store<u32>(at, shape.maxTokens);
  store<u32>(at + 4, shape.tokensPerFill);
  store<u64>(at + 8, shape.intervalNs);
  store<u64>(at + 16, matches);
  return key;
}
