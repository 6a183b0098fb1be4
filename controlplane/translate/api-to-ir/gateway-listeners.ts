// Ports of gateways: the routes of all MetaRouters that name the gateway, together.
import { BUILT_IN_FILTERS } from "../../api/filter-setting.js";
import type { Gateway, GatewayServer } from "../../api/gateway.js";
import { isServiceVisible } from "../../api/service-entry.js";
import type { Router } from "../../api/virtual-service.js";
import type { AttributeMatch } from "../../ir/attribute-match.js";
import type { Filter } from "../../ir/filter.js";
import type { Listener } from "../../ir/mesh.js";
import type { Labels } from "../../ir/placement.js";
import type { Protocol } from "../../ir/protocol.js";
import type { Route } from "../../ir/route.js";
import { type IstioContext, istioListener, type ServedService } from "./istio-listeners.js";
import { workloadSelectorOf } from "./inbound-workloads.js";
import { byPrecedence } from "./precedence.js";
import { defaultRouting } from "./routes.js";
import { compareText, type Service } from "./services.js";

/** What dubbo2istio calls an interface by: hosts are in lower case. */
const INTERFACE_ANNOTATION = "interface";
const INTERFACE_ATTRIBUTE = "interface";

export interface GatewayContext extends IstioContext {
  readonly served: readonly ServedService[];
  readonly owners: ReadonlyMap<Service, Router>;
  readonly protocols: ReadonlyMap<string, { readonly protocol: Protocol }>;
}

export function gatewayListeners(
  gateways: readonly Gateway[],
  context: GatewayContext,
): readonly Listener[] {
  const routers = byPrecedence(Array.from(new Set(context.owners.values())));
  const attached = new Set<Router>();
  const listeners = byPrecedence(gateways).flatMap((gateway) =>
    gateway.spec.servers.flatMap((server, index) => {
      if (server.applicationProtocol === undefined) return [];
      return portListener({ gateway, server, index }, routers, attached, context) ?? [];
    }),
  );
  for (const router of routers)
    if (router.spec.gateways.length > 0 && !attached.has(router))
      context.report.warning(
        router,
        "spec.gateways",
        "no Gateway that it may use has a port `tcp-metaprotocol-<protocol>` of a protocol of its hosts",
      );
  return listeners;
}

interface PlacedServer {
  readonly gateway: Gateway;
  readonly server: GatewayServer;
  readonly index: number;
}

function portListener(
  placed: PlacedServer,
  routers: readonly Router[],
  attached: Set<Router>,
  context: GatewayContext,
): Listener | undefined {
  const { gateway, server, index } = placed;
  const path = `spec.servers[${index}]`;
  const { name, namespace } = gateway.metadata;
  const fault = serverFault(placed);
  const protocol = context.protocols.get(server.applicationProtocol ?? "")?.protocol;
  if (fault !== undefined || protocol === undefined) {
    const unknown = `no ApplicationProtocol binds \`${server.applicationProtocol ?? ""}\` to a codec`;
    context.report.warning(gateway, path, `is not managed: ${fault ?? unknown}`);
    return undefined;
  }
  const services = routers
    .filter((router) => namesGateway(router, gateway) && mayUse(router, placed))
    .flatMap((router) => servicesOf(router, placed, attached, context));
  if (services.length === 0) {
    context.report.warning(gateway, path, "is not managed: no MetaRouter leads anywhere from it");
    return undefined;
  }
  const hosts = server.hosts.map((host) => host.slice(host.indexOf("/") + 1));
  const front = frontServices(gateway.spec.selector, context);
  const namespaces = front.map(({ entry }) => entry.metadata.namespace);
  const isTls = server.tlsMode !== undefined;
  return istioListener(`gateway|${server.port}|${name}|${namespace}`, protocol, {
    host: services[0]?.host ?? "",
    port: server.port,
    routes: jointRoutes(services, context),
    filters: [],
    placement: {
      kind: "gateway",
      namespace,
      gateway: name,
      selector: gateway.spec.selector,
      namespaces: Array.from(new Set([namespace, ...namespaces])).sort(compareText),
      proxyPorts: proxyPorts(server.port, front),
      hosts: Array.from(new Set(hosts)).sort(compareText),
      serverNames: isTls && !hosts.includes("*") ? hosts.slice().sort(compareText) : [],
    },
  });
}

function serverFault({ gateway, server }: PlacedServer): string | undefined {
  if (server.tlsMode === "PASSTHROUGH" || server.tlsMode === "AUTO_PASSTHROUGH")
    return "what is passed through encrypted cannot be read";
  if (Object.keys(gateway.spec.selector).length === 0)
    return "the Gateway selects all workloads: name its own by `selector`";
  return undefined;
}

