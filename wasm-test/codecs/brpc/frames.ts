// Building and reading frames of bRPC without the codec under test.
import { type HexFixture, readHexFixtures } from "../harness/hex-fixture.js";
import { type Field, message } from "../harness/protobuf-message.js";

const HEAD_BYTES = 12;

/** Fields of RpcMeta. */
export const Meta = {
  Request: 1,
  Response: 2,
  CompressType: 3,
  CorrelationId: 4,
  AttachmentSize: 5,
  StreamSettings: 8,
  UserFields: 9,
  ContentType: 10,
} as const;

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

/** A frame with these fields of its RpcMeta. */
export function frame(fields: readonly Field[], data = ""): Uint8Array {
  return frameOf(message(...fields), new TextEncoder().encode(data));
}

export function frameOf(meta: Uint8Array, data = new Uint8Array(0)): Uint8Array {
  const head = Buffer.alloc(HEAD_BYTES, "PRPC");
  head.writeUInt32BE(meta.length + data.length, 4);
  head.writeUInt32BE(meta.length, 8);
  return new Uint8Array(Buffer.concat([head, meta, data]));
}

export interface ReadFrame {
  readonly meta: Uint8Array;
  readonly data: Uint8Array;
}

/** Throws unless the lengths in the head are those of the frame. */
export function readFrame(bytes: Uint8Array): ReadFrame {
  const buffer = Buffer.from(bytes);
  if (buffer.toString("latin1", 0, 4) !== "PRPC") throw new Error("no magic");
  if (buffer.readUInt32BE(4) !== buffer.length - HEAD_BYTES) {
    throw new Error("another length than the head says");
  }
  const dataAt = HEAD_BYTES + buffer.readUInt32BE(8);
  if (dataAt > buffer.length) throw new Error("a meta longer than the frame");
  return {
    meta: new Uint8Array(buffer.subarray(HEAD_BYTES, dataAt)),
    data: new Uint8Array(buffer.subarray(dataAt)),
  };
}
