import { resourceKey } from "../../api/fault.js";
import { DEFAULT_CLUSTER_DOMAIN } from "../../api/host-name.js";
import type { Resource } from "../../api/kinds.js";
import { idOf } from "../../api/resource.js";
import type { Router } from "../../api/virtual-service.js";
import type { Cluster } from "../../ir/cluster.js";
import type { Listener, Mesh } from "../../ir/mesh.js";
import type { Protocol } from "../../ir/protocol.js";
import { type ModuleFeatures, SHIPPED_FEATURES } from "../module-features.js";
import { Authorizations } from "./authorization.js";
import { canBeServed, isWildcard } from "./can-be-served.js";
import { type ClusterContext, clustersOf } from "./clusters.js";
import { DestinationRules } from "./destination-rules.js";
import { byName, Former, type InEffect } from "./former.js";
import { gatewayListeners } from "./gateway-listeners.js";
import { GrpcClusters } from "./grpc-clusters.js";
import { withDefaultExports } from "./default-exports.js";
import type { IstioFacts } from "./istio-facts.js";
import { InboundPlacements } from "./inbound-placements.js";
import { inboundClusters, type ServedService, serviceListeners } from "./istio-listeners.js";
import {
  type BoundListener,
  boundOf,
  listenerName,
  listenerOf,
  withoutAddressConflicts,
} from "./listeners.js";
import { mutationFaultOf } from "./mutation-support.js";
import { OutboundPlacements } from "./outbound-placements.js";
import { type BoundProtocol, protocolsByName } from "./protocols.js";
import { Report } from "./report.js";
import { DEFAULT_ROOT_NAMESPACE } from "./root-namespace.js";
import { claimServices } from "./router-claims.js";
import type { FilterContext } from "./router-filters.js";
import { defaultRouting, type RouteContext, type Routing, routingOf } from "./routes.js";
import { compareText, isManaged, isRedis, type Service, Services } from "./services.js";
import { istioPlaces, standalonePlaces } from "./stock-places.js";
import { boundStock, type BoundStock, stockServices } from "./stock-services.js";
import { telemetryFilters } from "./telemetry-filters.js";
import { waypointListeners } from "./waypoint-listeners.js";

export interface MeshInput {
  /** Identities are unique; the order decides who is first where no times of creation are known. */
  readonly resources: readonly Resource[];
  /** Names of the modules that there are beside those of this package. */
  readonly modules: readonly string[];
  /** Default: what the modules of this package can do. */
  readonly features?: ModuleFeatures;
  /** Where rules and policies hold for all namespaces. Default: `DEFAULT_ROOT_NAMESPACE`. */
  readonly rootNamespace?: string;
  /** Of the cluster whose Services short names mean. Default: `cluster.local`. */
  readonly clusterDomain?: string;
  /** Present: proxies get the rest of their configuration from Istio, and listeners have a placement. */
  readonly istio?: IstioFacts;
}

/** Translates exactly these versions of the resources; what is refused of them is left out of the mesh. */
export function translateOnce(
  input: MeshInput,
  inEffect: InEffect | undefined,
): { readonly mesh: Mesh; readonly report: Report } {
  const { resources, features, rootNamespace, clusterDomain, istio } = withDefaults(input);
  const report = new Report();
  const former = new Former(inEffect);
  const bindings = select(resources, "ApplicationProtocol");
  const isUnderIstio = istio !== undefined;
  const protocols = protocolsByName(bindings, input.modules, report, isUnderIstio);
  const services = new Services(select(resources, "ServiceEntry"), report, clusterDomain);
  const { engine } = features;
  const rulesOptions = { engine, rootNamespace, clusterDomain, isUnderIstio };
  const rules = new DestinationRules(select(resources, "DestinationRule"), report, rulesOptions);
  const reachable = new Set<Service>(
    services.all().filter((service) => isManaged(service) && !isWildcard(service)),
  );
  const onReference = (service: Service) => void reachable.add(service);
  const grpcClusters = new GrpcClusters({ services, rules, report, onReference });
  const common = { services, rules, report, features, grpcClusters, rootNamespace, onReference };
  const context = { ...common, isUnderIstio };
  const protocolOf = (service: Service): Protocol | undefined =>
    protocols.get(service.port.applicationProtocol ?? "")?.protocol;
  const moduleOf = (service: Service): string | undefined => protocolOf(service)?.module;
  const mutationFault = (service: Service) => mutationFaultOf(protocolOf(service));
  const owners = claimServices(routersOf(resources), services, report);
  const routing = routingByService(owners, {
    ...context,
    isInEffect: (router) => former.isInEffect(router),
    hadCluster: (name) => former.cluster(name) !== undefined,
    mutationFault,
  });
  const isInEffect = (policy: Resource): boolean => former.isInEffect(policy);
  const policies = policiesOf(resources);
  const authorizations = new Authorizations(policies, { ...context, moduleOf, isInEffect });
  const parts = { protocols, former, routing, authorizations, owners, context };
  const served = services.all().flatMap((service) => servedService(service, parts) ?? []);
  const spoken = new Map(served.map(({ protocol }) => [protocol.name, protocol]));
  const workloads = select(resources, "WorkloadEntry");
  const clusters = { ...context, workloads, engine, mutationFault, istio };
  const made = madeListeners(served, { resources, istio }, { ...parts, clusters });
  const { listeners, stock } = made;
  const allClusters = [
    ...Array.from(reachable).flatMap((service) => clustersOf(service, clusters)),
    ...[...inboundClusters(listeners), ...stock.clusters],
  ];
  rules.reportUnused();
  return {
    mesh: {
      listeners: sortedByName(listeners),
      ...stock.listeners,
      protocols: sortedByName(
        new Set(listeners.flatMap((listener) => spoken.get(listener.protocol) ?? [])),
      ),
      clusters: sortedByName(withFormerClusters(allClusters, made, former).values()),
    },
    report,
  };
}

