// Where the last host call put its result.
// Host calls return bytes through two addresses; these are the addresses, and what they held last.
// A nested callback makes host calls of its own: enterCallback saves these two values and
// leaveCallback restores them, so the outer callback may go on reading them.
// Allocates: 16 bytes of arena per callback.

import { Status } from "../abi/enums";
import { allocate, cancelDirectAllocation, mark, release } from "./arena";
import { effectiveContextId, noteEffectiveContext } from "./effective-context";

/** Address of the bytes the last successful host call returned; 0 when it returned none. */
export let bytesPtr: usize = 0;
/** Their length in bytes. Valid, as the bytes are, until the enclosing callback returns. */
export let bytesLen: u32 = 0;

/** Where the host writes the address of a result, or a single value of up to 8 bytes. */
export const RESULT_PTR: usize = memory.data(16, 8);
/** Where the host writes the length of a result. */
export const RESULT_LEN: usize = RESULT_PTR + 4;
/** Where the host writes what comes beside bytes: a compare-and-swap value, a status code. */
export const RESULT_EXTRA: usize = RESULT_PTR + 8;

// What enterCallback leaves on the arena.
//   0..3 arena mark   4..7 bytesPtr   8..11 bytesLen   12..15 effective context
const FRAME_MARK: usize = 0;
const FRAME_BYTES_PTR: usize = 4;
const FRAME_BYTES_LEN: usize = 8;
const FRAME_CONTEXT: usize = 12;
const FRAME_BYTES: usize = 16;
/** Set in place of a frame when the arena had no room for one; marks are 8-byte aligned. */
const NO_FRAME: usize = 1;

/** Reads out what a host call wrote to RESULT_PTR and RESULT_LEN, and returns its status. */
export function takeBytes(status: u32): Status {
  cancelDirectAllocation();
  if (status == <u32>Status.Ok) {
    bytesPtr = load<usize>(RESULT_PTR);
    bytesLen = load<u32>(RESULT_LEN);
  } else {
    bytesPtr = 0;
    bytesLen = 0;
  }
  return <Status>status;
}

/** To be called first in each exported callback; the result goes to leaveCallback. */
export function enterCallback(): usize {
  cancelDirectAllocation();
  const position = mark();
  const frame = allocate(FRAME_BYTES);
  if (frame == 0) return position | NO_FRAME;
  store<usize>(frame, position, FRAME_MARK);
  store<usize>(frame, bytesPtr, FRAME_BYTES_PTR);
  store<u32>(frame, bytesLen, FRAME_BYTES_LEN);
  store<u32>(frame, effectiveContextId, FRAME_CONTEXT);
  noteEffectiveContext(0);
  return frame;
}

/** To be called last in each exported callback: gives back its memory, restores the host bytes. */
export function leaveCallback(frame: usize): void {
  if ((frame & NO_FRAME) != 0) {
    release(frame - NO_FRAME);
    return;
  }
  bytesPtr = load<usize>(frame, FRAME_BYTES_PTR);
  bytesLen = load<u32>(frame, FRAME_BYTES_LEN);
  noteEffectiveContext(load<u32>(frame, FRAME_CONTEXT));
  release(load<usize>(frame, FRAME_MARK));
}
