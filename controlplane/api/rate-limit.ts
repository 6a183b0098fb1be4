// Rate limits of a MetaRouter or of one of its routes.
import { match } from "./attribute-match.js";
import { moduleDuration } from "./module-duration.js";
import {
  isObject,
  list,
  nonEmptyList,
  object,
  optional,
  type Read,
  required,
  withDefault,
} from "./schema/composites.js";
import { checked, constrained, mapped, type Rule, type Schema } from "./schema/schema.js";
import { boolean, integer, nonEmptyText } from "./schema/scalars.js";
import type { Site } from "./schema/site.js";

const MAX_UINT32 = 2 ** 32 - 1;
/** Envoy's and Aeraki's data planes refuse a shorter one. */
const MIN_FILL_INTERVAL_MS = 50;
// Bounds of modules, which refuse a whole configuration with more.
const MAX_CONDITIONS = 256;
const MAX_DESCRIPTORS = 32;
const MAX_DESCRIPTOR_ENTRIES = 16;
/** What Aeraki documents. */
const DEFAULT_REQUEST_TIMEOUT_MS = 20;

/** Full at first. */
const tokenBucket = mapped(
  object({
    maxTokens: required(integer(1, MAX_UINT32), "what it holds"),
    tokensPerFill: required(integer(1, MAX_UINT32), "added after each interval"),
    fillInterval: required(moduleDuration(MIN_FILL_INTERVAL_MS), "at least 50 ms"),
  }),
  ({ maxTokens, tokensPerFill, fillInterval }) => ({
    maxTokens,
    tokensPerFill,
    fillIntervalMs: fillInterval,
  }),
);

export type TokenBucket = Read<typeof tokenBucket>;

const HAS_BUCKET: Rule = {
  expression: "has(self.tokenBucket) || (has(self.conditions) && size(self.conditions) > 0)",
  message: "one of tokenBucket and conditions is required",
};

export const localRateLimit = checked(
  constrained(
    object(
      {
        tokenBucket: optional(
          tokenBucket,
          "for requests that none of `conditions` matches. All workers of an Envoy share it",
          "they are not limited",
        ),
        conditions: withDefault(
          list(
            object({
              match: required(match, ""),
              tokenBucket: required(tokenBucket, "for requests that match"),
            }),
            MAX_CONDITIONS,
          ),
          [],
          "the first that matches has the bucket of a request, instead of `tokenBucket`",
        ),
      },
      { title: "Local rate limits" },
    ),
    { rules: [HAS_BUCKET] },
  ),
  (limit, site) => {
    if (limit.tokenBucket === undefined && limit.conditions.length === 0)
      site.fault("one of tokenBucket and conditions is required");
  },
);

export type LocalRateLimit = Read<typeof localRateLimit>;

export interface RateLimitEntry {
  readonly key: string;
  readonly source:
    | { readonly kind: "attribute"; readonly name: string }
    | { readonly kind: "value"; readonly value: string }
    | { readonly kind: "sourceAddress" };
}

const entryFields = {
  property: optional(nonEmptyText, "attribute of the request that is the entry's value"),
  value: optional(nonEmptyText, "the entry's value itself"),
  sourceAddress: optional(boolean, "`true`: the client's address is the entry's value"),
  descriptorKey: optional(nonEmptyText, "key of the entry"),
};

const writtenEntry = object(entryFields);

type WrittenEntry = Read<typeof writtenEntry>;

function sourceOf(written: WrittenEntry): RateLimitEntry["source"] | undefined {
  const { property, value, sourceAddress } = written;
  const sources: RateLimitEntry["source"][] = [];
  if (property !== undefined) sources.push({ kind: "attribute", name: property.toLowerCase() });
  if (value !== undefined) sources.push({ kind: "value", value });
  if (sourceAddress === true) sources.push({ kind: "sourceAddress" });
  return sources.length === 1 ? sources[0] : undefined;
}

function entryOf(written: WrittenEntry, site: Site, others = ""): RateLimitEntry {
  const source = sourceOf(written);
  if (source === undefined)
    site.fault(`exactly one of property, value${others} and sourceAddress is required`);
  if (written.descriptorKey === undefined) site.field("descriptorKey").fault("is required");
  return { key: written.descriptorKey ?? "", source: source ?? { kind: "sourceAddress" } };
}

const entry: Schema<RateLimitEntry> = {
  shape: writtenEntry.shape,
  fallback: { key: "", source: { kind: "sourceAddress" } },
  read: (value, site) => entryOf(writtenEntry.read(value, site), site),
};

const writtenDescriptor = constrained(
  object({
    ...entryFields,
    entries: optional(
      list(entry, MAX_DESCRIPTOR_ENTRIES),
      "not in Aeraki: several entries in one descriptor, instead of the fields beside it",
    ),
  }),
  {
    rules: [
      {
        expression: "has(self.entries) != has(self.descriptorKey)",
        message: "either descriptorKey or entries is required",
      },
    ],
  },
);

/** The entries of one descriptor. */
const descriptor: Schema<readonly RateLimitEntry[]> = {
  shape: writtenDescriptor.shape,
  fallback: [],
  read(value, site) {
    const { entries, ...single } = writtenDescriptor.read(value, site);
    if (entries === undefined) return isObject(value) ? [entryOf(single, site, ", entries")] : [];
    if (entries.length === 0) site.field("entries").fault("at least one is required");
    for (const [field, present] of Object.entries(single))
      if (present !== undefined)
        site.field(field).fault("must not be there together with `entries`");
    return entries;
  },
};

export const globalRateLimit = mapped(
  object(
    {
      domain: required(nonEmptyText, "of the service's configuration"),
      match: withDefault(match, {}, ""),
      requestTimeout: withDefault(
        moduleDuration(1),
        DEFAULT_REQUEST_TIMEOUT_MS,
        "how long a request waits for the service's answer",
        "20 ms",
      ),
      denyOnFail: withDefault(
        boolean,
        false,
        "refuse requests when the service cannot be asked",
        "they pass",
      ),
      rateLimitService: required(
        nonEmptyText,
        "cluster of a server of `envoy.service.ratelimit.v3.RateLimitService`: [clusters](#clusters-of-services)",
      ),
      descriptors: required(
        nonEmptyList(descriptor, "at least one is required", { maxItems: MAX_DESCRIPTORS }),
        "the service is asked about all of them, one over its limit is enough. One of which an attribute is absent is left out",
      ),
    },
    { title: "Global rate limits" },
  ),
  ({ requestTimeout, ...rest }) => ({ ...rest, requestTimeoutMs: requestTimeout }),
);

export type GlobalRateLimit = Read<typeof globalRateLimit>;
