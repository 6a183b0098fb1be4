import { describe, expect, test } from "vitest";
import { CodecHarness } from "../harness/codec-harness.js";
import { ErrorKind, MutationOperation, Origin } from "../harness/contract.js";
import { AUTH_XID, capture, PING_XID, readBareReply, request } from "./frames.js";

const codec = await CodecHarness.load("zookeeper-codec");
const TEXT = "metaproto: no route of zk.demo_2181 matches this request";

const CODES: Record<keyof typeof ErrorKind, number> = {
  NoRoute: -6,
  UnknownCluster: -6,
  NoHealthyUpstream: -4,
  ConnectFailure: -4,
  UpstreamReset: -4,
  Overload: -127,
  Timeout: -7,
  MalformedRequest: -5,
  BadResponse: -1,
  RequestTimeout: -7,
  RateLimited: -127,
  PermissionDenied: -102,
  Internal: -1,
};
const kinds = Object.entries(CODES) as [keyof typeof ErrorKind, number][];

/** What is kept of a request until its error reply is written. */
function contextOf(bytes: Uint8Array, shown = bytes.length): Uint8Array {
  codec.decode(bytes.subarray(0, shown), Origin.Downstream, codec.openState());
  return codec.captureContext();
}

const getData = contextOf(capture("req-getdata-watch"));

describe("to a request", () => {
  test.each(kinds)("%s", (kind, err) => {
    const bytes = codec.encodeError(ErrorKind[kind], 0n, TEXT, getData);
    expect(readBareReply(bytes)).toEqual({ xid: 2, zxid: 0n, err });
  });

  test("a code of the protocol's own is written without its sign", () => {
    const bytes = codec.encodeError(ErrorKind.Internal, 0n, TEXT, getData, undefined, 101);
    expect(readBareReply(bytes).err).toBe(-101);
  });

  test.each([
    ["a ping", PING_XID, 11],
    ["authentication", AUTH_XID, 100],
    ["xid 0", 0, 4],
    ["the last xid", 0x7fffffff, 4],
  ])("%s has its xid", (_, xid, opcode) => {
    const bytes = codec.encodeError(ErrorKind.NoRoute, 0n, TEXT, contextOf(request(xid, opcode)));
    expect(readBareReply(bytes).xid).toBe(xid);
  });

  test("of which no more than the header has come", () => {
    const context = contextOf(capture("req-setdata"), 12);
    const bytes = codec.encodeError(ErrorKind.MalformedRequest, 0n, TEXT, context);
    expect(readBareReply(bytes)).toEqual({ xid: 3, zxid: 0n, err: -5 });
  });
});

describe("none", () => {
  const none = (context: Uint8Array, capacity?: number) =>
    codec.encodeError(ErrorKind.NoRoute, 0n, TEXT, context, capacity);

  test("to a ConnectRequest", () => {
    expect(contextOf(capture("req-connect"))).toHaveLength(0);
    expect(none(contextOf(capture("req-connect")))).toHaveLength(0);
  });

  test("to four letters", () => {
    expect(contextOf(Buffer.from("ruok"))).toHaveLength(0);
  });

  test("where nothing is known, or there is no room", () => {
    expect(none(new Uint8Array(0))).toHaveLength(0);
    expect(none(getData, 19)).toHaveLength(0);
    expect(none(getData, 20)).toHaveLength(20);
  });
});

test("there is no place for mutations", () => {
  const steps = [{ operation: MutationOperation.Set, key: "path", value: "/b" }];
  for (const name of ["req-getdata-watch", "req-connect", "req-ping"]) {
    codec.decode(capture(name), Origin.Downstream, codec.openState());
    expect(codec.encode(0n, steps)).toEqual({ bytes: capture(name), applied: false });
  }
});

test("there are no heartbeats of ours: a session has its own", () => {
  expect(codec.encodeHeartbeat(1n)).toHaveLength(0);
});
