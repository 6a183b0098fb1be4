import { describe, expect, test } from "vitest";
import { CodecConnection } from "../harness/codec-connection.js";
import { CodecHarness } from "../harness/codec-harness.js";
import { DecodeStatus, MessageType, Origin, ResponseStatus } from "../harness/contract.js";
import {
  AUTH_XID,
  bool,
  capture,
  concat,
  connectRequest,
  connectResponse,
  EVENT_XID,
  frame,
  int,
  long,
  reply,
  request,
  text,
  wholeCaptures,
} from "./frames.js";

const codec = await CodecHarness.load("zookeeper-codec");
const { Downstream, Upstream } = Origin;

function originOf(name: string): Origin {
  return name.startsWith("req") ? Downstream : Upstream;
}

function decode(bytes: Uint8Array, origin: Origin) {
  return codec.decode(bytes, origin, codec.openState());
}

test("what the codec declares: connections of one's own, answers in order, no ids, no state", () => {
  expect(codec.exports.defaultMode()).toBe(3);
  expect(Boolean(codec.exports.orderedDownstream())).toBe(true);
  expect(codec.exports.idBits()).toBe(0);
  expect(codec.exports.stateBytes()).toBe(0);
});

describe("captured frames", () => {
  test("are there", () => {
    expect(wholeCaptures()).toHaveLength(21);
  });

  for (const { name, bytes } of wholeCaptures()) {
    const connection = new CodecConnection(codec, originOf(name));

    test(`${name} is one frame at every chunk size`, () => {
      for (let size = 1; size <= bytes.length; size++) {
        connection.reopen();
        const received = connection.feedInChunks(bytes, size);
        expect(received).toMatchObject([
          { decodeStatus: DecodeStatus.Done, frameLength: bytes.length },
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

    test(`${name} passes as it is`, () => {
      decode(bytes, originOf(name));
      expect(codec.encode(0n)).toEqual({ bytes, applied: true });
      expect(codec.patchId(0n)).toEqual(bytes);
    });
  }
});

describe("types", () => {
  test.each([
    ["req-connect", MessageType.Request],
    ["req-getdata-watch", MessageType.Request],
    ["req-ping", MessageType.Request],
    ["req-closesession", MessageType.Request],
    ["rsp-connect", MessageType.Response],
    ["rsp-ping", MessageType.Response],
    ["rsp-getdata", MessageType.Response],
    ["push-watch-event", MessageType.Push],
  ])("%s", (name, type) => {
    expect(decode(capture(name), originOf(name)).type).toBe(type);
  });

  test.each(["ruok", "srvr", "mntr", "isro"])("%s is answered with text", (word) => {
    expect(decode(Buffer.from(word), Downstream)).toMatchObject({
      type: MessageType.Oneway,
      frameLength: 4,
      idKnown: false,
    });
  });

  test("text of a server comes as it is, up to the end of the connection", () => {
    const connection = new CodecConnection(codec, Upstream);
    const answer = Buffer.from("Zookeeper version: 3.9.5\n\tLatency min/avg/max: 0/0.0/0\r\nrw");
    const received = [connection.feed(answer.subarray(0, 7)), connection.feed(answer.subarray(7))];
    const pushes = received.flat();
    expect(pushes.every(({ type }) => type === MessageType.Push)).toBe(true);
    expect(Buffer.concat(pushes.map((push) => push.frame))).toEqual(answer);
    expect(connection.pending).toBe(0);
  });
});

describe("a ConnectRequest is told from other requests by itself", () => {
  test.each([
    ["with a read-only flag", connectRequest({ isReadOnly: true })],
    ["of a version before 3.4", connectRequest({})],
    ["without a password", connectRequest({ password: "", isReadOnly: false })],
    ["without either", connectRequest({ password: "" })],
    [
      "with a null for the password",
      frame(int(0), long(0n), int(9), long(0n), int(-1), bool(true)),
    ],
  ])("%s", (_, bytes) => {
    expect(decode(bytes, Downstream)).toMatchObject({ type: MessageType.Request, idKnown: false });
    expect(codec.attribute("opcode")).toBe("connect");
  });

  test.each([
    ["xid 1", request(1, 0, long(0n), int(9), long(0n), text("x".repeat(15)))],
    ["xid 0", request(0, 4, text("/a/path/that/is/some/35/bytes/long"), bool(true))],
    ["xid 0 and short", request(0, 11)],
  ])("a request of %s", (_, bytes) => {
    expect(decode(bytes, Downstream)).toMatchObject({ type: MessageType.Request, idKnown: true });
    expect(codec.attribute("opcode")).not.toBe("connect");
  });
});

describe("status of a response", () => {
  const { Ok, BusinessError, Error } = ResponseStatus;
  test.each([
    ["a reply", capture("rsp-create"), Ok],
    ["no such node", capture("rsp-nonode"), BusinessError],
    ["an unknown error of the application", reply(3, -9999), BusinessError],
    ["authentication failed", reply(AUTH_XID, -115), BusinessError],
    ["a system error", reply(3, -1), Error],
    ["connection loss", reply(3, -4), Error],
    ["throttled", reply(3, -127), Error],
    ["a session", capture("rsp-connect"), Ok],
    ["a session that is over", connectResponse({ timeout: 0, isReadOnly: false }), Error],
    ["likewise, before 3.4", connectResponse({ timeout: 0 }), Error],
  ])("%s", (_, bytes, status) => {
    expect(decode(bytes, Upstream)).toMatchObject({ type: MessageType.Response, status });
  });

  test("of xid 0 that looks nearly like a session", () => {
    const bytes = reply(0, 0, text("/a/path/of/some/24/bytes"));
    expect(decode(bytes, Upstream).type).toBe(MessageType.Response);
    expect(codec.attribute("err")).toBe("0");
  });
});

describe("of a frame that is not complete", () => {
  const large = request(7, 5, text("/a"), text("x".repeat(100_000)), int(-1));

  test("four bytes tell its length", () => {
    expect(decode(large.subarray(0, 4), Downstream)).toMatchObject({
      decodeStatus: DecodeStatus.WaitForData,
      need: large.length,
      lengthKnown: true,
      idKnown: false,
    });
  });

  test("twelve tell that it can be answered", () => {
    expect(decode(large.subarray(0, 11), Downstream).idKnown).toBe(false);
    expect(decode(large.subarray(0, 12), Downstream).idKnown).toBe(true);
  });

  test("what may be a ConnectRequest cannot be answered", () => {
    expect(decode(capture("req-connect").subarray(0, 40), Downstream).idKnown).toBe(false);
  });

  test("of a large reply as well", () => {
    const bytes = reply(7, 0, text("x".repeat(100_000)));
    expect(decode(bytes.subarray(0, 4), Upstream)).toMatchObject({
      decodeStatus: DecodeStatus.WaitForData,
      need: bytes.length,
      lengthKnown: true,
    });
  });
});

describe("refused", () => {
  test.each([
    ["HTTP, at its first byte", Buffer.from("G"), Downstream],
    ["TLS of a length that no frame has", Buffer.from("7f030100", "hex"), Downstream],
    ["a length below 0", int(-1), Downstream],
    ["a request shorter than its header", int(7), Downstream],
    ["letters that are no word", Buffer.from("ru0"), Downstream],
    ["a word in capitals", Buffer.from("RUOK"), Downstream],
    ["the xid of watch events", request(EVENT_XID, 4), Downstream],
    ["a reply shorter than its header", int(15), Upstream],
    ["an empty reply", int(0), Upstream],
  ])("%s", (_, bytes, origin) => {
    expect(decode(bytes, origin).decodeStatus).toBe(DecodeStatus.Error);
  });
});
