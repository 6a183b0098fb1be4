// The mesh and the modules as one snapshot for all proxies.
import { type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { ClusterSchema } from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import { TypedExtensionConfigSchema } from "../gen/envoy/config/core/v3/extension_pb.js";
import { ClusterLoadAssignmentSchema } from "../gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../gen/metaproto/v1/route_pb.js";
import type { Cluster } from "../ir/cluster.js";
import type { Mesh } from "../ir/mesh.js";
import {
  type CompileRegex,
  translateToRoutes,
} from "../translate/ir-to-routes/translate-to-routes.js";
import type { ModuleVersion } from "../translate/ir-to-xds/module-version.js";
import { servableListeners, translateToXds } from "../translate/ir-to-xds/translate-to-xds.js";
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
  /** Versions of each module that are kept beside the newest. Default 2. */
  readonly maxRetiredModules?: number;
  /** How long they are kept. Milliseconds, default 1 hour. */
  readonly retiredModuleMs?: number;
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
}

export interface ProxyConfiguration {
  readonly snapshot: Snapshot;
  /** What is left out or stays as it was. */
  readonly faults: readonly string[];
}

const HOUR_MS = 3_600_000;

function inputs<Desc extends DescMessage>(
  schema: Desc,
  messages: readonly MessageShape<Desc>[],
  nameOf: (message: MessageShape<Desc>) => string,
): ResourceInput[] {
  return messages.map((message) => ({ name: nameOf(message), value: toBinary(schema, message) }));
}

/** Makes snapshots, one after the other: what went out of use with the last ones is in the next. */
export class ProxyConfigurator {
  private readonly retiredModules: Retirement<ModuleVersion>;
  private readonly retiredClusters: Retirement<Cluster>;
  private previous: Snapshot | undefined;

  constructor(private readonly options: ProxyConfigurationOptions) {
    this.retiredModules = new Retirement({
      key: ({ name, digest }) => `${name} ${digest}`,
      group: ({ name }) => name,
      maxAgeMs: options.retiredModuleMs ?? HOUR_MS,
      maxPerGroup: options.maxRetiredModules ?? 2,
    });
    this.retiredClusters = new Retirement({
      key: ({ name }) => name,
      maxAgeMs: options.retiredClusterMs ?? 30_000,
    });
  }

  /** When a snapshot without change of mesh or modules would differ; undefined: never. */
  get nextExpiryMs(): number | undefined {
    const times = [this.retiredModules.nextExpiryMs, this.retiredClusters.nextExpiryMs];
    const known = times.filter((time) => time !== undefined);
    return known.length === 0 ? undefined : Math.min(...known);
  }

  configure(
    mesh: Mesh,
    modules: ReadonlyMap<string, ModuleVersion>,
    nowMs: number,
  ): ProxyConfiguration {
    const { bindAddress } = this.options;
    const { listeners } = servableListeners(mesh, modules, bindAddress);
    const used = new Set(listeners.map(({ module }) => module));
    const resources = translateToXds({
      mesh,
      modules,
      retiredModules: this.retiredModules.update(
        [...modules.values()].filter(({ name }) => used.has(name)),
        nowMs,
      ),
      retiredClusters: this.retiredClusters.update(mesh.clusters, nowMs),
      bindAddress,
    });
    const faults = [...resources.faults];
    const extensionConfigs = inputs(
      TypedExtensionConfigSchema,
      resources.extensionConfigs,
      ({ name }) => name,
    ).map((input): ResourceInput => {
      const after = resources.extensionConfigOrder.get(input.name);
      return after === undefined ? input : { ...input, after };
    });
    const snapshot = buildSnapshot(
      new Map<string, readonly ResourceInput[]>([
        [CLUSTER_TYPE.typeUrl, inputs(ClusterSchema, resources.clusters, ({ name }) => name)],
        [
          ENDPOINT_TYPE.typeUrl,
          inputs(
            ClusterLoadAssignmentSchema,
            resources.endpoints,
            ({ clusterName }) => clusterName,
          ),
        ],
        [LISTENER_TYPE.typeUrl, inputs(ListenerSchema, resources.listeners, ({ name }) => name)],
        [EXTENSION_CONFIG_TYPE.typeUrl, extensionConfigs],
        [ROUTES_TYPE.typeUrl, this.routes(mesh, faults)],
      ]),
      this.previous,
    );
    this.previous = snapshot;
    return { snapshot, faults };
  }

  /** Routes that are refused stay as they were. */
  private routes(mesh: Mesh, faults: string[]): ResourceInput[] {
    const clusters = new Map(mesh.clusters.map((cluster) => [cluster.name, cluster]));
    const before = this.previous?.types.get(ROUTES_TYPE.typeUrl)?.resources;
    return mesh.listeners.flatMap((listener): ResourceInput[] => {
      const result = translateToRoutes(listener, clusters, this.options.compileRegex);
      if (result.kind === "routes") {
        return [{ name: listener.name, value: toBinary(RouteConfigurationSchema, result.routes) }];
      }
      faults.push(...result.faults);
      const kept = before?.get(listener.name);
      return kept === undefined ? [] : [{ name: kept.name, value: kept.value }];
    });
  }
}
