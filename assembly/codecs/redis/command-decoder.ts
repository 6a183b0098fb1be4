// Finds the end of a command: an array of bulk strings, or a line of words (inline command).
// Allocates: never.
import { DecodeStatus } from "../../codec/decode-status";
import { Message } from "../../codec/message";
import {
  CR,
  ElementType,
  LF,
  MAX_ARGUMENTS,
  MAX_BULK_BYTES,
  MAX_INLINE_BYTES,
  MIN_ARGUMENT_BYTES,
  SPACE,
  TAB,
} from "./constants";
import { DecoderState, wait } from "./decoder-state";
import { numberLine } from "./number-line";

const QUOTE: u8 = 0x22;
const APOSTROPHE: u8 = 0x27;
const DELETE: u8 = 0x7f;

/** With Done, `state` holds the offset behind the command and its number of arguments; it is not cleared. */
export function decodeCommand(
  message: Message,
  ptr: usize,
  len: u32,
  state: DecoderState,
): DecodeStatus {
  if (len == 0) {
    message.need = 1;
    return DecodeStatus.WaitForData;
  }
  if (load<u8>(ptr) != ElementType.Array) return decodeInline(message, ptr, len, state);
  if (state.offset == 0) {
    const status = numberLine.read(ptr, 0, len);
    if (status == DecodeStatus.WaitForData) message.need = max(len + 1, 4);
    if (status != DecodeStatus.Done) return status;
    const count = numberLine.value;
    if (count > MAX_ARGUMENTS) return DecodeStatus.Error;
    state.offset = numberLine.next;
    state.pending = count < 0 ? 0 : <u32>count;
    state.count = state.pending;
  }
  while (state.pending > 0) {
    const status = decodeArgument(message, ptr, len, state);
    if (status != DecodeStatus.Done) return status;
  }
  return DecodeStatus.Done;
}

function decodeArgument(message: Message, ptr: usize, len: u32, state: DecoderState): DecodeStatus {
  const rest = state.pending - 1;
  if (state.offset >= len) {
    wait(message, state.offset, state.pending, MIN_ARGUMENT_BYTES);
    return DecodeStatus.WaitForData;
  }
  if (load<u8>(ptr + state.offset) != ElementType.BulkString) return DecodeStatus.Error;
  const status = numberLine.read(ptr, state.offset, len);
  if (status == DecodeStatus.WaitForData) {
    const least = <u64>state.offset + MIN_ARGUMENT_BYTES;
    wait(message, max(<u64>len + 1, least), rest, MIN_ARGUMENT_BYTES);
  }
  if (status != DecodeStatus.Done) return status;
  const length = numberLine.value;
  if (length < 0 || length > MAX_BULK_BYTES) return DecodeStatus.Error;
  const end = <u64>numberLine.next + <u64>length + 2;
  if (end > len) {
    message.lengthKnown = rest == 0;
    wait(message, end, rest, MIN_ARGUMENT_BYTES);
    return DecodeStatus.WaitForData;
  }
  // SAFETY: end <= len, and it is 2 at least.
  if (load<u8>(ptr + <usize>end - 2) != CR) return DecodeStatus.Error;
  if (load<u8>(ptr + <usize>end - 1) != LF) return DecodeStatus.Error;
  state.offset = <u32>end;
  state.pending = rest;
  return DecodeStatus.Done;
}

/**
 * Words between blanks. A server closes the connection, which others may use, for quotes that do not pair
 * up, and takes a NUL for the end: quotes and control characters are refused. Whoever needs them sends an
 * array.
 */
function decodeInline(message: Message, ptr: usize, len: u32, state: DecoderState): DecodeStatus {
  let at = state.scanned;
  if (at == 0 && !mayBeginInline(load<u8>(ptr))) return DecodeStatus.Error;
  while (at < len) {
    const byte = load<u8>(ptr + at);
    if (byte == LF) {
      state.offset = at + 1;
      state.count = countWords(ptr, at);
      return DecodeStatus.Done;
    }
    if (at >= MAX_INLINE_BYTES) return DecodeStatus.Error;
    if (!mayBeInline(byte)) {
      if (byte != CR) return DecodeStatus.Error;
      if (at + 1 == len) break;
      if (load<u8>(ptr + at + 1) != LF) return DecodeStatus.Error;
    }
    at++;
  }
  state.scanned = at;
  message.need = len + 1;
  return DecodeStatus.WaitForData;
}

/** A letter, or white space, which is skipped. */
function mayBeginInline(byte: u8): bool {
  if (byte == CR || byte == LF || isBlank(byte)) return true;
  return <u32>(byte | 0x20) - 0x61 < 26;
}

function mayBeInline(byte: u8): bool {
  if (byte == QUOTE || byte == APOSTROPHE || byte == DELETE) return false;
  return byte >= SPACE || byte == TAB;
}

export function isBlank(byte: u8): bool {
  return byte == SPACE || byte == TAB;
}

/** Of the line that ends with `len` bytes at `ptr`, its CR among them. */
function countWords(ptr: usize, len: u32): u32 {
  let words: u32 = 0;
  let isWord = false;
  for (let at: u32 = 0; at < len; at++) {
    const byte = load<u8>(ptr + at);
    const isGap = isBlank(byte) || byte == CR;
    if (!isGap && !isWord) words++;
    isWord = !isGap;
  }
  return words;
}
