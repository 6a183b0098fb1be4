// Inputs as text: one a line, in hexadecimal; lines that begin with "#" say what follows.
import { existsSync, readFileSync, writeFileSync } from "node:fs";

/** Where the inputs lie that reached what no seed does, and those that once broke something. */
export type CorpusFolder = "corpus" | "crashers";

function fileOf(folder: CorpusFolder, target: string): URL {
  return new URL(`${folder}/${target}.txt`, import.meta.url);
}

/** No inputs when there is no file. */
export function readInputs(folder: CorpusFolder, target: string): Uint8Array[] {
  const file = fileOf(folder, target);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  return lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => new Uint8Array(Buffer.from(line, "hex")));
}

export function writeInputs(target: string, inputs: readonly Uint8Array[]): void {
  const lines = inputs.map((bytes) => Buffer.from(bytes).toString("hex"));
  writeFileSync(fileOf("corpus", target), `${lines.join("\n")}\n`);
}
