import { describe, expect, test } from "vitest";
import { CodecHarness } from "../harness/codec-harness.js";
import {
  DecodeStatus,
  MessageType,
  MutationOperation,
  Origin,
  TransactionStep,
} from "../harness/contract.js";
import { command } from "./resp.js";

const codec = await CodecHarness.load("redis-codec");
const state = codec.openState();
const ATTRIBUTES = ["command", "subcommand", "key", "channel", "access", "args"] as const;

function decode(bytes: Uint8Array | string) {
  codec.clearState(state);
  return codec.decode(Buffer.from(bytes), Origin.Downstream, state);
}

function attributesOf(bytes: Uint8Array | string): Record<string, string> {
  expect(decode(bytes).decodeStatus).toBe(DecodeStatus.Done);
  const found = ATTRIBUTES.map((name) => [name, codec.attribute(name)] as const);
  return Object.fromEntries(
    found.filter((entry): entry is [(typeof entry)[0], string] => entry[1] !== undefined),
  );
}

test("what the codec declares: answers in order on both sides, no ids, 24 bytes of state", () => {
  expect(codec.exports.defaultMode()).toBe(1);
  expect(Boolean(codec.exports.orderedDownstream())).toBe(true);
  expect(codec.exports.idBits()).toBe(0);
  expect(codec.exports.stateBytes()).toBe(24);
});

describe("attributes", () => {
  test.each([
    ["get user:1", { command: "GET", key: "user:1", access: "read", args: "1" }],
    ["SET user:1 v", { command: "SET", key: "user:1", access: "write", args: "2" }],
    ["PING", { command: "PING", access: "write", args: "0" }],
    ["json.set doc $ 1", { command: "JSON.SET", key: "doc", access: "write", args: "3" }],
    ["GEORADIUSBYMEMBER_RO g m 1 m", { command: "GEORADIUSBYMEMBER_RO", key: "g", access: "read" }],
    ["OBJECT encoding k", { command: "OBJECT", subcommand: "ENCODING", key: "k", access: "read" }],
    ["config Get save", { command: "CONFIG", subcommand: "GET", access: "write", args: "2" }],
    ["CONFIG", { command: "CONFIG", access: "write", args: "0" }],
    ["XGROUP CREATE s g $", { subcommand: "CREATE", key: "s", access: "write" }],
    ["BITOP AND dest a b", { command: "BITOP", key: "dest" }],
    ["MIGRATE h 6379 k 0 10", { command: "MIGRATE", key: "k" }],
    ["EVAL script 2 a b x", { command: "EVAL", key: "a", access: "write" }],
    ["EVALSHA_RO sha 1 a", { key: "a", access: "read" }],
    ["ZUNION 2 a b", { key: "a", access: "read" }],
    ["ZUNIONSTORE dest 2 a b", { key: "dest", access: "write" }],
    ["LMPOP 2 a b LEFT", { key: "a", access: "write" }],
    ["BLMPOP 0 2 a b LEFT", { key: "a" }],
    ["XREAD COUNT 2 streams s 0", { key: "s", access: "read" }],
    ["XREADGROUP GROUP g c NOACK STREAMS s >", { key: "s", access: "write" }],
    ["PUBLISH news hello", { command: "PUBLISH", channel: "news", access: "write" }],
    ["SUBSCRIBE a b", { command: "SUBSCRIBE", channel: "a" }],
    ["SPUBLISH shard hello", { channel: "shard", key: "shard" }],
    ["MGET a b c", { key: "a", access: "read", args: "3" }],
    ["CLIENT setname me", { subcommand: "SETNAME" }],
  ])("of %s, as an array and as a line", (line, expected) => {
    const words = line.split(" ");
    expect(attributesOf(command(...words))).toMatchObject(expected);
    expect(attributesOf(command(...words))).toEqual(attributesOf(`${line}\r\n`));
    expect(attributesOf(`${line}\n`)).toMatchObject(expected);
  });

  test.each([
    ["EVAL script 0 x", "key"],
    ["EVAL script", "key"],
    ["XREAD COUNT 1", "key"],
    ["XREAD STREAMS", "key"],
    ["GET", "key"],
    ["SCAN 0", "key"],
    ["PING x", "key"],
    ["GET a", "channel"],
    ["GET a", "subcommand"],
    ["GET a", "error"],
    ["GET a", "other"],
  ])("%s has no %s", (line, name) => {
    decode(command(...line.split(" ")));
    expect(codec.attribute(name)).toBeUndefined();
  });

  test("keys are bytes: none of them ends one", () => {
    const key = Buffer.from([0, 13, 10, 255, 34, 0x2a, 36]);
    decode(command("GET", key));
    expect(Buffer.from(codec.attributeBytes("key") ?? [])).toEqual(key);
    decode(command("GET", ""));
    expect(codec.attribute("key")).toBe("");
  });

  test("stay right when the frame moves", () => {
    decode(command("get", "user:1"));
    codec.moveFrame();
    expect(codec.attribute("key")).toBe("user:1");
    expect(codec.attribute("command")).toBe("GET");
  });

  test("a name without end is cut", () => {
    decode(command("x".repeat(1000), "k"));
    expect(codec.attribute("command")).toBe("X".repeat(64));
    expect(codec.attribute("key")).toBe("k");
  });
});

