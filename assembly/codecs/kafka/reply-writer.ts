// Writes a response field by field. Its user has seen to it that there is room.
// Allocates: never.

import { storeU16Be, storeU32Be, storeU64Be } from "../../wire/byte-order";
import { writeVarint } from "../../wire/varint";
import { LENGTH_BYTES, NULL_LENGTH } from "./constants";

@final
export class ReplyWriter {
  private start: usize = 0;
  private at: usize = 0;
  private isFlexible: bool = false;

  /** Writes the header, whose length `finish` fills in. */
  begin(out: usize, correlationId: u32, isFlexible: bool): void {
    this.start = out;
    this.at = out + LENGTH_BYTES;
    this.isFlexible = isFlexible;
    this.u32(correlationId);
    this.tags();
  }

  /** Returns the bytes of the frame. */
  finish(): u32 {
    const total = <u32>(this.at - this.start);
    storeU32Be(this.start, total - LENGTH_BYTES);
    return total;
  }

  u16(value: i32): void {
    storeU16Be(this.at, <u32>value);
    this.at += 2;
  }

  u32(value: u32): void {
    storeU32Be(this.at, value);
    this.at += 4;
  }

  u64(value: u64): void {
    storeU64Be(this.at, value);
    this.at += 8;
  }

  bytes(ptr: usize, len: u32): void {
    memory.copy(this.at, ptr, len);
    this.at += len;
  }

  /** Of an array, or of bytes as long as records may be. */
  count(count: u32): void {
    if (this.isFlexible) this.at += writeVarint(this.at, <u64>count + 1);
    else this.u32(count);
  }

  nullCount(): void {
    if (this.isFlexible) store<u8>(this.at++, 0);
    else this.u32(NULL_LENGTH);
  }

  text(ptr: usize, len: u32): void {
    if (this.isFlexible) this.at += writeVarint(this.at, <u64>len + 1);
    else this.u16(len);
    this.bytes(ptr, len);
  }

  nullText(): void {
    if (this.isFlexible) store<u8>(this.at++, 0);
    else this.u16(NULL_LENGTH);
  }

  /** No tagged fields, in versions that have them. */
  tags(): void {
    if (this.isFlexible) store<u8>(this.at++, 0);
  }
}
