import { describe, expect, test } from "vitest";
import { CodecHarness } from "../harness/codec-harness.js";
import { DecodeStatus, ErrorKind, Origin, ResponseStatus } from "../harness/contract.js";
import { bytesOf, numberOf, textOf } from "../harness/protobuf-message.js";
import { capture, Meta, readFrame } from "./frames.js";

const codec = await CodecHarness.load("brpc-codec");
const TEXT = "metaproto: no route of echo.demo_8000 matches this request";

const CODES: Record<keyof typeof ErrorKind, number> = {
  NoRoute: 1001,
  UnknownCluster: 1001,
  NoHealthyUpstream: 2001,
  ConnectFailure: 1009,
  UpstreamReset: 1014,
  Overload: 2004,
  Timeout: 1008,
  MalformedRequest: 1003,
  BadResponse: 2002,
  RequestTimeout: 1008,
  RateLimited: 2004,
  PermissionDenied: 1004,
  Internal: 2001,
};

function read(bytes: Uint8Array) {
  const { meta, data } = readFrame(bytes);
  const response = bytesOf(meta, Meta.Response);
  return {
    id: numberOf(meta, Meta.CorrelationId),
    code: numberOf(response, 1),
    text: textOf(response, 2),
    data: data.length,
  };
}

describe("an error reply", () => {
  test.each(Object.entries(CODES) as [keyof typeof ErrorKind, number][])("%s", (kind, code) => {
    const bytes = codec.encodeError(ErrorKind[kind], 9n, TEXT);
    expect(read(bytes)).toEqual({ id: 9, code, text: TEXT, data: 0 });
    expect(codec.decode(bytes, Origin.Upstream, codec.openState())).toMatchObject({
      decodeStatus: DecodeStatus.Done,
      id: 9n,
      status: ResponseStatus.Error,
    });
  });

  test("with a code of the application's own, and a long text", () => {
    const bytes = codec.encodeError(
      ErrorKind.Internal,
      0x7fff_ffffn,
      "x".repeat(512),
      undefined,
      undefined,
      30_001,
    );
    expect(read(bytes)).toEqual({ id: 0x7fff_ffff, code: 30_001, text: "x".repeat(512), data: 0 });
  });

  test("none where there is no room", () => {
    expect(codec.encodeError(ErrorKind.NoRoute, 4n, TEXT, undefined, 63)).toHaveLength(0);
    expect(codec.encodeError(ErrorKind.NoRoute, 4n, TEXT, undefined, 64)).toHaveLength(0);
  });

  test("the id 0 is written, too: a client would not take the reply for its own otherwise", () => {
    const bytes = codec.encodeError(ErrorKind.NoRoute, 0n, "no");
    expect(Buffer.from(readFrame(bytes).meta).toString("hex")).toBe("120708e90712026e6f2000");
  });
});

test("there are no heartbeats", () => {
  codec.decode(capture("req-hello"), Origin.Downstream, codec.openState());
  expect(codec.encodeHeartbeat(1n)).toHaveLength(0);
});
