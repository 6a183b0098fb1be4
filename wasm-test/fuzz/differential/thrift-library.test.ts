// What the codec calls a complete Thrift message, Apache's library for Node.js reads as one: the same
// name, sequence id and, without a frame, the same end. Of framed messages the codec reads the head only.
import { expect, test } from "vitest";
import { readHead } from "../../codecs/thrift/official-library.js";
import { isText } from "./made-inputs.js";
import { type ThriftFrame, ThriftFrames } from "./thrift-frames.js";

const SEED = 0xd1ff;
const INPUTS = 100_000;
const LEAST_COMPARED = 30_000;
const MINUTES = 10 * 60_000;

/** Where the library is stricter than the protocol, by what it says. */
const EXCEPTIONS: readonly (readonly [says: RegExp, why: string])[] = [
  [/^Transforms are not yet supported$/, "it takes no list of transforms, not even one of none"],
  [/^Unknown type: 1[45]$/, "an empty list ends where it does, whatever its elements would be"],
  [
    /^Stringified UUID is invalid$/,
    "it takes UUIDs of known versions only; others are 16 bytes too",
  ],
];

function isExcepted(says: string): boolean {
  return EXCEPTIONS.some(([pattern]) => pattern.test(says));
}

/** What is wrong, or undefined. */
function disagreement({ bytes, dialect, name, seqid }: ThriftFrame): string | undefined {
  let head;
  try {
    head = readHead(dialect, bytes);
  } catch (error) {
    const says = error instanceof Error ? error.message : String(error);
    return isExcepted(says) ? undefined : says;
  }
  if (isText(name) && head.name !== Buffer.from(name).toString()) return `name ${head.name}`;
  if (String(head.seqid) !== seqid) return `seqid ${String(head.seqid)}`;
  if (dialect.transport !== "unframed" || head.end === bytes.length) return undefined;
  return typeof head.end === "string" && isExcepted(head.end) ? undefined : `end ${head.end}`;
}

test(`${String(INPUTS)} inputs`, { timeout: MINUTES }, async () => {
  const frames = (await ThriftFrames.load(SEED)).take(0, INPUTS);
  for (const frame of frames) {
    const wrong = disagreement(frame);
    if (wrong !== undefined) expect(Buffer.from(frame.bytes).toString("hex")).toBe(wrong);
  }
  expect(frames.length).toBeGreaterThan(LEAST_COMPARED);
});
