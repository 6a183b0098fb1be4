// Services of Redis: ports `tcp-redis`, with the routes of a RedisService and the policy of a RedisDestination.
import { resourceKey } from "../../api/fault.js";
import type { RedisDestination, RedisSeed } from "../../api/redis-destination.js";
import type { RedisService, RedisServiceSpec, RedisTarget } from "../../api/redis-service.js";
import { idOf } from "../../api/resource.js";
import type { Cluster } from "../../ir/cluster.js";
import type { RedisListener } from "../../ir/mesh.js";
import type { RedisListenerSettings, RedisRoute } from "../../ir/redis.js";
import { clusterName } from "./cluster-name.js";
import { type ClusterContext, keepaliveOf, wholeCluster } from "./clusters.js";
import { addressOf, listenerName, tlsOf } from "./listeners.js";
import { perMillion } from "./per-million.js";
import { byPrecedence } from "./precedence.js";
import type { Report } from "./report.js";
import { isRedis, type Service, type Services } from "./services.js";

/** Aeraki's. */
const OP_TIMEOUT_MS = 60_000;
const ALL_PER_MILLION = 1_000_000;

export interface RedisInput {
  readonly services: Services;
  /** Those that are served. */
  readonly served: readonly Service[];
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
  const { report } = input.clusters;
  const owners = ownersOf(input.redisServices, ({ spec }) => spec.host, "host", input);
  const policies = ownersOf(input.redisDestinations, ({ spec }) => [spec.host], "host", input);
  const reached = new Set(input.served);
  const owned = input.served.map((service) => {
    const owner = owners.get(service);
    const routing = owner === undefined ? undefined : routingOf(owner, service, input, reached);
    return { service, owner, routing };
  });
  const listeners = owned.map(({ service, owner, routing }) => {
    // A bad one is refused for all of its hosts; that clients must say a password stays true.
    const isRefused = owner !== undefined && report.refused.has(resourceKey(idOf(owner)));
    const good = isRefused ? undefined : routing;
    return { service, listener: listenerOf(service, owner?.spec, good, report) };
  });
  const clusters = [...reached].flatMap((service) =>
    wholeCluster(service, input.clusters).map((cluster) =>
      redisCluster(cluster, policies.get(service), report),
    ),
  );
  return { listeners, clusters };
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
  input: RedisInput,
  reached: Set<Service>,
): RedisRouting {
  const { report } = input.clusters;
  const clusterOf = ({ target, path, former }: PlacedTarget): string => {
    const found = targetOf(target, owner, service, input.services);
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

/** Clusters that a listener leads to. */
export function redisClusterNames(listener: RedisListener): readonly string[] {
  return routesOf(listener).flatMap(({ cluster, mirrors }) => [
    cluster,
    ...mirrors.map((mirror) => mirror.cluster),
  ]);
}

/** The service, or why there is none. */
function targetOf(
  target: RedisTarget,
  owner: RedisService,
  source: Service,
  services: Services,
): Service | string {
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
  const { resolution } = chosen.entry.spec;
  if (resolution === "NONE" || resolution === "DYNAMIC_DNS")
    return `the endpoints of \`${target.host}\` are not known: its resolution is ${resolution}`;
  return chosen;
}

function listenerOf(
  service: Service,
  spec: RedisServiceSpec | undefined,
  routing: RedisRouting | undefined,
  report: Report,
): RedisListener {
  const own: RedisRoute = {
    prefix: "",
    removePrefix: false,
    cluster: clusterName(service.host, service.port.number, ""),
    mirrors: [],
  };
  return {
    name: listenerName(service),
    host: service.host,
    port: service.port.number,
    address: addressOf(service, report),
    downstreamTls: tlsOf(service),
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

function redisCluster(
  cluster: Cluster,
  owner: RedisDestination | undefined,
  report: Report,
): Cluster {
  const { tcp, redis } = owner?.spec.trafficPolicy?.connectionPool ?? {};
  const isCluster = redis?.mode === "CLUSTER";
  const written = redis?.discoveryEndpoints ?? [];
  if (owner !== undefined && !isCluster && written.length > 0)
    report.warning(
      owner,
      "spec.trafficPolicy.connectionPool.redis.discoveryEndpoints",
      "has no effect without the mode CLUSTER",
    );
  const seeds = isCluster ? seedsOf(written, cluster) : undefined;
  return { ...withPool(cluster, tcp), redis: { auth: redis?.auth, seeds } };
}

type ConnectionPool = NonNullable<
  NonNullable<RedisDestination["spec"]["trafficPolicy"]>["connectionPool"]
>["tcp"];

function withPool(cluster: Cluster, tcp: ConnectionPool): Cluster {
  if (tcp === undefined) return cluster;
  return {
    ...cluster,
    connectTimeoutMs: tcp.connectTimeout ?? cluster.connectTimeoutMs,
    maxConnections: tcp.maxConnections ?? cluster.maxConnections,
    tcpKeepalive: keepaliveOf(tcp.tcpKeepalive) ?? cluster.tcpKeepalive,
  };
}

function seedsOf(written: readonly RedisSeed[], { endpoints }: Cluster): readonly RedisSeed[] {
  return written.length > 0 ? written : endpoints.map(({ address, port }) => ({ address, port }));
}
