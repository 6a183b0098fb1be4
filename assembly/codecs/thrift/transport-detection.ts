// Which transport and protocol a frame is in, from its first bytes: no configuration is needed, and
// a connection may change its mind between two frames.
//
//   0           2           4           6
//   +-----------+-----------+-----------+
//   | 80 01                             |  unframed, strict binary
//   | 82 x1                             |  unframed, compact
//   | length, below 2^30    | 0f ff     |  THeader
//   | length, below 2^30    | 80 01     |  framed, strict binary
//   | length, below 2^30    | 82 x1     |  framed, compact
//   | length, below 2^30    | 00        |  framed, lax binary: a name shorter than 2^24 bytes
//   | length of the name    | name      |  unframed, lax binary
//   +-----------+-----------+-----------+
//
// Allocates: never.

import { loadU16Be } from "../../wire/byte-order";
import {
  BINARY_VERSION,
  COMPACT_PROTOCOL_ID,
  COMPACT_VERSION,
  COMPACT_VERSION_MASK,
  LEAST_BINARY_MESSAGE,
  LEAST_COMPACT_MESSAGE,
  LEAST_FRAME,
  MAX_FRAME_LENGTH,
  Protocol,
  Transport,
  dialectOf,
} from "./constants";
import { HEADER_MAGIC } from "./header-transport";

/** `detectDialect`: more bytes are needed. */
export const DIALECT_UNDECIDED: u32 = 0x10;
/** `detectDialect`: this is not Thrift. */
export const DIALECT_NONE: u32 = 0x11;

const MAX_FIRST_BYTE: u32 = MAX_FRAME_LENGTH >> 24;

/**
 * The dialect of the frame at `ptr`, of which `len` > 0 bytes are there, or one of the two constants
 * above. THeader's payload is not looked at: its protocol is given as binary.
 */
export function detectDialect(ptr: usize, len: u32): u32 {
  const first: u32 = load<u8>(ptr);
  if (first > MAX_FIRST_BYTE) return detectUnframed(ptr, len, first);
  if (len < 6) return DIALECT_UNDECIDED;
  const word = loadU16Be(ptr + 4);
  if (word == BINARY_VERSION) return dialectOf(Transport.Framed, Protocol.Binary);
  if (word == HEADER_MAGIC) return dialectOf(Transport.Header, Protocol.Binary);
  const byte = word >> 8;
  if (byte == 0) return dialectOf(Transport.Framed, Protocol.LaxBinary);
  if (isCompact(word)) return dialectOf(Transport.Framed, Protocol.Compact);
  // No UTF-8 text begins with a continuation byte.
  if (byte >= 0x80 && byte < 0xc0) return DIALECT_NONE;
  return dialectOf(Transport.Unframed, Protocol.LaxBinary);
}

/** A least number of bytes for a frame that begins with `first` and is not decided yet. */
export function leastFrameBytes(first: u32): u32 {
  if (first == COMPACT_PROTOCOL_ID) return LEAST_COMPACT_MESSAGE;
  return first == BINARY_VERSION >> 8 ? LEAST_BINARY_MESSAGE : LEAST_FRAME;
}

function detectUnframed(ptr: usize, len: u32, first: u32): u32 {
  if (len < 2) {
    const isPossible = first == BINARY_VERSION >> 8 || first == COMPACT_PROTOCOL_ID;
    return isPossible ? DIALECT_UNDECIDED : DIALECT_NONE;
  }
  const word = loadU16Be(ptr);
  if (word == BINARY_VERSION) return dialectOf(Transport.Unframed, Protocol.Binary);
  return isCompact(word) ? dialectOf(Transport.Unframed, Protocol.Compact) : DIALECT_NONE;
}

function isCompact(word: u32): bool {
  return word >> 8 == COMPACT_PROTOCOL_ID && (word & COMPACT_VERSION_MASK) == COMPACT_VERSION;
}
