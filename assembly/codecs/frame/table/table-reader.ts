// Fields of metaproto.v1.FrameTable, as far as all its messages have them in common.
// Allocates: cold path only.

import { copyBytes } from "../../../wire/owned-bytes";
import { ProtobufReader, WireType } from "../../../wire/protobuf";
import { OwnedText } from "./records";

export class TableReader {
  readonly fields: ProtobufReader = new ProtobufReader();
  /** What was found to be wrong first; empty: nothing. */
  fault: string = "";

  fail(fault: string): void {
    if (this.fault.length == 0) this.fault = fault;
  }

  get isSound(): bool {
    return this.fault.length == 0;
  }

  number(largest: u32): u32 {
    const value = this.wide();
    if (value > largest) this.fail("a number that is too large");
    return value > largest ? 0 : <u32>value;
  }

  wide(): u64 {
    if (this.fields.wireType == WireType.Varint) return this.fields.value;
    this.fail("not a number");
    return 0;
  }

  signed(largest: i32): i32 {
    const value = this.wideSigned();
    if (value > largest || value < -largest) this.fail("a number that is too large");
    return value > largest || value < -largest ? 0 : <i32>value;
  }

  /** In the zigzag form. */
  wideSigned(): i64 {
    const value = this.wide();
    return (<i64>(value >> 1)) ^ -(<i64>(value & 1));
  }

  flag(): bool {
    return this.number(1) == 1;
  }

  text(largest: u32): OwnedText {
    const fields = this.fields;
    const isText = fields.wireType == WireType.Bytes;
    if (!isText || fields.len > largest) {
      this.fail(isText ? "a text that is too long" : "not a text");
      return new OwnedText(new ArrayBuffer(0));
    }
    return new OwnedText(copyBytes(fields.ptr, fields.len));
  }

  /** Appends the number at hand, or the numbers packed in it. */
  numbers(list: Array<u64>, most: i32): void {
    const fields = this.fields;
    if (fields.wireType != WireType.Bytes) {
      list.push(this.wide());
    } else {
      const end = fields.enter();
      while (list.length <= most && fields.nextPacked()) list.push(fields.value);
      fields.leave(end);
    }
    if (list.length > most) this.fail("a list that is too long");
  }

  /** Goes into the message at hand; 0, with a fault: there is none, or the list of them is full. */
  enter(count: i32, most: i32): usize {
    if (this.fields.wireType != WireType.Bytes) {
      this.fail("not a message");
      return 0;
    }
    if (count >= most) {
      this.fail("a list that is too long");
      return 0;
    }
    return this.fields.enter();
  }
}

export function narrow(list: Array<u64>): StaticArray<u32> {
  const numbers = new StaticArray<u32>(list.length);
  for (let i = 0; i < list.length; i++) numbers[i] = <u32>list[i];
  return numbers;
}
