import { describe, expect, test } from "vitest";
import { CodecConnection } from "../harness/codec-connection.js";
import { CodecHarness } from "../harness/codec-harness.js";
import { DecodeStatus, Origin } from "../harness/contract.js";
import { CAPTURED_FRAMES, type CapturedFrame } from "./captured-frames.js";

const codec = await CodecHarness.load("thrift-codec");
const connections = {
  [Origin.Downstream]: new CodecConnection(codec, Origin.Downstream),
  [Origin.Upstream]: new CodecConnection(codec, Origin.Upstream),
};
const SMALL = CAPTURED_FRAMES.filter((frame) => !frame.truncated);
const LARGE = CAPTURED_FRAMES.filter((frame) => frame.truncated);

function open(origin: Origin): CodecConnection {
  const connection = connections[origin];
  connection.reopen();
  return connection;
}

function expected({ type, status, bytes, seqid, dialect }: CapturedFrame): object {
  return {
    decodeStatus: DecodeStatus.Done,
    frameLength: bytes.length,
    id: BigInt(seqid),
    type,
    status,
    dialect,
  };
}

test("all captures are there", () => {
  expect(SMALL).toHaveLength(122);
  expect(LARGE).toHaveLength(16);
});

describe.each(SMALL.map((frame) => [frame.name, frame] as const))("%s", (_name, frame) => {
  test("is one message at every chunk size", () => {
    for (let size = 1; size <= frame.bytes.length; size++) {
      const connection = open(frame.origin);
      const received = connection.feedInChunks(frame.bytes, size);
      expect(received, `chunks of ${String(size)}`).toHaveLength(1);
      expect(received[0]).toMatchObject(expected(frame));
      expect(connection.pending).toBe(0);
    }
  });

  test("has the attributes that its name says", () => {
    open(frame.origin).feed(frame.bytes);
    for (const [name, value] of Object.entries(frame.attributes)) {
      expect(codec.attribute(name), name).toBe(value);
    }
  });
});

test.each(LARGE.map((frame) => [frame.name, frame] as const))(
  "%s is one message, however it is cut",
  (_name, frame) => {
    for (const size of [997, 4096, 65536, frame.bytes.length]) {
      const received = open(frame.origin).feedInChunks(frame.bytes, size);
      expect(received).toHaveLength(1);
      expect(received[0]).toMatchObject(expected(frame));
    }
  },
);

test.each(LARGE.map((frame) => [frame.name, frame] as const))(
  "%s: the head tells where the message ends",
  (_name, frame) => {
    const state = codec.openState();
    const message = codec.decode(frame.bytes.subarray(0, 256), frame.origin, state);
    expect(message).toMatchObject({
      decodeStatus: DecodeStatus.WaitForData,
      need: frame.bytes.length,
      lengthKnown: !frame.name.startsWith("buffered"),
      idKnown: true,
      id: BigInt(frame.seqid),
    });
  },
);

describe.each([
  ["requests", Origin.Downstream],
  ["responses", Origin.Upstream],
] as const)("one connection with all captured %s, in every dialect", (_name, origin) => {
  const frames = SMALL.filter((frame) => frame.origin === origin);
  const stream = new Uint8Array(Buffer.concat(frames.map((frame) => frame.bytes)));

  test.each([1, 2, 3, 7, 64, 333, stream.length])("in chunks of %i bytes", (size) => {
    const connection = open(origin);
    const received = connection.feedInChunks(stream, size);
    expect(received.map((message) => message.dialect)).toEqual(frames.map((f) => f.dialect));
    expect(received.map((message) => message.frame)).toEqual(frames.map((f) => f.bytes));
    expect(connection.pending).toBe(0);
  });
});

test.each(SMALL.filter((frame) => frame.name.includes("-hello-")).map((f) => [f.name, f] as const))(
  "%s, twice, split at every byte",
  (_name, frame) => {
    const stream = new Uint8Array(Buffer.concat([frame.bytes, frame.bytes]));
    for (let at = 1; at < stream.length; at++) {
      const connection = open(frame.origin);
      const received = [
        ...connection.feed(stream.subarray(0, at)),
        ...connection.feed(stream.subarray(at)),
      ];
      expect(received.map((message) => message.frame)).toEqual([frame.bytes, frame.bytes]);
    }
  },
);

test("THeader key-values are attributes, whatever the letter case, also beside zlib", () => {
  for (const name of [
    "header-binary-hello-req",
    "header-compact-hello-req",
    "header-zlib-hello-req",
  ]) {
    const frame = SMALL.find((candidate) => candidate.name === name);
    open(Origin.Downstream).feed(frame?.bytes ?? new Uint8Array(0));
    expect(codec.attribute("user-id"), name).toBe("u-1001");
    expect(codec.attribute("traceparent"), name).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-/);
    expect(codec.attribute("user"), name).toBeUndefined();
  }
});
