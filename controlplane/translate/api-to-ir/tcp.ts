// Services whose bytes Envoy passes on as they are, counted by a filter of its own: ports `tcp-kafka`, `tcp-zookeeper`.
import type { Cluster } from "../../ir/cluster.js";
import type { TcpListener } from "../../ir/mesh.js";
import { clusterName } from "./cluster-name.js";
import { type ClusterContext, wholeCluster } from "./clusters.js";
import type { Service } from "./services.js";
import type { StockPlaces } from "./stock-places.js";

export interface TcpServices {
  readonly listeners: readonly { readonly service: Service; readonly listener: TcpListener }[];
  readonly clusters: readonly Cluster[];
}

/** @param services those that are served. */
export function tcpServices(
  services: readonly Service[],
  { outbound, inbound }: StockPlaces,
  context: ClusterContext,
): TcpServices {
  return {
    listeners: services.flatMap((service) => {
      const statsFilter = statsFilterOf(service, context);
      // Under Istio it is served as TCP in any case.
      if (statsFilter === undefined && context.isUnderIstio) return [];
      const cluster = clusterName(service.host, service.port.number, "");
      const places = [outbound(service), ...inbound(service)].filter(
        (place) => place !== undefined,
      );
      return places.map((place) => ({ service, listener: { ...place, cluster, statsFilter } }));
    }),
    clusters: services.flatMap((service) =>
      wholeCluster(service, context).map((cluster) => ({ ...cluster, isPlainTcp: true })),
    ),
  };
}

function statsFilterOf(
  { entry, port, portIndex }: Service,
  { report, isUnderIstio }: ClusterContext,
): TcpListener["statsFilter"] {
  if (port.stockProtocol !== "kafka")
    return port.stockProtocol === "zookeeper" ? "zookeeper" : undefined;
  if (entry.spec.hasContribEnvoy) return "kafka";
  if (isUnderIstio) return undefined;
  report.warning(
    entry,
    `spec.ports[${portIndex}].name`,
    '`tcp-kafka` is served as TCP without stats: only contrib builds of Envoy have the filter kafka_broker; where all proxies are such, say so with the annotation `metaproto.io/envoy-contrib: "true"`',
  );
  return undefined;
}
