// What makes stock sidecars run filters of Envoy's own for ports `tcp-redis`, `tcp-zookeeper` and `tcp-kafka`.
import { create } from "@bufbuild/protobuf";
import { ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import type { Cluster } from "../../ir/cluster.js";
import type { Mesh, RedisListener, StockListener } from "../../ir/mesh.js";
import type { OutboundPlacement, Placement } from "../../ir/placement.js";
import { redisClusterNames } from "../../ir/redis.js";
import { cluster as xdsCluster, redisFields } from "../ir-to-xds/cluster.js";
import { redisFilter } from "../ir-to-xds/redis-listener.js";
import { statsFilter } from "../ir-to-xds/tcp-listener.js";
import { resourceJson } from "../ir-to-xds/type-registry.js";
import { type ConfigPatch, envoyFilter } from "./envoy-filter.js";
import type { KubernetesObject } from "./kubernetes-object.js";
import {
  type ChainFilters,
  stockInboundPatches,
  stockListenerPatches,
  stockWildcardPatches,
} from "./listener-patches.js";
import { objectName } from "./names.js";
import type { ObjectMemo } from "./object-memo.js";

/** As Istio's own clusters have none. */
const NO_TIMEOUTS = { unreadMs: 0, tcpUserMs: 0 };
const COMPONENT = "stock";

export function stockObjects(
  mesh: Mesh,
  { rootNamespace, memo }: { readonly rootNamespace: string; readonly memo: ObjectMemo },
): readonly KubernetesObject[] {
  const { redisListeners = [], tcpListeners = [] } = mesh;
  return [
    ...(redisListeners.length > 0 ? redisObjects(redisListeners, mesh, rootNamespace) : []),
    ...tcpListeners.flatMap((listener) =>
      memo.of(listener, COMPONENT, [rootNamespace], () =>
        listenerObjects(listener, { before: statsFilter(listener) }, rootNamespace),
      ),
    ),
  ];
}

function redisObjects(
  listeners: readonly RedisListener[],
  mesh: Mesh,
  rootNamespace: string,
): readonly KubernetesObject[] {
  const clusters = new Map(mesh.clusters.map((cluster) => [cluster.name, cluster]));
  return [
    ...listeners.flatMap((listener) => {
      const instead = redisFilter(withOwnClusters(listener, clusters));
      return listenerObjects(listener, { instead }, rootNamespace);
    }),
    ...clusterObjects(listeners, clusters, rootNamespace),
  ];
}

function listenerObjects(
  listener: StockListener,
  filters: ChainFilters,
  rootNamespace: string,
): readonly KubernetesObject[] {
  const { host, port, placement } = listener;
  switch (placement?.kind) {
    case "outbound": {
      const patches = [
        ...placement.addresses.flatMap((address) => stockListenerPatches(address, port, filters)),
        ...(placement.hasWildcard ? stockWildcardPatches(port, filters) : []),
      ];
      const name = objectName(COMPONENT, host, port);
      return namespacesOf(placement, rootNamespace).map((namespace) =>
        envoyFilter({ component: COMPONENT, name, namespace, patches }),
      );
    }
    case "inbound": {
      const { namespace, selector } = placement;
      const name = objectName(COMPONENT, "inbound", host, port);
      const patches = stockInboundPatches(port, filters);
      return [envoyFilter({ component: COMPONENT, name, namespace, selector, patches })];
    }
    case "gateway":
    case "waypoint":
    case undefined:
      return [];
  }
}

function namespacesOf(placement: OutboundPlacement, rootNamespace: string): readonly string[] {
  return placement.exportedTo ?? [rootNamespace];
}

type Clusters = ReadonlyMap<string, Cluster>;

/** The members of a Redis Cluster are no endpoints of Istio's: it is a cluster beside Istio's own. */
function ownClusterName(name: string, clusters: Clusters): string {
  return clusters.get(name)?.redis?.seeds === undefined ? name : `metaproto.redis|${name}`;
}

function withOwnClusters(listener: RedisListener, clusters: Clusters): RedisListener {
  const nameOf = (name: string): string => ownClusterName(name, clusters);
  const renamed = (route: RedisListener["routes"][number]): RedisListener["routes"][number] => ({
    ...route,
    cluster: nameOf(route.cluster),
    mirrors: route.mirrors.map((mirror) => ({ ...mirror, cluster: nameOf(mirror.cluster) })),
  });
  const { routes, catchAll } = listener;
  return { ...listener, routes: routes.map(renamed), catchAll: catchAll && renamed(catchAll) };
}

/** Wherever a listener leads to them and they are known, and once in each proxy. */
function clusterObjects(
  listeners: readonly RedisListener[],
  clusters: Clusters,
  rootNamespace: string,
): readonly KubernetesObject[] {
  const users = new Map<string, Set<string>>();
  for (const listener of listeners)
    for (const name of redisClusterNames(listener)) {
      const namespaces = users.get(name) ?? new Set<string>();
      users.set(name, namespaces);
      if (isOutbound(listener.placement))
        for (const namespace of namespacesOf(listener.placement, rootNamespace))
          namespaces.add(namespace);
    }
  return Array.from(users).flatMap(([name, namespaces]) => {
    const cluster = clusters.get(name);
    if (cluster?.redis === undefined) return [];
    const patches = [clusterPatch(cluster, clusters)];
    const { exportedTo = [rootNamespace] } = cluster.redis;
    const all = namespaces.has(rootNamespace) ? exportedTo : Array.from(namespaces);
    const knowing = all.filter(
      (item) => exportedTo.includes(rootNamespace) || exportedTo.includes(item),
    );
    return knowing.map((namespace) =>
      envoyFilter({
        component: COMPONENT,
        name: objectName(COMPONENT, "cluster", name),
        namespace,
        patches,
      }),
    );
  });
}

function isOutbound(placement: Placement | undefined): placement is OutboundPlacement {
  return placement?.kind === "outbound";
}

/** Of Istio's cluster what Redis needs is changed: its endpoints, localities and mutual TLS stay. */
function clusterPatch(cluster: Cluster, clusters: Clusters): ConfigPatch {
  const common = { applyTo: "CLUSTER", context: "SIDECAR_OUTBOUND" } as const;
  const name = ownClusterName(cluster.name, clusters);
  if (name !== cluster.name) {
    const own = xdsCluster({ ...cluster, name }, "inline", NO_TIMEOUTS);
    return { ...common, operation: "ADD", value: resourceJson(ClusterSchema, own) };
  }
  const fields = create(ClusterSchema, redisFields(cluster));
  return {
    ...common,
    cluster: cluster.name,
    operation: "MERGE",
    value: resourceJson(ClusterSchema, fields),
  };
}
