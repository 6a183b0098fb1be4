import { hostNameFault, hostNames } from "./host-name.js";
import { percentage } from "./percentage.js";
import { redisAuth } from "./redis-settings.js";
import type { KindDefinition, ResourceEnvelope } from "./resource.js";
import {
  list,
  nonEmptyList,
  object,
  optional,
  type Read,
  required,
  withDefault,
} from "./schema/composites.js";
import { checked } from "./schema/schema.js";
import { boolean, duration, integer, nonEmptyText, oneOf, text } from "./schema/scalars.js";

const MAX_UINT32 = 2 ** 32 - 1;
/** Envoy's. */
const MAX_PREFIX_BYTES = 1000;

const destination = object({
  host: required(nonEmptyText, "of a ServiceEntry with a port `tcp-redis`"),
  port: optional(integer(0, 65535), "which port; 0 is none", "the listener's; the only one"),
});

export type RedisTarget = Read<typeof destination>;

const prefix = checked(text, (value, site) => {
  if (Buffer.byteLength(value) > MAX_PREFIX_BYTES)
    site.fault(`must not be longer than ${MAX_PREFIX_BYTES} bytes`);
});

const match = object({
  key: optional(
    object({
      prefix: optional(prefix, "of the key; of several the longest that fits decides"),
      removePrefix: withDefault(boolean, false, "send the key without it", "`false`"),
    }),
    "",
    "every key that no prefix fits",
  ),
});

const mirror = object({
  route: required(destination, "where a copy goes; its answer is dropped"),
  percentage: optional(percentage, "of commands", "100"),
  excludeReadCommands: withDefault(boolean, false, "copy only what writes", "`false`"),
});

const route = object({
  match: optional(match, "", "every key that no prefix fits"),
  route: required(destination, ""),
  mirror: withDefault(list(mirror), [], ""),
});

const fault = checked(
  object({
    type: withDefault(oneOf("DELAY", "ERROR"), "DELAY", "`DELAY`, `ERROR`", "`DELAY`"),
    percentage: optional(percentage, "of commands", "100"),
    delay: optional(duration(1), "how long; with `ERROR` before it"),
    commands: withDefault(list(nonEmptyText), [], "which", "all"),
  }),
  ({ type, delay }, site) => {
    if (type === "DELAY" && delay === undefined) site.field("delay").fault("is required");
  },
);

const settings = object({
  opTimeout: optional(duration(1), "for one command; Envoy has no other time-out", "60 s"),
  caseInsensitive: withDefault(boolean, false, "prefixes of keys in any letter case", "`false`"),
  enableCommandStats: withDefault(boolean, false, "stats for each command", "`false`"),
  enableHashtagging: withDefault(
    boolean,
    false,
    "keys with the same `{tag}` go together",
    "`false`",
  ),
  enableRedirection: withDefault(boolean, false, "follow `MOVED` and `ASK`", "`false`"),
  maxBufferSizeBeforeFlush: optional(integer(0, MAX_UINT32), "bytes of commands sent at once", "0"),
  bufferFlushTimeout: optional(duration(0), "after which fewer are sent", "3 ms"),
  maxUpstreamUnknownConnections: optional(
    integer(0, MAX_UINT32),
    "connections to servers that redirections name",
    "100",
  ),
  readPolicy: withDefault(
    oneOf("MASTER", "PREFER_MASTER", "REPLICA", "PREFER_REPLICA", "ANY"),
    "MASTER",
    "who answers what only reads, in a Redis Cluster: `MASTER`, `PREFER_MASTER`, `REPLICA`, `PREFER_REPLICA`, `ANY`",
    "`MASTER`",
  ),
  auth: optional(redisAuth, "what clients must say with `AUTH`", "nothing"),
});

const spec = object(
  {
    host: required(
      hostNames(hostNameFault),
      "hosts of ServiceEntries of the same namespace, with a port `tcp-redis`",
    ),
    settings: optional(settings, ""),
    redis: required(nonEmptyList(route, "at least one route is required"), "routes by key"),
    faults: withDefault(list(fault), [], "on purpose"),
  },
  { title: "RedisService" },
);

export type RedisServiceSpec = Read<typeof spec>;
export type RedisService = ResourceEnvelope<"RedisService", RedisServiceSpec>;

export const redisServiceKind: KindDefinition<"RedisService", RedisServiceSpec> = {
  kind: "RedisService",
  group: "redis.aeraki.io",
  versions: ["v1alpha1"],
  namespaced: true,
  unknownFields: "fault",
  shape: spec.shape,
  readSpec: spec.read,
};
