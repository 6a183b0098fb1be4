// Services of Redis: ports `tcp-redis`, with the routes of a RedisService and the policy of a RedisDestination.
import { resourceKey } from "../../api/fault.js";
import type { RedisDestination, RedisSeed } from "../../api/redis-destination.js";
import type { RedisService, RedisServiceSpec, RedisTarget } from "../../api/redis-service.js";
import { idOf } from "../../api/resource.js";
import type { Cluster } from "../../ir/cluster.js";
import type { RedisListener } from "../../ir/mesh.js";
import type { RedisListenerSettings, RedisRoute, RedisUpstream } from "../../ir/redis.js";
import { clusterName } from "./cluster-name.js";
import { type ClusterContext, keepaliveOf, wholeCluster } from "./clusters.js";
import { policyOf } from "./destination-rules.js";
import { listenerName } from "./listeners.js";
import { exportedNamespaces } from "./outbound-placements.js";
import { perMillion } from "./per-million.js";
import { byPrecedence } from "./precedence.js";
import { isRedis, type Service, type Services } from "./services.js";
import type { StockPlaces } from "./stock-places.js";

/** Aeraki's. */
const OP_TIMEOUT_MS = 60_000;
const ALL_PER_MILLION = 1_000_000;

export interface RedisInput {
  readonly services: Services;
  /** Reports it where it is not. */
  readonly isServed: (service: Service) => boolean;
  readonly places: StockPlaces;
  readonly redisServices: readonly RedisService[];
  readonly redisDestinations: readonly RedisDestination[];
  readonly clusters: ClusterContext;
  /** Of the translation before, by name; of a RedisService whose version is not in effect already, undefined. */
  readonly formerListener: (owner: RedisService, name: string) => RedisListener | undefined;
}

export interface RedisServices {
  readonly listeners: readonly { readonly service: Service; readonly listener: RedisListener }[];
  readonly clusters: readonly Cluster[];
}

export function redisServices(input: RedisInput): RedisServices {
  const { report, isUnderIstio } = input.clusters;
  const owners = ownersOf(input.redisServices, ({ spec }) => spec.host, "host", input);
  const policies = ownersOf(input.redisDestinations, ({ spec }) => [spec.host], "host", input);
  const context = { ...input, policies };
  // The names of ports alone are those that meshes without us have as well, for what the filter cannot serve.
  const meant = input.services
    .all()
    .filter(
      (service) =>
        isRedis(service) && (!isUnderIstio || owners.has(service) || policies.has(service)),
    );
  const served = meant.filter((service) => input.isServed(service));
  const reached = new Set(
    served.filter((service) => endpointsFault(service, context) === undefined),
  );
  const owned = served.map((service) => {
    const owner = owners.get(service);
    const routing = owner === undefined ? undefined : routingOf(owner, service, context, reached);
    return { service, owner, routing };
  });
  const listeners = owned.flatMap(({ service, owner, routing }) => {
    // A bad one is refused for all of its hosts; that clients must say a password stays true.
    const isRefused = owner !== undefined && report.refused.has(resourceKey(idOf(owner)));
    const good = isRefused ? undefined : routing;
    const fault = good === undefined ? endpointsFault(service, context) : undefined;
    const resource = owner ?? policies.get(service);
    if (fault !== undefined && resource !== undefined) {
      report.warning(resource, "spec.host", `\`${service.host}\` is not managed: ${fault}`);
      return [];
    }
    const listener = listenerOf(service, owner?.spec, good, input.places);
    return listener === undefined ? [] : [{ service, listener }];
  });
  const clusters = [...reached].flatMap((service) =>
    wholeCluster(service, input.clusters).map((cluster) => redisCluster(cluster, service, context)),
  );
  return { listeners, clusters };
}

interface RedisContext extends RedisInput {
  readonly policies: ReadonlyMap<Service, RedisDestination>;
}

function isRedisCluster(service: Service, { policies }: RedisContext): boolean {
  return policies.get(service)?.spec.trafficPolicy?.connectionPool?.redis?.mode === "CLUSTER";
}

/** Why nobody but its clients can choose a server; undefined: the proxy can. */
function endpointsFault(service: Service, context: RedisContext): string | undefined {
  const { resolution } = service.entry.spec;
  const isUnknown = resolution === "NONE" || resolution === "DYNAMIC_DNS";
  if (!isUnknown || isRedisCluster(service, context)) return undefined;
  return `the endpoints of \`${service.host}\` are not known: its resolution is ${resolution}`;
}

