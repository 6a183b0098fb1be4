// Compiles a project's module with the compiler of the project, and refuses what no proxy would take.
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type WasmModule, wasmModule } from "./wasm-module.js";

export interface BuildOptions {
  /** An entry file in AssemblyScript, such as `assembly/dubbo.ts`. */
  readonly entry: string;
  /** Default: `build/<name of the entry>.wasm` in the project. */
  readonly output: string | undefined;
}

/** The part of `assemblyscript/asc` that is used here. */
interface Compiler {
  main(argv: readonly string[]): Promise<{
    readonly error: Error | null;
    readonly stderr: { toString(): string };
  }>;
}

const CONFIG = "asconfig.json";

/** @throws Error with what the compiler says, or what is wrong with the module; nothing is written then. */
export async function buildModule({ entry, output }: BuildOptions): Promise<WasmModule> {
  const source = resolve(entry);
  if (!existsSync(source)) throw new Error(`${entry} does not exist`);
  const project = projectOf(source);
  const name = basename(source).replace(/\.ts$/, "");
  const target = resolve(output ?? join(project, "build", `${name}.wasm`));
  const partial = `${target}.${process.pid}`;
  const compiler = await compilerOf(project);
  await mkdir(dirname(target), { recursive: true });
  try {
    // All paths are relative to the project: where it lies is no part of what comes out.
    const { error, stderr } = await compiler.main([
      relative(project, source),
      ...["--baseDir", project, "--config", CONFIG],
      ...["--outFile", relative(project, partial)],
      "--noColors",
    ]);
    if (error !== null) throw new Error(`${entry} does not compile:\n${stderr.toString().trim()}`);
    const result = await wasmModule(name, target, new Uint8Array(await readFile(partial)));
    if (result.kind === "refused") throw new Error(`${entry} is refused: ${result.reason}`);
    await rename(partial, target);
    return result.module;
  } finally {
    await rm(partial, { force: true });
  }
}

/** The nearest folder above the entry that has options for the compiler. */
function projectOf(source: string): string {
  for (let folder = dirname(source); ; folder = dirname(folder)) {
    if (existsSync(join(folder, CONFIG))) return folder;
    if (dirname(folder) === folder)
      throw new Error(
        `${source} belongs to no project: no folder above it has ${CONFIG}, as \`metaproto new filter\` writes it`,
      );
  }
}

async function compilerOf(project: string): Promise<Compiler> {
  let path: string;
  try {
    // Its package declares it for `import` only, which cannot be asked for another folder.
    const manifest = createRequire(join(project, "package.json")).resolve(
      "assemblyscript/package.json",
    );
    path = join(dirname(manifest), "dist/asc.js");
  } catch {
    throw new Error(`${project} has no assemblyscript: run \`npm install\` there`);
  }
  const { default: compiler } = (await import(pathToFileURL(path).href)) as {
    readonly default: Compiler;
  };
  return compiler;
}
