// Everything that routes and clusters may say beside destinations, at random.
import { AccessLogSchema } from "../../controlplane/gen/metaproto/filters/v1/access_log_pb.js";
import {
  FaultAbort_Kind,
  FaultSchema,
} from "../../controlplane/gen/metaproto/filters/v1/fault_pb.js";
import { LocalRateLimitSchema } from "../../controlplane/gen/metaproto/filters/v1/local_rate_limit_pb.js";
import { StatsSchema } from "../../controlplane/gen/metaproto/filters/v1/stats_pb.js";
import { filterOptions } from "../filters/filter-options.js";
import type { FilterOptions, RouteOptions } from "./mesh.js";

/** 0 to bound - 1. */
type Below = (bound: number) => number;

const REASONS = [
  "CONNECT_FAILURE",
  "RESET",
  "PER_TRY_TIMEOUT",
  "OVERLOADED",
  "SERVER_ERROR",
  "BUSINESS_ERROR",
  "BAD_RESPONSE",
];

function millis(ms: number): { seconds: bigint; nanos: number } {
  return { seconds: 0n, nanos: ms * 1_000_000 };
}

function filters(below: Below): FilterOptions[] {
  const all = [
    filterOptions(StatsSchema, { methodAttribute: "method", maxMethods: 1 + below(20) }),
    filterOptions(AccessLogSchema, {
      format: { case: "text", value: "%RESPONSE_FLAGS% %ATTR(method)% %UPSTREAM_HOST% %DURATION%" },
      output: { case: "log", value: true },
    }),
    filterOptions(FaultSchema, {
      delay: { duration: { case: "fixed", value: millis(1 + below(300)) }, perMillion: 200_000 },
      abort: { kind: FaultAbort_Kind.OVERLOADED, perMillion: 50_000 },
    }),
    filterOptions(LocalRateLimitSchema, {
      name: "chaos",
      tokenBucket: {
        maxTokens: 1 + below(50),
        tokensPerFill: 1 + below(50),
        fillInterval: millis(50 + below(200)),
      },
    }),
  ];
  return all.filter(() => below(4) > 0);
}

/** For a route whose destination is `cluster`. */
export function routePolicies(below: Below, cluster: string): Partial<RouteOptions> {
  const retryPolicy = {
    attempts: below(4),
    retryOn: REASONS.filter(() => below(3) > 0),
    ...(below(2) === 0 ? { perTryTimeout: `0.${String(1 + below(4))}s` } : {}),
    baseInterval: `0.0${String(1 + below(9))}s`,
    maxRequestBytes: 100 + below(30_000),
    minRetries: 1 + below(50),
    retryOneway: below(2) === 0,
  };
  return {
    ...(below(4) > 0 ? { retryPolicy } : {}),
    ...(below(2) === 0 ? { mirrors: [{ cluster, perMillion: 1 + below(1_000_000) }] } : {}),
    ...(below(3) === 0 ? { hashPolicy: { attribute: "method" } } : {}),
    filters: filters(below),
  };
}

export function clusterPolicies(below: Below): object {
  const outlierDetection = {
    consecutiveErrors: 1 + below(3),
    baseEjectionTime: `0.${String(1 + below(9))}s`,
    interval: "1s",
    maxEjectionPercent: 1 + below(100),
    panicThresholdPercent: below(100),
    countBusinessErrors: below(2) === 0,
  };
  return below(2) === 0 ? { outlierDetection } : {};
}
