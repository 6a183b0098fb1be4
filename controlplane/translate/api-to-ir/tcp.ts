// Services whose bytes Envoy passes on as they are, counted by a filter of its own: ports `tcp-kafka`, `tcp-zookeeper`.
import type { Cluster } from "../../ir/cluster.js";
import type { TcpListener } from "../../ir/mesh.js";
import { clusterName } from "./cluster-name.js";
import { type ClusterContext, wholeCluster } from "./clusters.js";
import { addressOf, listenerName, tlsOf } from "./listeners.js";
import type { Report } from "./report.js";
import type { Service } from "./services.js";

export interface TcpServices {
  readonly listeners: readonly { readonly service: Service; readonly listener: TcpListener }[];
  readonly clusters: readonly Cluster[];
}

/** @param services those that are served. */
export function tcpServices(services: readonly Service[], context: ClusterContext): TcpServices {
  return {
    listeners: services.map((service) => ({
      service,
      listener: {
        name: listenerName(service),
        host: service.host,
        port: service.port.number,
        address: addressOf(service, context.report),
        downstreamTls: tlsOf(service),
        cluster: clusterName(service.host, service.port.number, ""),
        statsFilter: statsFilterOf(service, context.report),
      },
    })),
    clusters: services.flatMap((service) =>
      wholeCluster(service, context).map((cluster) => ({ ...cluster, isPlainTcp: true })),
    ),
  };
}

function statsFilterOf(
  { entry, port, portIndex }: Service,
  report: Report,
): TcpListener["statsFilter"] {
  if (port.stockProtocol !== "kafka")
    return port.stockProtocol === "zookeeper" ? "zookeeper" : undefined;
  if (entry.spec.hasContribEnvoy) return "kafka";
  report.warning(
    entry,
    `spec.ports[${portIndex}].name`,
    '`tcp-kafka` is served as TCP without stats: only contrib builds of Envoy have the filter kafka_broker; where all proxies are such, say so with the annotation `metaproto.io/envoy-contrib: "true"`',
  );
  return undefined;
}
