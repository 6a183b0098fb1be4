// What inputs for codecs are made from: captured frames, a few more that no capture shows, tokens.
import { CAPTURED_FRAMES } from "../codecs/thrift/captured-frames.js";
import { writeHeaderFrame } from "../codecs/thrift/header-frame.js";
import { DIALECTS, WireType, writeMessage } from "../codecs/thrift/official-library.js";
import { randomMessage } from "../codecs/thrift/random-message.js";
import { buildFrame, concat, Flag, fromHex, wholeCaptures } from "../codecs/dubbo/frames.js";
import { HessianWriter } from "../codecs/dubbo/random-hessian.js";
import { hessianRequest } from "../codecs/dubbo/frames.js";
import * as trpc from "../codecs/trpc/frames.js";
import * as zookeeper from "../codecs/zookeeper/frames.js";
import { hessianMap } from "../envoy/support/dubbo-wire.js";
import { RandomSource } from "../inputs/random-source.js";

const MAX_SEED_BYTES = 2000;
const SEED = 0x5eed;

function isSmall(bytes: Uint8Array): boolean {
  return bytes.length <= MAX_SEED_BYTES;
}

/** Values of every kind, as arguments of a call. */
function randomRequests(count: number): Uint8Array[] {
  const random = new RandomSource(SEED);
  return Array.from({ length: count }, () => {
    const args = new HessianWriter(random).value(4);
    const attachments = hessianMap({ key: "old", group: "g", timeout: "1000" });
    return hessianRequest({
      descriptor: random.pick(["I", "[J", "Ljava/lang/Object;"]),
      args,
      attachments,
    });
  });
}

export function dubboSeeds(): Uint8Array[] {
  const captures = wholeCaptures().map(({ bytes }) => bytes);
  const events = [Flag.Heartbeat, Flag.HeartbeatReply, Flag.OnewayEvent].map((flag) =>
    buildFrame({ flag, body: fromHex("4e") }),
  );
  return [...captures, ...events, ...randomRequests(24)].filter(isSmall);
}

/** Tags of values, and lengths that are not there. */
export const DUBBO_TOKENS = [
  ...["48", "5a", "57", "43", "4f90", "5190", "52ffff", "53ffff", "41ffff", "49ffffffff", "6090"],
  ...["58497fffffff", "55", "4d", "4d90", "a6", "a5", "92", "7f", "79", "7a487fffffff", "93", "af"],
  ...[
    "00000000",
    "0000000292",
    "430161904e",
    "4301619101624e",
    "0724696e766f6b65",
    "720161",
    "5601",
  ],
  ...["0c24696e766f6b654173796e63", "012a", "4b", "bd03", "0567726f7570", "036b6579", "0474657374"],
].map(fromHex);

function randomMessages(count: number): Uint8Array[] {
  const random = new RandomSource(SEED);
  return Array.from({ length: count }, (_, i) => {
    const type = random.pick(Object.values(WireType));
    const dialect = DIALECTS[i % DIALECTS.length] ?? random.pick(DIALECTS);
    return writeMessage(dialect, randomMessage(random, type));
  });
}

function headerFrames(): Uint8Array[] {
  const blocks = [
    {
      id: 1,
      entries: [
        ["User-Id", "u-1"],
        ["trace", "t"],
      ] as const,
    },
    { id: 2, entries: [["key", "old"]] as const },
    { id: 3, rest: [1, 2, 3] },
  ];
  return CAPTURED_FRAMES.filter(({ dialect, bytes }) => dialect >> 2 === 1 && isSmall(bytes))
    .slice(0, 8)
    .map(({ bytes }, i) =>
      writeHeaderFrame({
        seqid: i,
        protocolId: bytes[0] === 0x82 ? 2 : 0,
        transforms: i % 4 === 3 ? [1] : [],
        blocks: blocks.slice(0, 1 + (i % 3)),
        payload: bytes,
      }),
    );
}

export function thriftSeeds(): Uint8Array[] {
  const captures = CAPTURED_FRAMES.map(({ bytes }) => bytes);
  return [...captures, ...headerFrames(), ...randomMessages(48)].filter(isSmall);
}

/** Heads of messages, fields and containers, and lengths that are not there. */
export const THRIFT_TOKENS = [
  ...["80010001", "80010002", "80010003", "80010004", "8221", "8241", "8261", "8281", "0fff", "00"],
  ...["0b0001", "0c0001", "0d0001", "0e0001", "0f0001", "0f00010c", "080001", "020001", "7fffffff"],
  ...[
    "ffffffff",
    "ffffffff0f",
    "ffffffff7f",
    "8080808000",
    "18",
    "19",
    "1b",
    "1c",
    "f9ff01",
    "fc",
    "11",
  ],
  ...["0107557365722d496401", "0201", "0b0b00000001", "0c0c00000001", "10", "100001", "1d"],
].map(fromHex);