function withDefaults({ resources, istio, ...input }: MeshInput) {
  const {
    features = SHIPPED_FEATURES,
    rootNamespace = DEFAULT_ROOT_NAMESPACE,
    clusterDomain = DEFAULT_CLUSTER_DOMAIN,
  } = input;
  return {
    resources: withDefaultExports(resources, istio?.defaultExportTo),
    features,
    rootNamespace,
    clusterDomain,
    istio,
  };
}

interface ListenerParts {
  readonly protocols: ReadonlyMap<string, BoundProtocol>;
  readonly former: Former;
  readonly routing: ReadonlyMap<Service, Routing>;
  readonly authorizations: Authorizations;
  readonly owners: ReadonlyMap<Service, Router>;
  readonly clusters: ClusterContext;
  readonly context: FilterContext & {
    readonly services: Services;
    readonly isUnderIstio: boolean;
  };
}

/** Undefined: the service is none of ours, or cannot be served. */
function servedService(
  service: Service,
  { protocols, former, context }: Pick<ListenerParts, "protocols" | "former" | "context">,
): ServedService | undefined {
  const { report, isUnderIstio } = context;
  if (!isManaged(service) || !canBeServed(service, isUnderIstio, report)) return undefined;
  const bound = protocolOf(service, protocols, former, report);
  return bound && { service, ...bound };
}

interface MadeListeners {
  readonly listeners: readonly Listener[];
  readonly stock: BoundStock;
}

function madeListeners(
  served: readonly ServedService[],
  { resources, istio }: { resources: readonly Resource[]; istio: IstioFacts | undefined },
  parts: ListenerParts,
): MadeListeners {
  return istio === undefined
    ? standaloneListeners(served, resources, parts)
    : istioListeners(served, resources, { ...parts, facts: istio });
}

function standaloneListeners(
  served: readonly ServedService[],
  resources: readonly Resource[],
  { routing, authorizations, former, context, clusters }: ListenerParts,
): MadeListeners {
  const { report } = context;
  for (const gateway of select(resources, "Gateway"))
    report.warning(gateway, "spec.servers", "not applied: a Gateway is something of Istio's");
  for (const router of select(resources, "MetaRouter"))
    if (router.spec.gateways.length > 0)
      report.warning(router, "spec.gateways", "not applied without Istio");
  const bound = served.map(({ service, resource }): BoundListener => {
    const own = routing.get(service) ?? defaultRouting(service);
    const { routes } = own;
    const telemetry =
      resource === undefined ? [] : telemetryFilters(resource, { service, routes }, context);
    const filters = [...own.filters, ...authorizations.filtersOf(service), ...telemetry];
    return { service, listener: listenerOf(service, { ...own, filters }, report) };
  });
  const { services } = context;
  const isServed = (service: Service): boolean => canBeServed(service, false, report);
  const places = standalonePlaces(report);
  const stock = stockServices({ resources, services, former, isServed, places, clusters });
  const free = withoutAddressConflicts([...bound, ...stock.listeners], former.bound(), report);
  return { listeners: boundOf(bound, free), stock: boundStock(stock, free) };
}

