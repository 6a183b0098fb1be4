// Finding a message's map of attachments, and one attachment in it.
//
// Where the map begins is kept in the message, so that the values before it are walked over once:
//   a state bits   g offset of the map from the frame's start   h the walk that found it
// A map may hold objects of classes that the values before it define. The format remembers these
// definitions until the next walk; a message whose walk was not the last one is walked over again.
//
// What the map holds is noted the first time that an attachment is asked for, since filters ask for many:
//   key u32   key's length u32   value u32, 0: no text   value's length u32     offsets from the frame's start
// Allocates: when the module starts.

import { Message, MessageType, Slice } from "../../codec/message";
import { equalBytesIgnoreCase } from "../../wire/bytes";
import { findRequestMap } from "./request-body";
import { findResultEnd, hasAttachments } from "./response-body";
import { ValueFormat } from "./value-format";

/** Bits of `message.a`; the lower two are those of request-body.ts. */
const MAP_SOUGHT: u32 = 4;
const MAP_FOUND: u32 = 8;

let walk: u32 = 0;

@unmanaged
class Entry {
  key: u32;
  keyLen: u32;
  value: u32;
  valueLen: u32;
}

const MAX_NOTED: u32 = 64;
/** There are more: the map is read each time. */
const NOT_NOTED: u32 = MAX_NOTED + 1;

const entries = memory.data(64 * 16, 4);
/** The walk whose map is noted, and how many of its entries have a name that is a text. */
let notedWalk: u32 = 0;
let noted: u32 = 0;

function entry(index: u32): Entry {
  return changetype<Entry>(entries + <usize>index * offsetof<Entry>());
}

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

/** Notes the map at `pos`, which was found just now; nothing of one that is malformed. */
function noteMap(message: Message, format: ValueFormat, pos: usize): void {
  const frame = message.frame;
  const end = frame + message.frameLength;
  let count: u32 = 0;
  notedWalk = walk;
  noted = 0;
  pos = format.openMap(pos, end);
  while (pos != 0) {
    pos = format.nextEntry(pos, end);
    if (pos == 0) return;
    if (format.isClosed) {
      noted = count;
      return;
    }
    if (format.keyPtr == 0) continue;
    if (count == MAX_NOTED) {
      noted = NOT_NOTED;
      return;
    }
    const next = entry(count++);
    next.key = <u32>(format.keyPtr - frame);
    next.keyLen = format.keyLen;
    next.value = format.valuePtr == 0 ? 0 : <u32>(format.valuePtr - frame);
    next.valueLen = format.valueLen;
  }
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
  const pos = findMap(message, format);
  if (pos == 0) return false;
  if (notedWalk != walk) noteMap(message, format, pos);
  if (noted == NOT_NOTED) return readAttachment(message, format, pos, namePtr, nameLen, value);
  for (let i = noted; i > 0; i--) {
    const found = entry(i - 1);
    if (found.keyLen != nameLen) continue;
    if (!equalBytesIgnoreCase(message.frame + found.key, namePtr, nameLen)) continue;
    value.ptr = message.frame + found.value;
    value.len = found.valueLen;
    return found.value != 0;
  }
  return false;
}

/** As `findAttachment`, in the map at `pos`. */
function readAttachment(
  message: Message,
  format: ValueFormat,
  pos: usize,
  namePtr: usize,
  nameLen: u32,
  value: Slice,
): bool {
  const end = message.frame + message.frameLength;
  pos = format.openMap(pos, end);
  let foundPtr: usize = 0;
  let foundLen: u32 = 0;
  while (pos != 0) {
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
