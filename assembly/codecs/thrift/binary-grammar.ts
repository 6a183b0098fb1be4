// The fields and values of a binary struct, for the walk to its end.
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
import { StructWalk } from "./struct-walk";
import { ValueGrammar, enterStruct, passList, passPairs, skip } from "./value-walk";

const FIELD_HEADER_BYTES: u32 = 3;
const STRING_HEAD_BYTES: u32 = 4;
const LIST_HEAD_BYTES: u32 = 5;
const MAP_HEAD_BYTES: u32 = 6;

@unmanaged
export class BinaryGrammar extends ValueGrammar {
  override passField(walk: StructWalk, frame: usize, len: u32): DecodeStatus {
    const at = walk.position;
    if (at >= len) return walk.waitFor(0);
    const type: u32 = load<u8>(frame + at);
    if (type == BinaryType.Stop) {
      walk.closeStruct();
      return DecodeStatus.Done;
    }
    return this.passValue(walk, frame, at + FIELD_HEADER_BYTES, len, type);
  }

  override passValue(walk: StructWalk, frame: usize, at: u32, len: u32, type: u32): DecodeStatus {
    const fixed = this.fixedBytes(type);
    if (fixed != 0) return skip(walk, at, fixed);
    if (type == BinaryType.Struct) return enterStruct(walk, at);
    if (type == BinaryType.String) {
      if (at + STRING_HEAD_BYTES > len) return walk.waitFor(at + STRING_HEAD_BYTES + 1);
      return skip(walk, at, <u64>STRING_HEAD_BYTES + loadU32Be(frame + at));
    }
    if (type == BinaryType.Map) return this.passMap(walk, frame, at, len);
    if (type != BinaryType.List && type != BinaryType.Set) return DecodeStatus.Error;
    if (at + LIST_HEAD_BYTES > len) return walk.waitFor(at + LIST_HEAD_BYTES + 1);
    const count = loadU32Be(frame + at + 1);
    return passList<BinaryGrammar>(this, walk, at + LIST_HEAD_BYTES, count, load<u8>(frame + at));
  }

  private passMap(walk: StructWalk, frame: usize, at: u32, len: u32): DecodeStatus {
    if (at + MAP_HEAD_BYTES > len) return walk.waitFor(at + MAP_HEAD_BYTES + 1);
    const count = loadU32Be(frame + at + 2);
    const keyType: u32 = load<u8>(frame + at);
    const valueType: u32 = load<u8>(frame + at + 1);
    return passPairs<BinaryGrammar>(this, walk, at + MAP_HEAD_BYTES, count, keyType, valueType);
  }

  override fixedBytes(type: u32): u32 {
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

  override leastBytes(type: u32): u32 {
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
        return this.fixedBytes(type);
    }
  }
}
