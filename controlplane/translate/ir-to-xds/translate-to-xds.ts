// The mesh as the resources that a proxy gets over ADS.
import { create } from "@bufbuild/protobuf";
import type { Cluster as XdsCluster } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { AsyncDataSourceSchema } from "../../gen/envoy/config/core/v3/base_pb.js";
import type { TypedExtensionConfig } from "../../gen/envoy/config/core/v3/extension_pb.js";
import type { ClusterLoadAssignment } from "../../gen/envoy/config/endpoint/v3/endpoint_pb.js";
import type { Listener as XdsListener } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import type { Wasm } from "../../gen/envoy/extensions/filters/network/wasm/v3/wasm_pb.js";
import { PluginConfigurationSchema } from "../../gen/metaproto/v1/plugin_pb.js";
import type { Cluster } from "../../ir/cluster.js";
import type { Listener, Mesh, RedisListener, StockListener, TcpListener } from "../../ir/mesh.js";
import { type Protocol, moduleName } from "../../ir/protocol.js";
import { cluster } from "./cluster.js";
import { blackholeCluster, dialCluster } from "./dial-cluster.js";
import { clusterLoadAssignment } from "./endpoints.js";
import { internalListener, listener } from "./listener.js";
import type { ModuleVersion } from "./module-version.js";
import { BLACKHOLE_CLUSTER, DISCOVERY_CLUSTER, dialName, pluginName } from "./names.js";
import { redisListener } from "./redis-listener.js";
import { tcpListener } from "./tcp-listener.js";
import type { PeerTimeouts } from "./peer-timeouts.js";
import { pluginSettings } from "./plugin-settings.js";
import { type PluginVersion, canaryVersions, pluginVersions } from "./plugin-version.js";
import { discoveredWasmFilter, wasmExtensionConfig, wasmFilterConfig } from "./wasm-plugin.js";

export interface XdsInput {
  readonly mesh: Mesh;
  /** By name. */
  readonly modules: ReadonlyMap<string, ModuleVersion>;
  /** What was in use: connections of theirs may still dial. */
  readonly retiredPlugins: readonly PluginVersion[];
  /** Clusters that no route names any more, for requests that are on their way. */
  readonly retiredClusters: readonly Cluster[];
  /** IP address of listeners that name none. */
  readonly bindAddress: string;
  readonly peerTimeouts: PeerTimeouts;
}

/** A resource that is made when it is asked for: of thousands, few differ from one mesh to the next. */
export interface PendingResource<Message> {
  readonly name: string;
  /** What the message is made from, as JSON: equal sources give equal messages. */
  readonly source: string;
  readonly message: () => Message;
}

export interface XdsResources {
  readonly clusters: readonly PendingResource<XdsCluster>[];
  readonly endpoints: readonly PendingResource<ClusterLoadAssignment>[];
  readonly listeners: readonly PendingResource<XdsListener>[];
  readonly extensionConfigs: readonly PendingResource<TypedExtensionConfig>[];
  /** Extension configuration -> the one that a proxy must have accepted before. */
  readonly extensionConfigOrder: ReadonlyMap<string, string>;
  /** Why a listener of the mesh is not among `listeners`. */
  readonly faults: readonly string[];
}

/**
 * What can be served: the first of those listeners that want the same address, and only those whose module is at
 * hand.
 */
export function servable(
  mesh: Mesh,
  modules: ReadonlyMap<string, unknown>,
  bindAddress: string,
): {
  readonly listeners: readonly Listener[];
  readonly stockListeners: readonly (RedisListener | TcpListener)[];
  /** Those that `listeners` speak. */
  readonly protocols: readonly Protocol[];
  readonly faults: readonly string[];
} {
  const protocols = new Map(mesh.protocols.map((protocol) => [protocol.name, protocol]));
  const listeners: Listener[] = [];
  const faults: string[] = [];
  const owners = new Map<string, string>();
  for (const candidate of mesh.listeners) {
    const address = placeOf(candidate, bindAddress);
    const owner = owners.get(address);
    const protocol = protocols.get(candidate.protocol);
    const module = protocol === undefined ? "" : moduleName(protocol);
    if (owner !== undefined) {
      faults.push(
        `listener ${candidate.name} is left out: ${address} is taken by listener ${owner}`,
      );
    } else if (!modules.has(module)) {
      faults.push(
        `listener ${candidate.name} is left out: there is no module ` +
          `${protocol?.source?.url ?? module} for protocol ${candidate.protocol}`,
      );
    } else {
      owners.set(address, candidate.name);
      listeners.push(candidate);
    }
  }
  const stock = [...(mesh.redisListeners ?? []), ...(mesh.tcpListeners ?? [])];
  const stockListeners = stock.filter((candidate) => {
    const address = placeOf(candidate, bindAddress);
    const owner = owners.get(address);
    if (owner === undefined) owners.set(address, candidate.name);
    else
      faults.push(
        `listener ${candidate.name} is left out: ${address} is taken by listener ${owner}`,
      );
    return owner === undefined;
  });
  const spoken = new Set(listeners.map(({ protocol }) => protocol));
  return {
    listeners,
    stockListeners,
    protocols: mesh.protocols.filter(({ name }) => spoken.has(name)),
    faults,
  };
}