function istioListeners(
  served: readonly ServedService[],
  resources: readonly Resource[],
  parts: ListenerParts & { readonly facts: IstioFacts },
): MadeListeners {
  const { context, clusters, facts, former } = parts;
  const { report } = context;
  const services = context.services.all();
  const workloads = select(resources, "WorkloadEntry");
  const placing = { facts, workloads, report };
  const outbound = new OutboundPlacements(services, placing);
  const inbound = new InboundPlacements(placing);
  const istio = { ...parts, ...placing, services, outbound, inbound, filterContext: context };
  const gateways = gatewayListeners(select(resources, "Gateway"), { ...istio, served });
  const waypoints = waypointListeners(served, istio);
  const listeners = [...serviceListeners(served, istio), ...gateways, ...waypoints];
  // What merely counts is no reason to refuse what Istio serves without us.
  const isServed = (service: Service): boolean =>
    canBeServed(service, true, isRedis(service) ? report : new Report());
  const places = istioPlaces({ outbound, inbound, facts });
  const all = context.services;
  const stock = stockServices({ resources, services: all, former, isServed, places, clusters });
  const names = new Set(stock.listeners.map(({ listener }) => listener.name));
  return { listeners, stock: boundStock(stock, names) };
}

/** What routes in effect still lead to stays. */
function withFormerClusters(
  made: readonly Cluster[],
  { listeners, stock }: MadeListeners,
  former: Former,
): ReadonlyMap<string, Cluster> {
  const ledTo = [...listeners.flatMap(({ clusterNames }) => clusterNames), ...stock.clusterNames];
  const clusters = new Map(made.map((cluster) => [cluster.name, cluster]));
  for (const name of ledTo) {
    const cluster = clusters.get(name) ?? former.cluster(name);
    if (cluster !== undefined) clusters.set(name, cluster);
  }
  return clusters;
}

/** The routes of the services that a good MetaRouter is in charge of. A bad one is refused for all of its hosts. */
function routingByService(
  owners: ReadonlyMap<Service, Router>,
  context: RouteContext,
): ReadonlyMap<Service, Routing> {
  const routing = Array.from(
    owners,
    ([service, router]) =>
      ({ service, router, routing: routingOf(router, service, context) }) as const,
  );
  return new Map(
    routing
      .filter(({ router }) => !context.report.refused.has(resourceKey(idOf(router))))
      .map((item) => [item.service, item.routing]),
  );
}

function sortedByName<T extends { readonly name: string }>(items: Iterable<T>): readonly T[] {
  const all = Array.from(items);
  const named = byName(all);
  // Without a function of ours in between, thousands of names are sorted several times as fast, in the same order.
  if (named.size === all.length)
    return [...named.keys()].sort().flatMap((name) => named.get(name) ?? []);
  return all.sort((a, b) => compareText(a.name, b.name));
}

function select<K extends Resource["kind"]>(
  resources: readonly Resource[],
  kind: K,
): readonly Extract<Resource, { kind: K }>[] {
  return resources.filter(
    (resource): resource is Extract<Resource, { kind: K }> => resource.kind === kind,
  );
}

function routersOf(resources: readonly Resource[]): readonly Router[] {
  return [...select(resources, "MetaRouter"), ...select(resources, "VirtualService")];
}

function policiesOf(resources: readonly Resource[]) {
  return [
    ...select(resources, "MetaAuthorizationPolicy"),
    ...select(resources, "DubboAuthorizationPolicy"),
  ];
}

function protocolOf(
  service: Service,
  protocols: ReadonlyMap<string, BoundProtocol>,
  former: Former,
  report: Report,
): BoundProtocol | undefined {
  const { entry, port, portIndex } = service;
  const name = port.applicationProtocol ?? "";
  const protocol = protocols.get(name);
  if (protocol !== undefined) return protocol;
  const path = `spec.ports[${portIndex}].name`;
  const known = Array.from(protocols.keys()).sort(compareText).join(", ");
  const message = `no ApplicationProtocol binds \`${name}\` to a codec; there are ${known}`;
  const before = former.protocol(name);
  if (before !== undefined && former.listener(listenerName(service))?.protocol === name) {
    report.fault(entry, path, `${message}; the former codec stays in use`);
    return { protocol: before, resource: undefined };
  }
  report.refuse(entry, path, message);
  return undefined;
}
