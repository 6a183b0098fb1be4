// A reader and a writer of THeader frames of the tests' own: unlike the libraries it knows blocks
// of the connection and keeps the order of blocks and of equal keys.
import { varint } from "../../envoy/support/thrift-compact.js";
import { readFrameLength } from "./official-library.js";

export type KeyValue = readonly [key: string, value: string];

/** A block of info headers. */
export interface InfoBlock {
  /** 1: of this message, 2: of the connection, others: unknown to everybody. */
  readonly id: number;
  readonly entries?: readonly KeyValue[];
  /** What follows the id of an unknown block, up to the end of the header. */
  readonly rest?: readonly number[];
}

export interface HeaderFrame {
  readonly seqid?: number;
  readonly flags?: number;
  readonly protocolId?: number;
  readonly transforms?: readonly number[];
  readonly blocks?: readonly InfoBlock[];
  readonly payload: Uint8Array;
}

const HEADER_OFFSET = 14;

function text(value: string): number[] {
  const bytes = Buffer.from(value);
  return [...varint(bytes.length), ...bytes];
}

function blockBytes({ id, entries = [], rest }: InfoBlock): number[] {
  if (rest) return [...varint(id), ...rest];
  return [
    ...varint(id),
    ...varint(entries.length),
    ...entries.flatMap(([key, value]) => [...text(key), ...text(value)]),
  ];
}

export function writeHeaderFrame(frame: HeaderFrame): Uint8Array {
  const { protocolId = 0, transforms = [], blocks = [], payload } = frame;
  const header = [
    ...varint(protocolId),
    ...varint(transforms.length),
    ...transforms.flatMap(varint),
    ...blocks.flatMap(blockBytes),
  ];
  while (header.length % 4 !== 0) header.push(0);
  const fixed = Buffer.alloc(HEADER_OFFSET);
  fixed.writeUInt32BE(HEADER_OFFSET - 4 + header.length + payload.length);
  fixed.writeUInt16BE(0x0fff, 4);
  fixed.writeUInt16BE(frame.flags ?? 0, 6);
  fixed.writeUInt32BE(frame.seqid ?? 0, 8);
  fixed.writeUInt16BE(header.length / 4, 12);
  return new Uint8Array(Buffer.concat([fixed, Buffer.from(header), payload]));
}

/** Reads what `writeHeaderFrame` writes; throws when a length or the padding is wrong. */
export function readHeaderFrame(bytes: Uint8Array): Required<HeaderFrame> {
  const view = Buffer.from(bytes);
  if (readFrameLength(bytes) !== bytes.length - 4) throw new Error("wrong frame length");
  if (view.readUInt16BE(4) !== 0x0fff) throw new Error("not THeader");
  const end = HEADER_OFFSET + view.readUInt16BE(12) * 4;
  let at = HEADER_OFFSET;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = view.readUInt8(at++);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  const string = (): string => {
    const length = number();
    at += length;
    if (at > end) throw new Error("a text passes the header's end");
    return view.toString("utf8", at - length, at);
  };
  const protocolId = number();
  const transforms = Array.from({ length: number() }, number);
  const blocks: InfoBlock[] = [];
  while (at < end) {
    const id = number();
    if (id === 0) break;
    if (id > 2) {
      blocks.push({ id, rest: [...view.subarray(at, end)] });
      at = end;
      break;
    }
    const entries = Array.from({ length: number() }, (): KeyValue => [string(), string()]);
    blocks.push({ id, entries });
  }
  if (view.subarray(at, end).some((byte) => byte !== 0)) throw new Error("padding is not zero");
  if (end - at > 3) throw new Error("too much padding");
  return {
    seqid: view.readUInt32BE(8),
    flags: view.readUInt16BE(6),
    protocolId,
    transforms,
    blocks,
    payload: bytes.slice(end),
  };
}
