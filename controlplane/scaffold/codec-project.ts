// The project of a codec: templates/codec.
import { join } from "node:path";
import type { PackageSources } from "./package-sources.js";
import { className, projectNameFault } from "./project-name.js";
import { writeProject } from "./project.js";

export interface CodecProjectOptions {
  /** For which `codecNameFault` finds nothing. */
  readonly name: string;
  /** Must not exist. */
  readonly folder: string;
  /** Where the templates of all kinds of projects are. */
  readonly templates: string;
  readonly packages: PackageSources;
}

/** What keeps a name from being one of a codec, which is that of its protocol too; undefined: nothing. */
export function codecNameFault(name: string): string | undefined {
  // The name of a port, `tcp-metaprotocol-<protocol>-<anything>`, ends that of its protocol at the first `-`.
  if (name.includes("-")) return "must not contain `-`: it is the name of a protocol, too";
  if (name === "frame")
    return "must be another one: `frame` is the module of protocols that are described";
  return projectNameFault(name);
}

/** @returns paths of the files, sorted. */
export function writeCodecProject(options: CodecProjectOptions): Promise<string[]> {
  const { name, folder, templates, packages } = options;
  return writeProject({
    templates: [join(templates, "codec")],
    values: { name, Name: className(name), ...packages },
    folder,
  });
}
