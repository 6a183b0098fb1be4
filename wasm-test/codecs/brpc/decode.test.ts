import { describe, expect, test } from "vitest";
import { CodecConnection } from "../harness/codec-connection.js";
import { CodecHarness } from "../harness/codec-harness.js";
import { DecodeStatus, MessageType, Origin, ResponseStatus } from "../harness/contract.js";
import { type Field, message, numberOf, pair } from "../harness/protobuf-message.js";
import { capture, frame, frameOf, Meta, readFrame, wholeCaptures } from "./frames.js";

const codec = await CodecHarness.load("brpc-codec");

function originOf(name: string): Origin {
  return name.startsWith("req") ? Origin.Downstream : Origin.Upstream;
}

function decode(bytes: Uint8Array, origin: Origin) {
  return codec.decode(bytes, origin, codec.openState());
}

const call = message([1, "example.EchoService"], [2, "Echo"]);

test("what the codec declares: requests share connections, ids are positive int64, no state", () => {
  expect(codec.exports.defaultMode()).toBe(0);
  expect(Boolean(codec.exports.orderedDownstream())).toBe(false);
  expect(codec.exports.idBits()).toBe(63);
  expect(codec.exports.stateBytes()).toBe(0);
});

describe("captured frames", () => {
  for (const { name, bytes } of wholeCaptures()) {
    const connection = new CodecConnection(codec, originOf(name));
    const id = BigInt(numberOf(readFrame(bytes).meta, Meta.CorrelationId));
    const type = originOf(name) === Origin.Downstream ? MessageType.Request : MessageType.Response;

    test(`${name} is one frame at every chunk size`, () => {
      for (let size = 1; size <= bytes.length; size++) {
        connection.reopen();
        expect(connection.feedInChunks(bytes, size)).toMatchObject([
          { decodeStatus: DecodeStatus.Done, frameLength: bytes.length, id, type },
        ]);
      }
    });

    test(`${name} is two frames when it comes twice, split at every byte`, () => {
      const twice = new Uint8Array(Buffer.concat([bytes, bytes]));
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

  test("of large frames the meta tells all that is needed before the rest is there", () => {
    for (const [name, length] of [
      ["req-large", 100_051],
      ["rsp-large", 100_041],
    ] as const) {
      const waits = { decodeStatus: DecodeStatus.WaitForData, need: length, lengthKnown: true };
      expect(decode(capture(name).subarray(0, 12), originOf(name))).toMatchObject(waits);
      expect(decode(capture(name), originOf(name))).toMatchObject({
        ...waits,
        id: 4n,
        idKnown: true,
      });
    }
  });
});

describe("status of a response", () => {
  const { Ok, BusinessError, Error } = ResponseStatus;
  test.each([
    [0, Ok],
    [110, Error],
    [1001, Error],
    [2001, Error],
    [2999, Error],
    [3000, BusinessError],
    [-1, BusinessError],
  ])("error code %i", (code, status) => {
    const bytes = frame([
      [Meta.Response, message([1, code])],
      [Meta.CorrelationId, 7],
    ]);
    expect(decode(bytes, Origin.Upstream).status).toBe(status);
  });

  test("of captures, and of one that says nothing", () => {
    expect(decode(capture("rsp-hello"), Origin.Upstream).status).toBe(Ok);
    expect(decode(capture("rsp-fail"), Origin.Upstream).status).toBe(Error);
    expect(decode(frame([[Meta.CorrelationId, 7]]), Origin.Upstream)).toMatchObject({
      decodeStatus: DecodeStatus.Done,
      status: Ok,
    });
  });
});

describe("the id", () => {
  const idOf = (...fields: readonly Field[]) =>
    decode(frame([[Meta.Request, call], ...fields]), Origin.Downstream).id;

  test("is the last one of the meta; 0 where there is none", () => {
    expect(idOf([Meta.CorrelationId, 5], [Meta.CorrelationId, 6])).toBe(6n);
    expect(idOf()).toBe(0n);
    expect(idOf([Meta.CorrelationId, -1])).toBe(0xffff_ffff_ffff_ffffn);
    // Of another wire type it is no id, to anybody.
    expect(idOf([Meta.CorrelationId, "x"])).toBe(0n);
  });
});

describe("how long the client waits", () => {
  test.each([
    [message([8, 1500]), 1500],
    [message(), 0],
    [message([8, -1]), 0],
  ])("%#", (request, ms) => {
    decode(frame([[Meta.Request, request]]), Origin.Downstream);
    expect(codec.exports.timeoutMs()).toBe(ms);
  });
});

describe("refused", () => {
  const raw = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
  test.each([
    ["another protocol, at its first byte", raw("47")],
    ["at its second", raw("5053")],
    ["a frame of a stream", Buffer.from("STRM")],
    ["a meta longer than its frame", raw("50525043000000000000000100")],
    ["a length that is none", raw("50525043fffffff400000000")],
    ["a meta that ends too early", frameOf(raw("0a05"))],
    ["a request that does", frameOf(raw("0a020a05"))],
    ["a meta that is no protobuf", frameOf(raw("0701"))],
    ["a response from a client", frame([[Meta.Response, message([1, 0])]])],
  ])("%s", (_, bytes) => {
    expect(decode(bytes, Origin.Downstream).decodeStatus).toBe(DecodeStatus.Error);
  });

  test("a request from a server", () => {
    expect(decode(capture("req-hello"), Origin.Upstream).decodeStatus).toBe(DecodeStatus.Error);
  });

  test("a request that opens a stream, with an answer", () => {
    const bytes = frame([
      [Meta.Request, call],
      [Meta.CorrelationId, 9],
      [Meta.StreamSettings, message([1, 4])],
    ]);
    expect(decode(bytes, Origin.Downstream)).toMatchObject({
      decodeStatus: DecodeStatus.Error,
      idKnown: true,
      id: 9n,
    });
  });
});

const NAMES = [
  ...["service", "method", "log_id", "trace_id", "span_id", "parent_span_id", "request_id"],
  ...["compress_type", "content_type", "attachment_size", "error_code", "error_text"],
  ...["user-id", "traceparent"],
];

function attributes(bytes: Uint8Array, origin: Origin): Record<string, string> {
  expect(decode(bytes, origin).decodeStatus).toBe(DecodeStatus.Done);
  const found = NAMES.map((name) => [name, codec.attribute(name)] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >;
}

describe("attributes of a request", () => {
  test("of brpc-java, with a log id and KV attachments", () => {
    expect(attributes(capture("req-kv-log"), Origin.Downstream)).toEqual({
      service: "example.EchoService",
      method: "Echo",
      log_id: "1234",
      compress_type: "0",
      content_type: "0",
      attachment_size: "0",
      "user-id": "u-1001",
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    });
    expect(attributes(capture("req-binary-attachment"), Origin.Downstream)).toMatchObject({
      attachment_size: "6",
    });
  });

  test("as bRPC writes it, with a request id and user fields", () => {
    const request = message(
      ...([
        [1, "s"],
        [2, "m"],
        [3, -5],
        [4, 11],
        [5, 12],
        [6, 13],
        [7, "req-1"],
      ] as const),
    );
    const bytes = frame([
      [Meta.Request, request],
      [Meta.CompressType, 2],
      [Meta.CorrelationId, 7],
      [Meta.UserFields, pair("User-Id", "one")],
      [Meta.UserFields, pair("user-id", "two")],
      [Meta.ContentType, 1],
    ]);
    expect(attributes(bytes, Origin.Downstream)).toEqual({
      service: "s",
      method: "m",
      log_id: "-5",
      trace_id: "11",
      span_id: "12",
      parent_span_id: "13",
      request_id: "req-1",
      compress_type: "2",
      content_type: "1",
      attachment_size: "0",
      "user-id": "two",
    });
  });

  test("whose request comes in parts is one, as protobuf has it", () => {
    const bytes = frame([
      [Meta.Request, message([1, "s"], [2, "a"], [7, pair("user-id", "1")])],
      [Meta.Request, message([2, "b"], [3, 4], [7, pair("traceparent", "t")])],
    ]);
    expect(attributes(bytes, Origin.Downstream)).toMatchObject({
      service: "s",
      method: "b",
      log_id: "4",
      "user-id": "1",
      traceparent: "t",
    });
  });

  test("a length in more bytes than it needs is none of a text that can be read", () => {
    const request = Buffer.from("0a8180808080800061", "hex");
    expect(attributes(frame([[Meta.Request, request]]), Origin.Downstream)).not.toHaveProperty(
      "service",
    );
  });
});

test("attributes of a response", () => {
  expect(attributes(capture("rsp-fail"), Origin.Upstream)).toEqual({
    compress_type: "0",
    content_type: "0",
    attachment_size: "0",
    error_code: "2001",
    error_text: "boom x",
  });
  const bytes = frame([
    [Meta.Response, message([1, -3])],
    [Meta.UserFields, pair("user-id", "u")],
  ]);
  expect(attributes(bytes, Origin.Upstream)).toMatchObject({ error_code: "-3", "user-id": "u" });
});
