import type { MetaRoute } from "../../api/meta-router.js";
import { hasOperators, withoutLoneSigns } from "../../api/text-format.js";
import type { Router } from "../../api/virtual-service.js";
import type { Filter } from "../../ir/filter.js";
import type {
  Mirror,
  Mutation,
  Route,
  StickySession,
  WeightedDestination,
} from "../../ir/route.js";
import { type EngineFeature, NOT_APPLIED } from "../module-features.js";
import { clusterName } from "./cluster-name.js";
import { clusterOf, type DestinationContext } from "./destinations.js";
import { matchOf } from "./matches.js";
import { perMillion } from "./per-million.js";
import { type FilterContext, faultFilters, limitFilters, namedFilters } from "./router-filters.js";
import type { Service } from "./services.js";

const DEFAULT_ROUTE = "default";
/** Of a destination that stands alone, whatever weight it has. */
const ALL = 100;

export type RouteContext = DestinationContext &
  FilterContext & {
    /** What keeps the messages of a service from being changed; undefined: nothing. */
    readonly mutationFault: (service: Service) => MutationFault | undefined;
  };

export interface MutationFault {
  /** `never`: no message of the protocol can be changed. */
  readonly extent: "never" | "sometimes";
  readonly message: string;
}

/** What is done with the requests to a service. */
export interface Routing {
  readonly routes: readonly Route[];
  readonly filters: readonly Filter[];
}

/** One route of a MetaRouter, for the requests to one service. */
interface PlacedRoute {
  readonly router: Router;
  readonly service: Service;
  readonly route: MetaRoute;
  /** Such as `spec.routes[0]`. */
  readonly path: string;
}

const defaults = new WeakMap<Service, Routing>();

/** Everything to the service itself: what holds where no MetaRouter says otherwise. */
export function defaultRouting(service: Service): Routing {
  const routing = defaults.get(service) ?? newDefaultRouting(service);
  defaults.set(service, routing);
  return routing;
}

function newDefaultRouting(service: Service): Routing {
  const route: Route = {
    name: DEFAULT_ROUTE,
    match: [],
    destinations: [{ cluster: clusterName(service.host, service.port.number, ""), weight: ALL }],
    timeoutMs: undefined,
    requestMutation: [],
    responseMutation: [],
    retryPolicy: undefined,
    mirrors: [],
    hashPolicy: undefined,
    stickySession: undefined,
    filters: [],
  };
  return { routes: [route], filters: [] };
}

/** What a MetaRouter says of the requests to a service. */
export function routingOf(router: Router, service: Service, context: RouteContext): Routing {
  const { routes } = router.spec;
  const { metadata } = router;
  const name = `${metadata.namespace}/${metadata.name}/${service.host}_${service.port.number}`;
  const filters = [
    ...limitFilters(router.spec, { router, path: "spec", name }, context),
    ...namedFilters(router.spec.filters, { router, path: "spec" }, context),
  ];
  if (routes.length === 0) return { ...defaultRouting(service), filters };
  const keys = routeKeys(routes);
  return {
    routes: routes.map((route, index) => {
      const placed = { router, service, route, path: `spec.routes[${index}]` };
      return routeOf(placed, `${name}/${keys[index] ?? ""}`, context);
    }),
    filters,
  };
}

/** What tells each route from the others of its router: its name if that does. */
function routeKeys(routes: readonly MetaRoute[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { name } of routes) counts.set(name, (counts.get(name) ?? 0) + 1);
  return routes.map(({ name }, index) =>
    name !== "" && counts.get(name) === 1 ? name : String(index),
  );
}

function routeOf(placed: PlacedRoute, name: string, context: RouteContext): Route {
  const { route } = placed;
  return {
    name: route.name,
    match: matchOf(route.match),
    destinations: destinationsOf(placed, context),
    timeoutMs: route.timeoutMs,
    requestMutation: mutationsOf("requestMutation", placed, context),
    responseMutation: mutationsOf("responseMutation", placed, context),
    retryPolicy:
      route.retries?.attempts !== 0 && isApplied("retryPolicy", "retries", placed, context)
        ? route.retries
        : undefined,
    mirrors: mirrorsOf(placed, context),
    hashPolicy: isApplied("hashPolicy", "hashPolicy", placed, context)
      ? route.hashPolicy
      : undefined,
    stickySession: stickySessionOf(placed, context),
    filters: filtersOf(placed, name, context),
  };
}

