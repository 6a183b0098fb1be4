import { describe, expect, test } from "vitest";
import { CodecHarness } from "../harness/codec-harness.js";
import { ErrorKind, Origin } from "../harness/contract.js";
import {
  bytesOf,
  capture,
  message,
  numberOf,
  readFrame,
  streamFrame,
  StreamFrame,
  textOf,
  toHex,
  unaryFrame,
} from "./frames.js";

const codec = await CodecHarness.load("trpc-codec");
const TEXT = "metaproto: no route of greeter.demo_8000 matches this request";

const CODES: Record<keyof typeof ErrorKind, number> = {
  NoRoute: 11,
  UnknownCluster: 11,
  NoHealthyUpstream: 131,
  ConnectFailure: 111,
  UpstreamReset: 141,
  Overload: 22,
  Timeout: 21,
  MalformedRequest: 1,
  BadResponse: 122,
  RequestTimeout: 21,
  RateLimited: 23,
  PermissionDenied: 41,
  Internal: 31,
};
const kinds = Object.entries(CODES) as [keyof typeof ErrorKind, number][];

/** What is kept of a request until its error reply is written. */
function contextOf(bytes: Uint8Array, shown = bytes.length): Uint8Array {
  codec.decode(bytes.subarray(0, shown), Origin.Downstream, codec.openState());
  return codec.captureContext();
}

const hello = contextOf(capture("req-hello"));
const init = contextOf(capture("stream-00-init-req"));

describe("to a unary call", () => {
  test.each(kinds)("%s", (kind, code) => {
    const reply = readFrame(codec.encodeError(ErrorKind[kind], 9n, TEXT, hello));
    expect(reply).toMatchObject({ isStream: false, streamType: 0, id: 9, version: 1 });
    expect(numberOf(reply.header, 3)).toBe(9);
    expect(numberOf(reply.header, 4)).toBe(code);
    expect(textOf(reply.header, 6)).toBe(TEXT);
    expect(reply.body).toHaveLength(0);
  });

  test("a code of the protocol's own", () => {
    const bytes = codec.encodeError(ErrorKind.Internal, 9n, TEXT, hello, undefined, 10_001);
    expect(numberOf(readFrame(bytes).header, 4)).toBe(10_001);
  });

  test("of the first version, whose head has no id", () => {
    const old = unaryFrame({ header: message([3, 5]), id: 0, version: 0 });
    const reply = readFrame(codec.encodeError(ErrorKind.NoRoute, 5n, TEXT, contextOf(old)));
    expect(reply).toMatchObject({ id: 0, version: 0 });
    expect(numberOf(reply.header, 3)).toBe(5);
  });

  test("whose id only the head has", () => {
    const bytes = unaryFrame({ header: message([7, "/s/m"]), id: 8 });
    const reply = readFrame(codec.encodeError(ErrorKind.NoRoute, 8n, TEXT, contextOf(bytes)));
    expect([reply.id, numberOf(reply.header, 3)]).toEqual([8, 0]);
  });

  test("of which no more than the head has come", () => {
    const context = contextOf(capture("req-hello"), 20);
    const reply = readFrame(codec.encodeError(ErrorKind.MalformedRequest, 1n, TEXT, context));
    expect([reply.id, numberOf(reply.header, 3), numberOf(reply.header, 4)]).toEqual([1, 1, 1]);
  });

  test("that is oneway there is none", () => {
    const context = contextOf(capture("req-oneway"));
    expect(codec.encodeError(ErrorKind.NoRoute, 4n, TEXT, context)).toHaveLength(0);
  });

  test("and none where there is no room", () => {
    expect(codec.encodeError(ErrorKind.NoRoute, 4n, TEXT, hello, 63)).toHaveLength(0);
    expect(codec.encodeError(ErrorKind.NoRoute, 4n, TEXT, hello, 64)).toHaveLength(0);
  });
});

describe("to a stream", () => {
  test.each(kinds)("that the server has not taken: %s", (kind, code) => {
    const reply = readFrame(codec.encodeError(ErrorKind[kind], 100n, TEXT, init));
    expect(reply).toMatchObject({ isStream: true, streamType: StreamFrame.Init, id: 100 });
    const meta = bytesOf(reply.body, 2);
    expect([numberOf(meta, 1), textOf(meta, 2)]).toEqual([code, TEXT]);
  });

  test.each(kinds)("that is open: %s", (kind, code) => {
    const reply = readFrame(codec.encodeStreamError(ErrorKind[kind], 100n, TEXT, init));
    expect(reply).toMatchObject({ isStream: true, streamType: StreamFrame.Close, id: 100 });
    expect([numberOf(reply.body, 1), numberOf(reply.body, 2)]).toEqual([1, code]);
    expect(textOf(reply.body, 3)).toBe(TEXT);
  });

  test("whose further frame is refused", () => {
    const context = contextOf(streamFrame(StreamFrame.Data, 100, new Uint8Array(9)), 16);
    const reply = readFrame(codec.encodeError(ErrorKind.MalformedRequest, 100n, TEXT, context));
    expect(reply).toMatchObject({ isStream: true, streamType: StreamFrame.Close, id: 100 });
  });

  test("is a text of 512 bytes as well", () => {
    const long = "x".repeat(512);
    const reply = readFrame(codec.encodeError(ErrorKind.NoRoute, 0x7fff_ffffn, long, init));
    expect(textOf(bytesOf(reply.body, 2), 2)).toBe(long);
  });
});

test("a stream is given up to its server", () => {
  const bytes = codec.encodeStreamReset(0x7fff_ffffn);
  expect(bytes.length).toBeLessThanOrEqual(64);
  const reset = readFrame(bytes);
  expect(reset).toMatchObject({ isStream: true, streamType: StreamFrame.Close, id: 0x7fff_ffff });
  expect([numberOf(reset.body, 1), numberOf(reset.body, 2)]).toEqual([1, 161]);
  expect(textOf(reset.body, 3)).toBe("metaproto: the stream was given up");
});

test("there are no heartbeats", () => {
  codec.decode(capture("req-hello"), Origin.Downstream, codec.openState());
  expect(toHex(codec.encodeHeartbeat(1n))).toBe("");
});
