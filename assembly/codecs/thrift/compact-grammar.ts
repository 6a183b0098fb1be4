// The fields and values of a compact struct, for the walk to its end.
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
import { StructWalk } from "./struct-walk";
import { ValueGrammar, enterStruct, passList, passPairs, skip } from "./value-walk";

const LONG_LIST: u32 = 15;
const VARINT_LEAST: u32 = 1;

@unmanaged
export class CompactGrammar extends ValueGrammar {
  override passField(walk: StructWalk, frame: usize, len: u32): DecodeStatus {
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
    if (isBoolean(type)) return skip(walk, at, 0);
    return this.passValue(walk, frame, at, len, type);
  }

  override passValue(walk: StructWalk, frame: usize, at: u32, len: u32, type: u32): DecodeStatus {
    const fixed = this.fixedBytes(type);
    if (fixed != 0) return skip(walk, at, fixed);
    switch (type) {
      case CompactType.I16:
      case CompactType.I32:
      case CompactType.I64:
        return this.passInteger(walk, frame, at, len);
      case CompactType.Binary:
        return this.passBytes(walk, frame, at, len);
      case CompactType.List:
      case CompactType.Set:
        return this.passSequence(walk, frame, at, len);
      case CompactType.Map:
        return this.passMap(walk, frame, at, len);
      case CompactType.Struct:
        return enterStruct(walk, at);
      default:
        return DecodeStatus.Error;
    }
  }

  private passInteger(walk: StructWalk, frame: usize, at: u32, len: u32): DecodeStatus {
    const width = varintWidth(frame + at, frame + len);
    if (width == 0) return waitForVarint(walk, at, len);
    return width == VARINT_MALFORMED ? DecodeStatus.Error : skip(walk, at, width);
  }

  private passBytes(walk: StructWalk, frame: usize, at: u32, len: u32): DecodeStatus {
    const length = readVarint32(frame + at, frame + len);
    const width = readWidth(length);
    if (width == 0) return waitForVarint(walk, at, len);
    if (width == VARINT_MALFORMED) return DecodeStatus.Error;
    return skip(walk, at, <u64>width + <u64>(<u32>length));
  }

  private passSequence(walk: StructWalk, frame: usize, at: u32, len: u32): DecodeStatus {
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
    return passList<CompactGrammar>(this, walk, at, count, header & 0xf);
  }

  private passMap(walk: StructWalk, frame: usize, at: u32, len: u32): DecodeStatus {
    const size = readVarint32(frame + at, frame + len);
    const width = readWidth(size);
    if (width == 0) return waitForVarint(walk, at, len);
    if (width == VARINT_MALFORMED) return DecodeStatus.Error;
    at += width;
    const count = <u32>size;
    if (count == 0) return skip(walk, at, 0);
    if (at >= len) return walk.waitFor(at + 1);
    const types: u32 = load<u8>(frame + at);
    return passPairs<CompactGrammar>(this, walk, at + 1, count, types >> 4, types & 0xf);
  }

  override fixedBytes(type: u32): u32 {
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

  override leastBytes(type: u32): u32 {
    const fixed = this.fixedBytes(type);
    if (fixed != 0) return fixed;
    return type >= <u32>CompactType.I16 && type <= <u32>CompactType.Struct ? VARINT_LEAST : 0;
  }
}

function waitForVarint(walk: StructWalk, at: u32, len: u32): DecodeStatus {
  return walk.waitFor((len > at ? len : at) + 1);
}

function isBoolean(type: u32): bool {
  return type == CompactType.BooleanTrue || type == CompactType.BooleanFalse;
}
