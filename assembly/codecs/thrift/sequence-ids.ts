// Sequence ids: reading the one that tells requests apart, and writing others over them.
//
// A THeader frame has two. The libraries of Apache write the same number into both, but for Node's,
// which leaves 0 in the header; fbthrift leaves 0 in the message. So the id is the message's, or
// the header's where that is 0. A new id goes into both, since servers copy either to the other.
//
// Allocates: never.

import { Message } from "../../codec/message";
import { storeU32Be } from "../../wire/byte-order";
import { varintSize, writePaddedVarint } from "../../wire/varint";
import { Protocol, Transport, protocolOf, transportOf } from "./constants";
import { HEADER_SEQID_OFFSET } from "./header-transport";
import { headerSeqid, messageSeqid, seqidOffset, seqidWidth } from "./message-fields";

export function preferredSeqid(header: u32, message: u32): u32 {
  return message != 0 ? message : header;
}

/** What the header of a reply to `id` says when the request had these two. */
export function headerReplySeqid(id: u32, header: u32, message: u32): u32 {
  return message == 0 || header == message ? id : header;
}

/** What the message of a reply to `id` says when the request had these two. */
export function messageReplySeqid(id: u32, header: u32, message: u32): u32 {
  return message == 0 && header != 0 ? 0 : id;
}

/** Writes `id` into the THeader header at `out`; the frame's own id leaves what was there. */
export function writeHeaderSeqid(message: Message, id: u64, out: usize): void {
  storeU32Be(out + HEADER_SEQID_OFFSET, id == message.id ? headerSeqid(message) : <u32>id);
}

/** Writes `id` over the frame's, unless it takes another number of bytes there. */
export function patchSeqids(message: Message, id: u64): bool {
  const isRead = seqidOffset(message) != 0;
  if (isRead && widthFor(message, id) != seqidWidth(message)) return false;
  if (isRead) writeMessageSeqid(message, id, message.frame + seqidOffset(message));
  if (transportOf(message.dialect) == Transport.Header)
    writeHeaderSeqid(message, id, message.frame);
  return true;
}

/**
 * Copies the frame from offset `from` on to `out`, with `id` in the message; returns the number of
 * bytes. `from` is not behind the message's sequence id.
 */
export function copyMessage(message: Message, id: u64, from: u32, out: usize): u32 {
  const seqidAt = seqidOffset(message);
  if (seqidAt == 0) {
    memory.copy(out, message.frame + from, message.frameLength - from);
    return message.frameLength - from;
  }
  memory.copy(out, message.frame + from, seqidAt - from);
  let at = out + (seqidAt - from);
  at += writeMessageSeqid(message, id, at);
  const rest = seqidAt + seqidWidth(message);
  memory.copy(at, message.frame + rest, message.frameLength - rest);
  return <u32>(at - out) + (message.frameLength - rest);
}

function messageSeqidFor(message: Message, id: u64): u32 {
  return id == message.id ? messageSeqid(message) : <u32>id;
}

/** The frame's own id keeps its width, even one that is longer than it has to be. */
function widthFor(message: Message, id: u64): u32 {
  const isCompact = protocolOf(message.dialect) == Protocol.Compact;
  return isCompact && id != message.id ? varintSize(<u32>id) : seqidWidth(message);
}

function writeMessageSeqid(message: Message, id: u64, out: usize): u32 {
  const seqid = messageSeqidFor(message, id);
  const width = widthFor(message, id);
  if (protocolOf(message.dialect) == Protocol.Compact) {
    writePaddedVarint(out, seqid, width);
  } else {
    storeU32Be(out, seqid);
  }
  return width;
}
