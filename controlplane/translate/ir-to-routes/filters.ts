// Filters as the modules read them: a name, and the filter's own message of proto/metaproto/filters.
import {
  create,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { AuthorizationSchema } from "../../gen/metaproto/filters/v1/authorization_pb.js";
import {
  FaultAbort_Kind as AbortKind,
  FaultSchema,
} from "../../gen/metaproto/filters/v1/fault_pb.js";
import { GlobalRateLimitSchema } from "../../gen/metaproto/filters/v1/global_rate_limit_pb.js";
import { LocalRateLimitSchema } from "../../gen/metaproto/filters/v1/local_rate_limit_pb.js";
import { AccessLogSchema } from "../../gen/metaproto/filters/v1/access_log_pb.js";
import { PeerMetadataSchema } from "../../gen/metaproto/filters/v1/peer_metadata_pb.js";
import { StatsSchema } from "../../gen/metaproto/filters/v1/stats_pb.js";
import { TracingSchema } from "../../gen/metaproto/filters/v1/tracing_pb.js";
import type { FilterConfigSchema } from "../../gen/metaproto/v1/route_pb.js";
import type {
  AbortError,
  BuiltInFilter,
  Fault,
  Filter,
  FilterKind,
  GlobalRateLimit,
  LocalRateLimit,
  RateLimitEntry,
  TokenBucket,
} from "../../ir/filter.js";
import { authorization } from "./authorization.js";
import { durationField } from "./duration-field.js";
import type { TranslateMatches } from "./matches.js";
import { accessLog, peerMetadata, stats, tracing } from "./telemetry.js";

export const FILTER_NAMES: Readonly<Record<FilterKind, string>> = {
  localRateLimit: "metaproto.filters.local_rate_limit",
  globalRateLimit: "metaproto.filters.global_rate_limit",
  fault: "metaproto.filters.fault",
  authorization: "metaproto.filters.authorization",
  accessLog: "metaproto.filters.access_log",
  peerMetadata: "metaproto.filters.peer_metadata",
  stats: "metaproto.filters.stats",
  tracing: "metaproto.filters.tracing",
};

/** The message of each filter, by the filter's name. */
export const FILTER_SCHEMAS: ReadonlyMap<string, DescMessage> = new Map<string, DescMessage>([
  [FILTER_NAMES.localRateLimit, LocalRateLimitSchema],
  [FILTER_NAMES.globalRateLimit, GlobalRateLimitSchema],
  [FILTER_NAMES.fault, FaultSchema],
  [FILTER_NAMES.authorization, AuthorizationSchema],
  [FILTER_NAMES.accessLog, AccessLogSchema],
  [FILTER_NAMES.peerMetadata, PeerMetadataSchema],
  [FILTER_NAMES.stats, StatsSchema],
  [FILTER_NAMES.tracing, TracingSchema],
]);

/** Of a route or of a whole configuration; equal filters give equal bytes. */
export function filterConfigs(
  filters: readonly Filter[],
  matches: TranslateMatches,
): MessageInitShape<typeof FilterConfigSchema>[] {
  return filters.map((filter) => {
    switch (filter.kind) {
      case "own":
        return { name: filter.name, config: new TextEncoder().encode(filter.config) };
      case "disabled":
        return { name: filter.name, disabled: true };
      case "localRateLimit":
      case "globalRateLimit":
      case "fault":
      case "authorization":
      case "accessLog":
      case "peerMetadata":
      case "stats":
      case "tracing":
        return { name: FILTER_NAMES[filter.kind], config: encodedConfig(filter, matches) };
    }
  });
}

function encodedConfig(filter: BuiltInFilter, matches: TranslateMatches): Uint8Array<ArrayBuffer> {
  switch (filter.kind) {
    case "localRateLimit":
      return encode(LocalRateLimitSchema, localRateLimit(filter, matches));
    case "globalRateLimit":
      return encode(GlobalRateLimitSchema, globalRateLimit(filter, matches));
    case "fault":
      return encode(FaultSchema, fault(filter));
    case "authorization":
      return encode(AuthorizationSchema, authorization(filter, matches));
    case "accessLog":
      return encode(AccessLogSchema, accessLog(filter));
    case "peerMetadata":
      return encode(PeerMetadataSchema, peerMetadata(filter));
    case "stats":
      return encode(StatsSchema, stats(filter));
    case "tracing":
      return encode(TracingSchema, tracing(filter));
  }
}

function encode<Desc extends DescMessage>(
  schema: Desc,
  init: MessageInitShape<Desc>,
): Uint8Array<ArrayBuffer> {
  const message: MessageShape<Desc> = create(schema, init);
  return toBinary(schema, message);
}

function localRateLimit(
  { name, tokenBucket, conditions }: LocalRateLimit,
  matches: TranslateMatches,
): MessageInitShape<typeof LocalRateLimitSchema> {
  return {
    name,
    ...(tokenBucket && { tokenBucket: bucket(tokenBucket) }),
    conditions: conditions.map((condition) => ({
      match: matches(condition.match),
      tokenBucket: bucket(condition.tokenBucket),
    })),
  };
}

function bucket({ maxTokens, tokensPerFill, fillIntervalMs }: TokenBucket) {
  return { maxTokens, tokensPerFill, ...durationField("fillInterval", fillIntervalMs) };
}

function globalRateLimit(
  from: GlobalRateLimit,
  matches: TranslateMatches,
): MessageInitShape<typeof GlobalRateLimitSchema> {
  const { domain, match, cluster, timeoutMs, denyOnFail, descriptors } = from;
  return {
    domain,
    match: matches(match),
    cluster,
    ...durationField("timeout", timeoutMs),
    denyOnFail,
    descriptors: descriptors.map((entries) => ({ entries: entries.map(rateLimitEntry) })),
  };
}

function rateLimitEntry({ key, source }: RateLimitEntry) {
  switch (source.kind) {
    case "attribute":
      return { key, source: { case: "attribute" as const, value: source.name } };
    case "value":
      return { key, source: { case: "value" as const, value: source.value } };
    case "sourceAddress":
      return { key, source: { case: "sourceAddress" as const, value: true } };
  }
}

const ABORT_KINDS: Readonly<Record<AbortError, AbortKind>> = {
  NO_ROUTE: AbortKind.NO_ROUTE,
  UNAVAILABLE: AbortKind.UNAVAILABLE,
  OVERLOADED: AbortKind.OVERLOADED,
  TIMEOUT: AbortKind.TIMEOUT,
  RESET: AbortKind.RESET,
  PERMISSION_DENIED: AbortKind.PERMISSION_DENIED,
  INTERNAL: AbortKind.INTERNAL,
};

function fault({ delay, abort, maxActiveDelays }: Fault): MessageInitShape<typeof FaultSchema> {
  return {
    ...(delay && {
      delay: {
        duration:
          delay.duration.kind === "fixed"
            ? { case: "fixed", value: durationFromMs(delay.duration.ms) }
            : { case: "attribute", value: delay.duration.name },
        perMillion: delay.perMillion,
        ...durationField("max", delay.maxMs),
      },
    }),
    ...(abort && {
      abort: {
        ...(abort.reply.kind === "code"
          ? { kind: AbortKind.CODE, code: abort.reply.code }
          : { kind: ABORT_KINDS[abort.reply.error] }),
        perMillion: abort.perMillion,
        attribute: abort.attribute ?? "",
      },
    }),
    maxActiveDelays: maxActiveDelays ?? 0,
  };
}
