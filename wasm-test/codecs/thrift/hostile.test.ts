import { describe, expect, test } from "vitest";
import { CodecHarness } from "../harness/codec-harness.js";
import { type DecodedMessage, DecodeStatus, MessageType, Origin } from "../harness/contract.js";
import { writeHeaderFrame } from "./header-frame.js";
import {
  DIALECTS,
  NAMED_DIALECTS,
  WireType,
  dialectNumber,
  framed,
  writeMessage,
} from "./official-library.js";

const codec = await CodecHarness.load("thrift-codec");
const { walkSteps } = codec.exports as unknown as { walkSteps: () => bigint };
const state = codec.openState();

function decode(bytes: Uint8Array, origin: Origin = Origin.Downstream): DecodedMessage {
  codec.clearState(state);
  return codec.decode(bytes, origin, state);
}

const hex = (text: string): Uint8Array =>
  new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
// "m", seqid 0, unframed: a struct follows.
const BINARY_HEAD = "80010001 00000001 6d 00000000";
const COMPACT_HEAD = "8221 00 01 6d";

describe("not Thrift: closed at once", () => {
  test.each([
    ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\n")],
    ["a POST", Buffer.from("POST")],
    ["a TLS client", hex("16030102000100 01fc0303")],
    ["an SSH client", Buffer.from("SSH-2.0-OpenSSH_9.6\r\n")],
    ["a frame of 2^30 bytes", hex("40000000")],
    ["an unknown binary version", hex("8002")],
    ["an unknown compact version", hex("8222")],
    ["a continuation byte where a name begins", hex("00000005 9f00")],
    ["a framed message of an unknown compact version", hex("0000000d 8222")],
  ])("%s", (_name, bytes) => {
    expect(decode(new Uint8Array(bytes))).toMatchObject({
      decodeStatus: DecodeStatus.Error,
      idKnown: false,
    });
  });
});

describe("the first bytes decide", () => {
  test.each(NAMED_DIALECTS)("%s is known after six bytes", (_name, dialect) => {
    const frame = writeMessage(dialect, { name: "hello" });
    const message = decode(frame.subarray(0, 6));
    expect(message.decodeStatus).toBe(DecodeStatus.WaitForData);
    // What is inside of a THeader frame comes after its header.
    const isHeader = dialect.transport === "header";
    expect(message.dialect).toBe(isHeader ? 8 : dialectNumber(dialect));
    expect(message.need).toBeLessThanOrEqual(frame.length);
    const isUnframed = dialect.transport === "unframed";
    expect(message.lengthKnown).toBe(!isUnframed);
    if (!isUnframed) expect(message.need).toBe(frame.length);
  });

  test.each(NAMED_DIALECTS)(
    "%s asks for no more than its shortest message before that",
    (_name, dialect) => {
      const shortest = writeMessage(dialect, { name: "" });
      for (let shown = 1; shown < 6 && shown < shortest.length; shown++) {
        expect(decode(shortest.subarray(0, shown)).need).toBeLessThanOrEqual(shortest.length);
      }
    },
  );
});

describe("who may send what", () => {
  test.each([
    ["a client: a reply", Origin.Downstream, WireType.Reply],
    ["a client: an exception", Origin.Downstream, WireType.Exception],
    ["a server: a call", Origin.Upstream, WireType.Call],
    ["a server: a one-way call", Origin.Upstream, WireType.Oneway],
  ] as const)("not %s", (_name, origin, type) => {
    for (const dialect of DIALECTS) {
      const frame = writeMessage(dialect, { name: "m", seqid: 4, type });
      expect(decode(frame, origin)).toMatchObject({
        decodeStatus: DecodeStatus.Error,
        idKnown: false,
      });
    }
  });

  test("no other types at all", () => {
    for (const type of [0, 5, 7]) {
      for (const dialect of DIALECTS) {
        const frame = writeMessage(dialect, { name: "m", type: type as WireType });
        expect(decode(frame).decodeStatus).toBe(DecodeStatus.Error);
      }
    }
  });

  test("an error in a one-way call cannot be answered", () => {
    const message = decode(hex("80010004 00000001 6d 00000000 01"));
    expect(message).toMatchObject({
      decodeStatus: DecodeStatus.Error,
      type: MessageType.Oneway,
      idKnown: false,
    });
  });
});

