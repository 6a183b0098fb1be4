// AssemblyScript: a codec whose messages are what the test says: attributes by number (those that the
// codec knows by id) and one list of dynamic ones, as records of three u32: present, address, length.

import { Codec, DYNAMIC_ATTRIBUTE } from "../../assembly/codec/codec";
import { DecodeStatus } from "../../assembly/codec/decode-status";
import { ErrorReply } from "../../assembly/codec/error-reply";
import { Message, Slice } from "../../assembly/codec/message";
import { Mutation } from "../../assembly/codec/mutation";
import { equalBytes, equalBytesIgnoreCase } from "../../assembly/wire/bytes";

const MAX_ATTRIBUTES: u32 = 64;
const RECORD_BYTES: usize = 20;
const RECORD_PRESENT: usize = 8;
const RECORD_VALUE: usize = 12;
const RECORD_VALUE_LENGTH: usize = 16;

/**
 * Attributes are records of five u32: name, its length, present, value, its length. Those whose names
 * begin with "x-" are dynamic; the others have their index as id.
 */
export class FakeCodec extends Codec {
  count: u32 = 0;
  fetches: u32 = 0;
  idCalls: u32 = 0;
  private records: usize = heap.alloc(<usize>MAX_ATTRIBUTES * RECORD_BYTES);

  /** The index of a fresh attribute; the name stays where it is. */
  add(namePtr: usize, nameLen: u32): u32 {
    const record = this.record(this.count);
    store<u32>(record, namePtr);
    store<u32>(record, nameLen, 4);
    store<u32>(record, 0, RECORD_PRESENT);
    return this.count++;
  }

  set(index: u32, isPresent: bool, ptr: usize, len: u32): void {
    const record = this.record(index);
    store<u32>(record, <u32>isPresent, RECORD_PRESENT);
    store<u32>(record, ptr, RECORD_VALUE);
    store<u32>(record, len, RECORD_VALUE_LENGTH);
  }

  attributeId(namePtr: usize, nameLen: u32): i32 {
    this.idCalls++;
    if (nameLen >= 2 && load<u16>(namePtr) == 0x2d78) return DYNAMIC_ATTRIBUTE;
    for (let i: u32 = 0; i < this.count; i++) {
      const record = this.record(i);
      if (load<u32>(record, 4) != nameLen) continue;
      if (equalBytes(load<u32>(record), namePtr, nameLen)) return i;
    }
    return DYNAMIC_ATTRIBUTE;
  }

  attribute(message: Message, id: i32, namePtr: usize, nameLen: u32, value: Slice): bool {
    this.fetches++;
    if (id >= 0) return this.take(this.record(id), value);
    for (let i: u32 = 0; i < this.count; i++) {
      const record = this.record(i);
      if (load<u32>(record, 4) != nameLen) continue;
      if (equalBytesIgnoreCase(load<u32>(record), namePtr, nameLen)) {
        return this.take(record, value);
      }
    }
    return false;
  }

  decode(message: Message, ptr: usize, len: u32, state: usize): DecodeStatus {
    return DecodeStatus.Error;
  }

  patchId(message: Message, id: u64): bool {
    return false;
  }

  encodedSizeBound(message: Message, mutation: Mutation | null): u32 {
    return 0;
  }

  encode(message: Message, id: u64, mutation: Mutation | null, out: usize): u32 {
    return 0;
  }

  captureContext(message: Message, out: usize): u32 {
    return 0;
  }

  encodeError(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32 {
    return 0;
  }

  private take(record: usize, value: Slice): bool {
    if (load<u32>(record, RECORD_PRESENT) == 0) return false;
    value.ptr = load<u32>(record, RECORD_VALUE);
    value.len = load<u32>(record, RECORD_VALUE_LENGTH);
    return true;
  }

  private record(index: u32): usize {
    return this.records + <usize>index * RECORD_BYTES;
  }
}

/** What the tables of a unit are built for, and asked with. */
export const codec = new FakeCodec();
