// What is remembered of a frame of which only a part has come, so that no byte is looked at twice.
//
// Elements may be nested to any depth, but that takes no stack: it is enough to count the elements that
// are still to come. An array of n takes its own place in that count and adds n.
import { Message } from "../../codec/message";

@unmanaged
export class DecoderState {
  /** Elements to come; 0: the frame has not been begun. */
  pending: u32;
  /** Where the next one begins. */
  offset: u32;
  /** How far an incomplete line has been searched for its end. */
  scanned: u32;
  /** Arguments of a command. */
  count: u32;
  /** Where the element begins that the frame is, behind what attributes say of it, and its type; 0: not known. */
  top: u32;
  topType: u32;

  clear(): void {
    this.pending = 0;
    this.offset = 0;
    this.scanned = 0;
    this.count = 0;
    this.top = 0;
    this.topType = 0;
  }
}

/** Asks for the bytes up to `end`, and the least that `elements` more can take. */
export function wait(message: Message, end: u64, elements: u32, elementBytes: u32): void {
  const need = end + <u64>elements * elementBytes;
  message.need = need > u32.MAX_VALUE ? u32.MAX_VALUE : <u32>need;
}
