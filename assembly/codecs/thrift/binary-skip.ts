// Walks through the struct of a binary message to find its end.
//
//   field    | type u8 | id i16 | value |      STOP  | 00 |
//   string   | length u32 | bytes |            list, set  | type u8 | count u32 | values |
//   map      | key type u8 | value type u8 | count u32 | keys and values |
//
// Big-endian. Spec: thrift-binary-protocol.md, "Struct", "List and Set", "Map".
// Allocates: never.

import { DecodeStatus } from "../../codec/decode-status";
import { loadU32Be } from "../../wire/byte-order";
import { BinaryType } from "./constants";
import { OpenContainer, StructWalk, WalkMeter } from "./struct-walk";

const FIELD_HEADER_BYTES: u32 = 3;
const STRING_HEAD_BYTES: u32 = 4;
const LIST_HEAD_BYTES: u32 = 5;
const MAP_HEAD_BYTES: u32 = 6;

/**
 * Goes on with a walk through the frame at `frame`, of which `len` bytes are there. Done: the message
 * ends at `walk.position`. WaitForData: `walk.wanted` is set. Error: no Thrift, or too deep.
 */
export function walkBinary(walk: StructWalk, frame: usize, len: u32): DecodeStatus {
  let steps: u32 = 0;
  let status = DecodeStatus.Done;
  while (walk.depth > 0 && status == DecodeStatus.Done) {
    steps++;
    const top = walk.top();
    status = top.isStruct() ? walkField(walk, frame, len) : walkElement(walk, top, frame, len);
  }
  WalkMeter.stepsForTest += steps;
  return status;
}

function walkField(walk: StructWalk, frame: usize, len: u32): DecodeStatus {
  const at = walk.position;
  if (at >= len) return walk.waitFor(0);
  const type: u32 = load<u8>(frame + at);
  if (type == BinaryType.Stop) {
    walk.closeStruct();
    return DecodeStatus.Done;
  }
  return walkValue(walk, frame, at + FIELD_HEADER_BYTES, len, type);
}

function walkElement(
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
  const status = walkValue(walk, frame, walk.position, len, type);
  if (status == DecodeStatus.Done) {
    container.remaining--;
    walk.least -= leastBytes(type);
  }
  return status;
}

/** Passes a value at `at`, or enters it; `walk.position` stays when its head is not complete. */
function walkValue(walk: StructWalk, frame: usize, at: u32, len: u32, type: u32): DecodeStatus {
  const fixed = fixedBytes(type);
  if (fixed != 0) return statusOf(walk.skip(at, fixed));
  if (type == BinaryType.Struct) return statusOf(walk.skip(at, 0) && walk.openStruct());
  if (type == BinaryType.String) {
    if (at + STRING_HEAD_BYTES > len) return walk.waitFor(at + STRING_HEAD_BYTES + 1);
    return statusOf(walk.skip(at, <u64>STRING_HEAD_BYTES + loadU32Be(frame + at)));
  }
  if (type == BinaryType.Map) {
    if (at + MAP_HEAD_BYTES > len) return walk.waitFor(at + MAP_HEAD_BYTES + 1);
    const count = loadU32Be(frame + at + 2);
    return walkMap(
      walk,
      at + MAP_HEAD_BYTES,
      count,
      load<u8>(frame + at),
      load<u8>(frame + at + 1),
    );
  }
  if (type != BinaryType.List && type != BinaryType.Set) return DecodeStatus.Error;
  if (at + LIST_HEAD_BYTES > len) return walk.waitFor(at + LIST_HEAD_BYTES + 1);
  return walkList(walk, at + LIST_HEAD_BYTES, loadU32Be(frame + at + 1), load<u8>(frame + at));
}

function walkList(walk: StructWalk, at: u32, count: u32, type: u32): DecodeStatus {
  // Writers put any type into an empty list.
  if (count == 0) return statusOf(walk.skip(at, 0));
  const fixed = fixedBytes(type);
  if (fixed != 0) return statusOf(walk.skip(at, <u64>count * fixed));
  const each = leastBytes(type);
  if (each == 0 || !walk.skip(at, 0)) return DecodeStatus.Error;
  return statusOf(walk.openElements(count, type, type, <u64>count * each));
}

function walkMap(
  walk: StructWalk,
  at: u32,
  count: u32,
  keyType: u32,
  valueType: u32,
): DecodeStatus {
  if (count == 0) return statusOf(walk.skip(at, 0));
  const fixedKey = fixedBytes(keyType);
  const fixedValue = fixedBytes(valueType);
  if (fixedKey != 0 && fixedValue != 0) {
    return statusOf(walk.skip(at, <u64>count * (fixedKey + fixedValue)));
  }
  const key = leastBytes(keyType);
  const value = leastBytes(valueType);
  if (key == 0 || value == 0 || !walk.skip(at, 0)) return DecodeStatus.Error;
  // Twice the count fits: a pair takes two bytes at least, and all of them less than 2^31.
  return statusOf(walk.openElements(count << 1, keyType, valueType, <u64>count * (key + value)));
}

function statusOf(isFine: bool): DecodeStatus {
  return isFine ? DecodeStatus.Done : DecodeStatus.Error;
}

/** Bytes of a value of a type whose values all take the same; 0 for the others. */
function fixedBytes(type: u32): u32 {
  switch (type) {
    case BinaryType.Bool:
    case BinaryType.I8:
      return 1;
    case BinaryType.I16:
      return 2;
    case BinaryType.I32:
      return 4;
    case BinaryType.I64:
    case BinaryType.Double:
      return 8;
    case BinaryType.Uuid:
      return 16;
    default:
      return 0;
  }
}

/** Bytes that a value of this type takes at least; 0 when there is no such type. */
function leastBytes(type: u32): u32 {
  switch (type) {
    case BinaryType.Struct:
      return 1;
    case BinaryType.String:
      return STRING_HEAD_BYTES;
    case BinaryType.Map:
      return MAP_HEAD_BYTES;
    case BinaryType.Set:
    case BinaryType.List:
      return LIST_HEAD_BYTES;
    default:
      return fixedBytes(type);
  }
}
