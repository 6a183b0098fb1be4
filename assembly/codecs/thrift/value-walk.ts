// Walks through a struct to find its end: what the protocols have in common. The functions are compiled
// once for each protocol, so that none of their calls is indirect.
// Allocates: never.

import { DecodeStatus } from "../../codec/decode-status";
import { OpenContainer, StructWalk, WalkMeter } from "./struct-walk";

/** How a protocol writes fields and the heads of values; types are its own numbers. It holds nothing. */
@unmanaged
export abstract class ValueGrammar {
  /** Passes the next field of the innermost struct, enters its value, or passes the STOP. */
  abstract passField(walk: StructWalk, frame: usize, len: u32): DecodeStatus;

  /** Passes a value at `at`, or enters it; `walk.position` stays when its head is not complete. */
  abstract passValue(walk: StructWalk, frame: usize, at: u32, len: u32, type: u32): DecodeStatus;

  /** Bytes of an element of a type whose values all take the same; 0 for the others. */
  abstract fixedBytes(type: u32): u32;

  /** Bytes that an element of this type takes at least; 0 when there is no such type. */
  abstract leastBytes(type: u32): u32;
}

/**
 * Goes on with a walk through the frame at `frame`, of which `len` bytes are there. Done: the message
 * ends at `walk.position`. WaitForData: `walk.wanted` is set. Error: no Thrift, or too deep.
 */
export function walkValues<G extends ValueGrammar>(
  grammar: G,
  walk: StructWalk,
  frame: usize,
  len: u32,
): DecodeStatus {
  let steps: u32 = 0;
  let status = DecodeStatus.Done;
  while (walk.depth > 0 && status == DecodeStatus.Done) {
    steps++;
    const top = walk.top();
    status = top.isStruct()
      ? grammar.passField(walk, frame, len)
      : passElement<G>(grammar, walk, top, frame, len);
  }
  WalkMeter.stepsForTest += steps;
  return status;
}

function passElement<G extends ValueGrammar>(
  grammar: G,
  walk: StructWalk,
  container: OpenContainer,
  frame: usize,
  len: u32,
): DecodeStatus {
  if (container.remaining == 0) {
    walk.closeElements();
    return DecodeStatus.Done;
  }
  const type = container.nextType();
  const status = grammar.passValue(walk, frame, walk.position, len, type);
  if (status == DecodeStatus.Done) {
    container.remaining--;
    walk.least -= grammar.leastBytes(type);
  }
  return status;
}

/** Passes or enters the `count` elements of a list or set at `at`. */
export function passList<G extends ValueGrammar>(
  grammar: G,
  walk: StructWalk,
  at: u32,
  count: u32,
  type: u32,
): DecodeStatus {
  // Writers put any type into an empty list.
  if (count == 0) return skip(walk, at, 0);
  const fixed = grammar.fixedBytes(type);
  if (fixed != 0) return skip(walk, at, <u64>count * fixed);
  const each = grammar.leastBytes(type);
  if (each == 0 || !walk.skip(at, 0)) return DecodeStatus.Error;
  return statusOf(walk.openElements(count, type, type, <u64>count * each));
}

/** Passes or enters the `count` pairs of a map at `at`. */
export function passPairs<G extends ValueGrammar>(
  grammar: G,
  walk: StructWalk,
  at: u32,
  count: u32,
  keyType: u32,
  valueType: u32,
): DecodeStatus {
  if (count == 0) return skip(walk, at, 0);
  const key = grammar.leastBytes(keyType);
  const value = grammar.leastBytes(valueType);
  const least = <u64>count * (key + value);
  if (grammar.fixedBytes(keyType) != 0 && grammar.fixedBytes(valueType) != 0) {
    return skip(walk, at, least);
  }
  if (key == 0 || value == 0 || !walk.skip(at, 0)) return DecodeStatus.Error;
  // Twice the count fits: a pair takes two bytes at least, and all of them less than 2^31.
  return statusOf(walk.openElements(count << 1, keyType, valueType, least));
}

/** Moves the walk to `bytes` behind `at`. */
export function skip(walk: StructWalk, at: u32, bytes: u64): DecodeStatus {
  return statusOf(walk.skip(at, bytes));
}

export function enterStruct(walk: StructWalk, at: u32): DecodeStatus {
  return statusOf(walk.skip(at, 0) && walk.openStruct());
}

function statusOf(isFine: bool): DecodeStatus {
  return isFine ? DecodeStatus.Done : DecodeStatus.Error;
}
