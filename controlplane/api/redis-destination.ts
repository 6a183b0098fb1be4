import { hostNameFault, isIpAddress } from "./host-name.js";
import { redisAuth } from "./redis-settings.js";
import type { KindDefinition, ResourceEnvelope } from "./resource.js";
import { list, object, optional, type Read, required, withDefault } from "./schema/composites.js";
import { checked, mapped, type Schema } from "./schema/schema.js";
import { duration, integer, nonEmptyText, oneOf, text } from "./schema/scalars.js";

const MAX_UINT32 = 2 ** 32 - 1;
const MAX_PORT = 65535;
const REDIS_PORT = 6379;

/** Who is asked for the members of a Redis Cluster. */
export interface RedisSeed {
  /** IP address or DNS name. */
  readonly address: string;
  readonly port: number;
}

/** `host`, `host:port`, an IPv6 address with a port as `[::1]:6379`. Undefined: it is neither. */
function parseSeed(written: string): RedisSeed | undefined {
  if (isIpAddress(written)) return { address: written, port: REDIS_PORT };
  const { groups } =
    /^(?:\[(?<bracketed>[^\]]*)\]|(?<bare>[^:]*))(?::(?<port>\d{1,5}))?$/.exec(written) ?? {};
  const { bracketed, bare = "", port = String(REDIS_PORT) } = groups ?? {};
  const isHost =
    bracketed === undefined
      ? isIpAddress(bare) || hostNameFault(bare) === undefined
      : isIpAddress(bracketed);
  const number = Number(port);
  if (groups === undefined || !isHost || number < 1 || number > MAX_PORT) return undefined;
  return { address: bracketed ?? bare, port: number };
}

const seed: Schema<RedisSeed> = mapped(
  checked(text, (value, site) => {
    if (parseSeed(value) === undefined) site.fault(`\`${value}\` is not \`host\` or \`host:port\``);
  }),
  (written) => parseSeed(written) ?? { address: "", port: REDIS_PORT },
);

const tcpKeepalive = mapped(
  object({
    probes: optional(integer(0, MAX_UINT32), "without an answer, after which it has failed"),
    time: optional(duration(1), "idle before the first one"),
    interval: optional(duration(1), "between them"),
  }),
  ({ probes, time, interval }) => ({ probes, timeMs: time, intervalMs: interval }),
);

const connectionPool = object({
  tcp: optional(
    object({
      maxConnections: optional(integer(1, MAX_UINT32), "upstream connections", "no bound"),
      connectTimeout: optional(duration(1), "for a connection to be made", "10 s"),
      tcpKeepalive: optional(tcpKeepalive, "", "off"),
    }),
    "before those of a DestinationRule",
  ),
  redis: optional(
    object({
      mode: withDefault(
        oneOf("PROXY", "CLUSTER"),
        "PROXY",
        "`PROXY`: keys are spread over the endpoints by consistent hash. `CLUSTER`: they are a Redis Cluster, which says who has which key",
        "`PROXY`",
      ),
      discoveryEndpoints: withDefault(
        list(seed),
        [],
        "with `CLUSTER`, `host` or `host:port`: who is asked; without a port it is 6379",
        "the ServiceEntry's endpoints",
      ),
      auth: optional(redisAuth, "what servers are told with `AUTH`", "nothing"),
    }),
    "",
  ),
});

const spec = object(
  {
    host: required(
      nonEmptyText,
      "of a ServiceEntry of the same namespace, with a port `tcp-redis`",
    ),
    trafficPolicy: optional(object({ connectionPool: optional(connectionPool, "") }), ""),
  },
  { title: "RedisDestination" },
);

export type RedisDestinationSpec = Read<typeof spec>;
export type RedisDestination = ResourceEnvelope<"RedisDestination", RedisDestinationSpec>;

export const redisDestinationKind: KindDefinition<"RedisDestination", RedisDestinationSpec> = {
  kind: "RedisDestination",
  group: "redis.aeraki.io",
  versions: ["v1alpha1"],
  namespaced: true,
  unknownFields: "fault",
  shape: spec.shape,
  readSpec: spec.read,
};
