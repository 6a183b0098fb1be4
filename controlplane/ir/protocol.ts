// What speaks a protocol, and how.

export interface Protocol {
  /** Third token of `tcp-metaprotocol-<protocol>`, such as `dubbo`. */
  readonly name: string;
  /** Name of the module, from ApplicationProtocol, such as `dubbo`. Several protocols may have the same. */
  readonly module: string;
  /** Where the module comes from. Undefined: it is the one at hand that has the name. */
  readonly source?: ModuleSource;
  readonly canary?: Canary;
  readonly settings: ModuleSettings;
  /** Its messages have no place for what mutations set. Undefined: ask the module. */
  readonly isImmutable?: boolean;
}

/** What to fetch, and what to make of it. */
export interface ModuleSource {
  /** `oci://`, `https://` or `file://`. */
  readonly url: string;
  /** Of the manifest with `oci://`, else of the file. Undefined: anything. */
  readonly sha256: string | undefined;
  /** Ask again what the URL means, from time to time. */
  readonly isVolatile: boolean;
  /** PEM; undefined: signatures are not looked at. */
  readonly publicKey: string | undefined;
}

/** Another module for some proxies. */
export interface Canary {
  /** Undefined: at present they have the same as the others. */
  readonly source: ModuleSource | undefined;
  /** All of them have to be those of the proxy. */
  readonly labels: Readonly<Record<string, string>>;
  readonly percent: number;
}

/** Under which name a protocol's module is at hand: what comes from elsewhere is of one protocol only. */
export function moduleName({
  name,
  module,
  source,
}: Pick<Protocol, "name" | "module" | "source">): string {
  return source === undefined ? module : `${name}@source`;
}

/** Likewise, of its canary. */
export function canaryName({ name }: Pick<Protocol, "name">): string {
  return `${name}@canary`;
}

/** metaproto.v1.PluginConfiguration, as far as it differs from protocol to protocol. Undefined: the module's default. */
export interface ModuleSettings {
  readonly connectionMode: "shared" | "inOrder" | "exclusive" | "dedicated" | undefined;
  readonly limits: Limits;
  /** 0: none. */
  readonly defaultTimeoutMs: number | undefined;
  readonly connectTimeoutMs: number | undefined;
  /** 0: never. */
  readonly upstreamHeartbeatMs: number | undefined;
  readonly upstreamIdleTimeoutMs: number | undefined;
  /** 0: no bound. */
  readonly frameTimeoutMs: number | undefined;
  /** 0: no bound. */
  readonly streamIdleTimeoutMs: number | undefined;
  readonly initialFetchTimeoutMs: number | undefined;
  /** What the codec has to be told, in base64. */
  readonly codecConfiguration: string | undefined;
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
  streamIdleTimeoutMs: undefined,
  initialFetchTimeoutMs: undefined,
  codecConfiguration: undefined,
};