describe("frames that end too early", () => {
  test.each([
    ["no bytes", hex("00000000 00000000 00000000")],
    ["a name longer than its frame", hex("0000000d 80010001 00000009 6d00000000")],
    ["no struct", framed(hex(BINARY_HEAD))],
    ["a compact message without a struct", framed(hex(COMPACT_HEAD))],
    ["a sequence id that does not end", framed(hex("8221 8080"))],
    ["a THeader without a header", hex("0000000a 0fff0000 00000000 0000")],
    ["a THeader header longer than the frame", hex("0000000e 0fff0000 00000000 0002 00000000")],
    ["a THeader without a payload", hex("0000000e 0fff0000 00000000 0001 00000000")],
    ["a THeader payload without a struct", writeHeaderFrame({ payload: hex(BINARY_HEAD) })],
  ])("%s", (_name, bytes) => {
    expect(decode(bytes).decodeStatus).toBe(DecodeStatus.Error);
  });
});

describe("frames that cannot be right are not waited for", () => {
  test.each([
    ["a name longer than its frame", hex("0000000d 80010001 00000009")],
    ["a THeader header longer than its frame", hex("000000ff 0fff0000 00000000 0040")],
    ["a type that no client sends", hex("000000ff 80010002 00000001")],
  ])("%s", (_name, bytes) => {
    expect(decode(bytes).decodeStatus).toBe(DecodeStatus.Error);
  });
});

describe("lengths that nobody means", () => {
  test.each([
    ["a name of 64 KiB", hex("80010001 00010000")],
    ["a negative name length", hex("80010001 ffffffff")],
    ["a compact name of 64 KiB", hex("8221 00 808004")],
    ["a compact name length of six bytes", hex("8221 00 808080808000")],
    ["a compact name length over 32 bits", hex("8221 00 ffffffff1f")],
    ["a sequence id of six bytes", hex("8221 808080808000")],
    ["a negative string", hex(`${BINARY_HEAD} 0b0001 ffffffff`)],
    ["a string of 2^31 - 1", hex(`${BINARY_HEAD} 0b0001 7fffffff`)],
    ["a negative list", hex(`${BINARY_HEAD} 0f0001 0c ffffffff`)],
    ["a list of 2^31 - 1 structs", hex(`${BINARY_HEAD} 0f0001 0c 7fffffff`)],
    ["a list of 2^30 numbers", hex(`${BINARY_HEAD} 0f0001 08 40000000`)],
    ["a map of 2^30 pairs of bytes", hex(`${BINARY_HEAD} 0d0001 0303 40000000`)],
    ["a map of 2^31 pairs with strings", hex(`${BINARY_HEAD} 0d0001 0b0b 80000000`)],
    ["a compact string of 2^32 - 1", hex(`${COMPACT_HEAD} 18 ffffffff0f`)],
    ["a compact list of 2^32 - 1", hex(`${COMPACT_HEAD} 19 f5 ffffffff0f`)],
    ["a compact map of 2^32 - 1", hex(`${COMPACT_HEAD} 1b ffffffff0f 55`)],
    ["an integer of eleven bytes", hex(`${COMPACT_HEAD} 16 8080808080808080808000`)],
    ["a field id of six bytes", hex(`${COMPACT_HEAD} 06 808080808000`)],
  ])("%s", (_name, bytes) => {
    const message = decode(bytes);
    expect(message.decodeStatus).toBe(DecodeStatus.Error);
  });

  test.each([
    ["VOID", hex(`${BINARY_HEAD} 010001`)],
    ["17", hex(`${BINARY_HEAD} 110001`)],
    ["a list of STOP", hex(`${BINARY_HEAD} 0f0001 00 00000001`)],
    ["a map of strings to VOID", hex(`${BINARY_HEAD} 0d0001 0b01 00000001`)],
    ["compact 14", hex(`${COMPACT_HEAD} 1e`)],
    ["a compact list of type 0", hex(`${COMPACT_HEAD} 19 10`)],
    ["a compact map of type 15", hex(`${COMPACT_HEAD} 1b 01 f5`)],
  ])("a value of type %s", (_name, bytes) => {
    expect(decode(bytes)).toMatchObject({ decodeStatus: DecodeStatus.Error, idKnown: true });
  });
});

