import type { AttributeMatches } from "../../api/attribute-match.js";
import { canonicalHostName, hostNameCandidates } from "../../api/host-name.js";
import type { Destination, KeyValue, MetaRoute, MetaRouter } from "../../api/meta-router.js";
import type { AttributeMatch, Mutation, Route, WeightedDestination } from "../../ir/route.js";
import { clusterName } from "./clusters.js";
import type { DestinationRules } from "./destination-rules.js";
import type { Report } from "./report.js";
import type { Service, Services } from "./services.js";

const DEFAULT_ROUTE = "default";
/** Of a destination that stands alone, whatever weight it has. */
const ALL = 100;

export interface RouteContext {
  readonly services: Services;
  readonly rules: DestinationRules;
  readonly report: Report;
  /** Whether this version of the router is in effect already. */
  readonly isInEffect: (router: MetaRouter) => boolean;
  /** Whether there was such a cluster in the translation before. */
  readonly hadCluster: (name: string) => boolean;
  /** Is told of each port that a destination names. */
  readonly onReference: (service: Service) => void;
}

/** Why a destination cannot be reached. */
interface Unresolved {
  readonly field: "host" | "subset" | "port.number";
  readonly message: string;
}

/** Everything to the service itself: what holds where no MetaRouter says otherwise. */
export function defaultRoutes(service: Service): readonly Route[] {
  return [
    {
      name: DEFAULT_ROUTE,
      match: [],
      destinations: [{ cluster: clusterName(service.host, service.port.number, ""), weight: ALL }],
      timeoutMs: undefined,
      requestMutation: [],
      responseMutation: [],
    },
  ];
}

/** What a MetaRouter says of the requests to a service. */
export function routesOf(
  router: MetaRouter,
  service: Service,
  context: RouteContext,
): readonly Route[] {
  if (router.spec.routes.length === 0) return defaultRoutes(service);
  return router.spec.routes.map((route, index) => ({
    name: route.name,
    match: matchOf(route.match),
    destinations: destinationsOf(router, route, index, { ...context, service }),
    timeoutMs: route.timeoutMs,
    requestMutation: mutationsOf(route.requestMutation),
    responseMutation: mutationsOf(route.responseMutation),
  }));
}

function matchOf(matches: AttributeMatches): readonly AttributeMatch[] {
  return Object.entries(matches).map(([name, specifier]) => ({ name, specifier, invert: false }));
}

function mutationsOf(pairs: readonly KeyValue[]): readonly Mutation[] {
  return pairs.map(({ key, value }) => ({ operation: "set", key, value }));
}

function destinationsOf(
  router: MetaRouter,
  route: MetaRoute,
  routeIndex: number,
  context: RouteContext & { readonly service: Service },
): readonly WeightedDestination[] {
  const destinations = route.route.map(({ destination, weight }, index) => {
    const cluster = resolve(router, destination, context);
    if (typeof cluster === "string") return { cluster, weight };
    const kept = keptCluster(router, destination, context);
    const path = `spec.routes[${routeIndex}].route[${index}].destination.${cluster.field}`;
    if (kept === undefined) context.report.refuse(router, path, cluster.message);
    else context.report.fault(router, path, `${cluster.message}; its former endpoints stay in use`);
    return { cluster: kept ?? "", weight };
  });
  if (destinations.length === 1)
    return destinations.map(({ cluster }) => ({ cluster, weight: ALL }));
  // What gets no requests need not be known to the module.
  return destinations.filter(({ weight }) => weight > 0);
}

/** @returns the name of a cluster that will exist. */
function resolve(
  router: MetaRouter,
  destination: Destination,
  context: RouteContext & { readonly service: Service },
): string | Unresolved {
  const { services, rules, service, onReference } = context;
  const ports = services.resolve(destination.host, router.metadata.namespace);
  if (ports.length === 0)
    return {
      field: "host",
      message: `no ServiceEntry that is visible from \`${router.metadata.namespace}\` has the host \`${destination.host}\``,
    };
  const number = destination.port ?? service.port.number;
  const target = ports.find(({ port }) => port.number === number);
  if (target === undefined) {
    const known = ports.map(({ port }) => port.number).join(", ");
    const field = destination.port === undefined ? "host" : "port.number";
    return { field, message: `\`${destination.host}\` has no port ${number}, only ${known}` };
  }
  const fault = protocolFault(target, service);
  if (fault !== undefined) return { field: "host", message: fault };
  const { subsets } = rules.of(target);
  if (
    destination.subset !== undefined &&
    !subsets.some(({ name }) => name === destination.subset)
  ) {
    const known = subsets.map(({ name }) => `\`${name}\``).join(", ");
    return {
      field: "subset",
      message:
        `no DestinationRule of \`${target.host}\` has the subset \`${destination.subset}\`` +
        (known === "" ? "" : `, only ${known}`),
    };
  }
  onReference(target);
  return clusterName(target.host, number, destination.subset ?? "");
}

function protocolFault(target: Service, source: Service): string | undefined {
  const { resolution } = target.entry.spec;
  if (resolution === "NONE" || resolution === "DYNAMIC_DNS")
    return `the endpoints of \`${target.host}\` are not known: its resolution is ${resolution}`;
  const protocol = target.port.applicationProtocol;
  if (protocol === undefined || protocol === source.port.applicationProtocol) return undefined;
  return `port ${target.port.number} of \`${target.host}\` speaks ${protocol}, not ${source.port.applicationProtocol ?? ""}`;
}

/** What was resolved once, for a router in effect, stays in use when what it refers to goes. */
function keptCluster(
  router: MetaRouter,
  destination: Destination,
  context: RouteContext & { readonly service: Service },
): string | undefined {
  if (!context.isInEffect(router)) return undefined;
  const port = destination.port ?? context.service.port.number;
  return [
    destination.host,
    canonicalHostName(destination.host),
    ...hostNameCandidates(destination.host, router.metadata.namespace),
  ]
    .map((host) => clusterName(host, port, destination.subset ?? ""))
    .find((name) => context.hadCluster(name));
}