/** What no capture shows: a map with a key twice, a meta in parts, headers without an id, numbers of 64 bits. */
function trpcFrames(): Uint8Array[] {
  const { message, pair, streamFrame, StreamFrame, unaryFrame } = trpc;
  const [key, again] = [pair("key", "old"), pair("User-Id", "u")];
  const meta = (caller: string) => message([1, caller], [3, "/s/m"], [5, key], [5, again]);
  const call = message([2, 0], [3, 77], [4, 500], [5, "c"], [7, "/s/m"], [9, key], [9, again]);
  const noId = message([4, -12], [5, 3], [6, "no"], [8, key], [8, key], [9, 2], [10, 1]);
  const closed = message([1, 1], [2, 10002], [3, "fail"], [4, 1], [5, key], [6, 4]);
  return [
    unaryFrame({ header: call, body: Buffer.from("body"), id: 77 }),
    unaryFrame({ header: call, id: 0, version: 0 }),
    unaryFrame({ header: noId, id: 3 }),
    streamFrame(StreamFrame.Init, 9, message([1, meta("a")], [3, 65535], [1, meta("b")], [4, 2])),
    streamFrame(StreamFrame.Init, 9, message([3, 65535])),
    streamFrame(StreamFrame.Init, 9, message([2, message([1, 11], [2, "no"])], [5, 1])),
    streamFrame(StreamFrame.Feedback, 9, message([1, 16384])),
    streamFrame(StreamFrame.Close, 9, closed),
  ];
}

export function trpcSeeds(): Uint8Array[] {
  const captures = trpc.wholeCaptures().map(({ bytes }) => bytes);
  return [...captures, ...trpcFrames()].filter(isSmall);
}

/** Heads of frames, tags of the fields that are read, lengths and numbers that are not there. */
export const TRPC_TOKENS = [
  ...["09300000", "09300101", "09300102", "09300103", "09300104", "00000010", "0000", "ffff"],
  ...[
    "10",
    "1001",
    "18",
    "1800",
    "18ffffffff0f",
    "188080808000",
    "20",
    "28",
    "2a",
    "32",
    "3a",
    "42",
  ],
  ...["4a", "4a0c0a036b657912056f7468657200", "0a", "0a00", "12", "1200", "0801", "1012", "30"],
  ...["0b", "0c", "0d00000000", "0900000000000000ff", "ffffffffffffffffff01", "80", "2f", "2f2f"],
].map(fromHex);

/** Captures, the oldest form of a handshake, errors, words and text. */
export function zookeeperSeeds(): Uint8Array[] {
  const { connectRequest, connectResponse, int, reply, request, text } = zookeeper;
  const captures = zookeeper.wholeCaptures().map(({ bytes }) => bytes);
  const made = [
    ...[connectRequest({}), connectRequest({ password: "", isReadOnly: true })],
    ...[connectResponse({}), connectResponse({ timeout: 0, isReadOnly: false })],
    ...[request(9, 14, int(1), text("/m")), request(-4, 100, int(0), text("digest"), text("u:p"))],
    ...[request(9, 106, text("/w"), int(1)), request(9, 4, int(-1)), request(0, 77)],
    ...[reply(9, -127), reply(-4, -115), reply(0, -4)],
    ...["ruok", "srvr", "imok", "\trw\n"].map((word) => Buffer.from(word)),
  ];
  return [...captures, ...made.map((bytes) => new Uint8Array(bytes))];
}

/** xids and opcodes, lengths that are not there, words. */
export const ZOOKEEPER_TOKENS = [
  ...["ffffffff", "fffffffe", "fffffffc", "fffffff8", "00000000", "00000010", "00000001"],
  ...["00000003", "00000004", "0000000b", "0000000c", "0000000e", "00000064", "0000006a"],
  ...["fffffff5", "7fffffff", "80000000", "ffffff9b", "ffffff81", "0000002d", "00000025", "2f61"],
  ...["72756f6b", "696d6f6b", "01"],
].map(fromHex);

/** Streams of several frames of one protocol, and lines. */
export function streamSeeds(): Uint8Array[] {
  const random = new RandomSource(SEED);
  const small = (frames: readonly Uint8Array[]) => frames.filter(({ length }) => length < 400);
  const streams = [dubboSeeds(), thriftSeeds()]
    .map(small)
    .flatMap((frames) =>
      Array.from({ length: 60 }, () =>
        concat(...Array.from({ length: 1 + random.below(5) }, () => random.pick(frames))),
      ),
    );
  const lines = ["GET a 1\nPUT b 22\nERR no\n\n", "OK\nOK\nERR x\nGET", `GET ${"k".repeat(900)}\n`];
  return [...streams, ...lines.map((text) => new TextEncoder().encode(text))];
}
