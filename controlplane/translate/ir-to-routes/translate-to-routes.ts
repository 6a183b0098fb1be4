// Routes as the modules read them.
import { type MessageInitShape, create } from "@bufbuild/protobuf";
import {
  Cluster_LoadBalancer as LoadBalancer,
  type ClusterSchema,
  type HashPolicySchema,
  type MutationSchema,
  Mutation_Operation as Operation,
  type OutlierDetectionSchema,
  RetryPolicy_RetryOn as RetryOn,
  type RetryPolicySchema,
  type RouteConfiguration,
  RouteConfigurationSchema,
  type RouteSchema,
  type StickySessionSchema,
} from "../../gen/metaproto/v1/route_pb.js";
import type { Cluster, RequestOutlierDetection } from "../../ir/cluster.js";
import type { Listener } from "../../ir/mesh.js";
import type {
  HashKey,
  Mutation,
  RetryPolicy,
  RetryReason,
  Route,
  StickySession,
} from "../../ir/route.js";
import { durationField } from "./duration-field.js";
import { endpointWeights } from "./endpoint-weights.js";
import { endpointsVersion } from "./endpoints-version.js";
import { filterConfigs } from "./filters.js";
import { type CompileRegex, matchTranslator, type TranslateMatches } from "./matches.js";

export type RoutesResult =
  | { readonly kind: "routes"; readonly routes: RouteConfiguration }
  /** What the modules could not execute, each with the route's name. */
  | { readonly kind: "refused"; readonly faults: readonly string[] };

const OPERATIONS: Readonly<Record<Mutation["operation"], Operation>> = {
  set: Operation.SET,
  addIfAbsent: Operation.ADD_IF_ABSENT,
  remove: Operation.REMOVE,
};

const LOAD_BALANCERS: Readonly<Record<Cluster["loadBalancer"], LoadBalancer>> = {
  leastRequest: LoadBalancer.LEAST_REQUEST,
  roundRobin: LoadBalancer.ROUND_ROBIN,
  random: LoadBalancer.RANDOM,
};

const RETRY_ON: Readonly<Record<RetryReason, RetryOn>> = {
  connectFailure: RetryOn.CONNECT_FAILURE,
  reset: RetryOn.RESET,
  perTryTimeout: RetryOn.PER_TRY_TIMEOUT,
  overloaded: RetryOn.OVERLOADED,
  serverError: RetryOn.SERVER_ERROR,
  businessError: RetryOn.BUSINESS_ERROR,
  badResponse: RetryOn.BAD_RESPONSE,
};

/**
 * The route configuration of one listener.
 * @param clusters all clusters of the mesh, by name; those that the listener can reach are described to
 *   the module, which bounds and balances their requests.
 */
export function translateToRoutes(
  listener: Listener,
  clusters: ReadonlyMap<string, Cluster>,
  compileRegex: CompileRegex,
): RoutesResult {
  const faults: string[] = [];
  const matchesOf = (part: string): TranslateMatches =>
    matchTranslator(compileRegex, (message) => {
      faults.push(`${listener.name}: ${part}: ${message}`);
    });
  const routes = create(RouteConfigurationSchema, {
    name: listener.name,
    routes: listener.routes.map((from) =>
      route(from, matchesOf(`route ${from.name === "" ? "without a name" : from.name}`)),
    ),
    clusters: listener.clusterNames.flatMap((name) => {
      const known = clusters.get(name);
      return known === undefined ? [] : [cluster(known)];
    }),
    filters: filterConfigs(listener.filters, matchesOf("filters")),
  });
  return faults.length === 0 ? { kind: "routes", routes } : { kind: "refused", faults };
}

