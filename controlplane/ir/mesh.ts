// The mesh as the translation sees it: resolved, merged and free of user-facing resource shapes.
import type { Cluster } from "./cluster.js";
import type { Filter } from "./filter.js";
import type { Placement } from "./placement.js";
import type { Protocol } from "./protocol.js";
import type { RedisProxySettings } from "./redis.js";
import type { Route } from "./route.js";

/** Everything that proxies are configured from. Equal inputs give deeply equal meshes, in a stable order. */
export interface Mesh {
  readonly listeners: readonly Listener[];
  /** Absent: none. */
  readonly redisListeners?: readonly RedisListener[];
  /** Absent: none. */
  readonly tcpListeners?: readonly TcpListener[];
  /** Those that `listeners` speak. */
  readonly protocols: readonly Protocol[];
  /** By name, unique. */
  readonly clusters: readonly Cluster[];
}

/** Of all kinds. */
export function listenerCount({ listeners, redisListeners, tcpListeners }: Mesh): number {
  return listeners.length + (redisListeners?.length ?? 0) + (tcpListeners?.length ?? 0);
}

/** One port of a service whose protocol is managed by a module. */
export interface Listener {
  /**
   * Of the listener and of its route configuration: `<host>_<port>`; under Istio also `inbound|<port>||<host>`,
   * `gateway|<port>|<gateway>|<namespace>` and `inbound-vip|<port>|tcp|<host>`.
   */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Address to bind, an IP; undefined: what the server binds by default. */
  readonly address: string | undefined;
  /** Name of one of the mesh's protocols. */
  readonly protocol: string;
  readonly routes: readonly Route[];
  /** Of all requests, those that no route matches included. */
  readonly filters: readonly Filter[];
  /** Names of the clusters that `routes` can reach, sorted. */
  readonly clusterNames: readonly string[];
  /** TLS that downstream connections must use; undefined: plain text. */
  readonly downstreamTls: DownstreamTls | undefined;
  /** Undefined: the mesh is served without Istio. */
  readonly placement?: Placement;
}

/** What listeners that no module has a part in share with the others. */
export type StockListener = Pick<
  Listener,
  "name" | "host" | "port" | "address" | "downstreamTls" | "placement"
>;

/** One port of a service of Redis. */
export interface RedisListener extends StockListener, RedisProxySettings {}

/** One port whose bytes go to a server as they are. */
export interface TcpListener extends StockListener {
  readonly cluster: string;
  /** The filter of Envoy's own that counts what they say; undefined: none. */
  readonly statsFilter: "kafka" | "zookeeper" | undefined;
}

/** Files are read by the proxy. */
export interface DownstreamTls {
  readonly certificateChainFile: string;
  readonly privateKeyFile: string;
  /** Present: client certificates are required and verified against it. */
  readonly trustedCaFile: string | undefined;
}
