// How far the walk through an unframed message has come: kept per connection, so that bytes which
// arrive one at a time are each looked at a bounded number of times.
//
//   0          4       8        12       16      24             528
//   +----------+-------+--------+--------+-------+-- - - --+-----+
//   | position | depth | least  | wanted | container 0 .. 63     |   native byte order
//   +----------+-------+--------+--------+-------+-- - - --+-----+
//
// Allocates: never.

import { DecodeStatus } from "../../codec/decode-status";
import { MAX_MESSAGE_BYTES } from "./constants";

/** Containers within each other, the outermost struct included: what every Thrift library allows. */
export const MAX_DEPTH: u32 = 64;

enum ContainerKind {
  Struct = 0,
  /** A list, a set or a map. */
  Elements = 1,
}

/** One container that is not walked through. */
@unmanaged
export class OpenContainer {
  /** Values that are still to come in a list, a set or a map; keys count as values. */
  remaining: u32;
  kind: u8;
  /** Element types of even `remaining` and of odd; the same in lists and sets. */
  keyType: u8;
  valueType: u8;

  isStruct(): bool {
    return this.kind == <u8>ContainerKind.Struct;
  }

  nextType(): u32 {
    return (this.remaining & 1) == 0 ? this.keyType : this.valueType;
  }
}

const CONTAINERS_OFFSET: usize = 16;
const CONTAINER_BYTES: u32 = 8;

/** Bytes of a StructWalk with its containers. */
export const STRUCT_WALK_BYTES: u32 = 16 + MAX_DEPTH * CONTAINER_BYTES;

/** Counts the work of all walks, which must be in proportion to the bytes. */
export class WalkMeter {
  static stepsForTest: u64 = 0;
}

/** Lies over a connection's decoder state; zeroed memory is a walk that has not begun. */
@unmanaged
export class StructWalk {
  /** Offset in the frame of what comes next, which may be beyond the bytes that are there; 0: not begun. */
  position: u32;
  depth: u32;
  /** The least number of bytes from `position` to the end of the message. */
  least: u32;
  /** After WaitForData: the least number of bytes from the frame's start that help. */
  wanted: u32;

  begin(position: u32): void {
    this.position = position;
    this.depth = 0;
    this.least = 0;
    this.openStruct();
  }

  clear(): void {
    this.position = 0;
  }

  /** The innermost container; call only with `depth` > 0. */
  top(): OpenContainer {
    return this.container(this.depth - 1);
  }

  /** Moves on by `bytes`, which need not be there; false when no message is that long. */
  skip(from: u32, bytes: u64): bool {
    const position = <u64>from + bytes;
    if (position + <u64>this.least > <u64>MAX_MESSAGE_BYTES) return false;
    this.position = <u32>position;
    return true;
  }

  /** Says that nothing helps before `headEnd` bytes are there. */
  waitFor(headEnd: u32): DecodeStatus {
    const least = this.position + this.least;
    this.wanted = least > headEnd ? least : headEnd;
    return DecodeStatus.WaitForData;
  }

  /** Enters a struct at `position`; false when it is too deep. */
  openStruct(): bool {
    if (this.depth == MAX_DEPTH) return false;
    const container = this.container(this.depth);
    container.kind = <u8>ContainerKind.Struct;
    this.depth++;
    this.least++;
    return true;
  }

  /** Passes the STOP of the innermost container, a struct. */
  closeStruct(): void {
    this.depth--;
    this.least--;
    this.position++;
  }

  /**
   * Enters `count` values at `position`, of which all together take at least `bytes`; false when
   * that is too deep or too long.
   */
  openElements(count: u32, keyType: u32, valueType: u32, bytes: u64): bool {
    const least = <u64>this.least + bytes;
    if (this.depth == MAX_DEPTH || <u64>this.position + least > <u64>MAX_MESSAGE_BYTES)
      return false;
    const container = this.container(this.depth);
    container.kind = <u8>ContainerKind.Elements;
    container.remaining = count;
    container.keyType = <u8>keyType;
    container.valueType = <u8>valueType;
    this.depth++;
    this.least = <u32>least;
    return true;
  }

  closeElements(): void {
    this.depth--;
  }

  private container(index: u32): OpenContainer {
    return changetype<OpenContainer>(
      changetype<usize>(this) + CONTAINERS_OFFSET + <usize>index * CONTAINER_BYTES,
    );
  }
}
