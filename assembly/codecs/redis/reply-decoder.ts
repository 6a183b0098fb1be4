// Finds the end of a reply, however deep its arrays are nested.
// Allocates: never.
import { DecodeStatus } from "../../codec/decode-status";
import { Message } from "../../codec/message";
import { CR, ElementType, LF, MAX_BULK_BYTES, MIN_ELEMENT_BYTES } from "./constants";
import { DecoderState, wait } from "./decoder-state";
import { numberLine } from "./number-line";

/** More elements than a frame of 4 GiB could hold. */
const MAX_PENDING: u64 = 1 << 31;

/** With Done, `state` holds the offset behind the reply; it is not cleared. */
export function decodeReply(
  message: Message,
  ptr: usize,
  len: u32,
  state: DecoderState,
): DecodeStatus {
  if (state.pending == 0) state.pending = 1;
  while (state.pending > 0) {
    if (state.offset >= len) {
      wait(message, state.offset, state.pending, MIN_ELEMENT_BYTES);
      return DecodeStatus.WaitForData;
    }
    const type = <u32>load<u8>(ptr + state.offset);
    // Within what an attribute says more than one element is still to come.
    if (state.pending == 1 && state.topType == 0 && type != ElementType.Attribute) {
      state.top = state.offset;
      state.topType = type;
    }
    const status = decodeElement(message, ptr, len, state, type);
    if (status != DecodeStatus.Done) return status;
  }
  return DecodeStatus.Done;
}

function decodeElement(
  message: Message,
  ptr: usize,
  len: u32,
  state: DecoderState,
  type: u32,
): DecodeStatus {
  switch (type) {
    case ElementType.SimpleString:
    case ElementType.SimpleError:
    case ElementType.Integer:
    case ElementType.Null:
    case ElementType.Boolean:
    case ElementType.Double:
    case ElementType.BigNumber:
      return decodeLine(message, ptr, len, state);
    case ElementType.BulkString:
    case ElementType.BulkError:
    case ElementType.VerbatimString:
      return decodeBulk(message, ptr, len, state, type == ElementType.BulkString);
    case ElementType.Array:
    case ElementType.Set:
    case ElementType.Push:
    case ElementType.Map:
    case ElementType.Attribute:
      return decodeAggregate(message, ptr, len, state, type);
    default:
      return DecodeStatus.Error;
  }
}

function decodeLine(message: Message, ptr: usize, len: u32, state: DecoderState): DecodeStatus {
  let at = state.scanned > state.offset ? state.scanned : state.offset + 1;
  while (at + 1 < len) {
    if (load<u8>(ptr + at) == CR && load<u8>(ptr + at + 1) == LF) {
      state.offset = at + 2;
      state.pending--;
      return DecodeStatus.Done;
    }
    at++;
  }
  state.scanned = at;
  wait(message, max(<u64>len + 1, <u64>state.offset + 3), state.pending - 1, MIN_ELEMENT_BYTES);
  return DecodeStatus.WaitForData;
}

function decodeBulk(
  message: Message,
  ptr: usize,
  len: u32,
  state: DecoderState,
  mayBeNull: bool,
): DecodeStatus {
  const status = readNumber(message, ptr, len, state);
  if (status != DecodeStatus.Done) return status;
  const length = numberLine.value;
  if (length < 0 && (length != -1 || !mayBeNull)) return DecodeStatus.Error;
  if (length > MAX_BULK_BYTES) return DecodeStatus.Error;
  const rest = state.pending - 1;
  if (length < 0) {
    state.offset = numberLine.next;
    state.pending = rest;
    return DecodeStatus.Done;
  }
  const end = <u64>numberLine.next + <u64>length + 2;
  if (end > len) {
    message.lengthKnown = rest == 0;
    wait(message, end, rest, MIN_ELEMENT_BYTES);
    return DecodeStatus.WaitForData;
  }
  // SAFETY: end <= len, and it is 2 at least.
  if (load<u8>(ptr + <usize>end - 2) != CR) return DecodeStatus.Error;
  if (load<u8>(ptr + <usize>end - 1) != LF) return DecodeStatus.Error;
  state.offset = <u32>end;
  state.pending = rest;
  return DecodeStatus.Done;
}

function decodeAggregate(
  message: Message,
  ptr: usize,
  len: u32,
  state: DecoderState,
  type: u32,
): DecodeStatus {
  const status = readNumber(message, ptr, len, state);
  if (status != DecodeStatus.Done) return status;
  const count = numberLine.value;
  if (count < 0 && (count != -1 || type != ElementType.Array)) return DecodeStatus.Error;
  const isPairs = type == ElementType.Map || type == ElementType.Attribute;
  const elements = count < 0 ? 0 : isPairs ? <u64>count * 2 : <u64>count;
  const isOne: u64 = type == ElementType.Attribute ? 0 : 1;
  const pending = <u64>state.pending + elements - isOne;
  if (pending > MAX_PENDING) return DecodeStatus.Error;
  state.offset = numberLine.next;
  state.pending = <u32>pending;
  return DecodeStatus.Done;
}

function readNumber(message: Message, ptr: usize, len: u32, state: DecoderState): DecodeStatus {
  const status = numberLine.read(ptr, state.offset, len);
  if (status == DecodeStatus.WaitForData) {
    wait(message, max(<u64>len + 1, <u64>state.offset + 4), state.pending - 1, MIN_ELEMENT_BYTES);
  }
  return status;
}
