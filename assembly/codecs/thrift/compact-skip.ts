// Walks through the struct of a compact message to find its end.
//
//   field    | id delta << 4 | type | value |     or | 0 | type | id zigzag varint | value |
//   STOP     | 00 |                               binary     | length varint | bytes |
//   list, set  | count << 4 | type | values |     or | 0xf | type | count varint | values |
//   map      | count varint | key type << 4 | value type | keys and values |   empty: | 00 |
//
// Integers but i8 are varints; the value of a boolean field is its type. Spec:
// thrift-compact-protocol.md, "Struct", "List and Set", "Map".
// Allocates: never.

import { DecodeStatus } from "../../codec/decode-status";
import { VARINT_MALFORMED, readVarint32, readWidth, varintWidth } from "../../wire/varint";
import { CompactType } from "./constants";
import { OpenContainer, StructWalk, WalkMeter } from "./struct-walk";

const LONG_LIST: u32 = 15;
const VARINT_LEAST: u32 = 1;

/** As `walkBinary`. */
export function walkCompact(walk: StructWalk, frame: usize, len: u32): DecodeStatus {
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
  let at = walk.position;
  if (at >= len) return walk.waitFor(0);
  const header: u32 = load<u8>(frame + at);
  if (header == CompactType.Stop) {
    walk.closeStruct();
    return DecodeStatus.Done;
  }
  at++;
  if (header >> 4 == 0) {
    const id = readVarint32(frame + at, frame + len);
    const width = readWidth(id);
    if (width == 0) return walk.waitFor(len + 1);
    if (width == VARINT_MALFORMED) return DecodeStatus.Error;
    at += width;
  }
  const type = header & 0xf;
  if (isBoolean(type)) return statusOf(walk.skip(at, 0));
  return walkValue(walk, frame, at, len, type);
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
  switch (type) {
    case CompactType.I16:
    case CompactType.I32:
    case CompactType.I64:
      return walkInteger(walk, frame, at, len);
    case CompactType.Binary:
      return walkBytes(walk, frame, at, len);
    case CompactType.List:
    case CompactType.Set:
      return walkList(walk, frame, at, len);
    case CompactType.Map:
      return walkMap(walk, frame, at, len);
    case CompactType.Struct:
      return statusOf(walk.skip(at, 0) && walk.openStruct());
    default:
      return DecodeStatus.Error;
  }
}

function walkInteger(walk: StructWalk, frame: usize, at: u32, len: u32): DecodeStatus {
  const width = varintWidth(frame + at, frame + len);
  if (width == 0) return waitForVarint(walk, at, len);
  return statusOf(width != VARINT_MALFORMED && walk.skip(at, width));
}

function walkBytes(walk: StructWalk, frame: usize, at: u32, len: u32): DecodeStatus {
  const length = readVarint32(frame + at, frame + len);
  const width = readWidth(length);
  if (width == 0) return waitForVarint(walk, at, len);
  return statusOf(width != VARINT_MALFORMED && walk.skip(at, <u64>width + <u64>(<u32>length)));
}

function walkList(walk: StructWalk, frame: usize, at: u32, len: u32): DecodeStatus {
  if (at >= len) return walk.waitFor(at + 1);
  const header: u32 = load<u8>(frame + at);
  let count = header >> 4;
  at++;
  if (count == LONG_LIST) {
    const size = readVarint32(frame + at, frame + len);
    const width = readWidth(size);
    if (width == 0) return waitForVarint(walk, at, len);
    if (width == VARINT_MALFORMED) return DecodeStatus.Error;
    count = <u32>size;
    at += width;
  }
  const type = header & 0xf;
  if (count == 0) return statusOf(walk.skip(at, 0));
  const fixed = fixedBytes(type);
  if (fixed != 0) return statusOf(walk.skip(at, <u64>count * fixed));
  const each = leastBytes(type);
  if (each == 0 || !walk.skip(at, 0)) return DecodeStatus.Error;
  return statusOf(walk.openElements(count, type, type, <u64>count * each));
}

function walkMap(walk: StructWalk, frame: usize, at: u32, len: u32): DecodeStatus {
  const size = readVarint32(frame + at, frame + len);
  const width = readWidth(size);
  if (width == 0) return waitForVarint(walk, at, len);
  if (width == VARINT_MALFORMED) return DecodeStatus.Error;
  at += width;
  const count = <u32>size;
  if (count == 0) return statusOf(walk.skip(at, 0));
  if (at >= len) return walk.waitFor(at + 1);
  return walkPairs(walk, at + 1, count, load<u8>(frame + at));
}

function walkPairs(walk: StructWalk, at: u32, count: u32, types: u32): DecodeStatus {
  const keyType = types >> 4;
  const valueType = types & 0xf;
  const key = leastBytes(keyType);
  const value = leastBytes(valueType);
  const least = <u64>count * (key + value);
  if (fixedBytes(keyType) != 0 && fixedBytes(valueType) != 0) return statusOf(walk.skip(at, least));
  if (key == 0 || value == 0 || !walk.skip(at, 0)) return DecodeStatus.Error;
  // Twice the count fits: a pair takes two bytes at least, and all of them less than 2^31.
  return statusOf(walk.openElements(count << 1, keyType, valueType, least));
}

function waitForVarint(walk: StructWalk, at: u32, len: u32): DecodeStatus {
  return walk.waitFor((len > at ? len : at) + 1);
}

function statusOf(isFine: bool): DecodeStatus {
  return isFine ? DecodeStatus.Done : DecodeStatus.Error;
}

function isBoolean(type: u32): bool {
  return type == CompactType.BooleanTrue || type == CompactType.BooleanFalse;
}

/** Bytes of an element of a type whose values all take the same; 0 for the others. */
function fixedBytes(type: u32): u32 {
  switch (type) {
    case CompactType.BooleanTrue:
    case CompactType.BooleanFalse:
    case CompactType.I8:
      return 1;
    case CompactType.Double:
      return 8;
    case CompactType.Uuid:
      return 16;
    default:
      return 0;
  }
}

/** Bytes that an element of this type takes at least; 0 when there is no such type. */
function leastBytes(type: u32): u32 {
  const fixed = fixedBytes(type);
  if (fixed != 0) return fixed;
  return type >= <u32>CompactType.I16 && type <= <u32>CompactType.Struct ? VARINT_LEAST : 0;
}
