import { describe, expect, test } from "vitest";
import { RandomSource } from "../../inputs/random-source.js";
import { CodecConnection } from "../harness/codec-connection.js";
import { CodecHarness } from "../harness/codec-harness.js";
import {
  DecodeStatus,
  ErrorKind,
  MessageType,
  Origin,
  ResponseStatus,
} from "../harness/contract.js";
import { aggregate, bulk, command, messagesOf, reply } from "./resp.js";

const codec = await CodecHarness.load("redis-codec");
const state = codec.openState();
const upstream = new CodecConnection(codec, Origin.Upstream);

function decode(bytes: Uint8Array | string) {
  codec.clearState(state);
  return codec.decode(Buffer.from(bytes), Origin.Upstream, state);
}

const EVERY_TYPE: readonly (readonly [string, Buffer])[] = [
  ["a simple string", reply("+OK")],
  ["an empty one", reply("+")],
  ["an error", reply("-ERR no")],
  ["an integer", reply(":-12")],
  ["a bulk string", bulk("a\r\nb")],
  ["an empty one", bulk("")],
  ["a null bulk string", reply("$-1")],
  ["a null array", reply("*-1")],
  ["an empty array", reply("*0")],
  ["an array", aggregate("*", bulk("a"), reply(":1"), reply("$-1"), reply("*0"), bulk("b"))],
  ["null", reply("_")],
  ["true", reply("#t")],
  ["a double", reply(",inf")],
  ["a big number", reply("(3492890328409238509324850943850943825024385")],
  ["a bulk error", reply("!21", "SYNTAX invalid syntax")],
  ["a verbatim string", reply("=15", "txt:Some string")],
  ["a set", aggregate("~", bulk("a"), bulk("b"))],
  ["a map", aggregate("%", bulk("a"), reply(":1"), bulk("b"), aggregate("*", reply(":2")))],
  ["a push", aggregate(">", bulk("message"), bulk("c"), bulk("hello"))],
  [
    "an attribute and what it is of",
    Buffer.concat([aggregate("|", bulk("ttl"), reply(":3600")), bulk("v")]),
  ],
  [
    "attributes of elements",
    aggregate(
      "*",
      Buffer.concat([aggregate("|", bulk("a"), aggregate("*", reply(":1"))), reply(":2")]),
    ),
  ],
];

describe.each(EVERY_TYPE)("%s", (_name, bytes) => {
  test("is one reply, however it comes", () => {
    for (let size = 1; size <= bytes.length; size++) {
      upstream.reopen();
      const received = upstream.feedInChunks(bytes, size);
      expect(received.map(({ frame }) => Buffer.from(frame))).toEqual([bytes]);
    }
  });

  test("ends where it ends, before whatever comes", () => {
    for (const next of ["+", "$", ">1\r\n", "\u0000"]) {
      const message = decode(Buffer.concat([bytes, Buffer.from(next)]));
      expect(message).toMatchObject({
        decodeStatus: DecodeStatus.Done,
        frameLength: bytes.length,
      });
    }
  });
});

describe("arrays", () => {
  test("may be nested as deep as they like", () => {
    const depth = 100_000;
    const bytes = Buffer.from(`${"*1\r\n".repeat(depth)}:1\r\n`);
    expect(decode(bytes)).toMatchObject({ decodeStatus: DecodeStatus.Done });
    upstream.reopen();
    expect(upstream.feedInChunks(bytes, 16_384)).toHaveLength(1);
  });

  test("that are large are looked at once: a million elements, read by read", () => {
    const bytes = Buffer.from(`*1000000\r\n${":1234\r\n".repeat(1_000_000)}`);
    codec.clearState(state);
    let read = 0;
    let shown = 0;
    const started = performance.now();
    while (shown < bytes.length) {
      shown = Math.min(bytes.length, shown + 16_384);
      // Only what is new is in memory: the rest was looked at.
      const ptr = codec.placeFrame(bytes.subarray(0, shown));
      read = codec.exports.decode(Origin.Upstream, ptr, shown, state);
    }
    expect(read).toBe(DecodeStatus.Done);
    expect(performance.now() - started).toBeLessThan(20_000);
    codec.clearState(state);
    const cut = bytes.length - 3;
    codec.decode(bytes.subarray(0, cut), Origin.Upstream, state);
    const changed = Buffer.from(bytes);
    changed[100] = 0;
    changed[1000] = 0x2a;
    expect(codec.decode(changed, Origin.Upstream, state)).toMatchObject({
      decodeStatus: DecodeStatus.Done,
      frameLength: bytes.length,
    });
  });

  test("that announce more than any frame holds are asked for, and refused beyond 2^31 elements", () => {
    expect(decode("*1000000000\r\n")).toMatchObject({ need: 3_000_000_013 });
    expect(decode("*2000000000\r\n")).toMatchObject({ need: 0xffffffff });
    expect(decode("%2000000000\r\n").decodeStatus).toBe(DecodeStatus.Error);
    expect(decode("*9999999999\r\n").decodeStatus).toBe(DecodeStatus.Error);
  });
});

