// Modules that come from elsewhere: fetched, checked and kept. Whatever goes wrong, the one before stays, the reason is
// told, and it is tried again.
import type { ModuleSource } from "../ir/protocol.js";
import type { RegistryClient } from "../oci/registry-client.js";
import type { Clock } from "../runtime/clock.js";
import { errorMessage } from "../runtime/error-message.js";
import { type FetchedModule, fetchModule } from "./fetch-module.js";
import { type CacheEntry, ModuleCache } from "./module-cache.js";
import { type WasmModule, wasmModule } from "./wasm-module.js";

/** A module that was fetched and is one. */
export interface Candidate {
  readonly source: ModuleSource;
  /** As in `CacheEntry`. */
  readonly digest: string;
  readonly code: Uint8Array<ArrayBuffer>;
}

/** Says why a module is not to be used; undefined: nothing is wrong with it. */
export type ModuleCheck = (candidate: Candidate) => Promise<string | undefined>;

export interface RemoteModulesOptions {
  readonly cache: ModuleCache;
  readonly client: RegistryClient;
  readonly clock: Clock;
  /** Between two looks at what a source means, if that may change. Milliseconds. */
  readonly intervalMs: number;
  /** Default: all are used. */
  readonly check?: ModuleCheck;
  /** A module is another one, or what is wrong with one is. */
  readonly onChange: () => void;
}

interface Slot {
  readonly source: ModuleSource;
  current: WasmModule | undefined;
  fault: string | undefined;
  /** Since the last success. */
  failures: number;
  cancelTimer: (() => void) | undefined;
  /** Of the attempt under way, or of the last one. */
  attempt: Promise<void>;
}

const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 5 * 60_000;
const CACHE_AGE_MS = 30 * 24 * 3_600_000;

export class RemoteModules {
  private readonly slots = new Map<string, Slot>();
  private isStopped = false;

  constructor(private readonly options: RemoteModulesOptions) {}

  /** Says what is needed, by name; what is not named any more is let go of. */
  want(sources: ReadonlyMap<string, ModuleSource>): void {
    for (const [name, slot] of this.slots) {
      if (sources.has(name)) continue;
      slot.cancelTimer?.();
      this.slots.delete(name);
    }
    for (const [name, source] of sources) {
      const before = this.slots.get(name);
      if (before !== undefined && keyOf(before.source) === keyOf(source)) continue;
      before?.cancelTimer?.();
      const slot: Slot = {
        source,
        current: before?.current,
        fault: undefined,
        failures: 0,
        cancelTimer: undefined,
        attempt: Promise.resolve(),
      };
      this.slots.set(name, slot);
      this.begin(name, slot);
    }
  }

  /** By name: the last good version of each, however old. */
  get modules(): ReadonlyMap<string, WasmModule> {
    return new Map(
      [...this.slots].flatMap(([name, { current }]) =>
        current === undefined ? [] : [[name, current]],
      ),
    );
  }

  /** One line for each that is not what it should be. */
  get faults(): readonly string[] {
    return [...this.faultsByName].map(
      ([name, fault]) => `module ${this.slots.get(name)?.source.url ?? name}: ${fault}`,
    );
  }

  /** Of those that are not what they should be: why, and what is used instead. */
  get faultsByName(): ReadonlyMap<string, string> {
    return new Map(
      [...this.slots].flatMap(([name, { fault, current }]) => {
        if (fault === undefined) return [];
        const rest =
          current === undefined
            ? "there is no version before"
            : `the version before stays in use, sha256 ${current.digest}`;
        return [[name, `${fault}; ${rest}`] as const];
      }),
    );
  }

