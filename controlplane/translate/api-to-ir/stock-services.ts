// Services that filters of Envoy's own serve, by the names of their ports: no module has a part in them.
import type { Resource } from "../../api/kinds.js";
import type { Cluster } from "../../ir/cluster.js";
import type { Mesh, RedisListener } from "../../ir/mesh.js";
import { type BoundListener, boundOf } from "./listeners.js";
import { redisClusterNames, type RedisInput, type RedisServices, redisServices } from "./redis.js";
import type { Report } from "./report.js";
import { isRedis, type Service } from "./services.js";
import { type TcpServices, tcpServices } from "./tcp.js";

export interface StockInput extends Pick<RedisInput, "services" | "clusters"> {
  readonly resources: readonly Resource[];
  /** Reports it where it is not. */
  readonly isServed: (service: Service) => boolean;
  /** The translation before. */
  readonly former: {
    isInEffect(resource: Resource): boolean;
    redisListener(name: string): RedisListener | undefined;
  };
}

export interface StockServices {
  readonly listeners: readonly BoundListener<Pick<RedisListener, "name" | "port" | "address">>[];
  readonly clusters: readonly Cluster[];
  readonly redis: RedisServices;
  readonly tcp: TcpServices;
}

export function stockServices(input: StockInput): StockServices {
  const { resources, services, former, clusters, isServed } = input;
  const served = services
    .all()
    .filter((service) => service.port.stockProtocol !== undefined && isServed(service));
  const redis = redisServices({
    services,
    served: served.filter(isRedis),
    redisServices: resources.filter((resource) => resource.kind === "RedisService"),
    redisDestinations: resources.filter((resource) => resource.kind === "RedisDestination"),
    clusters,
    formerListener: (owner, name) =>
      former.isInEffect(owner) ? former.redisListener(name) : undefined,
  });
  const plain = served.filter((service) => !isRedis(service));
  const tcp = tcpServices(plain, clusters);
  return {
    listeners: [...redis.listeners, ...tcp.listeners],
    clusters: [...redis.clusters, ...tcp.clusters],
    redis,
    tcp,
  };
}

/** What can be bound of them. */
export interface BoundStock {
  readonly listeners: Pick<Mesh, "redisListeners" | "tcpListeners">;
  readonly clusters: readonly Cluster[];
  /** All that the listeners lead to. */
  readonly clusterNames: readonly string[];
}

export const NO_STOCK: BoundStock = { listeners: {}, clusters: [], clusterNames: [] };

/** The listeners whose names are among `free`. */
export function boundStock(
  { redis, tcp, clusters }: StockServices,
  free: ReadonlySet<string>,
): BoundStock {
  const redisListeners = boundOf(redis.listeners, free);
  const tcpListeners = boundOf(tcp.listeners, free);
  return {
    listeners: {
      ...(redisListeners.length === 0 ? {} : { redisListeners }),
      ...(tcpListeners.length === 0 ? {} : { tcpListeners }),
    },
    clusters,
    clusterNames: [
      ...redisListeners.flatMap(redisClusterNames),
      ...tcpListeners.map(({ cluster }) => cluster),
    ],
  };
}

/** Under Istio, whose own listeners serve such ports. */
export function warnOfStock(resources: readonly Resource[], report: Report): void {
  for (const resource of resources)
    if (resource.kind === "RedisService" || resource.kind === "RedisDestination")
      report.warning(resource, "spec", "not applied: only without Istio");
}
