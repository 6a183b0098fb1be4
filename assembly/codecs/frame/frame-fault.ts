// Where bytes and the description of their protocol disagree. The engine does not ask; whoever writes a
// description does.
// Allocates: never.

import { DecodeStatus } from "../../codec/decode-status";

export class FrameFault {
  /** No layout begins like this. */
  static readonly NO_LAYOUT: u32 = 1;
  /** The length is smaller than what must be there, or larger than there is. */
  static readonly LENGTH: u32 = 2;
  /** A part is longer than what is left of the frame, or is not what it should be. */
  static readonly PARTS: u32 = 3;
  /** A constant is something else: `detail` is the value. */
  static readonly CHECK: u32 = 4;
  /** No rule tells what kind of message it is. */
  static readonly NO_KIND: u32 = 5;
  /** The kind of message, `detail`, is not one that this peer sends. */
  static readonly WRONG_SIDE: u32 = 6;
  /** There is no room for another request id. */
  static readonly NO_ROOM: u32 = 7;

  reason: u32 = 0;
  /** From the frame's start. */
  offset: u32 = 0;
  detail: u32 = 0;

  refuse(reason: u32, offset: u32, detail: u32): DecodeStatus {
    this.reason = reason;
    this.offset = offset;
    this.detail = detail;
    return DecodeStatus.Error;
  }
}
