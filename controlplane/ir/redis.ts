// Services of Redis, as Envoy's own redis_proxy serves them: no module has a part in it.

/** What a listener of Redis does beside being one. */
export interface RedisProxySettings {
  readonly settings: RedisListenerSettings;
  /** Prefixes are unique; the longest that fits decides. */
  readonly routes: readonly RedisRoute[];
  /** Undefined: keys that no prefix fits are refused. */
  readonly catchAll: RedisRoute | undefined;
  readonly faults: readonly RedisFault[];
}

/** Undefined: Envoy's default. */
export interface RedisListenerSettings {
  readonly opTimeoutMs: number;
  readonly caseInsensitive: boolean;
  readonly enableCommandStats: boolean;
  readonly enableHashtagging: boolean;
  readonly enableRedirection: boolean;
  readonly maxBufferSizeBeforeFlush: number | undefined;
  readonly bufferFlushTimeoutMs: number | undefined;
  readonly maxUpstreamUnknownConnections: number | undefined;
  readonly readPolicy: "MASTER" | "PREFER_MASTER" | "REPLICA" | "PREFER_REPLICA" | "ANY";
  /** What clients must say; undefined: nothing. */
  readonly auth: RedisCredentials | undefined;
}

export interface RedisCredentials {
  /** Empty: Redis' default user. */
  readonly username: string;
  readonly password: string;
}

export interface RedisRoute {
  /** Empty for the one that catches all. */
  readonly prefix: string;
  readonly removePrefix: boolean;
  readonly cluster: string;
  readonly mirrors: readonly {
    readonly cluster: string;
    readonly perMillion: number;
    readonly excludeReadCommands: boolean;
  }[];
}

export interface RedisFault {
  readonly type: "DELAY" | "ERROR";
  readonly perMillion: number;
  readonly delayMs: number | undefined;
  /** Empty: all. */
  readonly commands: readonly string[];
}

/** Clusters that a listener leads to. */
export function redisClusterNames({
  routes,
  catchAll,
}: Pick<RedisProxySettings, "routes" | "catchAll">): readonly string[] {
  const all = catchAll === undefined ? routes : [...routes, catchAll];
  return all.flatMap(({ cluster, mirrors }) => [
    cluster,
    ...mirrors.map((mirror) => mirror.cluster),
  ]);
}

/** Of a cluster whose endpoints are Redis servers. */
export interface RedisUpstream {
  readonly auth: RedisCredentials | undefined;
  /** Namespaces whose proxies may know it, sorted; undefined: all. */
  readonly exportedTo: readonly string[] | undefined;
  /** Fields of the cluster that are said of Redis alone, whatever a DestinationRule says. */
  readonly own: readonly ("connectTimeoutMs" | "tcpKeepalive")[];
  /** They are a Redis Cluster: these know it. Undefined: keys are spread over the endpoints. */
  readonly seeds: readonly { readonly address: string; readonly port: number }[] | undefined;
}
