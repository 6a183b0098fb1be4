// What the modules of this package can do. A module refuses routes that ask for more, so nothing else is sent to
// them; what users write of it has no effect, with a warning.
//
// Whoever adds a filter or a feature to the modules adds it here.
import type { FilterKind } from "../ir/filter.js";

/** What routes and clusters may say beside filters. */
export type EngineFeature =
  | "retryPolicy"
  | "mirrors"
  | "hashPolicy"
  | "stickySession"
  | "outlierDetection"
  /** Operators such as `%ATTR(x)%` in the values of mutations. */
  | "mutationOperators";

export interface ModuleFeatures {
  readonly filters: ReadonlySet<FilterKind>;
  readonly engine: ReadonlySet<EngineFeature>;
}

export const SHIPPED_FEATURES: ModuleFeatures = {
  filters: new Set<FilterKind>([
    "accessLog",
    "stats",
    "peerMetadata",
    "tracing",
    "localRateLimit",
    "fault",
    "globalRateLimit",
    "authorization",
  ]),
  engine: new Set<EngineFeature>([
    "retryPolicy",
    "mirrors",
    "hashPolicy",
    "stickySession",
    "outlierDetection",
    "mutationOperators",
  ]),
};

/** What users write to have them, in Markdown: the documentation says of each whether this version applies it. */
export const FEATURE_FIELDS: Readonly<Record<FilterKind | EngineFeature, string>> = {
  localRateLimit: "`localRateLimit` of a MetaRouter and its routes",
  globalRateLimit: "`globalRateLimit` of a MetaRouter and its routes",
  fault: "`routes[].fault`",
  authorization: "MetaAuthorizationPolicy, DubboAuthorizationPolicy",
  accessLog: "`accessLog` of an ApplicationProtocol",
  tracing: "`tracing` of an ApplicationProtocol",
  peerMetadata: "`peerMetadata` of an ApplicationProtocol",
  stats: "`stats` of an ApplicationProtocol",
  retryPolicy: "`routes[].retries`",
  mirrors: "`routes[].mirror`, `routes[].mirrors`",
  hashPolicy: "`routes[].hashPolicy`, `consistentHash` of a DestinationRule",
  stickySession: "`routes[].stickySession`, `consistentHash.httpCookie` of a DestinationRule",
  outlierDetection: "`outlierDetection` of a DestinationRule, as far as it is about responses",
  mutationOperators: "operators in values of mutations",
};

export const NOT_APPLIED = "not applied by this version";
