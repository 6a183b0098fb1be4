// What this codec keeps in `Message.a` to `Message.h`, by name.
//
//   a  offset of the name             e  THeader: sequence id of the header
//   b  bytes of the name              f  THeader: offset of the info blocks, 0: none can be read
//   c  offset of the sequence id,     g  THeader: offset of the payload
//      0: payload not read            h  sequence id of the message
//   d  bytes 0: width of the sequence id, 1: WireType, 2: THeader protocol id
//
// Allocates: never.

import { Message } from "../../codec/message";

export function nameOffset(message: Message): u32 {
  return message.a;
}

export function nameLength(message: Message): u32 {
  return message.b;
}

/** 0 when the payload could not be read. */
export function seqidOffset(message: Message): u32 {
  return message.c;
}

/** Bytes of the message's sequence id: 4, or 1 to 5 in the compact protocol. */
export function seqidWidth(message: Message): u32 {
  return message.d & 0xff;
}

export function wireType(message: Message): u32 {
  return (message.d >> 8) & 0xff;
}

/** 0xff for all that do not fit. */
export function headerProtocolId(message: Message): u32 {
  return (message.d >> 16) & 0xff;
}

export function headerSeqid(message: Message): u32 {
  return message.e;
}

export function infoOffset(message: Message): u32 {
  return message.f;
}

export function payloadOffset(message: Message): u32 {
  return message.g;
}

export function messageSeqid(message: Message): u32 {
  return message.h;
}

export function setName(message: Message, offset: u32, length: u32): void {
  message.a = offset;
  message.b = length;
}

export function setSeqid(message: Message, offset: u32, width: u32, seqid: u32): void {
  message.c = offset;
  message.d |= width;
  message.h = seqid;
}

/** Call once per decode. */
export function setWireType(message: Message, type: u32): void {
  message.d |= type << 8;
}

/** Call once per decode, when `payloadOffset` is known too. */
export function setHeader(message: Message, protocolId: u32, seqid: u32, info: u32): void {
  message.d |= (protocolId < 0xff ? protocolId : 0xff) << 16;
  message.e = seqid;
  message.f = info;
}

export function setPayloadOffset(message: Message, offset: u32): void {
  message.g = offset;
}
