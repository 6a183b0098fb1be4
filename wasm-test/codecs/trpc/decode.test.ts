import { describe, expect, test } from "vitest";
import { CodecConnection } from "../harness/codec-connection.js";
import { CodecHarness } from "../harness/codec-harness.js";
import {
  DecodeStatus,
  MessageType,
  Origin,
  ResponseStatus,
  StreamEnd,
} from "../harness/contract.js";
import {
  capture,
  concat,
  type Field,
  fromHex,
  message,
  streamFrame,
  StreamFrame,
  unaryFrame,
  wholeCaptures,
} from "./frames.js";

const codec = await CodecHarness.load("trpc-codec");

function originOf(name: string): Origin {
  return /req/.test(name) ? Origin.Downstream : Origin.Upstream;
}

function decode(bytes: Uint8Array, origin: Origin) {
  return codec.decode(bytes, origin, codec.openState());
}

function response(...fields: readonly Field[]): Uint8Array {
  return unaryFrame({ header: message([3, 7], ...fields), id: 7 });
}

test("what the codec declares: requests share connections, ids have 32 bits, no state", () => {
  expect(codec.exports.defaultMode()).toBe(0);
  expect(Boolean(codec.exports.orderedDownstream())).toBe(false);
  expect(codec.exports.idBits()).toBe(32);
  expect(codec.exports.stateBytes()).toBe(0);
});

describe("captured frames", () => {
  for (const { name, bytes } of wholeCaptures()) {
    const connection = new CodecConnection(codec, originOf(name));
    const id = BigInt(Buffer.from(bytes).readUInt32BE(10));

    test(`${name} is one frame at every chunk size`, () => {
      for (let size = 1; size <= bytes.length; size++) {
        connection.reopen();
        const received = connection.feedInChunks(bytes, size);
        expect(received).toMatchObject([
          { decodeStatus: DecodeStatus.Done, frameLength: bytes.length, id },
        ]);
      }
    });

    test(`${name} is two frames when it comes twice, split at every byte`, () => {
      const twice = concat(bytes, bytes);
      for (let at = 1; at < twice.length; at++) {
        connection.reopen();
        const first = connection.feed(twice.subarray(0, at));
        const second = connection.feed(twice.subarray(at));
        expect(first.length).toBe(at < bytes.length ? 0 : 1);
        expect(first.length + second.length).toBe(2);
        expect(connection.pending).toBe(0);
      }
    });
  }

  test("of large frames the head tells all that is needed before the rest is there", () => {
    for (const [name, origin, length] of [
      ["req-large", Origin.Downstream, 100_124],
      ["rsp-large", Origin.Upstream, 100_042],
    ] as const) {
      for (const shown of [16, 40, 255]) {
        expect(decode(capture(name).subarray(0, shown), origin)).toMatchObject({
          decodeStatus: DecodeStatus.WaitForData,
          need: length,
          lengthKnown: true,
          id: 13n,
          idKnown: true,
        });
      }
    }
  });
});

describe("types", () => {
  test.each([
    ["req-hello", MessageType.Request],
    ["req-oneway", MessageType.Oneway],
    ["rsp-hello", MessageType.Response],
    ["stream-00-init-req", MessageType.Request],
    ["stream-01-init-rsp", MessageType.Response],
    ["stream-02-data-req1", MessageType.StreamFrame],
    ["stream-03-data-rsp1", MessageType.StreamFrame],
    ["stream-08-close-req", MessageType.StreamFrame],
    ["stream-09-close-rsp", MessageType.StreamFrame],
  ])("%s", (name, type) => {
    expect(decode(capture(name), originOf(name)).type).toBe(type);
  });

  test("only a client's INIT opens a stream", () => {
    const opening = wholeCaptures()
      .filter(({ name, bytes }) => decode(bytes, originOf(name)).opensStream)
      .map(({ name }) => name);
    expect(opening).toEqual(["stream-00-init-req"]);
  });

  test("a oneway request cannot be answered", () => {
    expect(decode(capture("req-oneway"), Origin.Downstream).idKnown).toBe(false);
  });
});

describe("what ends a stream, and for whom", () => {
  const { Downstream, Upstream } = Origin;
  const close = (body: Uint8Array) => streamFrame(StreamFrame.Close, 7, body);
  test.each([
    ["the client is done", Downstream, close(message()), StreamEnd.Half],
    ["the client gives it up", Downstream, close(message([1, 1])), StreamEnd.Whole],
    ["the client has an error", Downstream, close(message([2, 161])), StreamEnd.Whole],
    ["the server is done", Upstream, close(message()), StreamEnd.Whole],
    ["the server has an error", Upstream, close(message([1, 1], [2, 31])), StreamEnd.Whole],
    [
      "the server does not take it",
      Upstream,
      streamFrame(StreamFrame.Init, 7, message([2, message([1, 12])])),
      StreamEnd.Whole,
    ],
    ["the server takes it", Upstream, capture("stream-01-init-rsp"), StreamEnd.None],
    ["data", Upstream, capture("stream-03-data-rsp1"), StreamEnd.None],
    [
      "a window's update, which reads like a reset",
      Upstream,
      streamFrame(StreamFrame.Feedback, 7, message([1, 1])),
      StreamEnd.None,
    ],
  ])("%s", (_, origin, frame, end) => {
    expect(decode(frame, origin)).toMatchObject({
      decodeStatus: DecodeStatus.Done,
      streamEnd: end,
    });
  });
});

