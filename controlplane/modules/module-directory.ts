// The modules of one folder, watched: a file that is replaced is a new version of its module.
import { type FSWatcher, watch } from "node:fs";
import { readFile, readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { errorMessage } from "../runtime/error-message.js";
import { type WasmModule, wasmModule } from "./wasm-module.js";

/** What a folder holds at one moment. */
export interface ModuleSet {
  /** By name. Of a file that is refused, the last version that was not. */
  readonly modules: ReadonlyMap<string, WasmModule>;
  /** One line for each file that was refused. */
  readonly faults: readonly string[];
}

export interface ModuleDirectoryOptions {
  /** A change takes effect after this long without another one. Milliseconds, default 100. */
  readonly quietMs?: number;
  /** Files are looked at this often even if the system tells of no change. Milliseconds, default 5 000. */
  readonly pollMs?: number;
}

const SUFFIX = ".wasm";

interface Seen {
  /** Size and time of change: a file with the same ones is not read again. */
  readonly stamp: string;
  readonly module: WasmModule | undefined;
  readonly fault: string | undefined;
}

/** Keeps the modules of a folder. A folder that does not exist (yet) holds none. */
export class ModuleDirectory {
  readonly directory: string;
  private readonly quietMs: number;
  private readonly pollMs: number;
  private readonly listeners = new Set<(set: ModuleSet) => void>();
  private seen: ReadonlyMap<string, Seen> = new Map();
  private current: ModuleSet = { modules: new Map(), faults: [] };
  private watcher: FSWatcher | undefined;
  private pollTimer: NodeJS.Timeout | undefined;
  private quietTimer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private isStopped = false;

  constructor(directory: string, options: ModuleDirectoryOptions = {}) {
    this.directory = resolve(directory);
    this.quietMs = options.quietMs ?? 100;
    this.pollMs = options.pollMs ?? 5_000;
  }

  /** Calls `listener` whenever a module came, went or changed; returns how to end that. */
  onChange(listener: (set: ModuleSet) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Reads the folder and begins to watch it. */
  async start(): Promise<ModuleSet> {
    await this.read();
    this.pollTimer = setInterval(() => {
      this.watchFolder();
      this.scheduleRead(0);
    }, this.pollMs);
    this.pollTimer.unref();
    this.watchFolder();
    return this.current;
  }

  /** Reads the folder once. */
  static async load(directory: string): Promise<ModuleSet> {
    const folder = new ModuleDirectory(directory);
    await folder.read();
    return folder.current;
  }

  stop(): void {
    this.isStopped = true;
    this.watcher?.close();
    clearInterval(this.pollTimer);
    clearTimeout(this.quietTimer);
  }

  private watchFolder(): void {
    if (this.watcher !== undefined || this.isStopped) return;
    try {
      const watcher = watch(this.directory, { persistent: false }, () => {
        this.scheduleRead(this.quietMs);
      });
      // A folder that was removed cannot be watched any more; the poll finds it when it is back.
      watcher.on("error", () => {
        watcher.close();
        this.watcher = undefined;
      });
      this.watcher = watcher;
    } catch {
      this.watcher = undefined;
    }
  }

  private scheduleRead(delayMs: number): void {
    clearTimeout(this.quietTimer);
    this.quietTimer = setTimeout(() => {
      this.running = this.running.then(() => this.read());
    }, delayMs);
    this.quietTimer.unref();
  }

  private async read(): Promise<void> {
    const seen = new Map<string, Seen>();
    for (const name of await this.moduleNames()) {
      seen.set(name, await this.look(name, this.seen.get(name)));
    }
    if (this.isStopped) return;
    const isSame =
      seen.size === this.seen.size &&
      [...seen].every(([name, { module, fault }]) => {
        const before = this.seen.get(name);
        return before?.module?.digest === module?.digest && before?.fault === fault;
      });
    this.seen = seen;
    if (isSame) return;
    this.current = {
      modules: new Map(
        [...seen].flatMap(([name, { module }]) => (module === undefined ? [] : [[name, module]])),
      ),
      faults: [...seen.values()].flatMap(({ fault }) => fault ?? []),
    };
    for (const listener of this.listeners) listener(this.current);
  }

  private async moduleNames(): Promise<string[]> {
    try {
      const entries = await readdir(this.directory);
      return entries
        .filter((entry) => entry.endsWith(SUFFIX) && entry.length > SUFFIX.length)
        .map((entry) => entry.slice(0, -SUFFIX.length))
        .sort();
    } catch {
      return [];
    }
  }

  private async look(name: string, before: Seen | undefined): Promise<Seen> {
    const file = join(this.directory, name + SUFFIX);
    try {
      const { size, mtimeMs, ino } = await stat(file);
      const stamp = `${size} ${mtimeMs} ${ino}`;
      if (before?.stamp === stamp) return before;
      const result = await wasmModule(name, file, new Uint8Array(await readFile(file)));
      if (result.kind === "module") return { stamp, module: result.module, fault: undefined };
      return { stamp, module: before?.module, fault: `${file}: ${result.reason}` };
    } catch (error) {
      return { stamp: "", module: before?.module, fault: `${file}: ${errorMessage(error)}` };
    }
  }
}