/** What no two listeners can have. Those of Istio bind what Istio says. */
function placeOf({ name, address, port, placement }: StockListener, bindAddress: string): string {
  return placement === undefined ? `${address ?? bindAddress}:${port}` : name;
}

/** @param address IP address to bind. */
export function stockListenerOf(
  from: RedisListener | TcpListener,
  address: string,
  timeouts: PeerTimeouts,
): XdsListener {
  return "settings" in from
    ? redisListener(from, address, timeouts)
    : tcpListener(from, address, timeouts);
}

/** The same in both roles. */
function pluginFilterConfig({ protocol, module, digest }: PluginVersion): Wasm {
  const dialCluster = dialName(protocol.name, digest);
  return wasmFilterConfig({
    protocol: protocol.name,
    code: create(AsyncDataSourceSchema, {
      specifier: {
        case: "local",
        value: { specifier: { case: "inlineBytes", value: module.code } },
      },
    }),
    configuration: create(PluginConfigurationSchema, {
      ...pluginSettings(protocol.settings),
      dialCluster,
      discoveryCluster: DISCOVERY_CLUSTER,
    }),
    vmVersion: dialCluster,
  });
}

function pending<Message>(
  name: string,
  source: unknown,
  message: () => Message,
): PendingResource<Message> {
  return { name, source: JSON.stringify(source), message };
}

/** @param name what a proxy asks for it by. */
export function extensionConfig(
  name: string,
  plugin: PluginVersion,
): PendingResource<TypedExtensionConfig> {
  return pending(name, [name, plugin.protocol.name, plugin.digest], () =>
    wasmExtensionConfig(name, pluginFilterConfig(plugin)),
  );
}

/** Pure: equal inputs give equal resources, in a stable order. */
export function translateToXds(input: XdsInput): XdsResources {
  const { mesh, bindAddress, peerTimeouts } = input;
  const { listeners, stockListeners, protocols, faults } = servable(
    mesh,
    input.modules,
    bindAddress,
  );
  const plugins = pluginVersions(protocols, input.modules);
  const inUse = [...plugins, ...canaryVersions(protocols, input.modules)];
  const currentNames = new Set(inUse.map(dialNameOf));
  const all = [
    ...inUse,
    ...input.retiredPlugins.filter((plugin) => !currentNames.has(dialNameOf(plugin))),
  ];
  const dialNames = all.map(dialNameOf);
  const meshNames = new Set(mesh.clusters.map(({ name }) => name));
  const clusters = [
    ...mesh.clusters,
    ...input.retiredClusters.filter(({ name }) => !meshNames.has(name)),
  ];
  const own = all.length === 0 ? [] : [pending(BLACKHOLE_CLUSTER, "", blackholeCluster)];
  return {
    clusters: [
      ...clusters.map((from) => {
        // Endpoints of a static cluster are a resource of their own.
        const source = from.discovery === "dns" ? from : { ...from, endpoints: undefined };
        return pending(from.name, source, () => cluster(from, "eds", peerTimeouts));
      }),
      ...own,
      ...dialNames.map((name) => pending(name, "", () => dialCluster(name))),
    ],
    endpoints: clusters
      .filter(({ discovery, redis }) => discovery === "static" && redis?.seeds === undefined)
      .map((from) => pending(from.name, from.endpoints, () => clusterLoadAssignment(from))),
    listeners: [
      ...dialNames.map((name) =>
        pending(name, "", () => internalListener(name, discoveredWasmFilter(name))),
      ),
      ...listeners.map((from) => pendingListener(from, from.address ?? bindAddress, peerTimeouts)),
      ...stockListeners.map((from) =>
        pending(from.name, [from, from.address ?? bindAddress], () =>
          stockListenerOf(from, from.address ?? bindAddress, peerTimeouts),
        ),
      ),
    ],
    extensionConfigs: [
      ...all.map((plugin) => extensionConfig(dialNameOf(plugin), plugin)),
      ...plugins.map((plugin) => extensionConfig(pluginName(plugin.protocol.name), plugin)),
    ],
    extensionConfigOrder: new Map(
      plugins.map((plugin) => [pluginName(plugin.protocol.name), dialNameOf(plugin)]),
    ),
    faults,
  };
}

/** Routes are no part of a listener: they reach the module by themselves. */
function pendingListener(
  from: Listener,
  address: string,
  timeouts: PeerTimeouts,
): PendingResource<XdsListener> {
  const { name, port, protocol, downstreamTls } = from;
  return pending(name, [address, port, protocol, downstreamTls], () =>
    listener(from, address, discoveredWasmFilter(pluginName(protocol)), timeouts),
  );
}

export function dialNameOf({ protocol, digest }: PluginVersion): string {
  return dialName(protocol.name, digest);
}
