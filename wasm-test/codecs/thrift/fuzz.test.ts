import { expect, test } from "vitest";
import { CodecHarness } from "../harness/codec-harness.js";
import {
  type DecodedMessage,
  DecodeStatus,
  ErrorKind,
  MutationOperation,
  type MutationStep,
  Origin,
} from "../harness/contract.js";
import { RandomSource } from "../../inputs/random-source.js";
import { CAPTURED_FRAMES } from "./captured-frames.js";
import { type InfoBlock, writeHeaderFrame } from "./header-frame.js";
import { DIALECTS, WireType, writeMessage } from "./official-library.js";
import { randomMessage, randomText } from "./random-message.js";

const SEED = 0x7e57;
const INPUTS = 210_000;
// Generated frames are dear; each is spoiled in many ways.
const SPOILED_PER_FRAME = 150;
const MINUTE = 60_000;
const UNFRAMED_LAX = 5;

const codec = await CodecHarness.load("thrift-codec");
const { walkSteps } = codec.exports as unknown as { walkSteps: () => bigint };
const state = codec.openState();
const NAMES = [
  "method",
  "service",
  "message_type",
  "seqid",
  "transport",
  "protocol",
  "user-id",
  "",
];
const STEPS: readonly MutationStep[] = [
  { operation: MutationOperation.Set, key: "User-Id", value: "u-1001" },
  { operation: MutationOperation.Remove, key: "trace" },
  { operation: MutationOperation.AddIfAbsent, key: "x", value: "" },
];
// Values that lengths, counts and types like to break at.
const BYTES = [0, 1, 2, 0x0b, 0x0c, 0x0f, 0x7f, 0x80, 0x81, 0x82, 0xfe, 0xff];

function randomHeaderFrame(random: RandomSource, payload: Uint8Array): Uint8Array {
  const blocks: InfoBlock[] = [];
  while (random.below(2) === 0) {
    const id = 1 + random.below(3);
    const entry = (): [string, string] => [
      random.pick(["user-id", "USER-ID", "Trace", "x", ""]),
      randomText(random, 20),
    ];
    if (id === 3) blocks.push({ id, rest: [random.below(256), random.below(256)] });
    else blocks.push({ id, entries: Array.from({ length: random.below(4) }, entry) });
  }
  const transforms = random.below(8) === 0 ? [random.below(4)] : [];
  const seqid = random.below(2 ** 32);
  return writeHeaderFrame({ seqid, protocolId: random.below(3), transforms, blocks, payload });
}

function randomFrame(random: RandomSource, origin: Origin): Uint8Array {
  if (random.below(4) === 0) {
    return random.pick(CAPTURED_FRAMES.filter((f) => f.origin === origin && !f.truncated)).bytes;
  }
  const types =
    origin === Origin.Downstream
      ? [WireType.Call, WireType.Oneway]
      : [WireType.Reply, WireType.Exception];
  const dialect = random.pick(DIALECTS);
  const frame = writeMessage(dialect, randomMessage(random, random.pick(types)));
  if (dialect.transport !== "unframed" || random.below(2) === 0) return frame;
  return randomHeaderFrame(random, frame);
}

/** Changes, repeats, cuts or replaces some of the bytes. */
function spoil(random: RandomSource, frame: Uint8Array): Uint8Array {
  let bytes = frame.slice();
  for (let times = random.below(4); times > 0 && bytes.length > 0; times--) {
    // Heads are worth more than bodies.
    const at = random.below(random.below(2) === 0 ? Math.min(40, bytes.length) : bytes.length);
    const end = Math.min(bytes.length, at + 1 + random.below(4));
    switch (random.below(5)) {
      case 0:
        bytes[at] = random.pick(BYTES);
        break;
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 2:
        bytes.fill(random.pick(BYTES), at, end);
        break;
      case 3:
        bytes = new Uint8Array(Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]));
        break;
      default:
        bytes = new Uint8Array(Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]));
    }
  }
  return random.below(10) === 0 ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes;
}

