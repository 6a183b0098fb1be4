// Every module that a test runs, of a proxy or of a test alone, comes from here.
import { readFileSync } from "node:fs";
import { beforeAll } from "vitest";
import { buildWasm } from "../../scripts/build-wasm.mjs";

const modules = new Map<string, WebAssembly.Module>();

/** The module of a target of scripts/build-wasm.mjs, built if its sources have changed. */
export async function builtModule(target: string): Promise<WebAssembly.Module> {
  const known = modules.get(target);
  if (known !== undefined) return known;
  const compiled = new WebAssembly.Module(readFileSync(await buildWasm(target)));
  modules.set(target, compiled);
  return compiled;
}

/** Brings targets up to date before the first test of the calling file: a test's own time limit is for the test. */
export function buildFirst(...targets: readonly string[]): void {
  beforeAll(async () => {
    for (const target of targets) await buildWasm(target);
  });
}
