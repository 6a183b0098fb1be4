// Routes of one listener, in order; the first whose matches all hold is taken.
import type { AttributeMatch } from "./attribute-match.js";
import type { Filter } from "./filter.js";

export interface Route {
  readonly name: string;
  /** All must hold; empty: every request. */
  readonly match: readonly AttributeMatch[];
  /** At least one. */
  readonly destinations: readonly WeightedDestination[];
  /** Undefined: the module's default; 0: none. */
  readonly timeoutMs: number | undefined;
  readonly requestMutation: readonly Mutation[];
  readonly responseMutation: readonly Mutation[];
  /** Undefined: no retries. */
  readonly retryPolicy: RetryPolicy | undefined;
  readonly mirrors: readonly Mirror[];
  /** Undefined: the cluster's. */
  readonly hashPolicy: HashKey | undefined;
  /** Undefined: the cluster's. */
  readonly stickySession: StickySession | undefined;
  /** Where the listener has one of the same kind, the route's holds. */
  readonly filters: readonly Filter[];
}

/** Undefined: the module's default. */
export interface RetryPolicy {
  readonly attempts: number;
  /** 0: none. */
  readonly perTryTimeoutMs: number | undefined;
  readonly retryOn: readonly RetryReason[];
  readonly backoffMs: number | undefined;
  readonly maxIntervalMs: number | undefined;
  readonly retryOneway: boolean;
  readonly retryBudget:
    { readonly percent: number; readonly minRetryConcurrency: number } | undefined;
  readonly maxRequestBytes: number | undefined;
}

export type RetryReason =
  | "connectFailure"
  | "reset"
  | "perTryTimeout"
  | "overloaded"
  | "serverError"
  | "businessError"
  | "badResponse";

export interface Mirror {
  readonly cluster: string;
  readonly perMillion: number;
}

/** What the endpoint of a request depends on. */
export type HashKey =
  /** Lower case. */
  | { readonly kind: "attribute"; readonly name: string }
  | { readonly kind: "sourceIp" }
  | { readonly kind: "sourceConnection" };

/** Responses name their endpoint, and requests that do so go there. */
export interface StickySession {
  readonly attribute: string;
  /** 0: without an end. */
  readonly ttlMs: number;
  readonly strict: boolean;
}

export interface WeightedDestination {
  /** `outbound|<port>|<subset>|<host>`. */
  readonly cluster: string;
  readonly weight: number;
}

export interface Mutation {
  readonly operation: "set" | "addIfAbsent" | "remove";
  readonly key: string;
  /** Empty: `remove`. */
  readonly value: string;
}
