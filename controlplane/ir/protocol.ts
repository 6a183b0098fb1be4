// What speaks a protocol, and how.

export interface Protocol {
  /** Third token of `tcp-metaprotocol-<protocol>`, such as `dubbo`. */
  readonly name: string;
  /** Name of the module, from ApplicationProtocol, such as `dubbo`. Several protocols may have the same. */
  readonly module: string;
  readonly settings: ModuleSettings;
}

/** metaproto.v1.PluginConfiguration, as far as it differs from protocol to protocol. Undefined: the module's default. */
export interface ModuleSettings {
  readonly connectionMode: "shared" | "inOrder" | "exclusive" | undefined;
  readonly limits: Limits;
  /** 0: none. */
  readonly defaultTimeoutMs: number | undefined;
  readonly connectTimeoutMs: number | undefined;
  /** 0: never. */
  readonly upstreamHeartbeatMs: number | undefined;
  readonly upstreamIdleTimeoutMs: number | undefined;
  /** 0: no bound. */
  readonly frameTimeoutMs: number | undefined;
  readonly initialFetchTimeoutMs: number | undefined;
}

/** metaproto.v1.Limits; all per worker thread. */
export interface Limits {
  readonly maxFrameBytes?: number | undefined;
  readonly maxRequestsPerDownstreamConnection?: number | undefined;
  readonly maxRequestsPerUpstreamConnection?: number | undefined;
  readonly maxRequests?: number | undefined;
  readonly maxPendingRequests?: number | undefined;
  readonly maxConnections?: number | undefined;
  readonly maxBufferedBytes?: number | undefined;
  readonly maxRequestsAwaitingRoutes?: number | undefined;
}

export const DEFAULT_SETTINGS: ModuleSettings = {
  connectionMode: undefined,
  limits: {},
  defaultTimeoutMs: undefined,
  connectTimeoutMs: undefined,
  upstreamHeartbeatMs: undefined,
  upstreamIdleTimeoutMs: undefined,
  frameTimeoutMs: undefined,
  initialFetchTimeoutMs: undefined,
};
