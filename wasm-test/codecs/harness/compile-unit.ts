// Compiles an AssemblyScript entry file of wasm-test/units with the options of asconfig.json, which
// are those of the product's modules; asc reads that file by itself.
// The result is kept under .cache/wasm-units, named after everything that went into it.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const CACHE = join(ROOT, ".cache", "wasm-units");
const IMPORT = /\bfrom\s+"(\.{1,2}\/[^"]+)"/g;

/** Collects `file` and what it imports by relative paths, in the order of their discovery. */
function collectSources(file: string, found: Map<string, string>): void {
  if (found.has(file)) return;
  const text = readFileSync(file, "utf8");
  found.set(file, text);
  for (const match of text.matchAll(IMPORT)) {
    collectSources(join(dirname(file), `${match[1] ?? ""}.ts`), found);
  }
}

function cacheKey(sources: ReadonlyMap<string, string>): string {
  const compiler = readFileSync(join(ROOT, "node_modules", "assemblyscript", "package.json"));
  const config: unknown = JSON.parse(readFileSync(join(ROOT, "asconfig.json"), "utf8"));
  if (typeof config !== "object" || config === null || !("options" in config)) {
    throw new Error("asconfig.json has no options");
  }
  const hash = createHash("sha256").update(compiler).update(JSON.stringify(config.options));
  for (const [file, text] of sources) hash.update(relative(ROOT, file)).update(text);
  return hash.digest("hex").slice(0, 24);
}

async function compile(entry: string, out: string): Promise<void> {
  const stderr = asc.createMemoryStream();
  const files = [relative(ROOT, entry), "--outFile", relative(ROOT, out)];
  const { error } = await asc.main([...files, "--baseDir", ROOT], { stderr });
  if (error) throw new Error(`${relative(ROOT, entry)} does not compile:\n${stderr.toString()}`);
}

/**
 * The compiled bytes of `wasm-test/units/<unit>.ts`. Throws with the compiler's output when it does
 * not compile. A second call with unchanged sources reads the cache.
 */
export async function compileUnit(unit: string): Promise<Uint8Array<ArrayBuffer>> {
  const entry = join(ROOT, "wasm-test", "units", `${unit}.ts`);
  const sources = new Map<string, string>();
  collectSources(entry, sources);
  const cached = join(CACHE, `${unit}-${cacheKey(sources)}.wasm`);
  if (!existsSync(cached)) {
    mkdirSync(CACHE, { recursive: true });
    const fresh = `${cached}.${String(process.pid)}`;
    await compile(entry, fresh);
    for (const name of readdirSync(CACHE)) {
      if (name.startsWith(`${unit}-`) && name.endsWith(".wasm")) {
        rmSync(join(CACHE, name), { force: true });
      }
    }
    renameSync(fresh, cached);
  }
  return new Uint8Array(readFileSync(cached));
}
