// The listeners of a mesh under Istio: for those who call a service, for its workloads, and for gateways.
import type { ApplicationProtocol } from "../../api/application-protocol.js";
import type { Filter } from "../../ir/filter.js";
import type { Cluster } from "../../ir/cluster.js";
import type { Listener } from "../../ir/mesh.js";
import type { Placement } from "../../ir/placement.js";
import type { Protocol } from "../../ir/protocol.js";
import type { Route } from "../../ir/route.js";
import type { Authorizations } from "./authorization.js";
import { inboundClusterName, type InboundPlacements } from "./inbound-placements.js";
import { awaitsEndpoints, entryKey } from "./inbound-workloads.js";
import { NO_FACTS } from "./istio-facts.js";
import { listenerName } from "./listeners.js";
import type { OutboundPlacements, PlacementContext } from "./outbound-placements.js";
import { type FilterContext, withoutDisabled } from "./router-filters.js";
import { defaultRouting, type Routing } from "./routes.js";
import { compareText, type Service } from "./services.js";
import { telemetryFilters } from "./telemetry-filters.js";

/** A managed port, and what speaks its protocol. */
export interface ServedService {
  readonly service: Service;
  readonly protocol: Protocol;
  readonly resource: ApplicationProtocol | undefined;
}

export interface IstioContext extends PlacementContext {
  /** All, by precedence. */
  readonly services: readonly Service[];
  readonly outbound: OutboundPlacements;
  readonly inbound: InboundPlacements;
  readonly routing: ReadonlyMap<Service, Routing>;
  readonly authorizations: Authorizations;
  readonly filterContext: FilterContext;
}

/** Who judges requests: the proxy of the server, where its workloads are known. */
const SERVER_SIDE: readonly string[] = ["localRateLimit", "globalRateLimit", "authorization"];

/** Outbound and inbound listeners of services. */
export function serviceListeners(
  served: readonly ServedService[],
  context: IstioContext,
): readonly Listener[] {
  return served.flatMap((item) => {
    const inbound = inboundListeners(item, context);
    const isJudged = inbound.length > 0 || awaitsEndpoints(item.service, context.facts);
    const outbound = outboundListener(item, isJudged, context);
    return outbound === undefined ? inbound : [outbound, ...inbound];
  });
}

/** Clusters of Istio that listeners name and no service has: those of workloads' own ports. */
export function inboundClusters(listeners: readonly Listener[]): readonly Cluster[] {
  const ports = new Set(
    listeners.flatMap(({ placement, port }) => (placement?.kind === "inbound" ? [port] : [])),
  );
  return Array.from(ports, (port) => originalDestinationCluster(inboundClusterName(port)));
}

function originalDestinationCluster(name: string): Cluster {
  return {
    name,
    discovery: "originalDestination",
    endpoints: [],
    loadBalancer: "leastRequest",
    connectTimeoutMs: 10_000,
    maxConnections: undefined,
    maxPendingRequests: undefined,
    maxRequests: undefined,
    tcpKeepalive: undefined,
    outlierDetection: undefined,
    requestOutlierDetection: undefined,
    hashPolicy: undefined,
    stickySession: undefined,
    isGrpc: false,
    tls: undefined,
  };
}

