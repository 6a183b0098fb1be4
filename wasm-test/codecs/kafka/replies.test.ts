// What official classes make of these replies: official-library.test.ts.
import { describe, expect, test } from "vitest";
import { CodecHarness } from "../harness/codec-harness.js";
import { ErrorKind, Origin } from "../harness/contract.js";
import {
  compact,
  concat,
  fetch12,
  findCoordinator4,
  frame,
  int,
  long,
  NO_TAGS,
  produce8,
  produce9,
  request,
  short,
  text,
  varint,
} from "./frames.js";

const codec = await CodecHarness.load("kafka-codec");
const TEXT = "metaproto: access denied";
const NOTHING = new Uint8Array(0);

function contextOf(bytes: Uint8Array): Uint8Array {
  codec.decode(bytes, Origin.Downstream, codec.openState());
  return codec.captureContext();
}

function replyTo(bytes: Uint8Array, kind: keyof typeof ErrorKind, code = 0): Uint8Array {
  return codec.encodeError(ErrorKind[kind], 0n, TEXT, contextOf(bytes), undefined, code);
}

describe("to Produce", () => {
  const minus = long(-1n);
  const reply8 = (code: number, throttleMs: number) =>
    frame(
      ...[int(7), int(1), text("t"), int(1), int(0), short(code), minus, minus, minus],
      ...[int(0), text(TEXT), int(throttleMs)],
    );

  test("access denied: topic authorization failed", () => {
    expect(replyTo(produce8(1, "t", NOTHING), "PermissionDenied")).toEqual(reply8(29, 0));
  });

  test("a rate limit: the quota is exceeded, and the client is to wait", () => {
    expect(replyTo(produce8(1, "t", NOTHING), "RateLimited")).toEqual(reply8(89, 500));
  });

  test("a fault on purpose: an unknown error, or the code that it has", () => {
    expect(replyTo(produce8(1, "t", NOTHING), "Internal")).toEqual(reply8(-1, 0));
    expect(replyTo(produce8(1, "t", NOTHING), "Internal", 10)).toEqual(reply8(10, 0));
    expect(replyTo(produce8(1, "t", NOTHING), "RateLimited", 7)).toEqual(reply8(7, 0));
    expect(replyTo(produce8(1, "t", NOTHING), "Internal", 0x8000)).toEqual(NOTHING);
  });

  test("each partition has its entry, and the first of them the text", () => {
    const entry = (index: number, message: string | null) =>
      concat(int(index), short(29), minus, minus, minus, varint(1), compact(message), NO_TAGS);
    const topic = concat(compact("t"), varint(3), entry(0, TEXT), entry(1, null), NO_TAGS);
    expect(replyTo(produce9(-1, "t", 2), "PermissionDenied")).toEqual(
      frame(int(7), NO_TAGS, varint(2), topic, int(0), NO_TAGS),
    );
  });

  test("of as many partitions as there is room for", () => {
    expect(replyTo(produce9(1, "t", 11), "PermissionDenied").length).toBeGreaterThan(11 * 33);
    expect(replyTo(produce9(1, "t", 12), "PermissionDenied")).toEqual(NOTHING);
    expect(replyTo(produce9(1, "t".repeat(249)), "PermissionDenied")).toEqual(NOTHING);
  });

  test("none to one that is malformed", () => {
    const cut = produce8(1, "t", new Uint8Array(8));
    cut.set([0, 0, 0, 9], cut.length - 12);
    expect(replyTo(cut, "PermissionDenied")).toEqual(NOTHING);
  });
});

