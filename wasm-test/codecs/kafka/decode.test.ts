import { describe, expect, test } from "vitest";
import { CodecConnection } from "../harness/codec-connection.js";
import { CodecHarness } from "../harness/codec-harness.js";
import { DecodeStatus, MessageType, Origin, ResponseStatus } from "../harness/contract.js";
import {
  compact,
  concat,
  frame,
  int,
  NO_TAGS,
  produce8,
  produce9,
  request,
  short,
  text,
  varint,
  wholeCaptures,
} from "./frames.js";

const codec = await CodecHarness.load("kafka-codec");
const { Downstream, Upstream } = Origin;
const { Oneway, Push, Request, Response } = MessageType;

function originOf(name: string): Origin {
  return name.startsWith("req") ? Downstream : Upstream;
}

function decode(bytes: Uint8Array, origin: Origin = Downstream) {
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
    expect(wholeCaptures()).toHaveLength(28);
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
        expect(first.length + second.length).toBe(2);
        expect(connection.pending).toBe(0);
      }
    });

    test(`${name} passes as it is`, () => {
      const message = decode(bytes, originOf(name));
      expect(message.type).toBe(originOf(name) === Downstream ? Request : Response);
      expect(message.status).toBe(ResponseStatus.Ok);
      expect(codec.encode(0n)).toEqual({ bytes, applied: true });
      expect(codec.patchId(0n)).toEqual(bytes);
    });
  }
});

describe("what is produced with acks 0 is not answered", () => {
  const body = (acks: number) => [short(acks), int(100), int(0)];
  const flexible = (acks: number) => concat(compact("t".repeat(200)), short(acks), int(1));
  test.each([
    ["version 0", request({ key: 0, version: 0 }, ...body(0)), Oneway],
    ["version 2", request({ key: 0, version: 2 }, ...body(0)), Oneway],
    ["version 2 with acks 1", request({ key: 0, version: 2 }, ...body(1)), Request],
    ["version 3", request({ key: 0, version: 3 }, text(null), ...body(0)), Oneway],
    [
      "version 3 in a transaction",
      request({ key: 0, version: 3 }, text("t"), ...body(-1)),
      Request,
    ],
    ["version 8", produce8(0, "t", new Uint8Array(10_000)), Oneway],
    ["version 8 with acks 1", produce8(1, "t", new Uint8Array(1)), Request],
    [
      "version 8 without a client id",
      request({ key: 0, version: 8, clientId: null }, text(null), ...body(0)),
      Oneway,
    ],
    ["version 9", produce9(0, "t"), Oneway],
    ["version 9 with all acks", produce9(-1, "t"), Request],
    [
      "version 13, a long transaction",
      request({ key: 0, version: 13 }, NO_TAGS, flexible(0)),
      Oneway,
    ],
    [
      "version 13 likewise with acks",
      request({ key: 0, version: 13 }, NO_TAGS, flexible(1)),
      Request,
    ],
    [
      "version 9 with tagged fields in its header",
      request(
        { key: 0, version: 9 },
        varint(2),
        varint(0),
        varint(3),
        Buffer.from("abc"),
        varint(200),
        varint(0),
        flexible(0),
      ),
      Oneway,
    ],
    ["a later version", request({ key: 0, version: 31 }, NO_TAGS, flexible(0)), Oneway],
    ["another api", request({ key: 3, version: 8 }, text(null), ...body(0)), Request],
  ])("%s", (_, bytes, type) => {
    expect(decode(bytes)).toMatchObject({ type, frameLength: bytes.length });
  });

  test.each([
    ["ends before acks", request({ key: 0, version: 8 }, text(null))],
    ["ends within acks", request({ key: 0, version: 8 }, text(null), Uint8Array.of(0))],
    ["has a transaction longer than itself", request({ key: 0, version: 8 }, short(999), short(0))],
    ["has a client id longer than itself", frame(short(0), short(8), int(1), short(99), int(0))],
    [
      "has a length that never ends",
      request({ key: 0, version: 9 }, NO_TAGS, Buffer.alloc(9, 0xff)),
    ],
    [
      "has more tagged fields than any",
      request({ key: 0, version: 9 }, varint(65), Buffer.alloc(200)),
    ],
    [
      "has a tagged field longer than itself",
      request({ key: 0, version: 9 }, varint(1), varint(0), varint(99), short(0)),
    ],
  ])("a request that %s is left to the broker", (_, bytes) => {
    expect(decode(bytes).type).toBe(Request);
  });
});

test.each([
  [0, "Produce", true],
  [1, "Fetch", true],
  [3, "Metadata", false],
  [11, "JoinGroup", true],
  [12, "Heartbeat", false],
  [14, "SyncGroup", true],
  [18, "ApiVersions", false],
  [19, "CreateTopics", true],
  [500, "one without a name", false],
])("brokers take their time over api %i, %s: %s", (key, _, isUntimed) => {
  expect(decode(request({ key, version: 0 }, int(0))).isUntimed).toBe(isUntimed);
});

describe("tokens of SASL have no header, and pass as they are", () => {
  test.each([
    ["PLAIN", frame(Buffer.from("\0user\0secret")), Downstream],
    ["PLAIN of a user with one letter", frame(Buffer.from("\0u\0secret-of-u")), Downstream],
    ["SCRAM", frame(Buffer.from("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL")), Downstream],
    ["OAUTHBEARER", frame(Buffer.from("n,,\x01auth=Bearer abc\x01\x01")), Downstream],
    ["GSSAPI", frame(Buffer.from("6082024006092a864886f712010202", "hex")), Downstream],
    ["an empty one", int(0), Downstream],
    ["an empty answer", int(0), Upstream],
    ["a short answer", frame(Buffer.from("ok")), Upstream],
  ])("%s", (_, bytes, origin) => {
    expect(decode(bytes, origin)).toMatchObject({ type: Push, frameLength: bytes.length });
    for (const name of ["api_key", "api_name", "client_id", "correlation_id", "topic"]) {
      expect(codec.attribute(name)).toBeUndefined();
    }
  });
});

describe("of a frame that is not complete", () => {
  const large = produce8(1, "t", new Uint8Array(1_000_000));

  test.each([
    ["a request", large, Downstream],
    ["a response", frame(int(1), new Uint8Array(1_000_000)), Upstream],
  ])("four bytes of %s tell its length", (_, bytes, origin) => {
    expect(decode(bytes.subarray(0, 3), origin)).toMatchObject({ need: 4, lengthKnown: false });
    expect(decode(bytes.subarray(0, 4), origin)).toMatchObject({
      decodeStatus: DecodeStatus.WaitForData,
      need: bytes.length,
      lengthKnown: true,
      idKnown: false,
    });
  });
});

describe("refused at the first byte", () => {
  test.each([
    ["HTTP", Buffer.from("G"), Downstream],
    ["a length below 0", int(-1), Downstream],
    ["a gigabyte", int(1 << 30), Downstream],
    ["a response of less than nothing", int(-1), Upstream],
  ])("%s", (_, bytes, origin) => {
    expect(decode(bytes.subarray(0, 1), origin).decodeStatus).toBe(DecodeStatus.Error);
  });
});
