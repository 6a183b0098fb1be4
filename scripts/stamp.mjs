// Steps that need not run again: a step is current while the hash of what it was made from is the same.
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Where everything that a script makes or installs goes; METAPROTO_CACHE moves it. */
export const CACHE = process.env.METAPROTO_CACHE ?? join(ROOT, ".cache");

const LOCK_WAIT_MS = 15 * 60_000;
const LOCK_POLL_MS = 200;

/** Files below `path`, sorted; a file is its own list. Folders of installed or built things are left out. */
function filesBelow(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter(
      (entry) => !["node_modules", "target", "build", "dist", "__pycache__"].includes(entry.name),
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => filesBelow(join(path, entry.name)));
}

/**
 * SHA-256 over names and contents of files and folders (relative to the project) and over `extra`,
 * for instance the version of a tool.
 */
export function contentHash(paths, extra = "") {
  const hash = createHash("sha256").update(extra);
  for (const path of paths) {
    for (const file of filesBelow(join(ROOT, path))) {
      hash.update(`\0${relative(ROOT, file)}\0`).update(readFileSync(file));
    }
  }
  return hash.digest("hex");
}

function stampFile(name) {
  return join(CACHE, "stamps", name);
}

/** True when `name` was last done with this hash and what it made (`outputs`) is still there. */
export function isCurrent(name, hash, outputs = []) {
  const file = stampFile(name);
  return (
    existsSync(file) &&
    readFileSync(file, "utf8") === hash &&
    outputs.every((path) => existsSync(path))
  );
}

/** Remembers that `name` was done with this hash. */
export function writeStamp(name, hash) {
  mkdirSync(dirname(stampFile(name)), { recursive: true });
  writeFileSync(stampFile(name), hash);
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

function tryLock(folder) {
  try {
    mkdirSync(folder);
    writeFileSync(join(folder, "pid"), String(process.pid));
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    const file = join(folder, "pid");
    const owner = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
    // The owner was killed before it could unlock. A folder without a pid is just being locked.
    if (owner > 0 && !isAlive(owner)) rmSync(folder, { recursive: true, force: true });
    return false;
  }
}

/** Runs `action` while no other process on this machine runs one with the same name. */
export async function withLock(name, action) {
  const folder = join(CACHE, "locks", name);
  mkdirSync(dirname(folder), { recursive: true });
  const deadline = Date.now() + LOCK_WAIT_MS;
  while (!tryLock(folder)) {
    if (Date.now() > deadline) throw new Error(`${folder} is locked; remove it when nobody builds`);
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
  }
  try {
    return await action();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
