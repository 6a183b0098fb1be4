// Finding a message's map of attachments, and one attachment in it.
//
// Where the map begins is kept in the message, so that the values before it are walked over once:
//   a state bits   g offset of the map from the frame's start   h the walk that found it
// A map may hold objects of classes that the values before it define. The format remembers these
// definitions until the next walk; a message whose walk was not the last one is walked over again.
// Allocates: never.

import { Message, MessageType, Slice } from "../../codec/message";
import { equalBytesIgnoreCase } from "../../wire/bytes";
import { findRequestMap } from "./request-body";
import { findResultEnd, hasAttachments } from "./response-body";
import { ValueFormat } from "./value-format";

/** Bits of `message.a`; the lower two are those of request-body.ts. */
const MAP_SOUGHT: u32 = 4;
const MAP_FOUND: u32 = 8;

let walk: u32 = 0;

function seekMap(message: Message, format: ValueFormat): usize {
  if (message.type != MessageType.Response) return findRequestMap(message, format);
  const pos = findResultEnd(message, format);
  return pos != 0 && hasAttachments(message, format) ? pos : 0;
}

/** The address of the map of attachments, a top-level value of the body; 0: there is none. */
export function findMap(message: Message, format: ValueFormat): usize {
  if ((message.a & MAP_SOUGHT) != 0) {
    if ((message.a & MAP_FOUND) == 0) return 0;
    if (message.h == walk) return message.frame + message.g;
  }
  walk++;
  message.h = walk;
  message.a |= MAP_SOUGHT;
  format.begin();
  const pos = seekMap(message, format);
  if (pos == 0) return 0;
  format.mark();
  message.a |= MAP_FOUND;
  message.g = <u32>(pos - message.frame);
  return pos;
}

/**
 * Sets `value` to the attachment whose name is `namePtr` (lower case) but for the letters' case. Of
 * several the last counts, as in the receiver's map. False: there is none, or it is not a string.
 */
export function findAttachment(
  message: Message,
  format: ValueFormat,
  namePtr: usize,
  nameLen: u32,
  value: Slice,
): bool {
  const end = message.frame + message.frameLength;
  let pos = findMap(message, format);
  if (pos != 0) pos = format.openMap(pos, end);
  if (pos == 0) return false;
  let foundPtr: usize = 0;
  let foundLen: u32 = 0;
  while (true) {
    pos = format.nextEntry(pos, end);
    if (pos == 0) return false;
    if (format.isClosed) break;
    if (format.keyPtr == 0 || format.keyLen != nameLen) continue;
    if (equalBytesIgnoreCase(format.keyPtr, namePtr, nameLen)) {
      foundPtr = format.valuePtr;
      foundLen = format.valueLen;
    }
  }
  value.ptr = foundPtr;
  value.len = foundLen;
  return foundPtr != 0;
}