describe("to Fetch", () => {
  const head = (throttleMs: number, error: number) => [
    ...[int(7), NO_TAGS, int(throttleMs), short(error), int(0)],
  ];

  test("access denied: topic authorization failed", () => {
    const entry = concat(int(0), short(29), long(-1n), long(-1n), long(-1n), varint(0), int(-1));
    const topic = concat(compact("t"), varint(2), entry, varint(1), NO_TAGS, NO_TAGS);
    expect(replyTo(fetch12("t", {}), "PermissionDenied")).toEqual(
      frame(...head(0, 0), varint(2), topic, NO_TAGS),
    );
  });

  test("within a session: it is not found, and the client begins another one", () => {
    expect(replyTo(fetch12("t", { epoch: 3 }), "PermissionDenied")).toEqual(
      frame(...head(0, 70), varint(1), NO_TAGS),
    );
  });

  test("a rate limit: nothing yet, and the client is to wait", () => {
    for (const epoch of [0, 3]) {
      expect(replyTo(fetch12("t", { epoch }), "RateLimited")).toEqual(
        frame(...head(500, 0), varint(1), NO_TAGS),
      );
    }
  });

  test("none of a rate limit to clients that would not wait", () => {
    const old = request(
      { key: 1, version: 4 },
      int(-1),
      int(1),
      int(1),
      int(1),
      Uint8Array.of(0),
      int(0),
    );
    expect(replyTo(old, "RateLimited")).toEqual(NOTHING);
    expect(replyTo(old, "PermissionDenied")).toEqual(frame(int(7), int(0), int(0)));
  });
});

describe("to FindCoordinator", () => {
  const reply = (code: number) => {
    const none = [int(-1), compact(""), int(-1), short(code)];
    const entry = concat(compact("g"), ...none, compact(TEXT), NO_TAGS);
    return frame(int(7), NO_TAGS, int(0), varint(2), entry, NO_TAGS);
  };

  test("access denied: group, or transaction, authorization failed", () => {
    expect(replyTo(findCoordinator4(0, "g"), "PermissionDenied")).toEqual(reply(30));
    expect(replyTo(findCoordinator4(1, "g"), "PermissionDenied")).toEqual(reply(53));
  });

  test("a rate limit: not available yet", () => {
    expect(replyTo(findCoordinator4(0, "g"), "RateLimited")).toEqual(reply(15));
  });

  test("of the oldest version there is no place for the text", () => {
    const old = request({ key: 10, version: 0 }, text("g"));
    expect(replyTo(old, "PermissionDenied")).toEqual(
      frame(int(7), short(30), int(-1), text(""), int(-1)),
    );
  });

  test("none for several groups at once", () => {
    expect(replyTo(findCoordinator4(0, "g", "h"), "PermissionDenied")).toEqual(NOTHING);
  });
});

describe("none", () => {
  const answered = ["Internal", "PermissionDenied", "RateLimited"];
  const others = Object.keys(ErrorKind).filter((kind) => !answered.includes(kind));
  test.each(others as (keyof typeof ErrorKind)[])("%s", (kind) => {
    for (const bytes of [produce8(1, "t", NOTHING), fetch12("t", {}), findCoordinator4(0, "g")]) {
      expect(replyTo(bytes, kind)).toEqual(NOTHING);
    }
  });

  test("to any other api, and to what has no header", () => {
    for (const bytes of [request({ key: 3, version: 1 }, int(-1)), frame(Buffer.from("\0u\0pw"))]) {
      expect(contextOf(bytes)).toEqual(NOTHING);
      expect(replyTo(bytes, "PermissionDenied")).toEqual(NOTHING);
    }
  });

  test("where there is no room, and no text where there is no more", () => {
    const context = contextOf(produce8(1, "t", NOTHING));
    const reply = (capacity: number) =>
      codec.encodeError(ErrorKind.PermissionDenied, 0n, TEXT, context, capacity);
    expect(reply(50)).toEqual(NOTHING);
    const whole = reply(512);
    const without = [...Array(200).keys()].map((extra) => reply(50 + extra).length);
    expect(new Set(without)).toEqual(new Set([0, whole.length - TEXT.length, whole.length]));
  });

  test("there are no heartbeats of ours", () => {
    expect(codec.encodeHeartbeat(1n)).toEqual(NOTHING);
  });
});
