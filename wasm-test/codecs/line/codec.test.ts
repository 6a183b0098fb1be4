// The worked example of docs/protocol-owners: what every codec is tested for, on the smallest protocol.
import { describe, expect, test } from "vitest";
import { RandomSource } from "../../inputs/random-source.js";
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

const IN_ORDER = 1;

const codec = await CodecHarness.load("line-codec");
const downstream = new CodecConnection(codec, Origin.Downstream);
const upstream = new CodecConnection(codec, Origin.Upstream);

function decode(line: string, origin: Origin = Origin.Downstream) {
  return codec.decode(Buffer.from(line), origin, codec.openState());
}

test("what the codec declares: answers in order on both sides, no ids, four bytes of state", () => {
  expect(codec.exports.defaultMode()).toBe(IN_ORDER);
  expect(Boolean(codec.exports.orderedDownstream())).toBe(true);
  expect(codec.exports.idBits()).toBe(0);
  expect(codec.exports.stateBytes()).toBe(4);
});

describe("lines", () => {
  const lines = ["GET a\n", "PUT key some value\n", "PING\n", "GET \u00e4\u00f6\n"];
  const stream = Buffer.from(lines.join(""));

  test("are one message each at every chunk size", () => {
    for (let size = 1; size <= stream.length; size++) {
      downstream.reopen();
      const received = downstream.feedInChunks(stream, size);
      expect(received.map(({ frame }) => Buffer.from(frame).toString())).toEqual(lines);
      expect(received.every(({ type }) => type === MessageType.Request)).toBe(true);
      expect(downstream.pending).toBe(0);
    }
  });

  test("are split at every byte, requests and responses alike", () => {
    for (const connection of [downstream, upstream]) {
      for (let at = 1; at < stream.length; at++) {
        connection.reopen();
        const first = connection.feed(stream.subarray(0, at));
        const second = connection.feed(stream.subarray(at));
        const frames = [...first, ...second].map(({ frame }) => Buffer.from(frame).toString());
        expect(frames).toEqual(lines);
      }
    }
  });

  test("that are long are searched once: another byte asks for one more, and no more", () => {
    const part = new Uint8Array(1000).fill(0x61);
    const state = codec.openState();
    expect(codec.decode(part, Origin.Downstream, state)).toMatchObject({ need: 1001 });
    // The newline is within what was searched already: a second search would find it.
    const changed = part.slice();
    changed[10] = 0x0a;
    const message = codec.decode(changed, Origin.Downstream, state);
    expect(message).toMatchObject({ decodeStatus: DecodeStatus.WaitForData, need: 1001 });
  });
});

describe("not this protocol: refused at the first byte, with an answer", () => {
  test.each([
    ["an empty line", "\n"],
    ["a line without a verb", " key\n"],
    ["a TLS client", "\u0016\u0003\u0001"],
    ["a zero byte", "\u0000"],
  ])("%s", (_name, bytes) => {
    expect(decode(bytes)).toMatchObject({ decodeStatus: DecodeStatus.Error, idKnown: true });
  });

  test("while a server may answer with an empty line", () => {
    expect(decode("\n", Origin.Upstream)).toMatchObject({
      decodeStatus: DecodeStatus.Done,
      type: MessageType.Response,
      frameLength: 1,
    });
  });
});

describe("attributes", () => {
  test.each([
    ["GET user:1\n", "GET", "user:1"],
    ["PUT user:1 a long value\n", "PUT", "user:1"],
    ["PING\n", "PING", undefined],
    ["PING \n", "PING", undefined],
    ["GET  x\n", "GET", undefined],
  ])("of %j", (line, verb, key) => {
    decode(line);
    expect(codec.attribute("verb")).toBe(verb);
    expect(codec.attribute("key")).toBe(key);
    expect(codec.attribute("args")).toBeUndefined();
    expect(codec.attribute("ver")).toBeUndefined();
  });

  test("stay right when the frame moves", () => {
    decode("GET user:1\n");
    codec.moveFrame();
    expect(codec.attribute("key")).toBe("user:1");
  });

  test("are not those of a response", () => {
    decode("GET user:1\n", Origin.Upstream);
    expect(codec.attribute("verb")).toBeUndefined();
  });
});

test("a response is an error when it says so", () => {
  expect(decode("ERR no such key\n", Origin.Upstream).status).toBe(ResponseStatus.Error);
  for (const line of ["ERROR\n", "ERR\n", "hello\n", "\n"]) {
    expect(decode(line, Origin.Upstream).status).toBe(ResponseStatus.Ok);
  }
});

describe("encode", () => {
  test("copies the line", () => {
    decode("GET user:1\n");
    expect(codec.patchId(7n)).toEqual(new Uint8Array(Buffer.from("GET user:1\n")));
    const { bytes, applied } = codec.encode(0n);
    expect(Buffer.from(bytes).toString()).toBe("GET user:1\n");
    expect(applied).toBe(true);
  });

  test("says that a mutation was not applied, and copies the line", () => {
    decode("GET user:1\n");
    const step = { operation: MutationOperation.Set, key: "tenant", value: "a" };
    const { bytes, applied } = codec.encode(0n, [step]);
    expect(Buffer.from(bytes).toString()).toBe("GET user:1\n");
    expect(applied).toBe(false);
  });
});

describe("an error reply", () => {
  test.each(Object.entries(ErrorKind))("for %s is a line that clients know", (_name, kind) => {
    const reply = codec.encodeError(kind, 0n, "metaproto: no route");
    expect(Buffer.from(reply).toString()).toBe("ERR metaproto: no route\n");
    expect(decode(Buffer.from(reply).toString(), Origin.Upstream)).toMatchObject({
      decodeStatus: DecodeStatus.Done,
      status: ResponseStatus.Error,
    });
  });

  test("needs no context, and is left out where there is no room", () => {
    decode("GET a\n");
    expect(codec.captureContext()).toHaveLength(0);
    for (let capacity = 0; capacity < 9; capacity++) {
      const reply = codec.encodeError(ErrorKind.Timeout, 0n, "text", new Uint8Array(0), capacity);
      expect(reply).toHaveLength(0);
    }
    const reply = codec.encodeError(ErrorKind.Timeout, 0n, "text", new Uint8Array(0), 9);
    expect(reply).toHaveLength(9);
  });
});

test("50 000 random inputs: no trap, and what the harness checks", () => {
  const random = new RandomSource(0x11e);
  const state = codec.openState();
  const alphabet = [0x00, 0x0a, 0x0d, 0x20, 0x41, 0x45, 0x52, 0xff];
  for (let i = 0; i < 50_000; i++) {
    const bytes = Uint8Array.from({ length: 1 + random.below(24) }, () => random.pick(alphabet));
    const origin = random.pick([Origin.Downstream, Origin.Upstream]);
    codec.clearState(state);
    if (codec.decode(bytes, origin, state).decodeStatus !== DecodeStatus.Done) continue;
    for (const name of ["verb", "key", "other"]) codec.attributeBytes(name);
    codec.encode(1n);
  }
});
