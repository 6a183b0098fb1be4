// What an ApplicationProtocol says to the module of its protocol: metaproto.v1.PluginConfiguration, as far as it is the user's.
import type { ObjectReader } from "./object-reader.js";

/** The longest duration that modules know, 24 days: it fits a signed number of milliseconds. */
export const MAX_MODULE_DURATION_MS = 2 ** 31 - 1;

const MAX_UINT32 = 2 ** 32 - 1;
/** A frame lies in one block of a module's memory. */
const MAX_FRAME_BYTES = 2 ** 29;

const DEFAULT_MAX_FRAME_BYTES = 16 * 2 ** 20;
const DEFAULT_MAX_BUFFERED_BYTES = 256 * 2 ** 20;

const CONNECTION_MODES = ["SHARED", "IN_ORDER", "EXCLUSIVE"] as const;

/** Undefined: the module's default. */
export interface ModuleSettings {
  /** How requests share an upstream connection; the default is what fits the protocol's usual servers. */
  readonly connectionMode: (typeof CONNECTION_MODES)[number] | undefined;
  readonly limits: Limits | undefined;
  /** For routes without a timeout of their own. 0: none. Default 15 000. */
  readonly defaultTimeoutMs: number | undefined;
  /** How long an upstream connection may take to be established. Default 10 000. */
  readonly connectTimeoutMs: number | undefined;
  /** An upstream connection without a request for this long is probed, if the protocol can. 0: never. Default 30 000. */
  readonly upstreamHeartbeatMs: number | undefined;
  /** A spare upstream connection without a request for this long is closed. Default 60 000. */
  readonly upstreamIdleTimeoutMs: number | undefined;
  /** How long a frame may take from its first byte to its last. 0: no bound. Default 30 000. */
  readonly frameTimeoutMs: number | undefined;
  /** How long requests wait for the first routes. Default 5 000. */
  readonly initialFetchTimeoutMs: number | undefined;
}

/** metaproto.v1.Limits: all per worker thread, all at least 1. Undefined: the default. */
export interface Limits {
  /** Default 16 MiB. */
  readonly maxFrameBytes: number | undefined;
  /** Default 1024. */
  readonly maxRequestsPerDownstreamConnection: number | undefined;
  /** Default 1024; always 1 with EXCLUSIVE. */
  readonly maxRequestsPerUpstreamConnection: number | undefined;
  /** Of one cluster. Default 16384. */
  readonly maxRequests: number | undefined;
  /** Of one cluster. Default 4096. */
  readonly maxPendingRequests: number | undefined;
  /** Of one cluster. Default 1024. */
  readonly maxConnections: number | undefined;
  /** Default 256 MiB. */
  readonly maxBufferedBytes: number | undefined;
  /** Default 4096. */
  readonly maxRequestsAwaitingRoutes: number | undefined;
}

export function readModuleSettings(reader: ObjectReader): ModuleSettings {
  const duration = (field: string, minMs: number): number | undefined =>
    reader.durationMs(field, minMs, MAX_MODULE_DURATION_MS);
  const connectionMode = reader.oneOf("connectionMode", CONNECTION_MODES);
  return {
    connectionMode,
    limits: reader.object("limits", (limits) => readLimits(limits, connectionMode)),
    defaultTimeoutMs: duration("defaultTimeout", 0),
    connectTimeoutMs: duration("connectTimeout", 1),
    upstreamHeartbeatMs: duration("upstreamHeartbeat", 0),
    upstreamIdleTimeoutMs: duration("upstreamIdleTimeout", 1),
    frameTimeoutMs: duration("frameTimeout", 0),
    initialFetchTimeoutMs: duration("initialFetchTimeout", 1),
  };
}

function readLimits(
  reader: ObjectReader,
  connectionMode: ModuleSettings["connectionMode"],
): Limits {
  const limit = (field: keyof Limits): number | undefined => reader.integer(field, 1, MAX_UINT32);
  const limits: Limits = {
    maxFrameBytes: reader.integer("maxFrameBytes", 1, MAX_FRAME_BYTES),
    maxRequestsPerDownstreamConnection: limit("maxRequestsPerDownstreamConnection"),
    maxRequestsPerUpstreamConnection: limit("maxRequestsPerUpstreamConnection"),
    maxRequests: limit("maxRequests"),
    maxPendingRequests: limit("maxPendingRequests"),
    maxConnections: limit("maxConnections"),
    maxBufferedBytes: limit("maxBufferedBytes"),
    maxRequestsAwaitingRoutes: limit("maxRequestsAwaitingRoutes"),
  };
  const frame = limits.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES;
  const buffered = limits.maxBufferedBytes ?? DEFAULT_MAX_BUFFERED_BYTES;
  if (buffered < frame)
    reader.warning(
      limits.maxBufferedBytes === undefined ? "maxFrameBytes" : "maxBufferedBytes",
      `no frame larger than maxBufferedBytes, ${buffered}, gets through; maxFrameBytes is ${frame}`,
    );
  if (connectionMode === "EXCLUSIVE" && (limits.maxRequestsPerUpstreamConnection ?? 1) > 1)
    reader.warning(
      "maxRequestsPerUpstreamConnection",
      "has no effect with EXCLUSIVE, where it is 1",
    );
  return limits;
}
