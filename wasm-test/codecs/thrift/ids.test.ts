import { describe, expect, test } from "vitest";
import { CodecConnection } from "../harness/codec-connection.js";
import { CodecHarness } from "../harness/codec-harness.js";
import { Origin } from "../harness/contract.js";
import { CAPTURED_FRAMES } from "./captured-frames.js";
import {
  NAMED_DIALECTS,
  type Dialect,
  type OutgoingMessage,
  ValueType,
  WireType,
  framed,
  readMessage,
  writeMessage,
} from "./official-library.js";

const codec = await CodecHarness.load("thrift-codec");
const downstream = new CodecConnection(codec, Origin.Downstream);
const upstream = new CodecConnection(codec, Origin.Upstream);
// One of each varint width, and the largest that the engine uses.
const IDS = [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 2 ** 28, 2 ** 31 - 1];
const COMPACT: Dialect = { transport: "framed", protocol: "compact" };

function call(seqid: number, more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    name: "hello",
    seqid,
    fields: (protocol) => {
      protocol.writeFieldBegin("name", ValueType.String, 1);
      protocol.writeString("world");
      protocol.writeFieldEnd();
    },
    ...more,
  };
}

function decode(frame: Uint8Array, connection = downstream): void {
  connection.reopen();
  expect(connection.feed(frame)).toMatchObject([{ decodeStatus: 1, frame }]);
}

describe.each(NAMED_DIALECTS)("%s", (_name, dialect) => {
  test("another id, encoded, is what the library reads, and the rest is as it was", () => {
    const headers = dialect.transport === "header" ? { "user-id": "u-1001" } : {};
    for (const old of IDS) {
      const message = call(old, { headerSeqid: old, headers });
      const frame = writeMessage(dialect, message);
      for (const id of IDS) {
        decode(frame);
        const { bytes, applied } = codec.encode(BigInt(id));
        expect(applied).toBe(true);
        expect(bytes).toEqual(writeMessage(dialect, { ...message, seqid: id, headerSeqid: id }));
      }
    }
  });

  test("the same id leaves every byte", () => {
    const frame = writeMessage(dialect, call(77, { headerSeqid: 5 }));
    decode(frame);
    expect(codec.encode(77n).bytes).toEqual(frame);
    expect(codec.patchId(77n)).toEqual(frame);
  });

  test("patches in place what keeps its width, and can be patched back", () => {
    const frame = writeMessage(dialect, call(300, { headerSeqid: 300 }));
    decode(frame);
    const patched = codec.patchId(9_000n);
    expect(patched).toEqual(writeMessage(dialect, call(9_000, { headerSeqid: 9_000 })));
    expect(codec.patchId(300n)).toEqual(frame);
    const isCompact = dialect.protocol === "compact";
    expect(codec.patchId(1n) === undefined).toBe(isCompact);
    if (isCompact) expect(codec.frame()).toEqual(frame);
  });

  test("an encoded frame is found again with its new id after it moved", () => {
    decode(writeMessage(dialect, call(300, { headerSeqid: 300 })));
    codec.moveFrame();
    const { bytes } = codec.encode(1n);
    decode(bytes);
    expect(codec.attribute("seqid")).toBe("1");
    expect(codec.attribute("method")).toBe("hello");
  });
});

test("a sequence id that is longer than it has to be stays so, until it is replaced", () => {
  const frame = framed(new Uint8Array([0x82, 0x21, 0x88, 0x80, 0x00, 0x01, 0x6d, 0x00]));
  decode(frame);
  expect(codec.attribute("seqid")).toBe("8");
  expect(codec.encode(8n).bytes).toEqual(frame);
  expect(codec.encode(9n).bytes).toEqual(writeMessage(COMPACT, { name: "m", seqid: 9 }));
  const patched = codec.patchId(20_000n);
  expect(patched).toEqual(writeMessage(COMPACT, { name: "m", seqid: 20_000 }));
  expect(codec.patchId(8n)).toEqual(frame);
});

test("captured frames go back and forth between two ids", () => {
  for (const frame of CAPTURED_FRAMES.filter((candidate) => !candidate.truncated)) {
    const connection = frame.origin === Origin.Downstream ? downstream : upstream;
    decode(frame.bytes, connection);
    const there = codec.encode(123_456n).bytes;
    decode(there, connection);
    expect(codec.encode(BigInt(frame.seqid)).bytes, frame.name).toEqual(frame.bytes);
  }
});

describe("the two ids of THeader", () => {
  const header: Dialect = { transport: "header", protocol: "binary" };

  test.each([
    ["Apache's libraries write both", 7, 7, 7n],
    ["Node's leaves 0 in the header", 0, 7, 7n],
    ["fbthrift leaves 0 in the message", 7, 0, 7n],
  ])("%s", (_name, headerSeqid, seqid, id) => {
    downstream.reopen();
    const frame = writeMessage(header, call(seqid, { headerSeqid }));
    expect(downstream.feed(frame)).toMatchObject([{ id, idKnown: true }]);
    const rewritten = readMessage(header, codec.encode(99n).bytes);
    expect(rewritten).toMatchObject({ headerSeqid: 99, seqid: 99 });
    expect(codec.attribute("seqid")).toBe(String(seqid));
  });

  test("of a compressed payload only the header's is written", () => {
    const zlib = CAPTURED_FRAMES.find(({ name }) => name === "header-zlib-hello-req");
    decode(zlib?.bytes ?? new Uint8Array(0));
    const { bytes } = codec.encode(0x01020304n);
    expect(bytes.slice(8, 12)).toEqual(new Uint8Array([1, 2, 3, 4]));
    bytes.fill(0, 8, 12);
    expect(bytes).toEqual(zlib?.bytes);
  });
});

describe("attributes", () => {
  test.each([
    ["add", "add", undefined],
    ["Calculator:add", "add", "Calculator"],
    // Processors split at the first separator.
    ["a:b:c", "b:c", "a"],
    [":add", "add", ""],
    ["Calculator:", "", "Calculator"],
    ["", "", undefined],
  ])("name %j: method %j, service %j", (name, method, service) => {
    decode(writeMessage(COMPACT, call(1, { name })));
    expect(codec.attribute("method")).toBe(method);
    expect(codec.attribute("service")).toBe(service);
  });

  test.each([
    [0x7fffffff, "2147483647"],
    [-1, "-1"],
    [-2147483648, "-2147483648"],
  ])("seqid %i is a signed number", (seqid, text) => {
    const dialect: Dialect = { transport: "framed", protocol: "binary" };
    downstream.reopen();
    const [message] = downstream.feed(writeMessage(dialect, call(seqid)));
    expect(message?.id).toBe(BigInt(seqid >>> 0));
    expect(codec.attribute("seqid")).toBe(text);
  });

  test("a name that nobody sent is no attribute of a frame without a header", () => {
    decode(writeMessage(COMPACT, call(1, { type: WireType.Oneway })));
    expect(codec.attribute("user-id")).toBeUndefined();
    expect(codec.attribute("message_type")).toBe("oneway");
  });
});

test("the engine's defaults for Thrift", () => {
  expect(codec.exports.defaultMode()).toBe(2);
  expect(Boolean(codec.exports.orderedDownstream())).toBe(true);
  expect(codec.exports.idBits()).toBe(31);
});
