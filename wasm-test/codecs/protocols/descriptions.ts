// The descriptions of docs/protocol-owners/frames, compiled.
import { readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import {
  type FrameDescription,
  frameDescription,
} from "../../../controlplane/api/frame/description.js";
import { Findings, Site } from "../../../controlplane/api/schema/site.js";
import { type CompiledFrame, compileFrame } from "../../../controlplane/frame/compile.js";
import { CodecHarness } from "../harness/codec-harness.js";

const FOLDER = new URL("../../../docs/protocol-owners/frames/", import.meta.url);

interface Resource {
  readonly spec: { readonly frame: unknown };
}

/** @throws Error that names all faults. */
export function readDescription(frame: unknown): FrameDescription {
  const findings = new Findings("fault", "");
  const description = frameDescription.read(frame, Site.root(findings));
  if (findings.faults.length > 0) throw new Error(JSON.stringify(findings.faults));
  return description;
}

/** @throws Error that names all faults. */
export function compile(frame: unknown): CompiledFrame {
  const compilation = compileFrame(readDescription(frame));
  if (compilation.outcome === "compiled") return compilation.frame;
  throw new Error(JSON.stringify(compilation.faults));
}

/** The description of a protocol as it stands in its file. */
export function describedFrame(protocol: string): unknown {
  const text = readFileSync(new URL(`${protocol}.yaml`, FOLDER), "utf8");
  return (parseDocument(text, { merge: true }).toJS() as Resource).spec.frame;
}

/** The module's codec with a description. */
export async function codecOf(frame: unknown): Promise<CodecHarness> {
  const codec = await CodecHarness.load("frame-codec");
  const fault = codec.configure(compile(frame).table);
  if (fault !== "") throw new Error(fault);
  return codec;
}

export function describedCodec(protocol: string): Promise<CodecHarness> {
  return codecOf(describedFrame(protocol));
}
