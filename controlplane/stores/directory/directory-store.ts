import type { Configuration } from "../../api/configuration.js";
import { ConfigurationFiles } from "./configuration-files.js";
import { DirectoryWatcher } from "./directory-watcher.js";

export interface DirectoryStoreOptions {
  /** A file that is written where it is counts after this long without a further write. Milliseconds, default 20. */
  readonly quietMs?: number;
  /** One that is renamed into its place is whole: it counts after this long. Milliseconds, default 2. */
  readonly renamedQuietMs?: number;
  /** At the latest after this long. Milliseconds, default 500. */
  readonly maxDelayMs?: number;
  /** A file that is gone or cut short is believed after this long. Milliseconds, default 500. */
  readonly removalDelayMs?: number;
  /**
   * Between looks without an event: some file systems, such as those of a network, tell of none. Milliseconds,
   * default 2000.
   */
  readonly pollMs?: number;
}

/** Between looks while a file may still be written. */
const UNSETTLED_MS = 110;
/** Between looks for a directory that is away: nothing tells that it is back. */
const UNREADABLE_MS = 250;

/** Keeps the configuration of a directory of YAML and JSON files, and tells of its changes. */
export class DirectoryStore {
  private readonly listeners = new Set<(configuration: Configuration) => void>();
  private readonly files: ConfigurationFiles;
  private readonly watcher: DirectoryWatcher;
  private readonly pollMs: number;
  /** Why the directory cannot be read, while that is so. */
  private unreadable: string | undefined;

  constructor(
    readonly directory: string,
    options: DirectoryStoreOptions = {},
  ) {
    this.files = new ConfigurationFiles(directory, options.removalDelayMs ?? 500);
    this.pollMs = options.pollMs ?? 2000;
    this.watcher = new DirectoryWatcher({
      quietMs: options.quietMs ?? 20,
      renamedQuietMs: options.renamedQuietMs ?? 2,
      maxDelayMs: options.maxDelayMs ?? 500,
      onSettled: () => this.look(),
    });
  }

  /** Calls `listener` with the configuration after each change of the files; returns how to end that. */
  onSnapshot(listener: (configuration: Configuration) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Reads the directory and begins to watch it. Listeners get the first configuration before this resolves. Rejects if
   * the directory cannot be read; later that is a fault like others, and everything stays as it was.
   */
  async start(): Promise<Configuration> {
    const { isUnsettled } = await this.watcher.exclusively(() => this.scan());
    const configuration = this.configuration();
    this.emit(configuration);
    this.watcher.lookAgainIn(isUnsettled ? UNSETTLED_MS : this.pollMs);
    return configuration;
  }

  /** No listener is called any more. */
  stop(): void {
    this.listeners.clear();
    this.watcher.stop();
  }

  private async look(): Promise<void> {
    const unreadableBefore = this.unreadable;
    let result = { hasChanged: false, isUnsettled: false };
    try {
      result = await this.scan();
      this.unreadable = undefined;
    } catch (error) {
      this.unreadable = error instanceof Error ? error.message : String(error);
      this.watcher.forgetUnseen();
    }
    if (result.hasChanged || this.unreadable !== unreadableBefore) this.emit(this.configuration());
    if (this.unreadable !== undefined) this.watcher.lookAgainIn(UNREADABLE_MS);
    else this.watcher.lookAgainIn(result.isUnsettled ? UNSETTLED_MS : this.pollMs);
  }

  private async scan(): Promise<{ readonly hasChanged: boolean; readonly isUnsettled: boolean }> {
    const result = await this.files.scan({ nowMs: Date.now(), onDirectory: this.watcher.add });
    this.watcher.forgetUnseen();
    return result;
  }

  private configuration(): Configuration {
    const configuration = this.files.configuration();
    if (this.unreadable === undefined) return configuration;
    const fault = {
      file: this.directory,
      line: undefined,
      resource: undefined,
      path: "",
      message: `cannot be read, everything stays as it was: ${this.unreadable}`,
    };
    return { ...configuration, faults: [fault, ...configuration.faults] };
  }

  private emit(configuration: Configuration): void {
    for (const listener of this.listeners) listener(configuration);
  }
}
