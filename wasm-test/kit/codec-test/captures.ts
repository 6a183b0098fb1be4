// Recorded frames of a protocol and what its owner says of them: the folder of captures, and captures.yaml in it.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { parse } from "yaml";
import { readFrame } from "../frames.js";
import { readDescriptions, type Description, type FrameKind, type Side } from "./description.js";

/** A recorded frame, whole. */
export interface CapturedFrame {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly kind: FrameKind;
  readonly from: Side;
  /** Of a request: what it was answered with. */
  readonly answer: string | undefined;
  /** Of a request: values by name; null: it has no such attribute. */
  readonly attributes: Readonly<Record<string, string | null>>;
  /** Of a response; undefined: nobody says. */
  readonly status: "ok" | "error" | undefined;
  /** Where the request id is, if that has a fixed width; undefined: it is not said. */
  readonly id: { readonly at: number; readonly bytes: number } | undefined;
}

export interface Captures {
  readonly frames: readonly CapturedFrame[];
  /** Bytes at a frame's start that no frame of the protocol has. */
  readonly garbage: readonly Uint8Array[];
  /** Recorded files that are left out, with the reason. */
  readonly unused: readonly string[];
}

const DESCRIPTION = "captures.yaml";

/**
 * Reads a folder of `.hex` and `.bin` files, one frame each. Without a captures.yaml the names tell: `req` in the name
 * is a request, `rsp` its response, and a pair has the same name otherwise.
 *
 * @throws Error that names everything that is wrong, or says that there is no frame.
 */
export function readCaptures(folder: string): Captures {
  const files = new Map<string, string>();
  for (const file of readdirSync(folder).sort()) {
    if (/\.(hex|bin)$/.test(file)) files.set(basename(file, extname(file)), join(folder, file));
  }
  const path = join(folder, DESCRIPTION);
  const text = existsSync(path) ? readFileSync(path, "utf8") : undefined;
  const described =
    text === undefined
      ? { frames: describeByName([...files.keys()]), garbage: [] }
      : readDescriptions(parse(text) as unknown, path, new Set(files.keys()));
  const frames: CapturedFrame[] = [];
  const unused: string[] = [];
  for (const [name, file] of files) {
    const description = described.frames.get(name);
    if (description === undefined) unused.push(`${name}: not in ${DESCRIPTION}`);
    else if (isCut(file)) unused.push(`${name}: it is cut`);
    else frames.push({ name, bytes: readBytes(file), ...description });
  }
  if (frames.length === 0) throw new Error(`${folder} holds no frame: .hex or .bin, one in each`);
  const { garbage } = described;
  return { frames: frames.map((frame) => withAnswer(frame, frames)), garbage, unused };
}

function readBytes(file: string): Uint8Array {
  return file.endsWith(".hex") ? readFrame(file) : new Uint8Array(readFileSync(file));
}

/** Of a long frame only its head may have been kept. */
function isCut(file: string): boolean {
  return file.endsWith(".hex") && /^#.*\[TRUNCATED/m.test(readFileSync(file, "utf8"));
}

const REQUEST = /(?<![a-z])req(uest)?(?![a-z])/;
const RESPONSE = /(?<![a-z])(rsp|resp|response)(?![a-z])/;

function describeByName(names: readonly string[]): Map<string, Description> {
  const descriptions = new Map<string, Description>();
  const bare = (name: string): string => name.replace(REQUEST, "*").replace(RESPONSE, "*");
  for (const name of names) {
    const isRequest = REQUEST.test(name);
    if (!isRequest && !RESPONSE.test(name)) continue;
    const answer = names.find((other) => RESPONSE.test(other) && bare(other) === bare(name));
    descriptions.set(name, {
      kind: isRequest ? "request" : "response",
      from: isRequest ? "client" : "server",
      answer: isRequest ? answer : undefined,
      attributes: {},
      status: undefined,
      id: undefined,
    });
  }
  return descriptions;
}

/** A request for which none is named is answered with the first response. */
function withAnswer(frame: CapturedFrame, frames: readonly CapturedFrame[]): CapturedFrame {
  if (frame.kind !== "request") return frame;
  const isThere = frames.some(({ name }) => name === frame.answer);
  const first = frames.find(({ kind }) => kind === "response")?.name;
  return isThere ? frame : { ...frame, answer: first };
}