test.each([
  ["MULTI", TransactionStep.Begin],
  ["exec", TransactionStep.Commit],
  ["DISCARD", TransactionStep.Rollback],
  ["RESET", TransactionStep.Rollback],
  ["WATCH k", TransactionStep.None],
  ["SET k EXEC", TransactionStep.None],
])("%s is step %i of a transaction", (line, step) => {
  expect(decode(command(...line.split(" "))).transaction).toBe(step);
});

describe("a connection of its own", () => {
  const OWN =
    "AUTH p|HELLO 3|SELECT 1|MULTI|WATCH k|SUBSCRIBE c|psubscribe c*|UNSUBSCRIBE|SSUBSCRIBE c|MONITOR|QUIT|RESET|READONLY|ASKING|CLIENT SETNAME a|client tracking on|CLIENT ID|CLIENT REPLY ON";
  const BLOCKING =
    "BLPOP k 0|BRPOP k 0|BLMOVE a b LEFT LEFT 0|BRPOPLPUSH a b 0|BLMPOP 0 1 a LEFT|BZPOPMIN k 0|BZPOPMAX k 0|BZMPOP 0 1 a MIN|WAIT 1 0|WAITAOF 1 1 0|XREAD BLOCK 0 STREAMS s $|xreadgroup group g c block 0 streams s >";
  const SHARED =
    "GET a|SET a b|EXEC|DISCARD|UNWATCH|PUBLISH c m|XREAD STREAMS BLOCK 0|XREAD COUNT 1 STREAMS s 0|CLIENT SETINFO LIB-NAME x|CLIENT LIST|CLIENT KILL ID 1|CLIENT|PING|INFO|EVAL s 0|SCRIPT LOAD s|LPOP k";

  test.each(OWN.split("|"))("%s", (line) => {
    const message = decode(command(...line.split(" ")));
    expect(message).toMatchObject({ needsOwnConnection: true, isUntimed: false });
    expect(message.type).toBe(MessageType.Request);
  });

  test.each(BLOCKING.split("|"))("and all the time it takes: %s", (line) => {
    const message = decode(command(...line.split(" ")));
    expect(message).toMatchObject({ needsOwnConnection: true, isUntimed: true });
  });

  test.each(SHARED.split("|"))("is not needed for %s", (line) => {
    const message = decode(command(...line.split(" ")));
    expect(message).toMatchObject({
      decodeStatus: DecodeStatus.Done,
      needsOwnConnection: false,
      isUntimed: false,
    });
  });
});

