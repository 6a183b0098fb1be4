// The line that an element begins with whose length or count it says: a type byte, decimal digits, CR LF.
// Allocates: never after construction.
import { DecodeStatus } from "../../codec/decode-status";
import { CR, DIGIT_0, LF, MINUS } from "./constants";

/** Every length and count with a meaning has fewer digits. */
const MAX_DIGITS: u32 = 10;

export class NumberLine {
  /** With Done: the number. */
  value: i64 = 0;
  /** With Done: the offset behind the line. */
  next: u32 = 0;

  /**
   * Reads the line at `offset` of the `len` bytes at `ptr`. As strict as Redis is: no plus, no zeros in
   * front. What a server would take for an error has to be one here.
   */
  read(ptr: usize, offset: u32, len: u32): DecodeStatus {
    let at = offset + 1;
    const isNegative = at < len && load<u8>(ptr + at) == MINUS;
    if (isNegative) at++;
    const first = at;
    let value: i64 = 0;
    while (at < len) {
      const digit = <u32>load<u8>(ptr + at) - DIGIT_0;
      if (digit > 9) break;
      if (at - first == MAX_DIGITS || (value == 0 && at > first)) return DecodeStatus.Error;
      value = value * 10 + digit;
      at++;
    }
    if (at >= len) return DecodeStatus.WaitForData;
    if (at == first || (isNegative && value == 0)) return DecodeStatus.Error;
    if (load<u8>(ptr + at) != CR) return DecodeStatus.Error;
    if (at + 1 >= len) return DecodeStatus.WaitForData;
    if (load<u8>(ptr + at + 1) != LF) return DecodeStatus.Error;
    this.value = isNegative ? -value : value;
    this.next = at + 2;
    return DecodeStatus.Done;
  }
}

/** What is read again and again; one VM works on one frame at a time. */
export const numberLine = new NumberLine();