  /** Resolves when each was tried once, or after `timeoutMs`. */
  async settled(timeoutMs: number): Promise<void> {
    const attempts = Promise.all([...this.slots.values()].map(({ attempt }) => attempt));
    let cancel: (() => void) | undefined;
    const timeout = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      cancel = () => {
        clearTimeout(timer);
      };
    });
    await Promise.race([attempts, timeout]);
    cancel?.();
  }

  stop(): void {
    this.isStopped = true;
    for (const { cancelTimer } of this.slots.values()) cancelTimer?.();
  }

  private begin(name: string, slot: Slot): void {
    slot.attempt = this.tryOnce(name, slot).catch((error: unknown) => {
      slot.fault = errorMessage(error);
    });
  }

  private async tryOnce(name: string, slot: Slot): Promise<void> {
    const before = [slot.current?.digest, slot.fault];
    const isFirst = slot.failures === 0;
    const cached =
      isFirst && !slot.source.isVolatile ? await this.fromCache(name, slot) : undefined;
    if (cached !== undefined) slot.current = cached;
    else await this.fetch(name, slot);
    if (this.isStopped || this.slots.get(name) !== slot) return;
    this.scheduleNext(name, slot);
    if (slot.current?.digest !== before[0] || slot.fault !== before[1]) this.options.onChange();
  }

  private async fetch(name: string, slot: Slot): Promise<void> {
    const { cache, client, clock } = this.options;
    const { source } = slot;
    try {
      const fetched = await fetchModule(source, client, (digest) => this.known(source, digest));
      const result = await wasmModule(name, source.url, fetched.code);
      if (result.kind === "refused") throw new Error(result.reason);
      const refusal = await this.options.check?.({ source, ...fetched });
      if (refusal !== undefined) throw new Error(refusal);
      slot.current = { ...result.module, ...imageOf(source, fetched.digest) };
      slot.fault = undefined;
      slot.failures = 0;
      await this.keep(name, source, fetched, result.module);
      await cache.prune(CACHE_AGE_MS, clock.now());
    } catch (error) {
      slot.failures++;
      slot.fault = errorMessage(error);
      // After a restart: what this source was, else what the protocol had.
      slot.current ??=
        (await this.fromCache(name, slot)) ?? (await this.ofEntry(name, lastKey(name)));
    }
  }

  /** A disk that is full or read-only keeps nobody from being served. */
  private async keep(
    name: string,
    source: ModuleSource,
    { digest, code }: FetchedModule,
    module: WasmModule,
  ): Promise<void> {
    const { cache } = this.options;
    const entry: CacheEntry = { url: source.url, digest, sha256: module.digest };
    try {
      if ((await cache.code(module.digest)) === undefined) await cache.putCode(module.digest, code);
      for (const key of [keyOf(source), digestKey(source, digest), lastKey(name)])
        await cache.putEntry(key, entry);
    } catch {
      // It is fetched again after a restart.
    }
  }

  /** What an image was found to hold, whose manifest and signature were just checked. */
  private async known(
    source: ModuleSource,
    digest: string,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const entry = await this.options.cache.entry(digestKey(source, digest));
    return entry && this.options.cache.code(entry.sha256);
  }

  private fromCache(name: string, { source }: Slot): Promise<WasmModule | undefined> {
    return this.ofEntry(name, keyOf(source));
  }

  private async ofEntry(name: string, key: string): Promise<WasmModule | undefined> {
    const entry = await this.options.cache.entry(key);
    const code = entry && (await this.options.cache.code(entry.sha256));
    if (code === undefined) return undefined;
    const { url = "", digest = "" } = entry ?? {};
    const result = await wasmModule(name, url, code);
    return result.kind === "module" ? { ...result.module, ...imageOf({ url }, digest) } : undefined;
  }

  private scheduleNext(name: string, slot: Slot): void {
    const { clock, intervalMs } = this.options;
    const { failures, source } = slot;
    if (failures === 0 && !source.isVolatile) return;
    const backOffMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 20));
    slot.cancelTimer = clock.schedule(failures === 0 ? intervalMs : backOffMs, () => {
      this.begin(name, slot);
    });
  }
}

/** Of what came as an image: where others find the very same one. */
function imageOf({ url }: Pick<ModuleSource, "url">, digest: string): { image?: string } {
  return url.startsWith("oci:") ? { image: `${repositoryOf(url)}@${digest}` } : {};
}

/** Without tag and digest. */
function repositoryOf(url: string): string {
  return url.replace(/@[^/]*$/, "").replace(/:[^/]*$/, "");
}

/** Everything that decides what a source is; a signature counts for its key only. */
function keyOf({ url, sha256, publicKey, isVolatile }: ModuleSource): string {
  return JSON.stringify(["source", url, sha256, publicKey, isVolatile]);
}

/** What an image holds does not depend on who has signed it. */
function digestKey({ url }: ModuleSource, digest: string): string {
  return JSON.stringify(["digest", repositoryOf(url), digest]);
}

/** The last good one of a name, wherever it came from. */
function lastKey(name: string): string {
  return JSON.stringify(["last", name]);
}