describe("refused, with an answer: what Redis closes the connection for, or answers with something else", () => {
  test.each([
    ["a TLS client", "\u0016\u0003\u0001"],
    ["a zero byte", "\u0000"],
    ["a reply", "+OK\r\n"],
    ["HTTP, at its second line", "GET / HTTP/1.1\r\nHost: example.com\r\n", 16],
    ["HTTP POST", "POST / HTTP/1.1\r\n"],
    ["a negative length", "*1\r\n$-1\r\n"],
    ["a length with a plus", "*1\r\n$+4\r\nPING\r\n"],
    ["a length with zeros in front", "*1\r\n$04\r\nPING\r\n"],
    ["a length of no digits", "*1\r\n$\r\n"],
    ["no number", "*x\r\n"],
    ["minus zero", "*-0\r\n"],
    ["a count beyond the bound", "*1048577\r\n"],
    ["a count with too many digits", "*99999999999"],
    ["a length beyond 512 MiB", "*1\r\n$536870913\r\n"],
    ["an argument that is no bulk string", "*1\r\n:1\r\n"],
    ["an argument that is longer than it says", "*1\r\n$3\r\nPING\r\n"],
    ["quotes in a line", 'SET a "b"\r\n'],
    ["a control character in a line", "SET a \u0007\r\n"],
    ["a carriage return within a line", "SET a\rb\r\n"],
    ["CLIENT REPLY OFF", "*3\r\n$6\r\nCLIENT\r\n$5\r\nreply\r\n$3\r\nOFF\r\n"],
    ["CLIENT REPLY SKIP", "CLIENT REPLY SKIP\r\n"],
    ["SYNC", "*1\r\n$4\r\nsync\r\n"],
    ["PSYNC", "PSYNC ? -1\r\n"],
  ])("%s", (_name, bytes, offset = 0) => {
    const frame = Buffer.from(bytes).subarray(offset);
    expect(decode(frame)).toMatchObject({ decodeStatus: DecodeStatus.Error, idKnown: true });
  });

  test("a line without end, at 64 KiB", () => {
    const line = Buffer.alloc((64 << 10) + 1, "a");
    expect(decode(line.subarray(0, -1)).decodeStatus).toBe(DecodeStatus.WaitForData);
    expect(decode(line).decodeStatus).toBe(DecodeStatus.Error);
  });
});

test.each(["\r\n", "\n", "*0\r\n", "*-1\r\n", "  \r\n"])("%j asks for nothing", (bytes) => {
  expect(decode(bytes)).toMatchObject({
    decodeStatus: DecodeStatus.Done,
    type: MessageType.Event,
    frameLength: bytes.length,
  });
});

describe("what is asked for", () => {
  test.each([
    ["", 1, false],
    ["*", 4, false],
    ["*3\r", 4, false],
    ["*3\r\n", 22, false],
    ["*3\r\n$3", 22, false],
    ["*3\r\n$3\r\nSET\r\n", 25, false],
    ["*2\r\n$3\r\nGET\r\n$1000\r\n", 1022, true],
    ["*2\r\n$1000\r\n", 1019, false],
    ["PING", 5, false],
    ["*1000000\r\n", 6000010, false],
  ])("with %j: %d bytes", (bytes, need, lengthKnown) => {
    expect(decode(bytes)).toMatchObject({
      decodeStatus: DecodeStatus.WaitForData,
      need,
      lengthKnown,
      idKnown: true,
    });
  });

  test("what was looked at once is not looked at again", () => {
    const whole = command("MSET", ...Array.from({ length: 100 }, (_, i) => `key${String(i)}`));
    const cut = whole.length - 3;
    codec.clearState(state);
    codec.decode(whole.subarray(0, cut), Origin.Downstream, state);
    // Had it been looked at again, this would be an error.
    const changed = Buffer.from(whole);
    changed[whole.indexOf("$4\r\nkey5")] = 0x2b;
    const message = codec.decode(changed, Origin.Downstream, state);
    expect(message).toMatchObject({
      decodeStatus: DecodeStatus.Done,
      frameLength: whole.length,
    });
  });
});

describe("encode", () => {
  test("copies the command, and says that a mutation was not applied", () => {
    const bytes = command("SET", "a", "b");
    decode(bytes);
    expect(codec.patchId(7n)).toEqual(new Uint8Array(bytes));
    expect(codec.encode(0n)).toEqual({ bytes: new Uint8Array(bytes), applied: true });
    const step = { operation: MutationOperation.Set, key: "tenant", value: "a" };
    expect(codec.encode(0n, [step])).toEqual({ bytes: new Uint8Array(bytes), applied: false });
  });
});
