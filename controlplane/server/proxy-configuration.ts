// The mesh and the modules as one snapshot for all proxies.
import { type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { ClusterSchema } from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import { TypedExtensionConfigSchema } from "../gen/envoy/config/core/v3/extension_pb.js";
import { ClusterLoadAssignmentSchema } from "../gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../gen/envoy/config/listener/v3/listener_pb.js";
import type { Cluster } from "../ir/cluster.js";
import type { Mesh } from "../ir/mesh.js";
import type { CompileRegex } from "../translate/ir-to-routes/matches.js";
import type { ModuleVersion } from "../translate/ir-to-xds/module-version.js";
import { dialName, pluginName } from "../translate/ir-to-xds/names.js";
import type { PeerTimeouts } from "../translate/ir-to-xds/peer-timeouts.js";
import {
  type PluginVersion,
  canaryVersions,
  pluginVersions,
} from "../translate/ir-to-xds/plugin-version.js";
import {
  type PendingResource,
  dialNameOf,
  extensionConfig,
  servable,
  translateToXds,
} from "../translate/ir-to-xds/translate-to-xds.js";
import {
  CLUSTER_TYPE,
  ENDPOINT_TYPE,
  EXTENSION_CONFIG_TYPE,
  LISTENER_TYPE,
  ROUTES_TYPE,
} from "../xds/resource-type.js";
import {
  type ResourceInput,
  type Snapshot,
  type SnapshotVariants,
  buildSnapshot,
  contentVersion,
  withResources,
} from "../xds/snapshot.js";
import { Retirement } from "./retirement.js";
import { type Versions, versionFor } from "./rollout.js";
import { RouteConfigurations } from "./route-configurations.js";

export interface RetentionOptions {
  /**
   * What each protocol ran before (other code, other settings) stays for connections of its time, which fail once it
   * is gone; so many are kept. Each costs a proxy about 1.3 MB and 0.15 % of a core per worker. Default 8.
   */
  readonly maxRetiredPlugins?: number;
  /** How long they are kept. Milliseconds, default 24 hours. */
  readonly retiredPluginMs?: number;
  /**
   * How long a cluster is kept that is not in the mesh any more, so that no request that is being routed to it is
   * lost. Milliseconds, default 30 000.
   */
  readonly retiredClusterMs?: number;
}

export interface ProxyConfigurationOptions extends RetentionOptions {
  readonly compileRegex: CompileRegex;
  /** IP address of listeners that name none. */
  readonly bindAddress: string;
  readonly peerTimeouts: PeerTimeouts;
  /**
   * Whether proxies refuse an extension configuration. What none could load is not kept when it
   * goes out of use. Default: none is refused.
   */
  readonly isRefused?: (extensionConfig: string) => boolean;
  /** Proxies have all else from Istio. Default: from here. */
  readonly isUnderIstio?: boolean;
}

/** What a version of an extension configuration is of. */
export interface ServedModule {
  readonly protocol: string;
  /** SHA-256 of the code, hexadecimal. */
  readonly sha256: string;
}

export interface ProxyConfiguration {
  readonly snapshot: Snapshot;
  /** What single proxies get instead. */
  readonly variants: SnapshotVariants;
  /** What is left out or stays as it was. */
  readonly faults: readonly string[];
  /** What protocols ran before and connections may still be with, the latest first. */
  readonly retiredPlugins: readonly PluginVersion[];
}

/** Versions of modules that are told apart in what proxies say they have. */
const MAX_SERVED_MODULES = 10_000;

const DAY_MS = 24 * 3_600_000;

interface Encoded {
  readonly source: string;
  readonly value: Uint8Array;
}

/** Serialized resources of one type; what has the same source as the last time is not made again. */
class EncodedResources {
  private encoded: ReadonlyMap<string, Encoded> = new Map();

  encode<Desc extends DescMessage>(
    schema: Desc,
    resources: readonly PendingResource<MessageShape<Desc>>[],
  ): ResourceInput[] {
    const encoded = new Map<string, Encoded>();
    for (const { name, source, message } of resources) {
      const before = this.encoded.get(name);
      const isSame = before?.source === source;
      encoded.set(name, isSame ? before : { source, value: toBinary(schema, message()) });
    }
    this.encoded = encoded;
    return [...encoded].map(([name, { value }]) => ({ name, value }));
  }
}

/** Makes snapshots, one after the other: what went out of use with the last ones is in the next. */
export class ProxyConfigurator {
  private readonly retiredPlugins: Retirement<PluginVersion>;
  private readonly retiredClusters: Retirement<Cluster>;
  private readonly clusters = new EncodedResources();
  private readonly endpoints = new EncodedResources();
  private readonly listeners = new EncodedResources();
  private readonly extensionConfigs = new EncodedResources();
  private readonly routes: RouteConfigurations;
  private previous: Snapshot | undefined;
  /** By the digests of what they hold. */
  private formerVariants: ReadonlyMap<string, Snapshot> = new Map();
  private readonly served = new Map<string, ServedModule>();

  constructor(private readonly options: ProxyConfigurationOptions) {
    this.routes = new RouteConfigurations(options.compileRegex);
    this.retiredPlugins = new Retirement({
      key: ({ protocol, digest }) => dialName(protocol.name, digest),
      group: ({ protocol }) => protocol.name,
      maxAgeMs: options.retiredPluginMs ?? DAY_MS,
      maxPerGroup: options.maxRetiredPlugins ?? 8,
    });
    this.retiredClusters = new Retirement({
      key: ({ name }) => name,
      maxAgeMs: options.retiredClusterMs ?? 30_000,
    });
  }

  /** When a snapshot without change of mesh or modules would differ; undefined: never. */
  get nextExpiryMs(): number | undefined {
    const times = [this.retiredPlugins.nextExpiryMs, this.retiredClusters.nextExpiryMs];
    const known = times.filter((time) => time !== undefined);
    return known.length === 0 ? undefined : Math.min(...known);
  }

  /** By the version of an extension configuration, as proxies tell of it. */
  get servedModules(): ReadonlyMap<string, ServedModule> {
    return this.served;
  }

  configure(
    mesh: Mesh,
    modules: ReadonlyMap<string, ModuleVersion>,
    nowMs: number,
  ): ProxyConfiguration {
    const { bindAddress, peerTimeouts, isRefused = () => false, isUnderIstio } = this.options;
    const { protocols, faults: left } = servable(mesh, modules, bindAddress);
    const plugins = pluginVersions(protocols, modules);
    const canaries = canaryVersions(protocols, modules);
    const retiredPlugins = this.retiredPlugins.update([...plugins, ...canaries], nowMs, (plugin) =>
      isRefused(dialNameOf(plugin)),
    );
    if (isUnderIstio) return this.routesAlone(mesh, [...left], retiredPlugins);
    const resources = translateToXds({
      mesh,
      modules,
      retiredPlugins,
      retiredClusters: this.retiredClusters.update(mesh.clusters, nowMs),
      bindAddress,
      peerTimeouts,
    });
    const faults = [...resources.faults];
    const { clusters, endpoints, listeners: xdsListeners, extensionConfigs } = resources;
    const extensions = this.extensionConfigs
      .encode(TypedExtensionConfigSchema, extensionConfigs)
      .map((input): ResourceInput => {
        const after = resources.extensionConfigOrder.get(input.name);
        return after === undefined ? input : { ...input, after };
      });
    const snapshot = buildSnapshot(
      new Map<string, readonly ResourceInput[]>([
        [CLUSTER_TYPE.typeUrl, this.clusters.encode(ClusterSchema, clusters)],
        [ENDPOINT_TYPE.typeUrl, this.endpoints.encode(ClusterLoadAssignmentSchema, endpoints)],
        [LISTENER_TYPE.typeUrl, this.listeners.encode(ListenerSchema, xdsListeners)],
        [EXTENSION_CONFIG_TYPE.typeUrl, extensions],
        [ROUTES_TYPE.typeUrl, this.routes.of(mesh, faults)],
      ]),
      this.previous,
    );
    this.previous = snapshot;
    const ofProtocol = (from: readonly PluginVersion[], name: string): PluginVersion[] =>
      from.filter(({ protocol }) => protocol.name === name);
    const versions = plugins.map((stable): Versions => {
      const { name } = stable.protocol;
      const [canary] = ofProtocol(canaries, name);
      return { stable, canary, former: ofProtocol(retiredPlugins, name) };
    });
    for (const plugin of plugins) this.noteServed(plugin, extensions);
    const variants = this.variantsOf(snapshot, extensions, versions);
    return { snapshot, variants, faults, retiredPlugins };
  }

  private routesAlone(
    mesh: Mesh,
    faults: string[],
    retiredPlugins: readonly PluginVersion[],
  ): ProxyConfiguration {
    const routes = this.routes.of(mesh, faults);
    const snapshot = buildSnapshot(new Map([[ROUTES_TYPE.typeUrl, routes]]), this.previous);
    this.previous = snapshot;
    return { snapshot, variants: () => snapshot, faults, retiredPlugins };
  }

  /** Made when a proxy needs it, and kept: most proxies need none, the others mostly the same. */
  private variantsOf(
    snapshot: Snapshot,
    extensions: readonly ResourceInput[],
    versions: readonly Versions[],
  ): SnapshotVariants {
    const former = this.formerVariants;
    const variants = new Map<string, Snapshot>();
    this.formerVariants = variants;
    return (node) => {
      const others = versions.flatMap((each) => {
        const chosen = versionFor(each, node);
        return chosen === each.stable ? [] : [chosen];
      });
      if (others.length === 0) return snapshot;
      const key = others.map(dialNameOf).join(" ");
      let variant = variants.get(key);
      if (variant === undefined) {
        const inputs = withPlugins(extensions, others);
        for (const plugin of others) this.noteServed(plugin, inputs);
        variant = withResources(snapshot, EXTENSION_CONFIG_TYPE, inputs, former.get(key));
        variants.set(key, variant);
      }
      return variant;
    };
  }

  private noteServed(plugin: PluginVersion, inputs: readonly ResourceInput[]): void {
    const protocol = plugin.protocol.name;
    const input = inputs.find(({ name }) => name === pluginName(protocol));
    if (input === undefined) return;
    const version = contentVersion(input.value);
    if (this.served.has(version)) return;
    this.served.set(version, { protocol, sha256: plugin.module.digest });
    const [oldest = ""] = this.served.keys();
    if (this.served.size > MAX_SERVED_MODULES) this.served.delete(oldest);
  }
}

/** Under the names that listeners use, other versions; proxies must have accepted them by their own names before. */
function withPlugins(
  extensions: readonly ResourceInput[],
  plugins: readonly PluginVersion[],
): ResourceInput[] {
  const byName = new Map(plugins.map((plugin) => [pluginName(plugin.protocol.name), plugin]));
  return extensions.map((input) => {
    const plugin = byName.get(input.name);
    if (plugin === undefined) return input;
    const message = extensionConfig(input.name, plugin).message();
    const value = toBinary(TypedExtensionConfigSchema, message);
    return { name: input.name, value, after: dialNameOf(plugin) };
  });
}
