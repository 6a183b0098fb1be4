// One field of a protobuf message, found when it is asked for.
// Allocates: never after construction.

import { ProtobufReader, WireType } from "./protobuf";

/** No field has this number. */
export const NO_FIELD: u32 = 0;

export class ProtobufFinder {
  /** Of Varint, Fixed32 and Fixed64. */
  value: u64 = 0;
  /** Of Bytes: within the message. */
  ptr: usize = 0;
  len: u32 = 0;
  private readonly reader: ProtobufReader = new ProtobufReader();

  /**
   * The last field of this number and type in the message of `len` bytes at `ptr`, within its fields of the
   * number `outer` unless that is NO_FIELD.
   */
  find(ptr: usize, len: u32, outer: u32, field: u32, wireType: WireType): bool {
    const reader = this.reader;
    let isFound = false;
    let end: usize = 0;
    reader.reset(ptr, len);
    while (true) {
      if (!reader.next()) {
        if (end == 0 || reader.isMalformed) return isFound;
        reader.leave(end);
        end = 0;
      } else if (outer != NO_FIELD && end == 0) {
        if (reader.field == outer && reader.wireType == WireType.Bytes) end = reader.enter();
      } else if (reader.field == field && reader.wireType == wireType) {
        isFound = true;
        this.value = reader.value;
        this.ptr = reader.ptr;
        this.len = reader.len;
      }
    }
  }
}
