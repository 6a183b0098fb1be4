import { describe, expect, test } from "vitest";
import { CodecConnection } from "../harness/codec-connection.js";
import { CodecHarness } from "../harness/codec-harness.js";
import {
  ErrorKind,
  MessageType,
  MutationOperation,
  Origin,
  ResponseStatus,
} from "../harness/contract.js";
import { CAPTURED_FRAMES } from "./captured-frames.js";
import {
  DIALECTS,
  NAMED_DIALECTS,
  type Dialect,
  type OutgoingMessage,
  WireType,
  dialectNumber,
  readException,
  writeMessage,
} from "./official-library.js";

const codec = await CodecHarness.load("thrift-codec");
const downstream = new CodecConnection(codec, Origin.Downstream);
const upstream = new CodecConnection(codec, Origin.Upstream);

/** The reply to `request`, made of what was captured of it. */
function replyTo(request: Uint8Array, kind: ErrorKind, text: string, code = 0): Uint8Array {
  downstream.reopen();
  const [message] = downstream.feed(request);
  expect(message).toMatchObject({ decodeStatus: 1, idKnown: true });
  const context = codec.captureContext();
  return codec.encodeError(kind, message?.id ?? 0n, text, context, undefined, code);
}

function replyToCall(
  dialect: Dialect,
  message: OutgoingMessage,
  kind: ErrorKind = ErrorKind.Timeout,
  code = 0,
) {
  const request = writeMessage(dialect, message);
  return readException(dialect, replyTo(request, kind, "upstream timeout", code));
}

describe.each(NAMED_DIALECTS)("%s: the library throws", (_name, dialect) => {
  test("the text, for the method and the sequence id that were called", () => {
    for (const seqid of [0, 1, 127, 128, 2 ** 31 - 1, -1]) {
      const exception = replyToCall(dialect, { name: "hello", seqid, headerSeqid: seqid });
      expect(exception).toEqual({
        name: "hello",
        type: WireType.Exception,
        seqid,
        headerSeqid: dialect.transport === "header" ? seqid : 0,
        exceptionType: 6,
        text: "upstream timeout",
      });
    }
  });

  test("a text of any length", () => {
    for (const length of [0, 1, 127, 128, 512]) {
      const text = "x".repeat(length);
      const reply = replyTo(writeMessage(dialect, { name: "m" }), ErrorKind.NoRoute, text);
      expect(readException(dialect, reply)).toMatchObject({ text, exceptionType: 1 });
    }
  });

  test("the name without the service, as the server would answer", () => {
    expect(replyToCall(dialect, { name: "Calculator:add" }).name).toBe("add");
  });

  test("a long name is cut off", () => {
    const name = "n".repeat(244);
    expect(replyToCall(dialect, { name }).name).toBe(name);
    expect(replyToCall(dialect, { name: `${name}more` }).name).toBe(name);
    expect(replyToCall(dialect, { name: `Service:${name}` }).name).toBe(name);
  });

  test("is an error response to a proxy in front", () => {
    const reply = replyTo(writeMessage(dialect, { name: "m", seqid: 5 }), ErrorKind.NoRoute, "no");
    upstream.reopen();
    expect(upstream.feedInChunks(reply, 1)).toMatchObject([
      {
        decodeStatus: 1,
        frame: reply,
        type: MessageType.Response,
        status: ResponseStatus.Error,
        id: 5n,
        dialect: dialectNumber(dialect),
      },
    ]);
  });
});

test.each([
  [ErrorKind.NoRoute, 1],
  [ErrorKind.UnknownCluster, 6],
  [ErrorKind.NoHealthyUpstream, 6],
  [ErrorKind.ConnectFailure, 6],
  [ErrorKind.UpstreamReset, 6],
  [ErrorKind.Overload, 6],
  [ErrorKind.Timeout, 6],
  [ErrorKind.MalformedRequest, 7],
  [ErrorKind.BadResponse, 6],
  [ErrorKind.RequestTimeout, 7],
  [ErrorKind.RateLimited, 6],
  [ErrorKind.PermissionDenied, 6],
  [ErrorKind.Internal, 6],
])("error kind %i is TApplicationException %i", (kind, exceptionType) => {
  const dialect: Dialect = { transport: "framed", protocol: "binary" };
  expect(replyToCall(dialect, { name: "m" }, kind).exceptionType).toBe(exceptionType);
});

