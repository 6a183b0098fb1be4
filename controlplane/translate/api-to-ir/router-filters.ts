// Filters that a MetaRouter asks for, of all its requests or of those of a route.
import { BUILT_IN_FILTERS, type FilterSetting } from "../../api/filter-setting.js";
import type { MetaRoute } from "../../api/meta-router.js";
import type {
  GlobalRateLimit as ApiGlobalRateLimit,
  LocalRateLimit as ApiLocalRateLimit,
} from "../../api/rate-limit.js";
import type { RouteFault } from "../../api/route-fault.js";
import type { Router } from "../../api/virtual-service.js";
import type {
  Fault,
  Filter,
  FilterKind,
  GlobalRateLimit,
  LocalRateLimit,
} from "../../ir/filter.js";
import { type ModuleFeatures, NOT_APPLIED } from "../module-features.js";
import type { GrpcClusters } from "./grpc-clusters.js";
import { matchOf } from "./matches.js";
import { perMillion } from "./per-million.js";
import type { Report } from "./report.js";

export interface FilterContext {
  readonly report: Report;
  readonly features: ModuleFeatures;
  readonly grpcClusters: GrpcClusters;
}

/** Where limits are written. */
export interface LimitsPlace {
  readonly router: Router;
  /** Of the object that has the limits, such as `spec.routes[0]`. */
  readonly path: string;
  /** Of the buckets: see LocalRateLimit. */
  readonly name: string;
}

type Limits = Pick<MetaRoute, "localRateLimit" | "globalRateLimit">;

/** Rate limits of a router or of a route. */
export function limitFilters(
  { localRateLimit, globalRateLimit }: Limits,
  { router, path, name }: LimitsPlace,
  context: FilterContext,
): readonly Filter[] {
  const filters: Filter[] = [];
  const isApplied = gateOf(router, path, context);
  if (localRateLimit !== undefined && isApplied("localRateLimit"))
    filters.push({ kind: "localRateLimit", ...localLimitOf(localRateLimit, name) });
  if (globalRateLimit !== undefined && isApplied("globalRateLimit")) {
    filters.push({ kind: "globalRateLimit", ...globalLimitOf(globalRateLimit) });
    const field = `${path}.globalRateLimit.rateLimitService`;
    context.grpcClusters.use(globalRateLimit.rateLimitService, router, field);
  }
  return filters;
}

/** Faults that a route injects on purpose. */
export function faultFilters(
  { fault }: Pick<MetaRoute, "fault">,
  { router, path }: Pick<LimitsPlace, "router" | "path">,
  context: FilterContext,
): readonly Filter[] {
  if (fault === undefined || !gateOf(router, path, context)("fault")) return [];
  return [{ kind: "fault", ...faultOf(fault) }];
}

/** Filters of a router or of a route that it names. */
export function namedFilters(
  settings: readonly FilterSetting[],
  { router, path }: Pick<LimitsPlace, "router" | "path">,
  { features, report }: FilterContext,
): readonly Filter[] {
  return settings.filter(({ name }, index) => {
    const kind = BUILT_IN_FILTERS[name];
    const isApplied = kind === undefined || features.filters.has(kind as FilterKind);
    if (!isApplied) report.warning(router, `${path}.filters[${index}]`, NOT_APPLIED);
    return isApplied;
  });
}

/** Without those that a later one disables, which need not be told to the module. */
export function withoutDisabled(filters: readonly Filter[]): readonly Filter[] {
  const disabled = new Set(
    filters.flatMap((filter) =>
      filter.kind === "disabled" ? (BUILT_IN_FILTERS[filter.name] ?? []) : [],
    ),
  );
  return filters.filter(({ kind }) => !disabled.has(kind));
}

/** Fields of routers are called as the filters are. */
function gateOf(
  router: Router,
  path: string,
  { features, report }: FilterContext,
): (kind: FilterKind) => boolean {
  return (kind) => {
    const isApplied = features.filters.has(kind);
    if (!isApplied) report.warning(router, `${path}.${kind}`, NOT_APPLIED);
    return isApplied;
  };
}

function localLimitOf(limit: ApiLocalRateLimit, name: string): LocalRateLimit {
  return {
    name,
    tokenBucket: limit.tokenBucket,
    conditions: limit.conditions.map(({ match, tokenBucket }) => ({
      match: matchOf(match),
      tokenBucket,
    })),
  };
}

function globalLimitOf(limit: ApiGlobalRateLimit): GlobalRateLimit {
  const { domain, match, rateLimitService, requestTimeoutMs, denyOnFail, descriptors } = limit;
  return {
    domain,
    match: matchOf(match),
    cluster: rateLimitService,
    timeoutMs: requestTimeoutMs,
    denyOnFail,
    descriptors,
  };
}

function faultOf({ delay, abort, maxActiveDelays }: RouteFault): Fault {
  return {
    delay: delay && {
      duration: delay.duration,
      maxMs: delay.maxMs,
      perMillion: perMillion(delay.percentage),
    },
    abort: abort && {
      reply: abort.reply,
      attribute: abort.attribute,
      perMillion: perMillion(abort.percentage),
    },
    maxActiveDelays,
  };
}