/** Of each service the first resource of its own namespace that names its host. */
function ownersOf<R extends RedisService | RedisDestination>(
  resources: readonly R[],
  hostsOf: (resource: R) => readonly string[],
  field: string,
  { services, clusters: { report } }: RedisInput,
): ReadonlyMap<Service, R> {
  const owners = new Map<Service, R>();
  for (const resource of byPrecedence(resources))
    for (const [index, host] of hostsOf(resource).entries()) {
      const { namespace } = resource.metadata;
      const path = resource.kind === "RedisService" ? `spec.${field}[${index}]` : `spec.${field}`;
      const own = redisPorts(services, host, namespace).filter(
        ({ entry }) => entry.metadata.namespace === namespace,
      );
      if (own.length === 0)
        report.warning(
          resource,
          path,
          `has no effect: no ServiceEntry of \`${namespace}\` has the host \`${host}\` with a port \`tcp-redis\``,
        );
      for (const service of own) {
        const owner = owners.get(service);
        if (owner === undefined) owners.set(service, resource);
        else if (owner !== resource)
          report.fault(
            resource,
            path,
            `\`${service.host}\` already has the ${resource.kind} \`${owner.metadata.name}\`; this one has no effect on it`,
          );
      }
    }
  return owners;
}

function redisPorts(services: Services, host: string, namespace: string): readonly Service[] {
  return services.resolve(host, namespace).filter(isRedis);
}

interface RedisRouting {
  readonly routes: readonly RedisRoute[];
  readonly catchAll: RedisRoute | undefined;
}

/** Where one of several places of a RedisService leads to. */
interface PlacedTarget {
  readonly target: RedisTarget;
  /** Such as `spec.redis[0].route`. */
  readonly path: string;
  /** The cluster that it led to before; undefined: it led nowhere. */
  readonly former: string | undefined;
}

/** Of no use if the resource is refused. */
function routingOf(
  owner: RedisService,
  service: Service,
  input: RedisContext,
  reached: Set<Service>,
): RedisRouting {
  const { report } = input.clusters;
  const clusterOf = ({ target, path, former }: PlacedTarget): string => {
    const found = targetOf(target, owner, service, input);
    if (typeof found !== "string") {
      reached.add(found);
      return clusterName(found.host, found.port.number, "");
    }
    if (former === undefined) report.refuse(owner, path, found);
    else report.fault(owner, path, `${found}; its former endpoints stay in use`);
    return former ?? "";
  };
  const before = routesOf(input.formerListener(owner, listenerName(service)));
  const isCaseSensitive = owner.spec.settings?.caseInsensitive !== true;
  const places = new Map<string, number>();
  const routes = owner.spec.redis.map(({ match, route, mirror }, index): RedisRoute => {
    const path = `spec.redis[${index}]`;
    const prefix = match?.key?.prefix ?? "";
    const compared = isCaseSensitive ? prefix : prefix.toLowerCase();
    const place = places.get(compared);
    if (place !== undefined)
      report.refuse(owner, path, `spec.redis[${place}] already has the keys with this prefix`);
    places.set(compared, index);
    const former = before.find((candidate) => candidate.prefix === prefix);
    return {
      prefix,
      removePrefix: match?.key?.removePrefix ?? false,
      cluster: clusterOf({ target: route, path: `${path}.route`, former: former?.cluster }),
      mirrors: mirror.map(({ route: copy, percentage, excludeReadCommands }, at) => ({
        cluster: clusterOf({
          target: copy,
          path: `${path}.mirror[${at}].route`,
          former: former?.mirrors[at]?.cluster,
        }),
        perMillion: percentage === undefined ? ALL_PER_MILLION : perMillion(percentage),
        excludeReadCommands,
      })),
    };
  });
  const catchAll = routes.find(({ prefix }) => prefix === "");
  return { routes: routes.filter(({ prefix }) => prefix !== ""), catchAll };
}

/** All routes of a listener. */
function routesOf(listener: RedisRouting | undefined): readonly RedisRoute[] {
  if (listener === undefined) return [];
  return [...listener.routes, ...(listener.catchAll === undefined ? [] : [listener.catchAll])];
}

/** The service, or why there is none. */
function targetOf(
  target: RedisTarget,
  owner: RedisService,
  source: Service,
  context: RedisContext,
): Service | string {
  const { services } = context;
  const { namespace } = owner.metadata;
  const ports = redisPorts(services, target.host, namespace);
  if (ports.length === 0)
    return `no ServiceEntry that is visible from \`${namespace}\` has the host \`${target.host}\` with a port \`tcp-redis\``;
  const wanted = target.port === undefined || target.port === 0 ? undefined : target.port;
  const number = wanted ?? source.port.number;
  const found = ports.find(({ port }) => port.number === number);
  const only = wanted === undefined && ports.length === 1 ? ports[0] : undefined;
  const known = ports.map(({ port }) => port.number).join(", ");
  const chosen = found ?? only;
  if (chosen === undefined)
    return `\`${target.host}\` has no port \`tcp-redis\` ${number}, only ${known}`;
  return endpointsFault(chosen, context) ?? chosen;
}

