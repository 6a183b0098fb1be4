import { describe, expect, test } from "vitest";
import { CodecConnection } from "../harness/codec-connection.js";
import { CodecHarness } from "../harness/codec-harness.js";
import { DecodeStatus, MessageType, Origin, ResponseStatus } from "../harness/contract.js";
import {
  asVersion2,
  buildFrame,
  capture,
  Command,
  CommandType,
  concat,
  fromHex,
  headerBlock,
  wholeCaptures,
} from "./frames.js";

const codec = await CodecHarness.load("bolt-codec");

function originOf(name: string): Origin {
  return name.startsWith("req") ? Origin.Downstream : Origin.Upstream;
}

function decode(bytes: Uint8Array, origin: Origin) {
  return codec.decode(bytes, origin, codec.openState());
}

test("what the codec declares: requests share connections, ids have 32 bits, no state", () => {
  expect(codec.exports.defaultMode()).toBe(0);
  expect(Boolean(codec.exports.orderedDownstream())).toBe(false);
  expect(codec.exports.idBits()).toBe(32);
  expect(codec.exports.stateBytes()).toBe(0);
});

const versions = [
  ["version 1", (bytes: Uint8Array) => bytes],
  ["version 2", (bytes: Uint8Array) => asVersion2(bytes, false)],
  ["version 2 with a checksum", (bytes: Uint8Array) => asVersion2(bytes, true)],
] as const;

describe.each(versions)("captured frames, %s", (_, convert) => {
  for (const fixture of wholeCaptures()) {
    const bytes = convert(fixture.bytes);
    const origin = originOf(fixture.name);
    const id = BigInt(Buffer.from(fixture.bytes).readUInt32BE(5));

    test(`${fixture.name} is one frame at every chunk size`, () => {
      const connection = new CodecConnection(codec, origin);
      const step = bytes.length > 1000 ? 37 : 1;
      for (let size = 1; size <= bytes.length; size += step) {
        connection.reopen();
        expect(connection.feedInChunks(bytes, size)).toMatchObject([
          { decodeStatus: DecodeStatus.Done, frameLength: bytes.length, id },
        ]);
      }
    });

    test(`${fixture.name} is two frames when it comes twice, split at every byte`, () => {
      const connection = new CodecConnection(codec, origin);
      const twice = concat(bytes, bytes);
      const step = bytes.length > 1000 ? 13 : 1;
      for (let at = 1; at < twice.length; at += step) {
        connection.reopen();
        const first = connection.feed(twice.subarray(0, at));
        const second = connection.feed(twice.subarray(at));
        expect(first.length).toBe(at < bytes.length ? 0 : 1);
        expect(first.length + second.length).toBe(2);
        expect(connection.pending).toBe(0);
      }
    });
  }
});

test("of large frames the head tells all that is needed before the rest is there", () => {
  for (const [name, length] of [
    ["req-large", 100_779],
    ["rsp-large", 100_175],
  ] as const) {
    for (const shown of [22, 100, 255]) {
      expect(decode(capture(name).subarray(0, shown), originOf(name))).toMatchObject({
        decodeStatus: DecodeStatus.WaitForData,
        need: length,
        lengthKnown: true,
        id: 5n,
        idKnown: true,
      });
    }
  }
});

describe("types", () => {
  const { Downstream, Upstream } = Origin;
  const { Request, Oneway, Response } = CommandType;
  const { Heartbeat } = Command;
  test.each([
    ["a call", { type: Request }, Downstream, MessageType.Request],
    ["a oneway call", { type: Oneway, variant: -1 }, Downstream, MessageType.Oneway],
    ["a response", { type: Response }, Upstream, MessageType.Response],
    ["a heartbeat", { command: Heartbeat }, Downstream, MessageType.Heartbeat],
    ["a server's heartbeat", { command: Heartbeat }, Upstream, MessageType.Heartbeat],
    ["its answer", { type: Response, command: Heartbeat }, Downstream, MessageType.Event],
    ["an answer", { type: Response, command: Heartbeat }, Upstream, MessageType.Event],
    ["what asks for no answer", { type: Oneway, command: Heartbeat }, Upstream, MessageType.Event],
    ["a server's call", { type: Request }, Upstream, MessageType.Push],
    ["a server's oneway call", { type: Oneway }, Upstream, MessageType.Push],
    ["a client's answer to it", { type: Response }, Downstream, MessageType.Push],
  ] as const)("%s", (_, parts, origin, type) => {
    for (const protocol of ["1", "2", "2.2"] as const) {
      const decoded = decode(buildFrame({ ...parts, protocol, switches: 1 }), origin);
      expect(decoded).toMatchObject({ decodeStatus: DecodeStatus.Done, type, id: 7n });
      const isMatched = type === MessageType.Request || type === MessageType.Response;
      expect(decoded.idKnown).toBe(isMatched);
      expect(decoded.dialect).toBe({ "1": 0, "2": 1, "2.2": 2 }[protocol]);
    }
  });
});

