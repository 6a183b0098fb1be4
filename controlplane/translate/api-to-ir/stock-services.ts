// Services that filters of Envoy's own serve, by the names of their ports: no module has a part in them.
import type { Resource } from "../../api/kinds.js";
import type { Cluster } from "../../ir/cluster.js";
import type { Mesh, RedisListener } from "../../ir/mesh.js";
import { redisClusterNames } from "../../ir/redis.js";
import { type BoundListener, boundOf } from "./listeners.js";
import { type RedisInput, type RedisServices, redisServices } from "./redis.js";
import { isRedis } from "./services.js";
import { type TcpServices, tcpServices } from "./tcp.js";

export interface StockInput extends Pick<
  RedisInput,
  "services" | "clusters" | "places" | "isServed"
> {
  readonly resources: readonly Resource[];
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
  const { resources, services, former, clusters, places, isServed } = input;
  const redis = redisServices({
    services,
    places,
    isServed,
    redisServices: resources.filter((resource) => resource.kind === "RedisService"),
    redisDestinations: resources.filter((resource) => resource.kind === "RedisDestination"),
    clusters,
    formerListener: (owner, name) =>
      former.isInEffect(owner) ? former.redisListener(name) : undefined,
  });
  const plain = services
    .all()
    .filter((service) => service.port.stockProtocol !== undefined && !isRedis(service));
  const tcp = tcpServices(plain.filter(isServed), places, clusters);
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
