// What the modules of the bench do with requests besides routing: each filter and policy alone, and all of
// them at once. Configured so that they look at every request and let it pass, as they do nearly always.
import {
  Stats_Reporter as Reporter,
  StatsSchema,
} from "../../controlplane/gen/metaproto/filters/v1/stats_pb.js";
import { AccessLogSchema } from "../../controlplane/gen/metaproto/filters/v1/access_log_pb.js";
import {
  AuthorizationPolicy_Action as Action,
  AuthorizationSchema,
} from "../../controlplane/gen/metaproto/filters/v1/authorization_pb.js";
import {
  FaultAbort_Kind as Kind,
  FaultSchema,
} from "../../controlplane/gen/metaproto/filters/v1/fault_pb.js";
import { GlobalRateLimitSchema } from "../../controlplane/gen/metaproto/filters/v1/global_rate_limit_pb.js";
import { LocalRateLimitSchema } from "../../controlplane/gen/metaproto/filters/v1/local_rate_limit_pb.js";
import {
  PeerMetadata_Side as Side,
  PeerMetadataSchema,
} from "../../controlplane/gen/metaproto/filters/v1/peer_metadata_pb.js";
import { TracingSchema } from "../../controlplane/gen/metaproto/filters/v1/tracing_pb.js";
import { filterOptions } from "../filters/filter-options.js";
import type { FilterOptions } from "../switchboard/mesh.js";

/** Servers that filters call; Envoy's clusters of these names. */
export const SINKS = ["collector", "ratelimit"] as const;
export type Sink = (typeof SINKS)[number];

/** What a route configuration has besides matches and destinations. */
export interface Policies {
  readonly name: string;
  readonly filters?: readonly FilterOptions[];
  /** Fields of the route that is taken. */
  readonly route?: object;
  /** Fields of its cluster. */
  readonly cluster?: object;
  readonly sinks?: readonly Sink[];
}

/** Of a million: 1 %. */
const SAMPLED = 10_000;
/** An attribute that the bench's requests do not have, so that it must be looked for to the end. */
const ABSENT = "x-user";
/** What the load generator calls: `echo` of Dubbo, `big` of Thrift. */
const METHODS = ["echo", "big"];
/** More than any run takes. */
const BUCKET = {
  maxTokens: 100_000_000,
  tokensPerFill: 100_000_000,
  fillInterval: { seconds: 1n, nanos: 0 },
};
const RATE_LIMIT_DOMAIN = "bench";

function isMethod(value: string) {
  return { name: "method", specifier: { case: "exact" as const, value } };
}

const stats = filterOptions(StatsSchema, { methodAttribute: "method" });

const istioStats = filterOptions(StatsSchema, {
  methodAttribute: "method",
  istio: {
    reporter: Reporter.DESTINATION,
    labels: { destination_workload: "greeter-v1", destination_workload_namespace: "shop" },
  },
});

const accessLog = filterOptions(AccessLogSchema, {
  format: {
    case: "json",
    value: {
      members: {
        time: "%START_TIME%",
        method: "%ATTR(method)%",
        status: "%RESPONSE_STATUS%",
        flags: "%RESPONSE_FLAGS%",
        duration: "%DURATION%",
        client: "%DOWNSTREAM_REMOTE_ADDRESS%",
        endpoint: "%UPSTREAM_HOST%",
      },
    },
  },
  output: {
    case: "otlp",
    value: { cluster: "collector", resourceAttributes: { "service.name": "bench" } },
  },
  filter: { perMillion: SAMPLED },
});

const tracing = filterOptions(TracingSchema, {
  cluster: "collector",
  serviceName: "bench",
  perMillion: SAMPLED,
  tags: { method: "%ATTR(method)%" },
});

/** Two attributes in each request; what responses have is looked for in vain, as the server says nothing of itself. */
const peerMetadata = filterOptions(PeerMetadataSchema, {
  side: Side.OUTBOUND,
  propagate: true,
  workload: { workload: "client-v1", namespace: "shop", app: "client", version: "v1" },
});

