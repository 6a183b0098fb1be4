// Compiles the control plane, and the package that one of its commands runs, in place, so that a command that runs
// meanwhile always finds its files; then removes what former sources have left.
import { readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { run } from "./run-command.mjs";
import { ROOT } from "./stamp.mjs";

/** Each has a tsconfig.json, and its output in `dist`. */
const FOLDERS = ["controlplane", "wasm-test/kit"];
/** How tsc begins the line of a file that it has written. */
const EMITTED = "TSFILE: ";

async function main() {
  for (const folder of FOLDERS) await compile(folder);
}

async function compile(folder) {
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const args = [tsc, "-p", `${folder}/tsconfig.json`, "--listEmittedFiles"];
  const lines = (await run(process.execPath, args, { keptBytes: Infinity })).split("\n");
  const emitted = new Set(
    lines
      .filter((line) => line.startsWith(EMITTED))
      .map((line) => resolve(ROOT, line.slice(EMITTED.length).trim())),
  );
  prune(join(ROOT, folder, "dist"), emitted);
}

/** Removes everything below `folder` that is not to be kept. @returns whether the folder is empty now. */
function prune(folder, kept) {
  let isEmpty = true;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const isStale = entry.isDirectory() ? prune(path, kept) : !kept.has(path);
    if (isStale) rmSync(path, { recursive: true });
    else isEmpty = false;
  }
  return isEmpty;
}

main().catch((error) => {
  console.error(`build-controlplane: ${error.message}`);
  process.exitCode = 1;
});
