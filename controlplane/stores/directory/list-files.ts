import type { BigIntStats } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { dirname, extname, join } from "node:path";

const EXTENSIONS: readonly string[] = [".yaml", ".yml", ".json"];

export interface ListedFile {
  readonly path: string;
  /** Differs when the file has changed, or is another one now. */
  readonly signature: string;
  /** Milliseconds since 1970. */
  readonly modifiedMs: number;
}

/** By its name: whether it is read. */
export function isConfigurationFile(name: string): boolean {
  return !name.startsWith(".") && EXTENSIONS.includes(extname(name).toLowerCase());
}

/** @param identity differs when there is another directory at the path now. */
type OnDirectory = (path: string, identity: string) => void;

/**
 * All files of a directory and those below it, sorted by path. Names that begin with `.` are left out: editors and
 * Kubernetes (`..data`) keep there what is not meant to be read. Symbolic links are followed.
 *
 * @param onDirectory is told of each directory before it is read, and of those that hold the targets of links.
 */
export async function listFiles(
  root: string,
  onDirectory: OnDirectory,
): Promise<readonly ListedFile[]> {
  const files: ListedFile[] = [];
  const visited = new Set<string>();
  const visit = async (directory: string): Promise<void> => {
    const stats = await stat(directory, { bigint: true });
    const identity = identityOf(stats);
    // A link may lead to a directory that it is in.
    if (visited.has(identity)) return;
    visited.add(identity);
    onDirectory(directory, identity);
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      if (entry.name.startsWith(".")) continue;
      const path = join(directory, entry.name);
      const target = await tryStat(path);
      if (target?.isDirectory() === true) await visit(path).catch(ignoreIfGone);
      else if (target?.isFile() === true && isConfigurationFile(entry.name)) {
        files.push({
          path,
          signature: `${identityOf(target)} ${target.size} ${target.mtimeNs} ${target.ctimeNs}`,
          modifiedMs: Number(target.mtimeMs),
        });
        if (entry.isSymbolicLink()) await reportTargetDirectory(path, onDirectory);
      }
    }
  };
  await visit(root);
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function ignoreIfGone(error: unknown): void {
  if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
}

async function reportTargetDirectory(path: string, onDirectory: OnDirectory): Promise<void> {
  try {
    const directory = dirname(await realpath(path));
    onDirectory(directory, identityOf(await stat(directory, { bigint: true })));
  } catch {
    // Gone in the meantime: its own directory tells of that.
  }
}

async function tryStat(path: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch {
    // Gone in the meantime, or a link that leads nowhere.
    return undefined;
  }
}

/** The number of an inode is given to another file as soon as it is free. */
function identityOf(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}:${stats.birthtimeNs}`;
}