function outboundListener(
  { service, protocol, resource }: ServedService,
  isJudged: boolean,
  context: IstioContext,
): Listener | undefined {
  const placement = context.outbound.of(service);
  const { routes, filters } = context.routing.get(service) ?? defaultRouting(service);
  const authorization = context.authorizations.filtersOf(service);
  if (authorization.length > 0 && !isJudged) {
    const { waypoint } = context.facts.services.get(entryKey(service)) ?? NO_FACTS;
    const isAtWaypoint = waypoint !== undefined && "gateway" in waypoint;
    const where = isAtWaypoint ? "enforced at its waypoint only" : "not enforced";
    context.report.warning(
      service.entry,
      "spec.workloadSelector",
      `policies of \`${service.host}\` are ${where}: nothing says which workloads serve it`,
    );
  }
  if (placement === undefined) return undefined;
  if (!service.port.isTcp)
    context.report.warning(
      service.entry,
      `spec.ports[${service.portIndex}].protocol`,
      "Istio looks for HTTP in what clients send first, which breaks protocols whose server speaks first: write `protocol: TCP`",
    );
  const telemetry =
    resource === undefined
      ? []
      : telemetryFilters(resource, { service, routes }, context.filterContext);
  const own = isJudged ? filters.filter(({ kind }) => !SERVER_SIDE.includes(kind)) : filters;
  return istioListener(listenerName(service), protocol, {
    host: service.host,
    port: service.port.number,
    routes,
    filters: [...own, ...telemetry.map((filter) => onSide(filter, "client"))],
    placement,
  });
}

function inboundListeners(
  { service, protocol, resource }: ServedService,
  context: IstioContext,
): readonly Listener[] {
  const places = context.inbound.of(service);
  if (places.length === 0) return [];
  const { filters } = context.routing.get(service) ?? defaultRouting(service);
  const judging = [
    ...filters.filter(({ kind }) => SERVER_SIDE.includes(kind)),
    ...context.authorizations.filtersOf(service),
  ];
  const served = { service, routes: defaultRouting(service).routes };
  const telemetry =
    resource === undefined ? [] : telemetryFilters(resource, served, context.filterContext);
  return places.map(({ name, port, cluster, placement }) =>
    istioListener(name, protocol, {
      host: service.host,
      port,
      routes: [routeTo(cluster, service)],
      filters: [...judging, ...telemetry.map((filter) => onSide(filter, "server"))],
      placement,
    }),
  );
}

function routeTo(cluster: string, service: Service): Route {
  const [route] = defaultRouting(service).routes;
  if (route === undefined) throw new Error("a default routing has a route");
  return { ...route, destinations: [{ cluster, weight: 100 }] };
}

/** What tells the sides apart follows from where a listener is, whatever the resource says. */
export function onSide(filter: Filter, side: "client" | "server"): Filter {
  const isClient = side === "client";
  switch (filter.kind) {
    case "tracing":
      return { ...filter, side };
    case "peerMetadata":
      return { ...filter, side: isClient ? "outbound" : "inbound" };
    case "stats":
      return {
        ...filter,
        istio: filter.istio && {
          ...filter.istio,
          reporter: isClient ? "source" : "destination",
        },
      };
    default:
      return filter;
  }
}

export interface ListenerContent extends Pick<Listener, "host" | "port" | "routes" | "filters"> {
  readonly placement: Placement;
}

export function istioListener(
  name: string,
  protocol: Protocol,
  { host, port, placement, routes, filters }: ListenerContent,
): Listener {
  return {
    host,
    port,
    placement,
    name,
    address: undefined,
    protocol: protocol.name,
    routes,
    filters: sortedFilters(filters),
    clusterNames: clusterNamesOf(routes),
    downstreamTls: undefined,
  };
}

/** Of thousands of listeners few have any. */
const NO_FILTERS: readonly Filter[] = [];

function sortedFilters(filters: readonly Filter[]): readonly Filter[] {
  if (filters.length === 0) return NO_FILTERS;
  const key = (filter: Filter): string =>
    "name" in filter ? `${filter.kind} ${filter.name}` : filter.kind;
  return [...withoutDisabled(filters)].sort((a, b) => compareText(key(a), key(b)));
}

const knownNames = new WeakMap<readonly Route[], readonly string[]>();

function clusterNamesOf(routes: readonly Route[]): readonly string[] {
  const before = knownNames.get(routes);
  if (before !== undefined) return before;
  const names = new Set<string>();
  for (const { destinations, mirrors } of routes) {
    for (const { cluster } of destinations) names.add(cluster);
    for (const { cluster } of mirrors) names.add(cluster);
  }
  const sorted = Array.from(names).sort(compareText);
  knownNames.set(routes, sorted);
  return sorted;
}
