// The mesh and the modules as one snapshot for all proxies.
import { type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { ClusterSchema } from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import { TypedExtensionConfigSchema } from "../gen/envoy/config/core/v3/extension_pb.js";
import { ClusterLoadAssignmentSchema } from "../gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../gen/metaproto/v1/route_pb.js";
import type { Cluster } from "../ir/cluster.js";
import type { Listener, Mesh } from "../ir/mesh.js";
import { endpointsVersion } from "../translate/ir-to-routes/endpoints-version.js";
import type { CompileRegex } from "../translate/ir-to-routes/matches.js";
import { translateToRoutes } from "../translate/ir-to-routes/translate-to-routes.js";
import type { ModuleVersion } from "../translate/ir-to-xds/module-version.js";
import { dialName } from "../translate/ir-to-xds/names.js";
import type { PeerTimeouts } from "../translate/ir-to-xds/peer-timeouts.js";
import { type PluginVersion, pluginVersions } from "../translate/ir-to-xds/plugin-version.js";
import {
  type PendingResource,
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
import { type ResourceInput, type Snapshot, buildSnapshot } from "../xds/snapshot.js";
import { Retirement } from "./retirement.js";

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
}

export interface ProxyConfiguration {
  readonly snapshot: Snapshot;
  /** What is left out or stays as it was. */
  readonly faults: readonly string[];
}

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
  private routes: ReadonlyMap<string, Encoded> = new Map();
  private previous: Snapshot | undefined;

  constructor(private readonly options: ProxyConfigurationOptions) {
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

  configure(
    mesh: Mesh,
    modules: ReadonlyMap<string, ModuleVersion>,
    nowMs: number,
  ): ProxyConfiguration {
    const { bindAddress, peerTimeouts, isRefused = () => false } = this.options;
    const { protocols } = servable(mesh, modules, bindAddress);
    const resources = translateToXds({
      mesh,
      modules,
      retiredPlugins: this.retiredPlugins.update(
        pluginVersions(protocols, modules),
        nowMs,
        ({ protocol, digest }) => isRefused(dialName(protocol.name, digest)),
      ),
      retiredClusters: this.retiredClusters.update(mesh.clusters, nowMs),
      bindAddress,
      peerTimeouts,
    });
    const faults = [...resources.faults];
    const { clusters, endpoints, listeners: xdsListeners, extensionConfigs } = resources;
    const snapshot = buildSnapshot(
      new Map<string, readonly ResourceInput[]>([
        [CLUSTER_TYPE.typeUrl, this.clusters.encode(ClusterSchema, clusters)],
        [ENDPOINT_TYPE.typeUrl, this.endpoints.encode(ClusterLoadAssignmentSchema, endpoints)],
        [LISTENER_TYPE.typeUrl, this.listeners.encode(ListenerSchema, xdsListeners)],
        [
          EXTENSION_CONFIG_TYPE.typeUrl,
          this.extensionConfigs
            .encode(TypedExtensionConfigSchema, extensionConfigs)
            .map((input): ResourceInput => {
              const after = resources.extensionConfigOrder.get(input.name);
              return after === undefined ? input : { ...input, after };
            }),
        ],
        [ROUTES_TYPE.typeUrl, this.routeConfigurations(mesh, faults)],
      ]),
      this.previous,
    );
    this.previous = snapshot;
    return { snapshot, faults };
  }

  /** Routes that are refused stay as they were. */
  private routeConfigurations(mesh: Mesh, faults: string[]): ResourceInput[] {
    const clusters = new Map(mesh.clusters.map((cluster) => [cluster.name, cluster]));
    const encoded = new Map<string, Encoded>();
    for (const listener of mesh.listeners) {
      const { name } = listener;
      const before = this.routes.get(name);
      const source = routesSource(listener, clusters);
      if (before?.source === source) {
        encoded.set(name, before);
        continue;
      }
      const result = translateToRoutes(listener, clusters, this.options.compileRegex);
      if (result.kind === "routes") {
        encoded.set(name, { source, value: toBinary(RouteConfigurationSchema, result.routes) });
      } else {
        faults.push(...result.faults);
        // Tried again the next time, since its fault is to be told as long as it is there.
        if (before !== undefined) encoded.set(name, { ...before, source: "" });
      }
    }
    this.routes = encoded;
    return [...encoded].map(([name, { value }]) => ({ name, value }));
  }
}

/** Everything that the routes of a listener are made from. */
function routesSource(
  { name, routes, filters, clusterNames }: Listener,
  clusters: ReadonlyMap<string, Cluster>,
): string {
  const reachable = clusterNames.map((clusterName) => {
    const cluster = clusters.get(clusterName);
    if (cluster === undefined) return clusterName;
    const { loadBalancer, maxConnections, maxPendingRequests, maxRequests } = cluster;
    return [
      clusterName,
      [cluster.discovery, endpointsVersion(cluster.endpoints).toString(), loadBalancer],
      [maxConnections, maxPendingRequests, maxRequests],
      [cluster.hashPolicy, cluster.requestOutlierDetection],
    ];
  });
  return JSON.stringify([name, routes, filters, reachable]);
}