function route(from: Route, matches: TranslateMatches): MessageInitShape<typeof RouteSchema> {
  return {
    name: from.name,
    match: matches(from.match),
    destinations: from.destinations.map(({ cluster, weight }) => ({ cluster, weight })),
    ...durationField("timeout", from.timeoutMs),
    requestMutation: from.requestMutation.map(mutation),
    responseMutation: from.responseMutation.map(mutation),
    filters: filterConfigs(from.filters, matches),
    ...(from.retryPolicy && { retryPolicy: retryPolicy(from.retryPolicy) }),
    mirrors: from.mirrors.map(({ cluster, perMillion }) => ({ cluster, perMillion })),
    ...(from.hashPolicy && { hashPolicy: hashPolicy(from.hashPolicy) }),
    ...(from.stickySession && { stickySession: stickySession(from.stickySession) }),
  };
}

function retryPolicy(from: RetryPolicy): MessageInitShape<typeof RetryPolicySchema> {
  return {
    attempts: from.attempts,
    ...durationField("perTryTimeout", from.perTryTimeoutMs),
    retryOn: from.retryOn.map((reason) => RETRY_ON[reason]),
    ...durationField("baseInterval", from.backoffMs),
    ...durationField("maxInterval", from.maxIntervalMs),
    retryOneway: from.retryOneway,
    maxRequestBytes: from.maxRequestBytes ?? 0,
    budgetPercent: from.retryBudget?.percent ?? 0,
    minRetries: from.retryBudget?.minRetryConcurrency ?? 0,
  };
}

function hashPolicy(key: HashKey): MessageInitShape<typeof HashPolicySchema> {
  switch (key.kind) {
    case "attribute":
      return { key: { case: "attribute", value: key.name } };
    case "sourceIp":
      return { key: { case: "sourceAddress", value: true } };
    case "sourceConnection":
      return { key: { case: "sourceConnection", value: true } };
  }
}

function stickySession(from: StickySession): MessageInitShape<typeof StickySessionSchema> {
  const { attribute, ttlMs, strict } = from;
  return { attribute, ...(ttlMs > 0 && durationField("ttl", ttlMs)), strict };
}

function mutation(from: Mutation): MessageInitShape<typeof MutationSchema> {
  return { operation: OPERATIONS[from.operation], key: from.key, value: from.value };
}

function cluster(from: Cluster): MessageInitShape<typeof ClusterSchema> {
  return {
    name: from.name,
    // How many addresses a name has, only the proxy knows: the pool finds them by dialling.
    endpoints: from.discovery === "dns" ? 0 : from.endpoints.length,
    originalDestination: from.discovery === "originalDestination",
    maxConnections: from.maxConnections ?? 0,
    maxRequests: from.maxRequests ?? 0,
    maxPendingRequests: from.maxPendingRequests ?? 0,
    loadBalancer: LOAD_BALANCERS[from.loadBalancer],
    endpointsVersion: endpointsVersion(from.endpoints),
    ...(from.hashPolicy && { hashPolicy: hashPolicy(from.hashPolicy) }),
    ...(from.stickySession && { stickySession: stickySession(from.stickySession) }),
    endpointWeights: endpointWeights(from),
    ...(from.requestOutlierDetection && {
      outlierDetection: outlierDetection(from.requestOutlierDetection),
    }),
  };
}

function outlierDetection(
  from: RequestOutlierDetection,
): MessageInitShape<typeof OutlierDetectionSchema> {
  return {
    consecutiveErrors: from.consecutiveErrors,
    ...durationField("interval", from.intervalMs),
    ...durationField("baseEjectionTime", from.baseEjectionTimeMs),
    // One is ejected always, and 0 would be the default.
    maxEjectionPercent: from.maxEjectionPercent === 0 ? 1 : (from.maxEjectionPercent ?? 0),
    panicThresholdPercent: from.panicThresholdPercent ?? 0,
    successRateStdevFactor: from.successRateStdevFactor,
    successRateMinimumHosts: from.successRateMinimumHosts ?? 0,
    successRateRequestVolume: from.successRateRequestVolume ?? 0,
    countBusinessErrors: from.countBusinessErrors,
  };
}
