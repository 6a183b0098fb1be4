// The rate limits of a MetaRouter.
import { type AttributeMatches, readAttributeMatches } from "./attribute-match.js";
import type { ObjectReader } from "./object-reader.js";

const MAX_UINT32 = 2 ** 32 - 1;
/** Envoy's and Aeraki's data planes refuse a shorter one. */
const MIN_FILL_INTERVAL_MS = 50;

export interface TokenBucket {
  readonly maxTokens: number;
  readonly tokensPerFill: number;
  readonly fillIntervalMs: number;
}

export interface LocalRateLimit {
  /** For requests that none of `conditions` matches; undefined: they are not limited. */
  readonly tokenBucket: TokenBucket | undefined;
  /** The first that matches has the bucket of a request. */
  readonly conditions: readonly {
    readonly match: AttributeMatches;
    readonly tokenBucket: TokenBucket;
  }[];
}

export interface GlobalRateLimit {
  readonly domain: string;
  /** Only requests that match are limited; empty: all. */
  readonly match: AttributeMatches;
  readonly requestTimeoutMs: number;
  readonly denyOnFail: boolean;
  /** Name of a cluster. */
  readonly rateLimitService: string;
  readonly descriptors: readonly { readonly property: string; readonly descriptorKey: string }[];
}

/** What Aeraki documents. */
const DEFAULT_REQUEST_TIMEOUT_MS = 20;

export function readLocalRateLimit(reader: ObjectReader): LocalRateLimit {
  const limit: LocalRateLimit = {
    tokenBucket: reader.object("tokenBucket", readTokenBucket),
    conditions: reader.objects("conditions", (fields) => {
      for (const field of ["match", "tokenBucket"])
        if (!fields.has(field)) fields.fault(field, "is required");
      return {
        match: fields.object("match", readAttributeMatches) ?? {},
        tokenBucket: fields.object("tokenBucket", readTokenBucket) ?? NO_BUCKET,
      };
    }),
  };
  if (limit.tokenBucket === undefined && limit.conditions.length === 0)
    reader.findings.fault(reader.path, "one of tokenBucket and conditions is required");
  return limit;
}

const NO_BUCKET: TokenBucket = { maxTokens: 1, tokensPerFill: 1, fillIntervalMs: 1 };

function readTokenBucket(reader: ObjectReader): TokenBucket {
  for (const field of ["maxTokens", "tokensPerFill", "fillInterval"])
    if (!reader.has(field)) reader.fault(field, "is required");
  return {
    maxTokens: reader.integer("maxTokens", 1, MAX_UINT32) ?? 1,
    tokensPerFill: reader.integer("tokensPerFill", 1, MAX_UINT32) ?? 1,
    fillIntervalMs: reader.durationMs("fillInterval", MIN_FILL_INTERVAL_MS) ?? 1,
  };
}

export function readGlobalRateLimit(reader: ObjectReader): GlobalRateLimit {
  const descriptors = reader.objects("descriptors", (fields) => ({
    property: fields.requiredString("property"),
    descriptorKey: fields.requiredString("descriptorKey"),
  }));
  if (descriptors.length === 0) reader.fault("descriptors", "at least one is required");
  return {
    domain: reader.requiredString("domain"),
    match: reader.object("match", readAttributeMatches) ?? {},
    requestTimeoutMs: reader.durationMs("requestTimeout", 1) ?? DEFAULT_REQUEST_TIMEOUT_MS,
    denyOnFail: reader.boolean("denyOnFail") ?? false,
    rateLimitService: reader.requiredString("rateLimitService"),
    descriptors,
  };
}
