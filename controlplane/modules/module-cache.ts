// Fetched modules on disk, by their content, and what was fetched from where: a control plane starts without the
// registries that it depends on.
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What a source was, when it was last asked. */
export interface CacheEntry {
  readonly url: string;
  /** What the source calls it: the manifest's digest with `oci://`, else the file's; with `sha256:`. */
  readonly digest: string;
  /** Of the module, hexadecimal. */
  readonly sha256: string;
}

const HEX = /^[0-9a-f]{64}$/;

export class ModuleCache {
  private count = 0;

  /** @param directory made when something is stored. */
  constructor(private readonly directory: string) {}

  /** Undefined: it is not there, or not what it was. */
  async code(sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (!HEX.test(sha256)) return undefined;
    const file = this.codeFile(sha256);
    const content = await readFile(file).catch(() => undefined);
    if (content === undefined) return undefined;
    if (createHash("sha256").update(content).digest("hex") !== sha256) {
      await rm(file, { force: true }).catch(() => undefined);
      return undefined;
    }
    // What is used is not old, however long ago it was written.
    await utimes(file, new Date(), new Date()).catch(() => undefined);
    return new Uint8Array(content);
  }

  /** @throws Error when it cannot be written. */
  async putCode(sha256: string, code: Uint8Array): Promise<void> {
    await this.write(this.codeFile(sha256), code);
  }

  /** @param key says everything that decides about the answer. */
  async entry(key: string): Promise<CacheEntry | undefined> {
    try {
      const value: unknown = JSON.parse(await readFile(this.entryFile(key), "utf8"));
      const { url, digest, sha256 } = value as Record<string, unknown>;
      const isWhole = typeof url === "string" && typeof digest === "string";
      return isWhole && typeof sha256 === "string" ? { url, digest, sha256 } : undefined;
    } catch {
      return undefined;
    }
  }

  /** @throws Error when it cannot be written. */
  async putEntry(key: string, entry: CacheEntry): Promise<void> {
    await this.write(this.entryFile(key), `${JSON.stringify(entry)}\n`);
  }

  /** Removes modules that nobody has used for so long. */
  async prune(maxAgeMs: number, nowMs: number): Promise<void> {
    const folder = join(this.directory, "modules");
    for (const name of await readdir(folder).catch(() => [])) {
      const file = join(folder, name);
      const found = await stat(file).catch(() => undefined);
      if (found !== undefined && nowMs - found.mtimeMs > maxAgeMs)
        await rm(file, { force: true }).catch(() => undefined);
    }
  }

  private codeFile(sha256: string): string {
    return join(this.directory, "modules", `${sha256}.wasm`);
  }

  private entryFile(key: string): string {
    const name = createHash("sha256").update(key).digest("hex");
    return join(this.directory, "sources", `${name}.json`);
  }

  /** By way of a rename: a reader never sees half a file. */
  private async write(file: string, content: Uint8Array | string): Promise<void> {
    await mkdir(join(file, ".."), { recursive: true });
    const partial = `${file}.${process.pid}.${++this.count}`;
    try {
      await writeFile(partial, content);
      await rename(partial, file);
    } finally {
      await rm(partial, { force: true });
    }
  }
}