/** Shows the bytes in two pieces or at once, as a connection does. */
function decode(random: RandomSource, bytes: Uint8Array, origin: Origin): DecodedMessage {
  codec.clearState(state);
  if (random.below(3) === 0) {
    const part = bytes.subarray(0, 1 + random.below(bytes.length));
    const first = codec.decode(part, origin, state);
    if (first.decodeStatus !== DecodeStatus.WaitForData) return first;
  }
  return codec.decode(bytes, origin, state);
}

/** Does to a message all that the engine may do to it; the harness checks every slice and bound. */
function useMessage(message: DecodedMessage, origin: Origin): void {
  const values = NAMES.map((name) => codec.attribute(name));
  const context = codec.captureContext();
  const reply = codec.encodeError(ErrorKind.Timeout, message.id, "text", context);
  expect(reply.length).toBeGreaterThan(0);
  const original = codec.frame();
  expect(codec.encode(message.id).bytes).toEqual(original);
  const changed = codec.encode(message.id, STEPS);
  const other = codec.encode(1234n).bytes;
  if (codec.patchId(1234n)) expect(codec.frame()).toEqual(other);

  codec.clearState(state);
  const again = codec.decode(changed.bytes, origin, state);
  expect(again).toMatchObject({
    decodeStatus: DecodeStatus.Done,
    frameLength: changed.bytes.length,
    id: message.id,
    type: message.type,
    status: message.status,
    dialect: message.dialect,
  });
  expect(NAMES.slice(0, 6).map((name) => codec.attribute(name))).toEqual(values.slice(0, 6));
  if (changed.applied) expect(codec.attribute("user-id")).toBe("u-1001");
  // Without a frame, a lax message is told by its name, which spoiling makes no text at all.
  if (message.dialect === UNFRAMED_LAX) return;
  codec.clearState(state);
  const upstreamReply = codec.decode(reply, Origin.Upstream, state);
  expect(upstreamReply).toMatchObject({
    decodeStatus: DecodeStatus.Done,
    frameLength: reply.length,
  });
}

test(
  `${String(INPUTS)} spoiled frames neither trap nor read or write where they must not`,
  () => {
    const random = new RandomSource(SEED);
    const seen = { done: 0, waiting: 0, refused: 0 };
    for (let round = 0; round < INPUTS / SPOILED_PER_FRAME; round++) {
      const origin = random.pick([Origin.Downstream, Origin.Upstream]);
      const frame = randomFrame(random, origin);
      for (let i = 0; i < SPOILED_PER_FRAME; i++) {
        const bytes = spoil(random, frame);
        if (bytes.length === 0) continue;
        const before = walkSteps();
        const message = decode(random, bytes, origin);
        if (Number(walkSteps() - before) > 2 * bytes.length + 4) {
          throw new Error(`too much work for ${Buffer.from(bytes).toString("hex")}`);
        }
        if (message.decodeStatus === DecodeStatus.Error) seen.refused++;
        if (message.decodeStatus === DecodeStatus.WaitForData) seen.waiting++;
        if (message.decodeStatus !== DecodeStatus.Done) continue;
        seen.done++;
        if (i % 16 === 0) useMessage(message, origin);
      }
    }
    // Neither all garbage nor all fine.
    expect(seen.done).toBeGreaterThan(INPUTS / 5);
    expect(seen.refused).toBeGreaterThan(INPUTS / 20);
    expect(seen.waiting).toBeGreaterThan(INPUTS / 20);
  },
  MINUTE,
);

test(
  "noise does not trap",
  () => {
    const random = new RandomSource(SEED);
    for (let round = 0; round < 20_000; round++) {
      const bytes = new Uint8Array(1 + random.below(60)).map(() =>
        random.below(2) === 0 ? random.pick(BYTES) : random.below(256),
      );
      const message = decode(random, bytes, random.pick([Origin.Downstream, Origin.Upstream]));
      expect([DecodeStatus.Done, DecodeStatus.WaitForData, DecodeStatus.Error]).toContain(
        message.decodeStatus,
      );
    }
  },
  MINUTE,
);
