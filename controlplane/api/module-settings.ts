// What an ApplicationProtocol says to the module of its protocol: metaproto.v1.PluginConfiguration, as far as it is the user's.
import { moduleDuration } from "./module-duration.js";
import { object, optional, type Read, type ValueOf } from "./schema/composites.js";
import { integer, oneOf } from "./schema/scalars.js";
import type { Site } from "./schema/site.js";

const MAX_UINT32 = 2 ** 32 - 1;
/** A frame lies in one block of a module's memory. */
const MAX_FRAME_BYTES = 2 ** 29;

const DEFAULT_MAX_FRAME_BYTES = 16 * 2 ** 20;
const DEFAULT_MAX_BUFFERED_BYTES = 256 * 2 ** 20;

const uint32 = integer(1, MAX_UINT32);

/** metaproto.v1.Limits: all per worker thread. Undefined: the default. */
const limits = object({
  maxFrameBytes: optional(
    integer(1, MAX_FRAME_BYTES),
    "a larger frame is answered with an error, and its connection closed",
    "16 MiB",
  ),
  maxRequestsPerDownstreamConnection: optional(
    uint32,
    "requests of one client's connection that wait for their response",
    "1024",
  ),
  maxRequestsPerUpstreamConnection: optional(
    uint32,
    "requests in flight on one upstream connection",
    "1024; 1 with `EXCLUSIVE`",
  ),
  maxRequests: optional(uint32, "outstanding requests of one cluster", "16384"),
  maxPendingRequests: optional(
    uint32,
    "requests of one cluster that wait for a connection",
    "4096",
  ),
  maxConnections: optional(uint32, "upstream connections of one cluster", "1024"),
  maxBufferedBytes: optional(uint32, "what is kept of frames, of all connections", "256 MiB"),
  maxRequestsAwaitingRoutes: optional(uint32, "requests that wait for the first routes", "4096"),
});

export type Limits = Read<typeof limits>;

/** Undefined: the module's default. */
export const moduleSettingsFields = {
  connectionMode: optional(
    oneOf("SHARED", "IN_ORDER", "EXCLUSIVE", "DEDICATED"),
    "`SHARED`, `IN_ORDER`, `EXCLUSIVE`, `DEDICATED`: [what they mean](../protocol-owners/contract.md#connection-modes)",
    "the codec's",
  ),
  limits: optional(
    limits,
    "per worker; integers of at least 1, more of them on the page of [bounds](bounds.md)",
  ),
  defaultTimeout: optional(
    moduleDuration(0),
    "for routes without a timeout of their own; `0s`: none",
    "15 s",
  ),
  connectTimeout: optional(
    moduleDuration(1),
    "how long an upstream connection may take to be established",
    "10 s",
  ),
  upstreamHeartbeat: optional(
    moduleDuration(0),
    "an upstream connection without a request for so long is probed, if the protocol can; `0s`: never",
    "30 s",
  ),
  upstreamIdleTimeout: optional(
    moduleDuration(1),
    "a spare upstream connection without a request for so long is closed",
    "60 s",
  ),
  frameTimeout: optional(
    moduleDuration(0),
    "how long a frame may take from its first byte to its last; `0s`: no bound",
    "30 s",
  ),
  streamIdleTimeout: optional(
    moduleDuration(0),
    "how long neither side of an open stream may send anything; `0s`: no bound",
    "5 min",
  ),
  initialFetchTimeout: optional(
    moduleDuration(1),
    "how long requests wait for the first routes",
    "5 s",
  ),
};

type WrittenSettings = ValueOf<typeof moduleSettingsFields>;

/** Durations in milliseconds; undefined: the module's default. */
export interface ModuleSettings {
  /** How requests share an upstream connection; the default is what fits the protocol's usual servers. */
  readonly connectionMode: WrittenSettings["connectionMode"];
  readonly limits: Limits | undefined;
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
}

export function moduleSettingsOf(written: WrittenSettings): ModuleSettings {
  return {
    connectionMode: written.connectionMode,
    limits: written.limits,
    defaultTimeoutMs: written.defaultTimeout,
    connectTimeoutMs: written.connectTimeout,
    upstreamHeartbeatMs: written.upstreamHeartbeat,
    upstreamIdleTimeoutMs: written.upstreamIdleTimeout,
    frameTimeoutMs: written.frameTimeout,
    streamIdleTimeoutMs: written.streamIdleTimeout,
    initialFetchTimeoutMs: written.initialFetchTimeout,
  };
}

/** Of settings that contradict each other. */
export function warnOfSettings({ connectionMode, limits }: WrittenSettings, site: Site): void {
  if (limits === undefined) return;
  const place = site.field("limits");
  const frame = limits.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES;
  const buffered = limits.maxBufferedBytes ?? DEFAULT_MAX_BUFFERED_BYTES;
  if (buffered < frame)
    place
      .field(limits.maxBufferedBytes === undefined ? "maxFrameBytes" : "maxBufferedBytes")
      .warning(
        `no frame larger than maxBufferedBytes, ${buffered}, gets through; maxFrameBytes is ${frame}`,
      );
  if (connectionMode === "EXCLUSIVE" && (limits.maxRequestsPerUpstreamConnection ?? 1) > 1)
    place
      .field("maxRequestsPerUpstreamConnection")
      .warning("has no effect with EXCLUSIVE, where it is 1");
}