/** Of thousands of routes few have any. */
const NO_FILTERS: readonly Filter[] = [];

function filtersOf(
  { route, router, path }: PlacedRoute,
  name: string,
  context: RouteContext,
): readonly Filter[] {
  const { localRateLimit, globalRateLimit, fault, filters } = route;
  if ((localRateLimit ?? globalRateLimit ?? fault) === undefined && filters.length === 0)
    return NO_FILTERS;
  return [
    ...limitFilters(route, { router, path, name }, context),
    ...faultFilters(route, { router, path }, context),
    ...namedFilters(filters, { router, path }, context),
  ];
}

function destinationsOf(
  { router, service, route, path }: PlacedRoute,
  context: RouteContext,
): readonly WeightedDestination[] {
  const destinations = route.route.map(({ destination, weight }, index) => ({
    cluster: clusterOf(
      { router, service, destination, path: () => `${path}.route[${index}].destination` },
      context,
    ),
    weight,
  }));
  if (destinations.length === 1)
    return destinations.map(({ cluster }) => ({ cluster, weight: ALL }));
  // What gets no requests need not be known to the module.
  return destinations.filter(({ weight }) => weight > 0);
}

function mirrorsOf(placed: PlacedRoute, context: RouteContext): readonly Mirror[] {
  const { router, service, route, path } = placed;
  const { mirrors, mirrorsField } = route;
  if (mirrors.length === 0) return [];
  if (!context.features.engine.has("mirrors")) {
    context.report.warning(router, `${path}.${mirrorsField}`, NOT_APPLIED);
    return [];
  }
  return mirrors.map(({ destination, percentage }, index) => {
    const place = mirrorsField === "mirror" ? "mirror" : `mirrors[${index}].destination`;
    return {
      cluster: clusterOf({ router, service, destination, path: () => `${path}.${place}` }, context),
      perMillion: perMillion(percentage),
    };
  });
}

/** Warns if a route has `field` and the modules cannot do it. */
function isApplied(
  feature: EngineFeature,
  field: "retries" | "hashPolicy" | "stickySession",
  { router, route, path }: PlacedRoute,
  { features, report }: RouteContext,
): boolean {
  if (route[field] === undefined) return false;
  const isKnown = features.engine.has(feature);
  if (!isKnown) report.warning(router, `${path}.${field}`, NOT_APPLIED);
  return isKnown;
}

function stickySessionOf(placed: PlacedRoute, context: RouteContext): StickySession | undefined {
  if (!isApplied("stickySession", "stickySession", placed, context)) return undefined;
  judgeMutability("stickySession", placed, context);
  return placed.route.stickySession;
}

/** Says where messages of the protocol cannot carry what `field` puts into them. */
function judgeMutability(
  field: "requestMutation" | "responseMutation" | "stickySession",
  { router, service, path }: PlacedRoute,
  { report, mutationFault }: RouteContext,
): void {
  const fault = mutationFault(service);
  if (fault?.extent === "never") report.refuse(router, `${path}.${field}`, fault.message);
  else if (fault !== undefined) report.warning(router, `${path}.${field}`, fault.message);
}

function mutationsOf(
  field: "requestMutation" | "responseMutation",
  placed: PlacedRoute,
  context: RouteContext,
): readonly Mutation[] {
  const { router, route, path } = placed;
  const mutations = route[field];
  if (mutations.length === 0) return [];
  const { features, report } = context;
  judgeMutability(field, placed, context);
  const hasExpansion = features.engine.has("mutationOperators");
  return mutations.map(({ operation, key, value }, index) => {
    if (!hasExpansion && hasOperators(value))
      report.warning(
        router,
        `${path}.${field}[${index}].value`,
        `operators are ${NOT_APPLIED}: the text is taken as it is`,
      );
    return { operation, key, value: hasExpansion ? withoutLoneSigns(value) : value };
  });
}
