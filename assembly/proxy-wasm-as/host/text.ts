// Text in the arena, and text out of host bytes: for cold paths and start-up.
// Allocates: arena only, until the enclosing callback returns or the caller releases its mark.

import { allocate } from "../memory/arena";
import { bytesLen, bytesPtr } from "../memory/host-bytes";

/** Length in bytes of the text encoded last. */
export let textLen: u32 = 0;

/** Encodes `text` as UTF-8 into the arena; returns its address, 0 when the arena has no room. */
export function encodeText(text: string): usize {
  const len = String.UTF8.byteLength(text);
  const ptr = allocate(<usize>len);
  if (ptr == 0) {
    textLen = 0;
    return 0;
  }
  String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, ptr);
  textLen = <u32>len;
  return ptr;
}

/** The bytes of the last host call as a string. Allocates managed memory: cold paths only. */
export function bytesToString(): string {
  return String.UTF8.decodeUnsafe(bytesPtr, <usize>bytesLen);
}