test("a code of Thrift's own is the exception's type", () => {
  const dialect: Dialect = { transport: "framed", protocol: "binary" };
  const call = { name: "m" };
  expect(replyToCall(dialect, call, ErrorKind.Timeout, 4).exceptionType).toBe(4);
});

describe("THeader", () => {
  const dialect: Dialect = { transport: "header", protocol: "compact" };

  test.each([
    [0, 7],
    [7, 0],
    [8, 7],
  ])("sequence ids %i in the header and %i in the message come back", (headerSeqid, seqid) => {
    expect(replyToCall(dialect, { name: "m", headerSeqid, seqid })).toMatchObject({
      headerSeqid,
      seqid,
    });
  });

  test("a compressed request gets an uncompressed reply, without the name", () => {
    for (const { name, bytes } of CAPTURED_FRAMES.filter((f) => f.name.includes("-zlib-"))) {
      const reply = replyTo(bytes, ErrorKind.NoHealthyUpstream, "no healthy upstream");
      const exception = readException({ transport: "header", protocol: "binary" }, reply);
      expect(exception, name).toMatchObject({
        name: "",
        exceptionType: 6,
        text: "no healthy upstream",
      });
    }
  });
});

test("a frame that is too large can be answered as soon as its head is there", () => {
  for (const dialect of DIALECTS) {
    const frame = writeMessage(dialect, { name: "big", seqid: 9, headerSeqid: 9 });
    const state = codec.openState();
    const message = codec.decode(frame.subarray(0, frame.length - 1), Origin.Downstream, state);
    expect(message).toMatchObject({ decodeStatus: 0, idKnown: true, id: 9n });
    const context = new Uint8Array(codec.exports.memory.buffer, codec.exports.reserve(256), 256);
    const length = codec.exports.captureContext(context.byteOffset);
    const reply = codec.encodeError(
      ErrorKind.MalformedRequest,
      message.id,
      "too large",
      context.slice(0, length),
    );
    expect(readException(dialect, reply)).toMatchObject({
      name: "big",
      seqid: 9,
      exceptionType: 7,
    });
  }
});

test("of an incomplete frame only what is there is captured", () => {
  const state = codec.openState();
  const out = codec.exports.reserve(256);
  for (const dialect of DIALECTS) {
    const frame = writeMessage(dialect, { name: "hello", seqid: 9, headerSeqid: 9 });
    for (let shown = 1; shown < frame.length; shown++) {
      codec.clearState(state);
      const message = codec.decode(frame.subarray(0, shown), Origin.Downstream, state);
      if (!message.idKnown) continue;
      // A read behind what was shown would trap.
      const length = codec.exports.captureContext(out);
      const context = new Uint8Array(codec.exports.memory.buffer, out, length);
      expect(Buffer.from(context.subarray(-5)).toString()).toBe("hello");
    }
  }
});

test("there is no reply without a context, nor without room", () => {
  expect(codec.encodeError(ErrorKind.NoRoute, 1n, "text")).toHaveLength(0);
  downstream.reopen();
  downstream.feed(writeMessage({ transport: "framed", protocol: "binary" }, { name: "m" }));
  const context = codec.captureContext();
  expect(codec.encodeError(ErrorKind.NoRoute, 1n, "text", context, 40)).toHaveLength(0);
});

test("nothing is allocated per message", () => {
  const probe = (): number => codec.allocationProbe();
  const distance = -probe() + probe();
  const before = probe();
  for (const dialect of DIALECTS) {
    const frame = writeMessage(dialect, { name: "S:m", seqid: 5, headers: { a: "1" } });
    for (let round = 0; round < 100; round++) {
      expect(replyTo(frame, ErrorKind.Overload, "overload").length).toBeGreaterThan(0);
      downstream.reopen();
      downstream.feed(frame);
      codec.encode(70_000n, [{ operation: MutationOperation.Set, key: "a", value: "2" }]);
      for (const name of ["method", "service", "seqid", "a"]) codec.attribute(name);
    }
  }
  expect(probe() - before).toBe(distance);
});
