// The versions of each protocol's module that proxies have at a time, and whom they are for.
import type { Listener } from "../../ir/mesh.js";
import type { Labels } from "../../ir/placement.js";
import type { ModuleVersion } from "../ir-to-xds/module-version.js";
import type { PluginVersion } from "../ir-to-xds/plugin-version.js";
import type { ModuleSource, Plugin } from "./plugin-patches.js";

export interface PlacedVersion {
  readonly version: PluginVersion;
  /** Of the workloads that it is for; undefined: for all. */
  readonly labels?: Labels;
}

/** What the workloads with these labels have in the place of the others' plugin. */
export interface CanaryPlugin extends PlacedVersion {
  readonly labels: Labels;
}

/** See `IstioOptions`. */
export interface VersionsOptions {
  readonly otherPlugins: readonly PluginVersion[];
  readonly sourceOf: (module: ModuleVersion) => ModuleSource;
  readonly canaries?: readonly CanaryPlugin[];
  readonly otherCanaries?: readonly CanaryPlugin[];
}

/** What proxies are to have of each protocol. */
export class Versions {
  constructor(
    private readonly current: ReadonlyMap<string, PluginVersion>,
    private readonly options: VersionsOptions,
  ) {}

  /** That new connections get. */
  currentOf(protocol: string): PluginVersion {
    const version = this.current.get(protocol);
    if (version === undefined) throw new Error(`no module speaks ${protocol}`);
    return version;
  }

  /** The current one first; each once. */
  allOf(protocol: string): readonly PluginVersion[] {
    const current = this.currentOf(protocol);
    const others = this.options.otherPlugins.filter(
      ({ protocol: other }) => other.name === protocol,
    );
    return Array.from(
      new Map([current, ...others].map((version) => [version.digest, version])).values(),
    );
  }

  /** What canaries begin connections with; undefined: there are none. */
  canaryOf(protocol: string): CanaryPlugin | undefined {
    return this.options.canaries?.find(({ version }) => version.protocol.name === protocol);
  }

  /** All versions that somebody has, each once. */
  placed(protocol: string): readonly PlacedVersion[] {
    const { canaries = [], otherCanaries = [] } = this.options;
    const ofCanaries = [...canaries, ...otherCanaries].filter(
      ({ version }) => version.protocol.name === protocol,
    );
    const all: readonly PlacedVersion[] = this.allOf(protocol).map((version) => ({ version }));
    // The first one of a version counts: what is for all is not for canaries only.
    const byDigest = new Map(
      [...all, ...ofCanaries].reverse().map((one) => [one.version.digest, one]),
    );
    return [...byDigest.values()].reverse();
  }

  plugin(key: string, version: PluginVersion, defaultRouteConfiguration?: string): Plugin {
    return {
      key,
      version,
      source: this.options.sourceOf(version.module),
      ...(defaultRouteConfiguration !== undefined && { defaultRouteConfiguration }),
    };
  }

  /** All that objects with plugins of the protocol depend on. */
  stateOf(protocol: string): readonly unknown[] {
    const placed: readonly (PlacedVersion | undefined)[] = [
      { version: this.currentOf(protocol) },
      this.canaryOf(protocol),
      ...this.placed(protocol),
    ];
    return placed.flatMap((one) => [
      JSON.stringify(one?.labels),
      ...(one === undefined ? [] : identityOf(this.plugin(protocol, one.version))),
    ]);
  }
}

/** What objects of the plugin depend on, its key and route configuration aside. */
export function identityOf({ version, source }: Plugin): readonly unknown[] {
  const from = source.kind === "remote" ? [source.url, source.sha256] : [version.module];
  const { protocol, module, digest, configuration } = version;
  return [protocol.name, module.name, module.digest, digest, configuration, source.kind, ...from];
}

/** For people: what tells objects apart is in their hash as well. */
export function shortDigest({ digest }: PluginVersion): string {
  return digest.slice(0, 12);
}

export function protocolsOf(listeners: readonly Pick<Listener, "protocol">[]): readonly string[] {
  return Array.from(new Set(listeners.map(({ protocol }) => protocol))).sort();
}