describe("status of a response", () => {
  const { Ok, BusinessError, Error } = ResponseStatus;
  test.each([
    ["rsp-hello", Ok],
    ["rsp-business-error", BusinessError],
    ["rsp-plain-go-error", BusinessError],
    ["rsp-framework-error-limited", Error],
    ["rsp-nofunc", Error],
    ["rsp-noservice", Error],
    ["stream-01-init-rsp", Ok],
    ["stream-09-close-rsp", Ok],
    ["stream-close-reset-rsp", BusinessError],
  ])("%s", (name, status) => {
    expect(decode(capture(name), Origin.Upstream).status).toBe(status);
  });

  test.each([
    [response([4, -1]), Error],
    [response([4, 23], [5, 1]), Error],
    [response([4, 23], [4, 0]), Ok],
    [response([5, -7]), BusinessError],
    [streamFrame(StreamFrame.Init, 7, message([2, message([1, 11])])), Error],
    [streamFrame(StreamFrame.Close, 7, message([1, 1])), BusinessError],
    [streamFrame(StreamFrame.Close, 7, message([1, 1], [2, 31])), Error],
    [streamFrame(StreamFrame.Close, 7, message([6, 5])), BusinessError],
  ])("of what is not captured, %#", (frame, status) => {
    expect(decode(frame, Origin.Upstream).status).toBe(status);
  });
});

describe("the id", () => {
  test("is the header's, the last one; the head's where the header has none", () => {
    const ids = (header: Uint8Array, head: number) =>
      decode(unaryFrame({ header, id: head, version: 0 }), Origin.Downstream).id;
    expect(ids(message([3, 5]), 5)).toBe(5n);
    expect(ids(message([3, 5]), 0)).toBe(5n);
    expect(ids(message([3, 5], [7, "f"], [3, 6]), 9)).toBe(6n);
    expect(ids(message([7, "f"]), 9)).toBe(9n);
    expect(ids(message([3, 5], [3, 0]), 9)).toBe(9n);
    expect(ids(message([3, -1]), 9)).toBe(0xffff_ffffn);
    // Of another wire type it is no request id, to anybody.
    expect(ids(message([3, "x"]), 9)).toBe(9n);
  });

  test("the client's patience", () => {
    decode(capture("req-hello"), Origin.Downstream);
    expect(codec.exports.timeoutMs()).toBe(799);
    decode(unaryFrame({ header: message([3, 5]), id: 5 }), Origin.Downstream);
    expect(codec.exports.timeoutMs()).toBe(0);
    decode(capture("stream-00-init-req"), Origin.Downstream);
    expect(codec.exports.timeoutMs()).toBe(0);
  });
});

describe("refused", () => {
  const frame = (hex: string) => fromHex(hex);
  test.each([
    ["another protocol, at its first byte", frame("47455420")],
    ["or at its second", frame("0931")],
    ["a frame shorter than its head", frame("0930 0000 0000000f 0000 00000001 0000")],
    ["an unknown type of frame", frame("0930 0200 00000010 0000 00000001 0000")],
    ["an unknown frame of a stream", frame("0930 0105 00000010 0000 00000001 0000")],
    ["a unary frame as a stream's", frame("0930 0100 00000010 0000 00000001 0000")],
    ["no header", frame("0930 0000 00000010 0000 00000001 0000")],
    ["a header longer than its frame", frame("0930 0000 00000012 0003 00000001 0000 1801")],
    ["a header that ends too early", frame("0930 0000 00000011 0001 00000001 0000 18")],
    ["a header that is no protobuf", frame("0930 0000 00000012 0002 00000001 0000 0701")],
    ["an INIT that is none", frame("0930 0101 00000012 0000 00000001 0000 0a05")],
    ["an INIT whose meta is none", frame("0930 0101 00000014 0000 00000001 0000 0a020a05")],
    ["a CLOSE that is none", frame("0930 0104 00000011 0000 00000001 0000 08")],
  ])("%s", (_, bytes) => {
    expect(decode(bytes, Origin.Downstream).decodeStatus).toBe(DecodeStatus.Error);
  });

  test("with an answer, where the head has an id", () => {
    const bytes = frame("0930 0000 00000012 0002 00000009 0000 0701");
    expect(decode(bytes, Origin.Downstream)).toMatchObject({ idKnown: true, id: 9n });
  });

  test("a header as long as it gets could not take another id, and one a little shorter can", () => {
    const padded = (length: number) => {
      const rest = length - message([3, 5], [9, ""]).length - 2;
      const header = message([3, 5], [9, "x".repeat(rest)]);
      expect(header.length).toBe(length);
      return unaryFrame({ header, id: 5 });
    };
    expect(decode(padded(65_531), Origin.Downstream).decodeStatus).toBe(DecodeStatus.Error);
    expect(decode(padded(65_530), Origin.Downstream).decodeStatus).toBe(DecodeStatus.Done);
    expect(codec.encode(0x7fff_ffffn).bytes.length).toBe(16 + 65_534);
  });
});
