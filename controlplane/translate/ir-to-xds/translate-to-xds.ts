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
import type { Listener, Mesh } from "../../ir/mesh.js";
import { cluster } from "./cluster.js";
import { blackholeCluster, dialCluster } from "./dial-cluster.js";
import { clusterLoadAssignment } from "./endpoints.js";
import { internalListener, listener } from "./listener.js";
import type { ModuleVersion } from "./module-version.js";
import { BLACKHOLE_CLUSTER, DISCOVERY_CLUSTER, dialName, moduleResourceName } from "./names.js";
import { discoveredWasmFilter, wasmExtensionConfig, wasmFilterConfig } from "./wasm-plugin.js";

export interface XdsInput {
  readonly mesh: Mesh;
  /** Versions in use, by name. */
  readonly modules: ReadonlyMap<string, ModuleVersion>;
  /** Versions that were in use: connections of theirs may still dial. */
  readonly retiredModules: readonly ModuleVersion[];
  /** Clusters that no route names any more, for requests that are on their way. */
  readonly retiredClusters: readonly Cluster[];
  /** IP address of listeners that name none. */
  readonly bindAddress: string;
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
 * The listeners that can be served: the first of those that want the same address, and only those whose
 * module is at hand.
 */
export function servableListeners(
  mesh: Mesh,
  modules: ReadonlyMap<string, unknown>,
  bindAddress: string,
): { readonly listeners: readonly Listener[]; readonly faults: readonly string[] } {
  const listeners: Listener[] = [];
  const faults: string[] = [];
  const owners = new Map<string, string>();
  for (const candidate of mesh.listeners) {
    const address = `${candidate.address ?? bindAddress}:${candidate.port}`;
    const owner = owners.get(address);
    if (owner !== undefined) {
      faults.push(
        `listener ${candidate.name} is left out: ${address} is taken by listener ${owner}`,
      );
    } else if (!modules.has(candidate.module)) {
      faults.push(
        `listener ${candidate.name} is left out: there is no module ${candidate.module} ` +
          `for protocol ${candidate.protocol}`,
      );
    } else {
      owners.set(address, candidate.name);
      listeners.push(candidate);
    }
  }
  return { listeners, faults };
}

/** The same for every version of a module but for the code and what is named after it. */
function moduleFilterConfig(module: ModuleVersion): Wasm {
  return wasmFilterConfig({
    module: module.name,
    code: create(AsyncDataSourceSchema, {
      specifier: {
        case: "local",
        value: { specifier: { case: "inlineBytes", value: module.code } },
      },
    }),
    configuration: create(PluginConfigurationSchema, {
      dialCluster: dialName(module.name, module.digest),
      discoveryCluster: DISCOVERY_CLUSTER,
    }),
  });
}

function pending<Message>(
  name: string,
  source: unknown,
  message: () => Message,
): PendingResource<Message> {
  return { name, source: JSON.stringify(source), message };
}

/** Versions in use, with the retired ones behind them. */
function moduleVersions(
  input: XdsInput,
  used: ReadonlySet<string>,
): { readonly current: readonly ModuleVersion[]; readonly all: readonly ModuleVersion[] } {
  const current = [...input.modules.values()].filter(({ name }) => used.has(name));
  const retired = input.retiredModules.filter(
    ({ name, digest }) => input.modules.get(name)?.digest !== digest,
  );
  return { current, all: [...current, ...retired] };
}

function extensionConfig(
  name: string,
  module: ModuleVersion,
): PendingResource<TypedExtensionConfig> {
  return pending(name, [name, module.name, module.digest], () =>
    wasmExtensionConfig(name, moduleFilterConfig(module)),
  );
}

/** Pure: equal inputs give equal resources, in a stable order. */
export function translateToXds(input: XdsInput): XdsResources {
  const { mesh, bindAddress } = input;
  const servable = servableListeners(mesh, input.modules, bindAddress);
  const used = new Set(servable.listeners.map(({ module }) => module));
  const { current, all } = moduleVersions(input, used);
  const dialNames = all.map(({ name, digest }) => dialName(name, digest));
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
        return pending(from.name, source, () => cluster(from, "eds"));
      }),
      ...own,
      ...dialNames.map((name) => pending(name, "", () => dialCluster(name))),
    ],
    endpoints: clusters
      .filter(({ discovery }) => discovery === "static")
      .map((from) => pending(from.name, from.endpoints, () => clusterLoadAssignment(from))),
    listeners: [
      ...dialNames.map((name) =>
        pending(name, "", () => internalListener(name, discoveredWasmFilter(name))),
      ),
      ...servable.listeners.map((from) => pendingListener(from, from.address ?? bindAddress)),
    ],
    extensionConfigs: [
      ...all.map((module) => extensionConfig(dialName(module.name, module.digest), module)),
      ...current.map((module) => extensionConfig(moduleResourceName(module.name), module)),
    ],
    extensionConfigOrder: new Map(
      current.map(({ name, digest }) => [moduleResourceName(name), dialName(name, digest)]),
    ),
    faults: servable.faults,
  };
}

/** Routes are no part of a listener: they reach the module by themselves. */
function pendingListener(from: Listener, address: string): PendingResource<XdsListener> {
  const { name, port, module, downstreamTls } = from;
  return pending(name, [address, port, module, downstreamTls], () =>
    listener(from, address, discoveredWasmFilter(moduleResourceName(module))),
  );
}
