// Compiles the targets of asconfig.json: `npm run build:wasm [target...]`, all of them by default.
// A target `test/<unit>` that asconfig.json does not list is wasm-test/units/<unit>.ts, compiled with the
// options that all targets share; `coverage/<unit>` is the same one function for one function of the
// sources, with their names.
// A target is up to date while everything its compilation read has the content it had then; what was
// read is recorded in build/.inputs, so that an edit rebuilds only the modules it concerns.
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
/** Nothing is inlined, and the module says what its functions are called. */
const UNOPTIMISED = ["--optimizeLevel", "0", "--shrinkLevel", "0", "--debug"];

/**
 * @typedef {{ entry: string, outFile: string, flags?: string[] }} Target
 * @typedef {{ key: string, files: Record<string, string> }} Inputs
 */

/** @returns {{ options: object, targets: Record<string, Target> }} */
function readConfig() {
  return JSON.parse(readFileSync(join(ROOT, "asconfig.json"), "utf8"));
}

/** @param {string | Uint8Array} content */
function digest(content) {
  return createHash("sha256").update(content).digest("hex");
}

/**
 * Throws for a name that means nothing.
 *
 * @param {string} name
 * @returns {Target}
 */
function targetOf(name) {
  const listed = readConfig().targets[name];
  if (listed) return listed;
  const [, folder, unit] = /^(test|coverage)\/([\w-]+)$/.exec(name) ?? [];
  const entry = `wasm-test/units/${unit}.ts`;
  if (unit === undefined || !existsSync(join(ROOT, entry))) {
    throw new Error(`neither asconfig.json nor wasm-test/units has a target ${name}`);
  }
  const flags = folder === "coverage" ? UNOPTIMISED : [];
  return { entry, outFile: `build/${name}.wasm`, flags };
}

/** What decides about the output besides the sources. @param {Target} target */
function keyOf(target) {
  const compiler = readFileSync(join(ROOT, "node_modules/assemblyscript/package.json"), "utf8");
  return digest(JSON.stringify([JSON.parse(compiler).version, readConfig().options, target]));
}

/** @param {string} name */
function inputsFile(name) {
  return join(ROOT, "build", ".inputs", `${name.replaceAll("/", "+")}.json`);
}

/** @param {string} name @param {Target} target */
function isUpToDate(name, target) {
  const recorded = inputsFile(name);
  if (!existsSync(recorded) || !existsSync(join(ROOT, target.outFile))) return false;
  /** @type {Inputs} */
  const inputs = JSON.parse(readFileSync(recorded, "utf8"));
  if (inputs.key !== keyOf(target)) return false;
  return Object.entries(inputs.files).every(([file, hash]) => {
    const path = join(ROOT, file);
    return existsSync(path) && digest(readFileSync(path)) === hash;
  });
}

/** Whether the process that took the lock has ended without giving it back. @param {string} lock */
function isAbandoned(lock) {
  if (!existsSync(lock)) return false;
  try {
    process.kill(Number(readFileSync(lock, "utf8")), 0);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}

/**
 * Runs `work` while no other process does so for the same target: test files run at the same time and
 * need the same modules.
 *
 * @param {string} name
 * @param {() => Promise<void>} work
 */
async function exclusively(name, work) {
  const lock = `${inputsFile(name)}.lock`;
  mkdirSync(dirname(lock), { recursive: true });
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
      if (isAbandoned(lock)) rmSync(lock, { force: true });
      else await sleep(50);
    }
  }
  try {
    await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Writes by way of a rename: a reader never sees half a file. @param {string} path */
function writeWhole(path, content) {
  mkdirSync(dirname(path), { recursive: true });
  const partial = `${path}.${String(process.pid)}`;
  writeFileSync(partial, content);
  renameSync(partial, path);
}

/** @param {string} name @param {Target} target */
async function compile(name, target) {
  const { default: asc } = await import("assemblyscript/asc");
  // Taken first: when the options change while it compiles, the next run must compile again.
  const key = keyOf(target);
  /** @type {Record<string, string>} */
  const files = {};
  const partial = `${target.outFile}.${String(process.pid)}`;
  const { error, stderr } = await asc.main(
    [
      ...[target.entry, "--target", name, "--outFile", partial, "--baseDir", ROOT],
      ...(target.flags ?? []),
    ],
    {
      readFile(file, baseDir) {
        const path = resolve(baseDir, file);
        if (!existsSync(path)) return null;
        const text = readFileSync(path, "utf8");
        if (path.endsWith(".ts")) files[path.slice(ROOT.length)] = digest(text);
        return text;
      },
    },
  );
  if (error) {
    rmSync(join(ROOT, partial), { force: true });
    throw new Error(`${target.entry} does not compile:\n${stderr.toString()}${error.message}`);
  }
  renameSync(join(ROOT, partial), join(ROOT, target.outFile));
  writeWhole(inputsFile(name), JSON.stringify({ key, files }, null, 1));
}

/** The names of all targets of asconfig.json. */
export function wasmTargets() {
  return Object.keys(readConfig().targets);
}

/**
 * Brings one target up to date and returns the path of its .wasm file. Throws with the compiler's
 * output when it does not compile, and for an unknown target.
 *
 * @param {string} name
 * @returns {Promise<string>}
 */
export async function buildWasm(name) {
  const target = targetOf(name);
  if (!isUpToDate(name, target)) {
    await exclusively(name, async () => {
      if (!isUpToDate(name, target)) await compile(name, target);
    });
  }
  return join(ROOT, target.outFile);
}

async function main() {
  const names = process.argv.length > 2 ? process.argv.slice(2) : wasmTargets();
  const width = Math.max(...names.map((name) => name.length));
  let failures = 0;
  for (const name of names) {
    const start = performance.now();
    try {
      const file = await buildWasm(name);
      const size = statSync(file).size.toLocaleString("en");
      const ms = Math.round(performance.now() - start);
      console.log(`${name.padEnd(width)}  ${size.padStart(9)} bytes  ${String(ms).padStart(5)} ms`);
    } catch (error) {
      failures++;
      console.error(`${name.padEnd(width)}  ${error instanceof Error ? error.message : error}`);
    }
  }
  if (failures > 0) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
