// Modules for tests, whether a proxy or a test runs them. Ask for them where a file begins or in a hook:
// building one may take longer than a test may, and the first file that needs it has to wait for it.
import { readFileSync } from "node:fs";
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