test.each([
  ["an unknown type", "?1\r\n"],
  ["another protocol", "HTTP/1.1 200 OK\r\n"],
  ["a line of Dubbo", "\u00da\u00bb"],
  ["a negative length", "$-2\r\n"],
  ["a null verbatim string", "=-1\r\n"],
  ["a null map", "%-1\r\n"],
  ["a length without an end", "$12345678901"],
  ["a string that is streamed", "$?\r\n"],
  ["a string that is longer than it says", "$1\r\nab\r\n"],
  ["what is not RESP within an array", "*2\r\n:1\r\nx\r\n"],
])("%s is refused", (_name, bytes) => {
  expect(decode(bytes)).toMatchObject({ decodeStatus: DecodeStatus.Error, idKnown: false });
});

describe("what a reply is", () => {
  test.each([
    ["+OK\r\n", ResponseStatus.Ok],
    ["-ERR syntax error\r\n", ResponseStatus.BusinessError],
    ["-WRONGTYPE Operation against a key\r\n", ResponseStatus.BusinessError],
    ["-NOAUTH Authentication required.\r\n", ResponseStatus.BusinessError],
    ["-LOADING Redis is loading the dataset in memory\r\n", ResponseStatus.Error],
    ["-READONLY You can't write against a read only replica.\r\n", ResponseStatus.Error],
    ["-OOM command not allowed\r\n", ResponseStatus.Error],
    ["-BUSYKEY Target key name already exists.\r\n", ResponseStatus.BusinessError],
    ["-BUSY\r\n", ResponseStatus.Error],
    ["!10\r\nOOM no room\r\n".replace("!10", "!11"), ResponseStatus.Error],
    ["*1\r\n-ERR in an array\r\n", ResponseStatus.Ok],
    ["|1\r\n+a\r\n+b\r\n-ERR of an attribute\r\n", ResponseStatus.BusinessError],
  ])("%j: status %d", (bytes, status) => {
    expect(decode(bytes)).toMatchObject({ type: MessageType.Response, status });
  });

  test.each([
    ["-ERR syntax error\r\n", "ERR"],
    ["-LOADING\r\n", "LOADING"],
    ["!11\r\nOOM no room\r\n", "OOM"],
    ["|1\r\n+a\r\n+b\r\n-WRONGTYPE of\r\n", "WRONGTYPE"],
    ["+ERR\r\n", undefined],
  ])("%j: error %s", (bytes, error) => {
    decode(bytes);
    expect(codec.attribute("error")).toBe(error);
    expect(codec.attribute("command")).toBeUndefined();
    if (error !== undefined) {
      codec.moveFrame();
      expect(codec.attribute("error")).toBe(error);
    }
  });

  test.each(["subscribe", "psubscribe", "unsubscribe", "punsubscribe", "ssubscribe"])(
    "a push that confirms %s answers it",
    (word) => {
      const push = aggregate(">", bulk(word), bulk("c"), reply(":1"));
      expect(decode(push).type).toBe(MessageType.Response);
    },
  );

  test.each(["message", "pmessage", "smessage", "invalidate", "Subscribe", ""])(
    "a push of %j answers nothing",
    (word) => {
      const push = aggregate(">", bulk(word), bulk("c"));
      expect(decode(push).type).toBe(MessageType.Push);
    },
  );

  test.each([">0\r\n", ">1\r\n:1\r\n", ">1\r\n$-1\r\n", ">1\r\n*0\r\n"])("so does %j", (bytes) => {
    expect(decode(bytes).type).toBe(MessageType.Push);
  });

  test("an array that looks like a message is an answer: of RESP2 nobody can tell", () => {
    expect(decode(aggregate("*", bulk("message"), bulk("c"), bulk("m"))).type).toBe(
      MessageType.Response,
    );
  });
});

