// Walks over the arguments of a command that has been decoded.
// Allocates: never after construction.
import { DecodeStatus } from "../../codec/decode-status";
import { Message, Slice } from "../../codec/message";
import { isBlank } from "./command-decoder";
import { CR, ElementType, LF } from "./constants";
import { numberLine } from "./number-line";

export class Arguments {
  /** The argument that `next` has come to. */
  readonly current: Slice = new Slice();
  private at: usize = 0;
  private end: usize = 0;
  private isInline: bool = false;

  /** Stands before the first argument: the name of the command. */
  begin(message: Message): void {
    const frame = message.frame;
    this.end = frame + message.frameLength;
    // SAFETY: a complete frame has its first byte.
    this.isInline = load<u8>(frame) != ElementType.Array;
    this.at = frame;
    if (!this.isInline && numberLine.read(frame, 0, message.frameLength) == DecodeStatus.Done) {
      this.at = frame + numberLine.next;
    }
  }

  /** False: there are no more. */
  next(): bool {
    return this.isInline ? this.nextWord() : this.nextBulk();
  }

  /** Goes `count` arguments on; false: there are not so many. */
  skip(count: u32): bool {
    for (let i: u32 = 0; i < count; i++) {
      if (!this.next()) return false;
    }
    return true;
  }

  private nextBulk(): bool {
    if (this.at >= this.end) return false;
    const rest = <u32>(this.end - this.at);
    if (numberLine.read(this.at, 0, rest) != DecodeStatus.Done) return false;
    const length = numberLine.value;
    const bytes = <u64>numberLine.next + <u64>length + 2;
    if (length < 0 || bytes > rest) return false;
    this.current.ptr = this.at + numberLine.next;
    this.current.len = <u32>length;
    this.at += <usize>bytes;
    return true;
  }

  private nextWord(): bool {
    const end = this.end;
    let at = this.at;
    while (at < end && isGap(load<u8>(at))) at++;
    const start = at;
    while (at < end && !isGap(load<u8>(at))) at++;
    this.at = at;
    this.current.ptr = start;
    this.current.len = <u32>(at - start);
    return at > start;
  }
}

function isGap(byte: u8): bool {
  return isBlank(byte) || byte == CR || byte == LF;
}
