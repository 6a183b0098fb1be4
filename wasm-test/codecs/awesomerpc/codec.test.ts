import { describe, expect, test } from "vitest";
import { CodecConnection } from "../harness/codec-connection.js";
import { CodecHarness } from "../harness/codec-harness.js";
import {
  DecodeStatus,
  ErrorKind,
  MessageType,
  MutationOperation,
  Origin,
  ResponseStatus,
} from "../harness/contract.js";
import { HEAD_BYTES, readFrame, writeFrame } from "./frames.js";

const codec = await CodecHarness.load("awesomerpc-codec");
const request = writeFrame({ flow: 7, command: 1001, body: "hello" });
const response = writeFrame({ flow: 7, command: 1001, body: "hello, too" });

function decode(bytes: Uint8Array, origin: Origin) {
  return codec.decode(bytes, origin, codec.openState());
}

test("what the codec declares: requests share connections, ids have 32 bits, no state", () => {
  expect(codec.exports.defaultMode()).toBe(0);
  expect(Boolean(codec.exports.orderedDownstream())).toBe(false);
  expect(codec.exports.idBits()).toBe(32);
  expect(codec.exports.stateBytes()).toBe(0);
});

describe.each([
  ["a request", request, Origin.Downstream, MessageType.Request],
  ["a response", response, Origin.Upstream, MessageType.Response],
  ["a head alone", writeFrame({ flow: 7, command: 2 }), Origin.Downstream, MessageType.Request],
])("%s", (_, bytes, origin, type) => {
  const connection = new CodecConnection(codec, origin);

  test("is one frame at every chunk size", () => {
    for (let size = 1; size <= bytes.length; size++) {
      connection.reopen();
      expect(connection.feedInChunks(bytes, size)).toMatchObject([
        { decodeStatus: DecodeStatus.Done, frameLength: bytes.length, id: 7n, type },
      ]);
    }
  });

  test("is two frames when it comes twice, split at every byte", () => {
    const twice = new Uint8Array(Buffer.concat([bytes, bytes]));
    for (let at = 1; at < twice.length; at++) {
      connection.reopen();
      const received = [
        ...connection.feed(twice.subarray(0, at)),
        ...connection.feed(twice.subarray(at)),
      ];
      expect(received).toHaveLength(2);
      expect(connection.pending).toBe(0);
    }
  });
});

test("the head tells the length and the id", () => {
  expect(decode(request.subarray(0, 12), Origin.Downstream)).toMatchObject({ need: HEAD_BYTES });
  expect(decode(request.subarray(0, 13), Origin.Downstream)).toMatchObject({
    decodeStatus: DecodeStatus.WaitForData,
    need: request.length,
    lengthKnown: true,
    id: 7n,
    idKnown: true,
  });
});

test("a length below that of the head is refused", () => {
  const short = Buffer.from(writeFrame({ flow: 7, command: 1 }));
  short.writeUInt32BE(12, 5);
  expect(decode(short, Origin.Downstream).decodeStatus).toBe(DecodeStatus.Error);
});

test("attributes, and the status of responses", () => {
  decode(request, Origin.Downstream);
  expect(["cmd", "version", "rsp_code", "other"].map((name) => codec.attribute(name))).toEqual([
    "1001",
    "1",
    undefined,
    undefined,
  ]);
  const failed = writeFrame({ flow: 7, command: -5, responseCode: -32768, version: -1 });
  expect(decode(failed, Origin.Upstream).status).toBe(ResponseStatus.Error);
  expect(["cmd", "version", "rsp_code"].map((name) => codec.attribute(name))).toEqual([
    "-5",
    "-1",
    "-32768",
  ]);
  expect(decode(response, Origin.Upstream).status).toBe(ResponseStatus.Ok);
});

test("another id is written into its place", () => {
  for (const id of [0, 8, 0x7fff_ffff, 0xffff_ffff]) {
    decode(request, Origin.Downstream);
    const encoded = codec.encode(BigInt(id)).bytes;
    expect(readFrame(encoded)).toEqual({ ...readFrame(request), flow: id });
    expect(codec.patchId(BigInt(id))).toEqual(encoded);
  }
});

test("a mutation has no place", () => {
  decode(request, Origin.Downstream);
  const steps = [{ operation: MutationOperation.Set, key: "k", value: "v" }];
  const encoded = codec.encode(7n, steps);
  expect(encoded.applied).toBe(false);
  expect(encoded.bytes).toEqual(request);
});

describe("an error reply", () => {
  const contextOf = (bytes: Uint8Array) => {
    decode(bytes, Origin.Downstream);
    return codec.captureContext();
  };

  test.each(Object.values(ErrorKind))("of kind %i", (kind) => {
    const reply = codec.encodeError(kind, 9n, "metaproto: no", contextOf(request));
    expect(readFrame(reply)).toEqual({
      version: 1,
      flow: 9,
      command: 1001,
      responseCode: 1,
      body: "",
    });
    expect(decode(reply, Origin.Upstream)).toMatchObject({
      decodeStatus: DecodeStatus.Done,
      id: 9n,
      status: ResponseStatus.Error,
    });
  });

  test("to a request of which the head has come, or nothing is known", () => {
    const head = contextOf(request.subarray(0, HEAD_BYTES));
    expect(readFrame(codec.encodeError(ErrorKind.MalformedRequest, 9n, "", head))).toMatchObject({
      command: 1001,
      responseCode: 1,
    });
    expect(readFrame(codec.encodeError(ErrorKind.Timeout, 9n, ""))).toMatchObject({
      flow: 9,
      command: 0,
      responseCode: 1,
    });
  });

  test("with a code of one's own, never with that of success", () => {
    const codeOf = (code: number) =>
      readFrame(codec.encodeError(ErrorKind.Internal, 9n, "", undefined, undefined, code))
        .responseCode;
    expect([codeOf(42), codeOf(0x1_0000)]).toEqual([42, 1]);
  });

  test("none where there is no room", () => {
    expect(codec.encodeError(ErrorKind.NoRoute, 9n, "", undefined, 12)).toHaveLength(0);
  });
});

test("there are no heartbeats", () => {
  decode(request, Origin.Downstream);
  expect(codec.encodeHeartbeat(1n)).toHaveLength(0);
});