function listenerOf(
  service: Service,
  spec: RedisServiceSpec | undefined,
  routing: RedisRouting | undefined,
  places: StockPlaces,
): RedisListener | undefined {
  const place = places.outbound(service);
  if (place === undefined) return undefined;
  const own: RedisRoute = {
    prefix: "",
    removePrefix: false,
    cluster: clusterName(service.host, service.port.number, ""),
    mirrors: [],
  };
  return {
    ...place,
    settings: settingsOf(spec?.settings),
    ...(routing ?? { routes: [], catchAll: own }),
    faults: (spec?.faults ?? []).map(({ type, percentage, delay, commands }) => ({
      type,
      perMillion: percentage === undefined ? ALL_PER_MILLION : perMillion(percentage),
      delayMs: delay,
      commands,
    })),
  };
}

const DEFAULT_SETTINGS: RedisListenerSettings = {
  opTimeoutMs: OP_TIMEOUT_MS,
  caseInsensitive: false,
  enableCommandStats: false,
  enableHashtagging: false,
  enableRedirection: false,
  maxBufferSizeBeforeFlush: undefined,
  bufferFlushTimeoutMs: undefined,
  maxUpstreamUnknownConnections: undefined,
  readPolicy: "MASTER",
  auth: undefined,
};

function settingsOf(settings: RedisServiceSpec["settings"]): RedisListenerSettings {
  if (settings === undefined) return DEFAULT_SETTINGS;
  const { opTimeout = OP_TIMEOUT_MS, bufferFlushTimeout, ...same } = settings;
  return { ...same, opTimeoutMs: opTimeout, bufferFlushTimeoutMs: bufferFlushTimeout };
}

function redisCluster(cluster: Cluster, service: Service, context: RedisContext): Cluster {
  const owner = context.policies.get(service);
  const { tcp, redis } = owner?.spec.trafficPolicy?.connectionPool ?? {};
  const isCluster = isRedisCluster(service, context);
  if (owner !== undefined && !isCluster) warnOfUnused(owner, context.clusters);
  const seeds = isCluster ? seedsOf(redis?.discoveryEndpoints ?? [], cluster, service) : undefined;
  const upstream: RedisUpstream = {
    auth: redis?.auth,
    seeds,
    exportedTo: exportedNamespaces(service),
    own: ownFields(tcp),
  };
  const own = { ...withPool(cluster, tcp), redis: upstream };
  return isCluster && context.clusters.isUnderIstio ? withoutIstiosTls(own, service, context) : own;
}

/** What only a Redis Cluster takes, or a cluster that is not Istio's. */
function warnOfUnused(owner: RedisDestination, { report, isUnderIstio }: ClusterContext): void {
  const { tcp, redis } = owner.spec.trafficPolicy?.connectionPool ?? {};
  const path = "spec.trafficPolicy.connectionPool";
  if (redis !== undefined && redis.discoveryEndpoints.length > 0)
    report.warning(
      owner,
      `${path}.redis.discoveryEndpoints`,
      "has no effect without the mode CLUSTER",
    );
  if (isUnderIstio && tcp?.maxConnections !== undefined)
    report.warning(
      owner,
      `${path}.tcp.maxConnections`,
      "has no effect on a cluster of Istio's: set it in a DestinationRule",
    );
}

/** The members of a Redis Cluster are no endpoints of Istio's, which has the certificates. */
function withoutIstiosTls(cluster: Cluster, service: Service, context: RedisContext): Cluster {
  const { rules, report } = context.clusters;
  const { tls } = policyOf(rules.of(service), undefined, service.port.number);
  if (tls?.mode !== "ISTIO_MUTUAL") return cluster;
  const owner = context.policies.get(service);
  if (owner !== undefined)
    report.warning(
      owner,
      "spec.trafficPolicy.connectionPool.redis.mode",
      "ISTIO_MUTUAL of its DestinationRule has no effect: connections to the members of a Redis Cluster are in plain text",
    );
  return { ...cluster, tls: undefined };
}

type ConnectionPool = NonNullable<
  NonNullable<RedisDestination["spec"]["trafficPolicy"]>["connectionPool"]
>["tcp"];

function ownFields(tcp: ConnectionPool): RedisUpstream["own"] {
  return [
    ...(tcp?.connectTimeout === undefined ? [] : (["connectTimeoutMs"] as const)),
    ...(tcp?.tcpKeepalive === undefined ? [] : (["tcpKeepalive"] as const)),
  ];
}

function withPool(cluster: Cluster, tcp: ConnectionPool): Cluster {
  if (tcp === undefined) return cluster;
  return {
    ...cluster,
    connectTimeoutMs: tcp.connectTimeout ?? cluster.connectTimeoutMs,
    maxConnections: tcp.maxConnections ?? cluster.maxConnections,
    tcpKeepalive: keepaliveOf(tcp.tcpKeepalive) ?? cluster.tcpKeepalive,
  };
}

/** Where nobody is named: its endpoints, else those that its name has. */
function seedsOf(
  written: readonly RedisSeed[],
  { endpoints }: Cluster,
  { host, port }: Service,
): readonly RedisSeed[] {
  if (written.length > 0) return written;
  if (endpoints.length === 0) return [{ address: host, port: port.number }];
  return endpoints.map((endpoint) => ({ address: endpoint.address, port: endpoint.port }));
}
