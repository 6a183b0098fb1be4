// The mesh as the translation sees it: resolved, merged and free of user-facing resource shapes.
import type { Cluster } from "./cluster.js";
import type { Filter } from "./filter.js";
import type { Protocol } from "./protocol.js";
import type { Route } from "./route.js";

/** Everything that proxies are configured from. Equal inputs give deeply equal meshes, in a stable order. */
export interface Mesh {
  readonly listeners: readonly Listener[];
  /** Those that `listeners` speak. */
  readonly protocols: readonly Protocol[];
  /** By name, unique. */
  readonly clusters: readonly Cluster[];
}

/** One port of a service whose protocol is managed by a module. */
export interface Listener {
  /** `<host>_<port>`: name of the listener and of its route configuration. */
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
}

/** Files are read by the proxy. */
export interface DownstreamTls {
  readonly certificateChainFile: string;
  readonly privateKeyFile: string;
  /** Present: client certificates are required and verified against it. */
  readonly trustedCaFile: string | undefined;
}
