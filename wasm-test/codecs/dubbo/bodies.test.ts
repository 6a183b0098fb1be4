// Bodies at their extremes, which mutations of captures seldom reach; those are in wasm-test/fuzz.
import { describe, expect, test } from "vitest";
import { hessianMap, hessianString } from "../../envoy/support/dubbo-wire.js";
import { CodecHarness } from "../harness/codec-harness.js";
import { DecodeStatus, MutationOperation, Origin } from "../harness/contract.js";
import { RandomSource } from "../../inputs/random-source.js";
import {
  buildFrame,
  concat,
  Flag,
  fromHex,
  HEADER_BYTES,
  hessianRequest,
  toHex,
} from "./frames.js";
import { HessianWriter } from "./random-hessian.js";

// The harness fails a test when the codec traps, reads behind the frame or before a guard is told,
// writes outside of its room, or reports a value that lies elsewhere.
const codec = await CodecHarness.load("dubbo-codec");
const state = codec.openState();
const STEPS = [
  { operation: MutationOperation.Set, key: "key", value: "value" },
  { operation: MutationOperation.Remove, key: "timeout" },
  { operation: MutationOperation.AddIfAbsent, key: "path", value: "p" },
];

describe("well-formed bodies", () => {
  const key = hessianString("key");

  test("10 000 random arguments and attachments are walked over, and kept byte by byte", () => {
    const random = new RandomSource(42);
    for (let i = 0; i < 10_000; i++) {
      const writer = new HessianWriter(random);
      const args = concat(writer.value(6), writer.value(3));
      const entry = concat(hessianString("other"), writer.value(4));
      const pair = concat(key, hessianString("old"));
      const entries = random.below(2) === 0 ? [entry, pair] : [pair, entry];
      const attachments = concat(fromHex("48"), ...entries, fromHex("5a"));
      const frame = hessianRequest({ descriptor: "IJ", args, attachments });
      const message = codec.decode(frame, Origin.Downstream, state);
      expect(message.decodeStatus).toBe(DecodeStatus.Done);
      expect(codec.attribute("key")).toBe("old");
      const encoded = codec.encode(7n, STEPS);
      expect(encoded.applied).toBe(true);
      const added = ["path", "p", "key", "value"].map(hessianString);
      const start = frame.subarray(0, frame.length - attachments.length);
      const [a, b, c, d] = added;
      const tail = concat(
        fromHex("48"),
        entry,
        ...[c, d, a, b].map((t) => t ?? key),
        fromHex("5a"),
      );
      expect(toHex(encoded.bytes.subarray(HEADER_BYTES))).toBe(
        toHex(concat(start.subarray(HEADER_BYTES), tail)),
      );
    }
  });

  test("cut off anywhere they have no attachments", () => {
    const random = new RandomSource(3);
    for (let i = 0; i < 200; i++) {
      const args = new HessianWriter(random).value(5);
      const frame = hessianRequest({
        descriptor: "I",
        args,
        attachments: hessianMap({ key: "v" }),
      });
      for (let end = HEADER_BYTES; end < frame.length; end++) {
        const cut = buildFrame({ flag: Flag.Request, body: frame.subarray(HEADER_BYTES, end) });
        codec.decode(cut, Origin.Downstream, state);
        expect(codec.attributeBytes("key")).toBeUndefined();
        expect(codec.encode(7n, STEPS).applied).toBe(false);
      }
    }
  });
});

describe("hostile bodies of 1 MiB end soon", () => {
  const SIZE = 1 << 20;

  function repeated(hex: string): Uint8Array {
    const part = fromHex(hex);
    return Uint8Array.from({ length: SIZE }, (_, i) => part[i % part.length] ?? 0);
  }

  test.each([
    ["lists in lists", "57"],
    ["fixed lists in lists", "79"],
    ["maps in maps", "48"],
    ["typed maps of which each names its type", "4d0161"],
    ["class definitions", "43016190"],
    ["class definitions with more fields than bytes", "430161497fffffff"],
    ["empty lists", "78"],
    ["empty string chunks", "520000"],
    ["empty binary chunks", "410000"],
    ["counts of 4 billion", "5849ffffffff"],
    ["counts of 2 billion", "58497fffffff"],
    ["objects of no class", "60"],
    ["nulls", "4e"],
    ["two-byte characters", "53ffffc3a9"],
    ["objects in objects in JSONB", "a6"],
    ["arrays of 2 billion in JSONB", "a4487fffffff"],
    ["symbols in JSONB", "7f4a6100"],
    ["typed values in JSONB", "924a6100"],
  ])("%s", (_, hex) => {
    const hostile = repeated(hex);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(hostile.length + 1);
    const texts = ["4a61", "4a61", "4a61", "4a61", "49"].map((text) =>
      concat(Uint8Array.of(0, 0, 0, text.length / 2), fromHex(text)),
    );
    const jsonb = concat(...texts, length, fromHex("a6"), hostile);
    const frames = [
      hessianRequest({ descriptor: "I", args: hostile, attachments: fromHex("485a") }),
      hessianRequest({ attachments: concat(fromHex("48"), hostile) }),
      buildFrame({ flag: Flag.FastjsonRequest, body: jsonb }),
    ];
    const started = performance.now();
    for (const frame of frames) {
      codec.decode(frame, Origin.Downstream, state);
      for (let lookup = 0; lookup < 10; lookup++) codec.attributeBytes("key");
      codec.encode(7n, STEPS);
    }
    // Thirty walks over 1 MiB take some 30 ms; one that is quadratic would take minutes.
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
