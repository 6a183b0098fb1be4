// What the codec calls a complete Dubbo request, Apache's Dubbo for Java reads as one of the same length
// and id; a method that the codec finds is the one that Dubbo calls; and attachments behind arguments
// that the codec walked over are those that Dubbo's Hessian2 library finds behind the same arguments.
import { afterAll, beforeAll, expect, test } from "vitest";
import { CodecHarness } from "../../codecs/harness/codec-harness.js";
import {
  DecodeStatus,
  MessageType,
  MutationOperation,
  Origin,
} from "../../codecs/harness/contract.js";
import { describeWith } from "../../envoy/support/describe-with.js";
import { type DubboReading, FrameReader, missingDubboReader } from "./frame-reader.js";
import { inputMaker, isText } from "./made-inputs.js";

const SEED = 0xd0bb;
const INPUTS = 100_000;
const BATCH = 2000;
const LEAST_COMPARED = 30_000;
const LEAST_WALKED = 1000;
const MINUTES = 10 * 60_000;
const HESSIAN2 = 2;
const STEPS = [{ operation: MutationOperation.Set, key: "added", value: "v" }];
const NAMES = ["group", "key", "timeout"];

/** Where the library refuses what the codec walks over, by what it says. */
const EXCEPTIONS: readonly (readonly [says: RegExp, why: string])[] = [
  [/^IndexOutOfBoundsException/, "references to values, types and classes are not followed"],
  [/Deserializer|expected .* at/, "which values a Java type can have is its own matter"],
  [/^(UnsupportedOperation|ClassCast|NullPointer|NumberFormat)/, "the same"],
];
/** Of JVMS 4.3.2. In any other text Java looks for what resembles a type; the codec finds no values. */
const DESCRIPTOR = /^(\[*([BCDFIJSZ]|L[\w$/]+;))*$/;

interface DubboRequest {
  readonly bytes: Uint8Array;
  readonly id: bigint;
  readonly method: Uint8Array | undefined;
  /** The arguments were walked over, up to the frame's end. */
  readonly isWalked: boolean;
  readonly attachments: Readonly<Record<string, Uint8Array | undefined>>;
}

function textOf(reading: DubboReading, name: string): string | undefined {
  const entries = Object.entries(reading.attachments ?? {});
  return entries.filter(([key]) => key.toLowerCase() === name).at(-1)?.[1];
}

/** Bytes that are no UTF-8, such as halves of a character, are what they are to the codec. */
function isSame(bytes: Uint8Array | undefined, text: string | undefined): boolean {
  if (bytes !== undefined && !isText(bytes)) return text !== undefined;
  return (bytes && Buffer.from(bytes).toString()) === text;
}

/** A text in several chunks is no attribute: its bytes do not lie together. */
function isInChunks(frame: Uint8Array, name: string): boolean {
  const text = Buffer.from(frame).toString("latin1").toLowerCase();
  // The chunk's tag is the letter R, behind the name.
  return text.includes(`${name}r`);
}

function walkDisagreement(request: DubboRequest, reading: DubboReading): string | undefined {
  // What the codec does not walk over passes all the same, without attributes from behind it.
  if (!request.isWalked) return undefined;
  const descriptor = reading.head?.[4] ?? "";
  const { error } = reading;
  if (error !== undefined) {
    const isExcepted = EXCEPTIONS.some(([says]) => says.test(error));
    return isExcepted || !DESCRIPTOR.test(descriptor) ? undefined : error;
  }
  if (!DESCRIPTOR.test(descriptor)) return undefined;
  const other = NAMES.filter((name) => !isInChunks(request.bytes, name)).find(
    (name) => !isSame(request.attachments[name], textOf(reading, name)),
  );
  return other && `${other}: ${String(textOf(reading, other))}`;
}

/** What is wrong, or undefined. */
function disagreement(request: DubboRequest, reading: DubboReading): string | undefined {
  if (reading.length !== request.bytes.length) return `length ${String(reading.length)}`;
  if (reading.id !== String(request.id)) return `id ${String(reading.id)}`;
  const { method } = request;
  if (method !== undefined && isText(method)) {
    const found = reading.head?.[3];
    if (found !== Buffer.from(method).toString()) return `method ${String(found ?? reading.error)}`;
  }
  return walkDisagreement(request, reading);
}

describeWith("Dubbo for Java", [missingDubboReader()], () => {
  let reader: FrameReader;
  beforeAll(async () => {
    reader = await FrameReader.startDubbo();
  });
  afterAll(() => reader.stop());

  test(`${String(INPUTS)} inputs`, { timeout: MINUTES }, async () => {
    const make = await inputMaker("dubbo", SEED);
    const codec = await CodecHarness.load("dubbo-codec");
    const state = codec.openState();
    const decode = (input: Uint8Array): DubboRequest | undefined => {
      const message = codec.decode(input, Origin.Downstream, state);
      if (message.decodeStatus !== DecodeStatus.Done) return undefined;
      const isRequest = message.type === MessageType.Request || message.type === MessageType.Oneway;
      if (!isRequest || ((input[2] ?? 0) & 0x1f) !== HESSIAN2) return undefined;
      return {
        bytes: input.slice(0, message.frameLength),
        id: message.id,
        method: codec.attributeBytes("method"),
        attachments: Object.fromEntries(NAMES.map((name) => [name, codec.attributeBytes(name)])),
        isWalked: codec.encode(message.id, STEPS).applied,
      };
    };
    let compared = 0;
    let walked = 0;
    for (let first = 0; first < INPUTS; first += BATCH) {
      const inputs = Array.from({ length: BATCH }, (_, i) => make(first + i));
      const requests = inputs.map(decode).filter((request) => request !== undefined);
      const readings = await reader.read(requests.map(({ bytes }) => bytes));
      requests.forEach((request, index) => {
        const wrong = disagreement(request, readings[index] ?? {});
        if (wrong !== undefined) expect(Buffer.from(request.bytes).toString("hex")).toBe(wrong);
        if (request.isWalked) walked++;
      });
      compared += requests.length;
    }
    console.log(`${compared} requests were compared, ${walked} of them to the end`);
    expect(compared).toBeGreaterThan(LEAST_COMPARED);
    expect(walked).toBeGreaterThan(LEAST_WALKED);
  });
});
