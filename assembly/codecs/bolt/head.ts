// A frame's head: where its fields are, and writing one. Codec-private fields of a Message:
//
//   a  bytes of the head, 0: it is not there yet
//   b  offset of the header block
//   c  bytes of the header block
//
// Allocates: never.

import { Message } from "../../codec/message";
import { loadU16Be, loadU32Be, storeU16Be, storeU32Be } from "../../wire/byte-order";
import { crc32 } from "../../wire/crc32";
import {
  CLASS_LENGTH_BEFORE,
  CODEC_HESSIAN2,
  CODEC_OFFSET,
  COMMAND_OFFSET,
  COMMAND_VERSION,
  COMMAND_VERSION_OFFSET,
  CONTENT_LENGTH_BEFORE,
  CRC_BYTES,
  CommandCode,
  CommandType,
  HEADER_LENGTH_BEFORE,
  ID_OFFSET,
  PROTOCOL_1,
  PROTOCOL_2,
  REQUEST_HEAD_BYTES,
  RESPONSE_HEAD_BYTES,
  SWITCH_CRC,
  SWITCH_OFFSET,
  TYPE_OFFSET,
  VARIANT_OFFSET,
  VERSION_2_BYTES,
  VERSION_OFFSET,
  VERSION_WITH_CRC,
} from "./constants";

/** Of a frame whose first byte is there: by how much most fields are further behind than in version 1. */
export function fieldShift(frame: usize): usize {
  return load<u8>(frame) == PROTOCOL_2 ? 1 : 0;
}

export function commandType(frame: usize): u32 {
  return load<u8>(frame + fieldShift(frame) + TYPE_OFFSET);
}

export function commandCode(frame: usize): u32 {
  return loadU16Be(frame + fieldShift(frame) + COMMAND_OFFSET);
}

export function idOf(frame: usize): u32 {
  return loadU32Be(frame + fieldShift(frame) + ID_OFFSET);
}

export function codecOf(frame: usize): u32 {
  return load<u8>(frame + fieldShift(frame) + CODEC_OFFSET);
}

/** Address of the timeout or the status. */
export function variantField(frame: usize): usize {
  return frame + VARIANT_OFFSET + (fieldShift(frame) << 1);
}

export function headBytes(frame: usize): u32 {
  const isResponse = commandType(frame) == CommandType.Response;
  const bytes = isResponse ? RESPONSE_HEAD_BYTES : REQUEST_HEAD_BYTES;
  return fieldShift(frame) == 0 ? bytes : bytes + VERSION_2_BYTES;
}

/** Of version 2. */
export function versionOf(frame: usize): u32 {
  return load<u8>(frame + VERSION_OFFSET);
}

/** Whether the frame, whose head is there, ends with a checksum. */
export function hasCrc(frame: usize): bool {
  if (fieldShift(frame) == 0 || versionOf(frame) != VERSION_WITH_CRC) return false;
  return (load<u8>(frame + SWITCH_OFFSET) & SWITCH_CRC) != 0;
}

export function classLength(message: Message): u32 {
  return loadU16Be(message.frame + message.a - CLASS_LENGTH_BEFORE);
}

/** Offset of the content. */
export function contentOffset(message: Message): u32 {
  return message.b + message.c;
}

export function contentLength(message: Message): u32 {
  return loadU32Be(message.frame + message.a - CONTENT_LENGTH_BEFORE);
}

/** Whether the checksum of a whole frame is right, or there is none. */
export function isIntact(frame: usize, length: u32): bool {
  if (!hasCrc(frame)) return true;
  const end = length - CRC_BYTES;
  return loadU32Be(frame + end) == crc32(frame, end);
}

/** Writes the id, and then the checksum if the frame has one. */
export function seal(frame: usize, length: u32, id: u64): void {
  storeU32Be(frame + fieldShift(frame) + ID_OFFSET, <u32>id);
  if (!hasCrc(frame)) return;
  const end = length - CRC_BYTES;
  storeU32Be(frame + end, crc32(frame, end));
}

// What an answer has in common with its request, as `keepStyle` writes it:
//   0          1         2          3       4
//   +----------+---------+----------+-------+
//   | protocol | version | switches | codec |     version and switches: 0 in version 1
//   +----------+---------+----------+-------+
export const STYLE_BYTES: u32 = 4;
const STYLE_CODEC: usize = 3;

/** Of a frame whose head is there. */
export function keepStyle(frame: usize, out: usize): void {
  const protocol: u32 = load<u8>(frame);
  const isSecond = protocol == PROTOCOL_2;
  const version = isSecond ? versionOf(frame) : 0;
  const switches = isSecond ? <u32>load<u8>(frame + SWITCH_OFFSET) : 0;
  store<u32>(out, protocol | (version << 8) | (switches << 16) | (codecOf(frame) << 24));
}

/** `style` 0: that of a request of which nothing is known. */
export function styleCodec(style: usize): u32 {
  return style == 0 ? CODEC_HESSIAN2 : load<u8>(style + STYLE_CODEC);
}

/**
 * Writes the head of a response with no class, header and content, and the checksum's place behind it where
 * there is one; returns the frame's length. `seal` is to follow.
 */
export function writeResponse(style: usize, command: CommandCode, status: u32, out: usize): u32 {
  const protocol: u32 = style == 0 ? PROTOCOL_1 : load<u8>(style);
  const shift: usize = protocol == PROTOCOL_2 ? 1 : 0;
  store<u8>(out, <u8>protocol);
  if (shift != 0) {
    store<u8>(out + VERSION_OFFSET, load<u8>(style + 1));
    store<u8>(out + SWITCH_OFFSET, load<u8>(style + 2));
  }
  store<u8>(out + shift + TYPE_OFFSET, <u8>CommandType.Response);
  storeU16Be(out + shift + COMMAND_OFFSET, command);
  store<u8>(out + shift + COMMAND_VERSION_OFFSET, <u8>COMMAND_VERSION);
  store<u8>(out + shift + CODEC_OFFSET, <u8>styleCodec(style));
  const length = headBytes(out);
  storeU16Be(variantField(out), status);
  storeLengths(out, 0, 0, 0);
  return hasCrc(out) ? length + CRC_BYTES : length;
}

/** In a frame whose type is there. */
export function storeLengths(frame: usize, className: u32, header: u32, content: u32): void {
  const end = frame + headBytes(frame);
  storeU16Be(end - CLASS_LENGTH_BEFORE, className);
  storeU16Be(end - HEADER_LENGTH_BEFORE, header);
  storeU32Be(end - CONTENT_LENGTH_BEFORE, content);
}