describe("an error reply", () => {
  test.each(Object.entries(ErrorKind))("for %s is an error of the command", (_name, kind) => {
    const bytes = codec.encodeError(kind, 0n, "metaproto: no route");
    expect(Buffer.from(bytes).toString()).toBe("-ERR metaproto: no route\r\n");
    expect(decode(bytes)).toMatchObject({
      decodeStatus: DecodeStatus.Done,
      type: MessageType.Response,
      status: ResponseStatus.BusinessError,
    });
  });

  test("needs no context, and is left out where there is no room", () => {
    codec.decode(command("GET", "a"), Origin.Downstream, codec.openState());
    expect(codec.captureContext()).toHaveLength(0);
    for (let capacity = 0; capacity < 11; capacity++) {
      const none = new Uint8Array(0);
      const bytes = codec.encodeError(ErrorKind.Timeout, 0n, "text", none, capacity);
      expect(bytes.length).toBe(capacity < 11 ? 0 : 11);
    }
    expect(codec.encodeError(ErrorKind.Timeout, 0n, "text", new Uint8Array(0), 11)).toHaveLength(
      11,
    );
  });
});

test("no probe of our own: on a connection with subscriptions the client would see its answer", () => {
  expect(codec.encodeHeartbeat(1n)).toHaveLength(0);
});

function randomReply(random: RandomSource, depth: number): Buffer {
  const nested = (count: number) =>
    Array.from({ length: count }, () => randomReply(random, depth - 1));
  const kind = random.below(depth > 0 ? 8 : 4);
  switch (kind) {
    case 0:
      return reply(`${random.pick(["+", "-", ":", ",", "("])}${"x".repeat(random.below(9))}`);
    case 1:
      return reply(random.pick(["_", "#t", "$-1", "*-1", "*0", "~0"]));
    case 2:
      return bulk("\r\n".repeat(random.below(9)));
    case 3:
      return reply("=5", "txt:x");
    case 4:
      return aggregate("%", ...nested(2 * random.below(3)));
    case 5:
      return Buffer.concat([
        aggregate("|", ...nested(2 * random.below(3))),
        randomReply(random, depth - 1),
      ]);
    default:
      return aggregate(random.pick(["*", "~", ">"]), ...nested(random.below(5)));
  }
}

test("2000 random replies end where a recursive reader sees them end, at any chunk size", () => {
  const random = new RandomSource(0x2e5b);
  for (let round = 0; round < 200; round++) {
    const bytes = Buffer.concat(Array.from({ length: 10 }, () => randomReply(random, 4)));
    upstream.reopen();
    const received = upstream.feedInChunks(bytes, 1 + random.below(40));
    const frames = received.map(({ frame }) => Buffer.from(frame).toString("latin1"));
    expect(frames).toEqual(messagesOf(bytes).map((message) => message.toString("latin1")));
  }
});

test("50 000 random inputs: no trap, and what the harness checks", () => {
  const random = new RandomSource(0x11e);
  const alphabet = Buffer.from('*$+-:_#%~>|!=0123\r\n\r\n\r\nGETclientxread "\u0000');
  const names = ["command", "subcommand", "key", "channel", "access", "args", "error", "other"];
  for (let i = 0; i < 50_000; i++) {
    const bytes = Uint8Array.from({ length: 1 + random.below(24) }, () =>
      random.pick([...alphabet]),
    );
    const origin = random.pick([Origin.Downstream, Origin.Upstream]);
    codec.clearState(state);
    if (codec.decode(bytes, origin, state).decodeStatus !== DecodeStatus.Done) continue;
    for (const name of names) codec.attributeBytes(name);
    codec.encode(1n);
  }
});
