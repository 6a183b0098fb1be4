// The modules that a mesh has from elsewhere, beside those of the folder.
import { homedir } from "node:os";
import { join } from "node:path";
import type { Mesh } from "../ir/mesh.js";
import { type ModuleSource, canaryName, moduleName } from "../ir/protocol.js";
import { ModuleCache } from "../modules/module-cache.js";
import type { ModuleSet } from "../modules/module-directory.js";
import { type ModuleCheck, RemoteModules } from "../modules/remote-modules.js";
import type { WasmModule } from "../modules/wasm-module.js";
import { dockerCredentials } from "../oci/docker-config.js";
import { RegistryClient } from "../oci/registry-client.js";
import type { Clock } from "../runtime/clock.js";

export interface FetchingOptions {
  /** Directory of what was fetched. Default: `metaproto/modules` where the user's caches are. */
  readonly cacheDirectory?: string;
  /** Between two looks at what a tag means that is to be followed. Milliseconds, default 60 000. */
  readonly intervalMs?: number;
  /** Credentials of registries. Default: where Docker has them. */
  readonly dockerConfig?: string | undefined;
  /** Plain http to registries on other machines. Default: no. */
  readonly isPlainHttp?: boolean;
  /** What a module has to stand before it is used, beside being one. Default: nothing. */
  readonly check?: ModuleCheck;
}

/** What keeps a module from being the one that a resource names. */
export interface ModuleFault {
  readonly protocol: string;
  readonly part: "module" | "canary";
  /** What is wrong, and what is used instead. */
  readonly message: string;
}

function defaultCacheDirectory(): string {
  const caches = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return join(caches, "metaproto", "modules");
}

/** How long a start waits for modules. What takes longer is served when it is there. */
const START_TIMEOUT_MS = 15_000;

export class FetchedModules {
  private readonly remote: RemoteModules;
  private readonly cache: ModuleCache;
  /** By protocol: what it was served with. */
  private former: ReadonlyMap<string, WasmModule> = new Map();
  private names: ReadonlySet<string> = new Set();

  /** @param onChange another module is at hand, or something else is wrong. */
  constructor(options: FetchingOptions, clock: Clock, onChange: () => void) {
    const { cacheDirectory = defaultCacheDirectory(), isPlainHttp = false } = options;
    const { intervalMs = 60_000 } = options;
    const credentials = dockerCredentials(options.dockerConfig);
    const { check } = options;
    this.cache = new ModuleCache(cacheDirectory);
    this.remote = new RemoteModules({
      ...(check && { check }),
      cache: this.cache,
      client: new RegistryClient({ credentials, isPlainHttp }),
      clock,
      intervalMs,
      onChange,
    });
  }

  /** Begins to fetch what the mesh needs and is not there. */
  want({ protocols }: Mesh): void {
    const sources = new Map<string, ModuleSource>(
      protocols.flatMap((protocol) => {
        const { source, canary } = protocol;
        return [
          ...(source === undefined ? [] : [[moduleName(protocol), source] as const]),
          ...(canary?.source === undefined ? [] : [[canaryName(protocol), canary.source] as const]),
        ];
      }),
    );
    this.names = new Set(sources.keys());
    this.remote.want(sources);
  }

  /** Whether it is the name of a module from elsewhere, which no resource can name as a codec. */
  owns(name: string): boolean {
    return this.names.has(name) || name.includes("@");
  }

  /** Both kinds of modules, and what is wrong with either. */
  joinedWith({ modules, faults }: ModuleSet): ModuleSet {
    return {
      modules: new Map([...modules, ...this.remote.modules]),
      faults: [...faults, ...this.remote.faults],
    };
  }

  /** Those of modules that are not what they should be. */
  faultsOf({ protocols }: Mesh): readonly ModuleFault[] {
    return protocols.flatMap((protocol): ModuleFault[] => {
      const faults = this.remote.faultsByName;
      const own = protocol.source && faults.get(moduleName(protocol));
      const canary = protocol.canary && faults.get(canaryName(protocol));
      return [
        ...(own === undefined
          ? []
          : [{ protocol: protocol.name, part: "module" as const, message: own }]),
        ...(canary === undefined
          ? []
          : [{ protocol: protocol.name, part: "canary" as const, message: canary }]),
      ];
    });
  }

  /** A protocol whose module is to come from elsewhere now keeps the one that it had until the other is there. */
  withFormer(
    mesh: Mesh,
    modules: ReadonlyMap<string, WasmModule>,
  ): ReadonlyMap<string, WasmModule> {
    const all = new Map(modules);
    const served = new Map<string, WasmModule>();
    for (const protocol of mesh.protocols) {
      const name = moduleName(protocol);
      const module = all.get(name) ?? this.former.get(protocol.name);
      if (module === undefined) continue;
      all.set(name, module);
      served.set(protocol.name, module);
    }
    this.former = served;
    return all;
  }

  /** Of what was fetched once, by its digest; undefined: it is not there any more. */
  code(sha256: string): Promise<Uint8Array | undefined> {
    return this.cache.code(sha256);
  }

  settled(): Promise<void> {
    return this.remote.settled(START_TIMEOUT_MS);
  }

  stop(): void {
    this.remote.stop();
  }
}
