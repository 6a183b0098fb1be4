// What the filters of a module are to do: of all requests of a listener, or of those of one route.
import type { AttributeMatch } from "./attribute-match.js";

/** At most one of each name in a list. */
export type Filter =
  | BuiltInFilter
  /** A user's own. */
  | { readonly kind: "own"; readonly name: string; readonly config: string }
  /** Requests pass by the filter of this name. */
  | { readonly kind: "disabled"; readonly name: string };

export type BuiltInFilter =
  | ({ readonly kind: "localRateLimit" } & LocalRateLimit)
  | ({ readonly kind: "globalRateLimit" } & GlobalRateLimit)
  | ({ readonly kind: "fault" } & Fault)
  | ({ readonly kind: "authorization" } & Authorization)
  | ({ readonly kind: "accessLog" } & AccessLog)
  | ({ readonly kind: "tracing" } & Tracing)
  | ({ readonly kind: "stats" } & Stats)
  | ({ readonly kind: "peerMetadata" } & PeerMetadata);

export type FilterKind = BuiltInFilter["kind"];

export interface TokenBucket {
  readonly maxTokens: number;
  readonly tokensPerFill: number;
  readonly fillIntervalMs: number;
}

export interface LocalRateLimit {
  /** Buckets of equal configurations with this name are the same ones. */
  readonly name: string;
  /** For requests that none of `conditions` matches; undefined: they are not limited. */
  readonly tokenBucket: TokenBucket | undefined;
  /** The first that matches has the bucket of a request. */
  readonly conditions: readonly {
    readonly match: readonly AttributeMatch[];
    readonly tokenBucket: TokenBucket;
  }[];
}

export interface GlobalRateLimit {
  readonly domain: string;
  /** Only requests that match are limited; empty: all. */
  readonly match: readonly AttributeMatch[];
  /** Of the service. */
  readonly cluster: string;
  readonly timeoutMs: number;
  readonly denyOnFail: boolean;
  readonly descriptors: readonly (readonly RateLimitEntry[])[];
}

export interface RateLimitEntry {
  readonly key: string;
  readonly source:
    | { readonly kind: "attribute"; readonly name: string }
    | { readonly kind: "value"; readonly value: string }
    | { readonly kind: "sourceAddress" };
}

export interface Fault {
  readonly delay:
    | {
        readonly duration:
          | { readonly kind: "fixed"; readonly ms: number }
          /** Its value is in milliseconds. */
          | { readonly kind: "attribute"; readonly name: string };
        /** Undefined: the module's default. */
        readonly maxMs: number | undefined;
        readonly perMillion: number;
      }
    | undefined;
  readonly abort:
    | {
        readonly reply:
          | { readonly kind: "error"; readonly error: AbortError }
          /** The protocol's own. */
          | { readonly kind: "code"; readonly code: number };
        /** Only requests that have it; undefined: all. */
        readonly attribute: string | undefined;
        readonly perMillion: number;
      }
    | undefined;
  readonly maxActiveDelays: number | undefined;
}

export type AbortError =
  | "NO_ROUTE"
  | "UNAVAILABLE"
  | "OVERLOADED"
  | "TIMEOUT"
  | "RESET"
  | "PERMISSION_DENIED"
  | "INTERNAL";

export interface Authorization {
  readonly policies: readonly AuthorizationPolicy[];
}

export interface AuthorizationPolicy {
  readonly name: string;
  readonly action: "allow" | "deny";
  /** It matches if one of them does; none: never. */
  readonly rules: readonly AuthorizationRule[];
  readonly dryRun: boolean;
}

export interface AuthorizationRule {
  /** One of them; none: everybody. */
  readonly from: readonly AuthorizationSource[];
  /** One of them, all of whose matches must hold; none: everything. */
  readonly to: readonly (readonly AttributeMatch[])[];
}

/** `abc`, `abc*`, `*abc` or `*`; addresses and CIDR ranges in `ipBlocks`. */
export interface AuthorizationSource {
  readonly principals: readonly string[];
  readonly notPrincipals: readonly string[];
  readonly namespaces: readonly string[];
  readonly notNamespaces: readonly string[];
  readonly ipBlocks: readonly string[];
  readonly notIpBlocks: readonly string[];
}

export interface AccessLog {
  readonly format:
    | { readonly kind: "text"; readonly text: string }
    | { readonly kind: "json"; readonly members: Readonly<Record<string, string>> };
  /** Undefined: the host's log. */
  readonly otlp:
    | {
        readonly cluster: string;
        readonly flushIntervalMs: number | undefined;
        readonly resourceAttributes: Readonly<Record<string, string>>;
      }
    | undefined;
  readonly filter:
    | {
        readonly errorsOnly: boolean;
        readonly minDurationMs: number | undefined;
        readonly perMillion: number;
      }
    | undefined;
}

export interface Tracing {
  readonly cluster: string;
  readonly serviceName: string;
  readonly side: "server" | "client";
  readonly perMillion: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly b3: boolean;
  readonly flushIntervalMs: number | undefined;
}

export interface Stats {
  /** Empty: methods are not told apart. */
  readonly methodAttribute: string;
  readonly maxMethods: number | undefined;
  readonly durationBucketsMs: readonly number[];
  readonly istio:
    | {
        readonly reporter: "source" | "destination";
        readonly labels: Readonly<Record<string, string>>;
      }
    | undefined;
}

/** What proxies tell each other of their workloads. */
export interface PeerMetadata {
  readonly side: "outbound" | "inbound";
  readonly propagate: boolean;
  /** Undefined: what the node says. */
  readonly workload: Readonly<Record<WorkloadText, string | undefined>>;
}

export type WorkloadText =
  | "workload"
  | "namespace"
  | "cluster"
  | "app"
  | "version"
  | "canonicalService"
  | "canonicalRevision";
