// What inputs for further codecs are made from: captured frames, a few more that no capture shows, tokens.
import { writeFrame } from "../codecs/awesomerpc/frames.js";
import * as brpc from "../codecs/brpc/frames.js";
import { message, pair } from "../codecs/harness/protobuf-message.js";
import * as tars from "../codecs/tars/frames.js";

const MAX_SEED_BYTES = 2000;

function smallOnes(frames: readonly Uint8Array[]): Uint8Array[] {
  return frames.filter((bytes) => bytes.length <= MAX_SEED_BYTES);
}

function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}

/** Frames with user fields, in parts, with numbers of 64 bits, without an id. */
function brpcFrames(): Uint8Array[] {
  const { frame, Meta } = brpc;
  const [key, again] = [pair("key", "old"), pair("User-Id", "u")];
  const names = [
    [1, "s"],
    [2, "m"],
  ] as const;
  return [
    frame(
      [
        [Meta.Request, message(...names, [3, -5], [7, "req-1"], [8, 500])],
        [Meta.CompressType, 2],
        [Meta.CorrelationId, 77],
        [Meta.UserFields, key],
        [Meta.UserFields, again],
      ],
      "data",
    ),
    frame([
      [Meta.Request, message([1, "s"], [7, key])],
      [Meta.CorrelationId, -1],
      [Meta.Request, message([2, "m"], [7, again])],
    ]),
    frame([[Meta.Request, message(...names, [7, key], [7, again], [4, 9])]], "no id"),
    frame([
      [Meta.CorrelationId, 5],
      [Meta.Response, message([1, -12], [2, "no"])],
      [Meta.UserFields, key],
      [Meta.UserFields, key],
    ]),
    frame([
      [Meta.Request, message(...names)],
      [Meta.CorrelationId, 5],
      [Meta.StreamSettings, message([1, 4])],
    ]),
  ];
}

export function brpcSeeds(): Uint8Array[] {
  return smallOnes([...brpc.wholeCaptures().map(({ bytes }) => bytes), ...brpcFrames()]);
}

/** Tags of the fields that are read, lengths and numbers that are not there. */
export const BRPC_TOKENS = [
  ...["50525043", "0000000c", "00000000", "ffffffff", "0a", "0a00", "12", "1200", "18", "1800"],
  ...[
    "20",
    "2000",
    "20ffffffffffffffffff01",
    "208080808000",
    "28",
    "3a",
    "3a00",
    "42",
    "4200",
    "4a",
  ],
  ...["3a0c0a036b657912056f74686572", "4a0c0a036b657912056f74686572", "0801", "1012", "40", "50"],
  ...["0b", "0c", "0d00000000", "0900000000000000ff", "0a8180808080800061", "80"],
].map(fromHex);

/** Frames of TUP, with keys that come twice, with values of every type, without a context. */
function tarsFrames(): Uint8Array[] {
  const { frame, requestFrame } = tars;
  const values = fromHex(
    "79000e" +
      "0a0001010002020000000303000000000000000404000000000500000000000000000601610700000001620b" +
      "0c".repeat(13),
  );
  return [
    requestFrame({ context: { key: "old", "User-Id": "u", k: "v" }, status: { group: "g" } }),
    requestFrame({ packetType: 1, func: "tars_ping" }),
    requestFrame({ version: 3, id: -1, status: { STATUS_RESULT_CODE: "-4", key: "x" } }),
    requestFrame({ version: 3, id: 300, status: { STATUS_RESULT_CODE: "7" } }),
    frame([1, 5], [2, 0], [3, 0], [4, 70_000], [5, "s"], [6, "f"], [7, values], [10, new Map()]),
    frame([1, 1], [2, 0], [3, 7], [4, 0], [5, -4], [8, "no"], [11, "new"]),
    frame([1, 1], [2, 0], [3, 0], [4, 7], [5, "s"], [6, "f"], [9, fromHex("9800010601611005")]),
  ];
}

export function tarsSeeds(): Uint8Array[] {
  return smallOnes([...tars.wholeCaptures().map(({ bytes }) => bytes), ...tarsFrames()]);
}

/** Heads of fields, sizes and lengths that are not there, pairs. */
export const TARS_TOKENS = [
  ...["1001", "1003", "2c", "2001", "3c", "4001", "42ffffffff", "4180000000", "5c", "5600", "6600"],
  ...[
    "7d00",
    "7d000c",
    "7d00027fffffff",
    "780c",
    "8c",
    "8600",
    "980c",
    "98000106036b65791605",
    "9c",
  ],
  ...["a80c", "0c", "00ff", "027fffffff", "01ffff", "0a0b", "79", "7a", "0b", "ff0f", "f80a", "03"],
  ...["06036b6579160576616c7565", "0607557365722d4964160175", "0700000001", "67ffffffff"],
].map(fromHex);

export function awesomeRpcSeeds(): Uint8Array[] {
  return [
    writeFrame({ flow: 7, command: 1001, body: "hello" }),
    writeFrame({ flow: 0xffff_ffff, command: -5, responseCode: -32768, version: -1 }),
    writeFrame({ flow: 0, command: 0 }),
  ];
}

export const AWESOMERPC_TOKENS = ["0000000d", "ffffffff", "0001", "8000"].map(fromHex);