describe("empty containers of any type, as some writers leave them", () => {
  test.each([
    ["a list", hex(`${BINARY_HEAD} 0f0001 00 00000000 00`)],
    ["a map", hex(`${BINARY_HEAD} 0d0001 0000 00000000 00`)],
    ["a compact list", hex(`${COMPACT_HEAD} 19 00 00`)],
    ["a compact map", hex(`${COMPACT_HEAD} 1b 00 00`)],
  ])("%s", (_name, bytes) => {
    expect(decode(bytes)).toMatchObject({
      decodeStatus: DecodeStatus.Done,
      frameLength: bytes.length,
    });
  });
});

describe("few bytes never make much work", () => {
  test.each([
    ["a list of 2^30 booleans", hex(`${BINARY_HEAD} 0f0001 02 3fffffff`)],
    ["a map of 2^28 numbers to numbers", hex(`${BINARY_HEAD} 0d0001 0202 10000000`)],
    ["a list of 2^29 structs", hex(`${BINARY_HEAD} 0f0001 0c 20000000 0000000000000000`)],
    ["a compact list of 2^30 booleans", hex(`${COMPACT_HEAD} 19 f1 ffffffff03`)],
    ["a compact map of 2^28 booleans to bytes", hex(`${COMPACT_HEAD} 1b 8080808001 13`)],
    ["a compact list of 2^28 lists", hex(`${COMPACT_HEAD} 19 f9 8080808001 0505050505`)],
  ])("%s: all of it is wanted before anything else", (_name, bytes) => {
    const before = walkSteps();
    const message = decode(bytes);
    expect(message.decodeStatus).toBe(DecodeStatus.WaitForData);
    expect(message.need).toBeGreaterThan(2 ** 28);
    expect(walkSteps() - before).toBeLessThan(bytes.length);
  });

  test("THeader transforms are bounded", () => {
    const transforms = (count: number): number[] => Array.from({ length: count }, () => 1);
    const frame = (count: number): Uint8Array =>
      writeHeaderFrame({ transforms: transforms(count), payload: hex("00") });
    expect(decode(frame(8)).decodeStatus).toBe(DecodeStatus.Done);
    expect(decode(frame(9)).decodeStatus).toBe(DecodeStatus.Error);
  });

  test("info blocks that claim 2^32 - 1 entries end with the header", () => {
    const blocks = [{ id: 1, rest: [0xff, 0xff, 0xff, 0xff, 0x0f, 1, 0x61, 1, 0x62, 0, 0] }];
    const frame = writeHeaderFrame({ blocks, payload: hex(`${BINARY_HEAD} 00`) });
    expect(decode(frame).decodeStatus).toBe(DecodeStatus.Done);
    expect(codec.attribute("a")).toBe("b");
    expect(codec.attribute("zz")).toBeUndefined();
  });
});

test("a payload of an unknown encoding is passed on, as a call", () => {
  const frame = writeHeaderFrame({ seqid: 6, protocolId: 1, payload: Buffer.from("{}") });
  expect(decode(frame)).toMatchObject({
    decodeStatus: DecodeStatus.Done,
    type: MessageType.Request,
    id: 6n,
    dialect: 11,
  });
  expect(codec.attribute("method")).toBeUndefined();
  expect(codec.attribute("protocol")).toBeUndefined();
  expect(codec.attribute("transport")).toBe("header");
});

test("lax binary inside of THeader is read", () => {
  const lax = writeMessage(
    { transport: "unframed", protocol: "lax_binary" },
    { name: "m", seqid: 5 },
  );
  expect(decode(writeHeaderFrame({ seqid: 5, payload: lax }))).toMatchObject({
    dialect: 9,
    id: 5n,
  });
  expect(codec.attribute("method")).toBe("m");
});
