// Building and reading tRPC frames without the codec under test.
import { type HexFixture, readHexFixtures } from "../harness/hex-fixture.js";

export {
  bytesOf,
  type Field,
  message,
  numberOf,
  pair,
  pairsOf,
  readFields,
  textOf,
} from "../harness/protobuf-message.js";

export const HEAD_BYTES = 16;

export const StreamFrame = { Init: 1, Data: 2, Feedback: 3, Close: 4 } as const;

const captures = readHexFixtures(new URL("captures/", import.meta.url));

/** A captured frame; throws when there is none of that name. */
export function capture(name: string): Uint8Array {
  const fixture = captures.get(name);
  if (!fixture) throw new Error(`there is no capture ${name}`);
  return fixture.bytes;
}

/** All captures that hold their whole frame. */
export function wholeCaptures(): readonly HexFixture[] {
  return [...captures.values()].filter((fixture) => !fixture.truncated);
}

export function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

interface UnaryParts {
  /** The header. */
  readonly header: Uint8Array;
  readonly body?: Uint8Array;
  /** The id in the head. */
  readonly id: number;
  readonly version?: number;
}

function head(type: number, streamType: number, length: number, id: number): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES);
  bytes.writeUInt16BE(0x0930, 0);
  bytes.writeUInt8(type, 2);
  bytes.writeUInt8(streamType, 3);
  bytes.writeUInt32BE(length, 4);
  bytes.writeUInt32BE(id, 10);
  return bytes;
}

export function unaryFrame({ header, body = new Uint8Array(0), id, version = 1 }: UnaryParts) {
  const bytes = head(0, 0, HEAD_BYTES + header.length + body.length, id);
  bytes.writeUInt16BE(header.length, 8);
  bytes.writeUInt8(version, 14);
  return concat(bytes, header, body);
}

export function streamFrame(type: number, id: number, body?: Uint8Array): Uint8Array {
  if (body === undefined) return head(1, type, HEAD_BYTES, id);
  return concat(head(1, type, HEAD_BYTES + body.length, id), body);
}

export interface ReadFrame {
  readonly isStream: boolean;
  readonly streamType: number;
  /** In the head. */
  readonly id: number;
  readonly version: number;
  /** Of a unary frame. */
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

/** Throws unless the lengths in the head are those of the frame. */
export function readFrame(frame: Uint8Array): ReadFrame {
  const bytes = Buffer.from(frame);
  if (bytes.readUInt16BE(0) !== 0x0930) throw new Error("no magic");
  if (bytes.readUInt32BE(4) !== bytes.length) throw new Error("another length than the head says");
  const bodyAt = HEAD_BYTES + bytes.readUInt16BE(8);
  if (bodyAt > bytes.length) throw new Error("a header longer than the frame");
  return {
    isStream: bytes.readUInt8(2) === 1,
    streamType: bytes.readUInt8(3),
    id: bytes.readUInt32BE(10),
    version: bytes.readUInt8(14),
    header: new Uint8Array(bytes.subarray(HEAD_BYTES, bodyAt)),
    body: new Uint8Array(bytes.subarray(bodyAt)),
  };
}