describe("status of a response", () => {
  const { Ok, BusinessError, Error } = ResponseStatus;
  test.each([
    ["rsp-hello", Ok],
    ["rsp-slow-late", Ok],
    ["rsp-business-exception", BusinessError],
    ["rsp-unknown-service", Error],
  ])("%s", (name, status) => {
    expect(decode(capture(name), Origin.Upstream).status).toBe(status);
  });

  const error = headerBlock(["sofa_head_response_error", "true"]);
  test.each([
    ["Bolt's own", { variant: 4 }, Error],
    ["an error in another serialization", { header: error, codec: 12 }, BusinessError],
    ["an error in Hessian2 of another shape", { header: error }, BusinessError],
    ["no error", { header: headerBlock(["sofa_head_response_error", "false"]) }, Ok],
    ["taken back", { header: concat(error, headerBlock(["sofa_head_response_error", ""])) }, Ok],
    ["a header that is no list", { header: concat(error, new Uint8Array(3)) }, Ok],
  ] as const)("%s", (_, parts, status) => {
    const frame = buildFrame({ type: CommandType.Response, ...parts });
    expect(decode(frame, Origin.Upstream).status).toBe(status);
  });
});

test("the client's patience", () => {
  const patience = (variant: number, type: CommandType = CommandType.Request) => {
    decode(buildFrame({ variant, type, protocol: "2" }), Origin.Downstream);
    return codec.exports.timeoutMs();
  };
  decode(capture("req-hello"), Origin.Downstream);
  expect(codec.exports.timeoutMs()).toBe(1500);
  expect(patience(2500)).toBe(2500);
  expect(patience(0)).toBe(0);
  expect(patience(-1)).toBe(0);
  expect(patience(2500, CommandType.Oneway)).toBe(0);
});

describe("refused", () => {
  const head = (lengths: string) => fromHex(`01 01 0001 01 00000009 01 000005dc ${lengths}`);
  test.each([
    ["another protocol, at its first byte", fromHex("03")],
    ["an unknown type", fromHex("0103")],
    ["an unknown version of version 2", fromHex("0203")],
    ["an unknown type of version 2", fromHex("020103")],
    ["an unknown command", fromHex("01 01 0003 01 00000009 01 000005dc 0000 0000 00000000")],
    // Java's peers read these as negative, and what follows as further frames.
    ["a class of 32 KiB", head("8000 0000 00000000")],
    ["a header of 32 KiB", head("0000 8000 00000000")],
    ["a content of 2 GiB", head("0000 0000 80000000")],
  ])("%s", (_, bytes) => {
    expect(decode(bytes, Origin.Downstream).decodeStatus).toBe(DecodeStatus.Error);
  });

  test("a frame whose checksum is wrong, before it could end a connection that others use", () => {
    const frame = asVersion2(capture("req-hello"), true);
    for (const at of [7, 30, frame.length - 5, frame.length - 1]) {
      const bad = frame.slice();
      bad[at] = (bad[at] ?? 0) ^ 0x10;
      expect(decode(bad, Origin.Downstream)).toMatchObject({
        decodeStatus: DecodeStatus.Error,
        idKnown: true,
      });
    }
    expect(decode(frame, Origin.Downstream).decodeStatus).toBe(DecodeStatus.Done);
  });

  test("with an answer, where the head is there", () => {
    const refused = decode(head("0000 8000 00000000"), Origin.Downstream);
    expect(refused).toMatchObject({ idKnown: true, id: 9n });
  });
});
