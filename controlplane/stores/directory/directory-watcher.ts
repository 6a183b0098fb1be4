import { type FSWatcher, watch } from "node:fs";
import { isConfigurationFile } from "./list-files.js";

export interface DirectoryWatcherOptions {
  /** After the last write to a file: more may come. */
  readonly quietMs: number;
  /** After the last event of any other kind: what was renamed is whole, but others may follow. */
  readonly renamedQuietMs: number;
  readonly maxDelayMs: number;
  /** Is called when changes have settled, one call at a time. */
  readonly onSettled: () => Promise<void>;
}

/**
 * Watches directories, not files, since editors and Kubernetes replace files: events only say that something has
 * happened, and whoever is called looks for what it was. That makes bursts, and events that get lost or merged,
 * harmless.
 */
export class DirectoryWatcher {
  private readonly watchers = new Map<string, { identity: string; watcher: FSWatcher }>();
  private seen = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private firstEventMs: number | undefined;
  /** No look before then, unless that takes too long. */
  private quietUntilMs = 0;
  private isLooking = false;
  private isStopped = false;

  constructor(private readonly options: DirectoryWatcherOptions) {}

  /** Call it for each directory that there is, during each look at them. */
  readonly add = (path: string, identity: string): void => {
    this.seen.add(path);
    const existing = this.watchers.get(path);
    if (this.isStopped || existing?.identity === identity) return;
    existing?.watcher.close();
    this.watchers.delete(path);
    try {
      const watcher = watch(path, (event, name) => {
        const isWrite = event === "change" && (name === null || isConfigurationFile(name));
        this.touch(isWrite ? this.options.quietMs : this.options.renamedQuietMs);
      });
      watcher.on("error", () => {
        // The directory is gone, or the system has no more watches: the look at regular intervals remains.
        watcher.close();
        this.watchers.delete(path);
        this.touch(this.options.quietMs);
      });
      this.watchers.set(path, { identity, watcher });
    } catch {
      // As above.
    }
  };

  /** Call it after each complete look. */
  forgetUnseen(): void {
    for (const [path, { watcher }] of this.watchers)
      if (!this.seen.has(path)) {
        watcher.close();
        this.watchers.delete(path);
      }
    this.seen = new Set();
  }

  /** Something may have changed. */
  private touch(quietMs: number): void {
    if (this.isStopped) return;
    const now = performance.now();
    this.firstEventMs ??= now;
    this.quietUntilMs = Math.max(this.quietUntilMs, now + quietMs);
    const latest = this.firstEventMs + this.options.maxDelayMs;
    this.schedule(Math.max(0, Math.min(this.quietUntilMs, latest) - now));
  }

  /** Looks again after that long, unless there is a reason to do so sooner. */
  lookAgainIn(delayMs: number): void {
    if (this.timer === undefined && !this.isStopped) this.schedule(delayMs);
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
    for (const { watcher } of this.watchers.values()) watcher.close();
    this.watchers.clear();
  }

  private schedule(delayMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      void this.run();
    }, delayMs);
  }

  /** Does `look` while no other look is under way. */
  async exclusively<T>(look: () => Promise<T>): Promise<T> {
    this.isLooking = true;
    try {
      return await look();
    } finally {
      this.isLooking = false;
    }
  }

  private async run(): Promise<void> {
    this.timer = undefined;
    if (this.isLooking) {
      // Once more when the look that is under way is over.
      this.schedule(this.options.quietMs);
      return;
    }
    this.firstEventMs = undefined;
    this.quietUntilMs = 0;
    await this.exclusively(this.options.onSettled);
  }
}