function namesGateway(router: Router, { metadata }: Gateway): boolean {
  const full = `${metadata.namespace}/${metadata.name}`;
  return router.spec.gateways.some(
    (name) => (name.includes("/") ? name : `${router.metadata.namespace}/${name}`) === full,
  );
}

/** A host of the server may be for one namespace only. */
function mayUse(router: Router, { gateway, server }: PlacedServer): boolean {
  const { namespace } = router.metadata;
  return server.hosts.some((host) => {
    const slash = host.indexOf("/");
    const allowed = slash < 0 ? "*" : host.slice(0, slash);
    return (
      allowed === "*" || (allowed === "." ? gateway.metadata.namespace : allowed) === namespace
    );
  });
}

/** Of each host of the router one port: the server's, or else the lowest of the same protocol. */
function servicesOf(
  router: Router,
  { gateway, server }: PlacedServer,
  attached: Set<Router>,
  context: GatewayContext,
): readonly Service[] {
  const own = context.served
    .map(({ service }) => service)
    .filter(
      (service) =>
        context.owners.get(service) === router &&
        service.port.applicationProtocol === server.applicationProtocol,
    );
  const visible = own.filter(({ entry }) => isServiceVisible(entry, gateway.metadata.namespace));
  if (own.length > visible.length)
    context.report.warning(
      router,
      "spec.gateways",
      `a host of it is not exported to the namespace \`${gateway.metadata.namespace}\` of the Gateway`,
    );
  const byHost = new Map<string, Service>();
  for (const service of visible) {
    const known = byHost.get(service.host)?.port.number;
    const { number } = service.port;
    const isBetter =
      known !== server.port && (number === server.port || number < (known ?? Infinity));
    if (isBetter) byHost.set(service.host, service);
  }
  if (byHost.size > 0) attached.add(router);
  return Array.from(byHost.values());
}

/** What takes every request comes last, and only the first such. */
function jointRoutes(services: readonly Service[], context: GatewayContext): readonly Route[] {
  const specific: Route[] = [];
  const general: { readonly service: Service; readonly route: Route }[] = [];
  for (const service of services)
    for (const route of routesOf(service, services.length > 1, context)) {
      if (route.match.length > 0) {
        specific.push(route);
        continue;
      }
      general.push({ service, route });
      break;
    }
  for (const { service } of general.slice(1))
    context.report.warning(
      context.owners.get(service) ?? service.entry,
      "spec.routes",
      `at the gateway \`${service.host}\` gets no requests without attributes to match: those are taken by ` +
        `\`${general[0]?.service.host ?? ""}\``,
    );
  return [...specific, ...general.slice(0, 1).map(({ route }) => route)];
}

function routesOf(
  service: Service,
  isShared: boolean,
  { routing }: GatewayContext,
): readonly Route[] {
  const { routes, filters } = routing.get(service) ?? defaultRouting(service);
  const host = isShared ? hostMatch(service) : [];
  return routes.map((route) => ({
    ...route,
    match: host.some(({ name }) => route.match.some((item) => item.name === name))
      ? route.match
      : [...route.match, ...host],
    filters: joinFilters(route.filters, filters),
  }));
}

/** How requests say which service they are for, if they do. */
function hostMatch({ entry }: Service): readonly AttributeMatch[] {
  const value = entry.metadata.annotations[INTERFACE_ANNOTATION];
  if (value === undefined) return [];
  return [{ name: INTERFACE_ATTRIBUTE, specifier: { kind: "exact", value }, invert: false }];
}

/** What holds for all requests to a service holds for each of its routes. */
function joinFilters(own: readonly Filter[], all: readonly Filter[]): readonly Filter[] {
  const known = new Set(own.map(filterName));
  return [...own, ...all.filter((filter) => !known.has(filterName(filter)))];
}

function filterName(filter: Filter): string {
  if (filter.kind === "own") return filter.name;
  if (filter.kind === "disabled") return BUILT_IN_FILTERS[filter.name] ?? filter.name;
  return filter.kind;
}

/** Services in front of the gateway: they say where its workloads are, and may map its port to another one of theirs. */
function frontServices(selector: Labels, { facts, services }: IstioContext): readonly Service[] {
  const contains = (all: Labels, some: Labels): boolean =>
    Object.entries(some).every(([key, value]) => all[key] === value);
  return services.filter((service) => {
    const own = workloadSelectorOf(service, facts);
    return own !== undefined && (contains(own, selector) || contains(selector, own));
  });
}

function proxyPorts(port: number, front: readonly Service[]): readonly number[] {
  const ports = front
    .filter((service) => service.port.number === port)
    .map((service) => service.port.targetPort ?? port);
  const known = new Set(ports.length === 0 ? [port] : ports);
  return Array.from(known).sort((a, b) => a - b);
}