const authorization = filterOptions(AuthorizationSchema, {
  policies: [
    {
      name: "nobody-drops",
      action: Action.DENY,
      rules: [{ to: [{ match: [isMethod("drop")] }] }],
    },
    {
      name: "known-methods",
      action: Action.ALLOW,
      rules: [
        {
          from: [{ ipBlocks: ["10.0.0.0/8", "127.0.0.0/8"] }],
          to: METHODS.map((value) => ({ match: [isMethod(value)] })),
        },
      ],
    },
  ],
});

/** As one activates faults by the request. */
const fault = filterOptions(FaultSchema, {
  delay: { duration: { case: "attribute", value: "x-delay" }, perMillion: 1_000_000 },
  abort: { kind: Kind.UNAVAILABLE, attribute: "x-abort", perMillion: 1_000_000 },
});

const localRateLimit = filterOptions(LocalRateLimitSchema, {
  name: "bench",
  tokenBucket: BUCKET,
  conditions: [
    {
      match: [isMethod("drop")],
      tokenBucket: BUCKET,
    },
    {
      match: [{ name: "method", specifier: { case: "prefix", value: "" } }],
      tokenBucket: BUCKET,
    },
  ],
});

/** @param isAsked whether the service is asked for the requests of the bench. */
function globalRateLimit(isAsked: boolean): FilterOptions {
  return filterOptions(GlobalRateLimitSchema, {
    domain: RATE_LIMIT_DOMAIN,
    cluster: "ratelimit",
    timeout: { seconds: 5n, nanos: 0 },
    match: isAsked ? [] : [{ name: ABSENT, specifier: { case: "present", value: true } }],
    descriptors: [{ entries: [{ key: "method", source: { case: "attribute", value: "method" } }] }],
  });
}

/** For ratelimit: what the bench's requests are counted by. */
export const RATE_LIMITS = {
  domain: RATE_LIMIT_DOMAIN,
  descriptors: [{ key: "method", rate_limit: { unit: "second", requests_per_unit: 100_000_000 } }],
} as const;

const mutation = {
  requestMutation: [
    { operation: "SET", key: "x-route", value: "%ROUTE_NAME%" },
    { operation: "ADD_IF_ABSENT", key: "x-proxy", value: "bench" },
  ],
  responseMutation: [{ operation: "SET", key: "x-proxy", value: "bench" }],
};

const retries = {
  timeout: "10s",
  retryPolicy: {
    attempts: 2,
    perTryTimeout: "5s",
    retryOn: ["CONNECT_FAILURE", "RESET", "SERVER_ERROR"],
  },
};

const outliers = { outlierDetection: { consecutiveErrors: 5, successRateStdevFactor: 1900 } };

function mirrors(cluster: string): object {
  return { mirrors: [{ cluster, perMillion: SAMPLED }] };
}

/** Everything that is built in, at once. @param cluster of the echo server, for mirrors. */
export function allPolicies(cluster: string): Policies {
  return {
    name: "all filters on",
    filters: [
      istioStats,
      accessLog,
      tracing,
      authorization,
      fault,
      localRateLimit,
      globalRateLimit(false),
    ],
    route: { ...mutation, ...retries, ...mirrors(cluster) },
    cluster: outliers,
    sinks: ["collector"],
  };
}

/** Each of them alone, in the order of a module's filters. */
export function eachPolicy(cluster: string): Policies[] {
  return [
    { name: "peer metadata, of the caller", filters: [peerMetadata] },
    { name: "stats by method", filters: [stats] },
    { name: "stats by method, and Istio's", filters: [istioStats] },
    { name: "access log, 1 %", filters: [accessLog], sinks: ["collector"] },
    { name: "tracing, 1 %", filters: [tracing], sinks: ["collector"] },
    { name: "authorization, 2 policies", filters: [authorization] },
    { name: "fault, by attributes", filters: [fault] },
    { name: "local rate limit, 2 conditions", filters: [localRateLimit] },
    {
      name: "global rate limit, every request",
      filters: [globalRateLimit(true)],
      sinks: ["ratelimit"],
    },
    { name: "mutation, 2 and 1", route: mutation },
    { name: "timeout, retries, outlier detection", route: retries, cluster: outliers },
    { name: "mirror, 1 %", route: mirrors(cluster) },
  ];
}
