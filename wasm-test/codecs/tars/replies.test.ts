import { describe, expect, test } from "vitest";
import { CodecHarness } from "../harness/codec-harness.js";
import { DecodeStatus, ErrorKind, Origin, ResponseStatus } from "../harness/contract.js";
import { capture, readFrame, requestFrame } from "./frames.js";

const codec = await CodecHarness.load("tars-codec");
const TEXT = "metaproto: no route of hello.demo_8000 matches this request";

const CODES: Record<keyof typeof ErrorKind, number> = {
  NoRoute: -4,
  UnknownCluster: -4,
  NoHealthyUpstream: -10,
  ConnectFailure: -8,
  UpstreamReset: -8,
  Overload: -9,
  Timeout: -7,
  MalformedRequest: -1,
  BadResponse: -12,
  RequestTimeout: -7,
  RateLimited: -9,
  PermissionDenied: -99,
  Internal: -99,
};
const kinds = Object.entries(CODES) as [keyof typeof ErrorKind, number][];

function contextOf(bytes: Uint8Array, shown = bytes.length): Uint8Array {
  codec.decode(bytes.subarray(0, shown), Origin.Downstream, codec.openState());
  return codec.captureContext();
}

const hello = contextOf(capture("req-hello"));

/** The fields of a ResponsePacket. */
function response(id: number, ret: number, text: string, version = 1) {
  return new Map<number, unknown>([
    [1, version],
    [2, 0],
    [3, id],
    [4, 0],
    [5, ret],
    [6, new Uint8Array(0)],
    [7, {}],
    [8, text],
  ]);
}

describe("an error reply", () => {
  test.each(kinds)("%s", (kind, code) => {
    const bytes = codec.encodeError(ErrorKind[kind], 9n, TEXT, hello);
    expect(readFrame(bytes)).toEqual(response(9, code, TEXT));
    expect(codec.decode(bytes, Origin.Upstream, codec.openState())).toMatchObject({
      decodeStatus: DecodeStatus.Done,
      id: 9n,
      status: ResponseStatus.Error,
    });
  });

  test("with a code of the application's own, a long text, an id below 0", () => {
    const long = "x".repeat(512);
    const bytes = codec.encodeError(ErrorKind.Internal, 0xffff_ffffn, long, hello, undefined, 1234);
    expect(readFrame(bytes)).toEqual(response(-1, 1234, long));
  });

  test("without anything known of the request, and in its version", () => {
    expect(readFrame(codec.encodeError(ErrorKind.NoRoute, 9n, TEXT))).toEqual(
      response(9, -4, TEXT),
    );
    const json = contextOf(requestFrame({ version: 5 }));
    expect(readFrame(codec.encodeError(ErrorKind.NoRoute, 9n, TEXT, json))).toEqual(
      response(9, -4, TEXT, 5),
    );
  });

  test("to a request of which no more than the first numbers have come", () => {
    const context = contextOf(capture("req-large"));
    expect(readFrame(codec.encodeError(ErrorKind.MalformedRequest, 8n, TEXT, context))).toEqual(
      response(8, -1, TEXT),
    );
  });

  test("none where there is no room", () => {
    expect(codec.encodeError(ErrorKind.NoRoute, 4n, TEXT, hello, 191)).toHaveLength(0);
    expect(codec.encodeError(ErrorKind.NoRoute, 4n, TEXT, hello, 192)).toHaveLength(0);
  });
});

describe("an error reply in TUP", () => {
  const request = (servant: string) => requestFrame({ version: 3, id: 7, servant, func: "f" });
  const reply = (context: Uint8Array) =>
    readFrame(codec.encodeError(ErrorKind.NoRoute, 9n, TEXT, context));
  const status = { STATUS_RESULT_CODE: "-4", STATUS_RESULT_DESC: TEXT };

  test("is a RequestPacket with the code and the text in its status", () => {
    const fields = reply(contextOf(request("A.S.Obj")));
    expect(fields).toEqual(
      new Map<number, unknown>([
        [1, 3],
        [2, 0],
        [3, 0],
        [4, 9],
        [5, "A.S.Obj"],
        [6, "f"],
        [7, new Uint8Array([0x08, 0x0c])],
        [8, 0],
        [9, {}],
        [10, status],
      ]),
    );
  });

  test("names that are too long, or not there yet, are left out", () => {
    expect(reply(contextOf(request("s".repeat(200)))).get(5)).toBe("");
    const partial = contextOf(request("A.S.Obj"), 24);
    expect(reply(partial).get(10)).toEqual(status);
  });
});

test("there are no heartbeats", () => {
  codec.decode(capture("req-hello"), Origin.Downstream, codec.openState());
  expect(codec.encodeHeartbeat(1n)).toHaveLength(0);
});
