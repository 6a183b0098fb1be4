// Clusters of endpoints. Envoy chooses the endpoint of each upstream connection of a module; which of
// its connections a request takes is the module's choice.
import { create } from "@bufbuild/protobuf";
import { type Any, anyPack, durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  type CircuitBreakers,
  CircuitBreakersSchema,
} from "../../gen/envoy/config/cluster/v3/circuit_breaker_pb.js";
import {
  type Cluster as XdsCluster,
  Cluster_CustomClusterTypeSchema as CustomClusterTypeSchema,
  Cluster_DiscoveryType as DiscoveryType,
  Cluster_DnsLookupFamily as DnsLookupFamily,
  Cluster_EdsClusterConfigSchema as EdsClusterConfigSchema,
  Cluster_LbPolicy as LbPolicy,
  ClusterSchema,
} from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import {
  type OutlierDetection as XdsOutlierDetection,
  OutlierDetectionSchema,
} from "../../gen/envoy/config/cluster/v3/outlier_detection_pb.js";
import { RedisClusterConfigSchema } from "../../gen/envoy/extensions/clusters/redis/v3/redis_cluster_pb.js";
import { RedisProtocolOptionsSchema } from "../../gen/envoy/extensions/filters/network/redis_proxy/v3/redis_proxy_pb.js";
import { HttpProtocolOptionsSchema } from "../../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import type { RedisCredentials, RedisUpstream } from "../../ir/redis.js";
import type { Cluster, OutlierDetection, TcpKeepalive } from "../../ir/cluster.js";
import { adsConfigSource } from "./ads-config-source.js";
import { clusterLoadAssignment } from "./endpoints.js";
import { type PeerTimeouts, unreadTimeout } from "./peer-timeouts.js";
import { upstreamTransportSocket } from "./tls.js";

/** Highest value of a circuit breaker: no bound. Envoy's own default is 1024, Istio's is this. */
const UNLIMITED = 2 ** 32 - 1;

/** Name of the filter whose options for a cluster these are. */
const REDIS_PROXY = "envoy.filters.network.redis_proxy";

type Seed = NonNullable<RedisUpstream["seeds"]>[number];

/** Where a proxy gets the endpoints of a cluster from. */
export type EndpointSource = "eds" | "inline";

export interface CircuitBreakerBounds {
  readonly maxConnections?: number | undefined;
  readonly maxPendingRequests?: number | undefined;
  readonly maxRequests?: number | undefined;
}

/** Thresholds; what is undefined has no bound. */
export function circuitBreakers(bounds: CircuitBreakerBounds): CircuitBreakers {
  return create(CircuitBreakersSchema, {
    thresholds: [
      {
        maxConnections: bounds.maxConnections ?? UNLIMITED,
        maxPendingRequests: bounds.maxPendingRequests ?? UNLIMITED,
        maxRequests: bounds.maxRequests ?? UNLIMITED,
        maxRetries: UNLIMITED,
      },
    ],
  });
}

/**
 * Ejection after connections that failed one after the other. Envoy sees no responses of a protocol that it does
 * not speak, so everything that is derived from them is switched off.
 */
function outlierDetection(outlier: OutlierDetection): XdsOutlierDetection {
  const { consecutiveErrors, intervalMs, baseEjectionTimeMs, maxEjectionPercent } = outlier;
  return create(OutlierDetectionSchema, {
    splitExternalLocalOriginErrors: true,
    enforcingConsecutiveLocalOriginFailure: 100,
    enforcingConsecutive5xx: 0,
    enforcingConsecutiveGatewayFailure: 0,
    enforcingSuccessRate: 0,
    enforcingLocalOriginSuccessRate: 0,
    ...(consecutiveErrors === undefined
      ? {}
      : { consecutiveLocalOriginFailure: consecutiveErrors }),
    ...(intervalMs === undefined ? {} : { interval: durationFromMs(intervalMs) }),
    ...(baseEjectionTimeMs === undefined
      ? {}
      : { baseEjectionTime: durationFromMs(baseEjectionTimeMs) }),
    ...(maxEjectionPercent === undefined ? {} : { maxEjectionPercent }),
  });
}

function tcpKeepalive(keepalive: TcpKeepalive): {
  tcpKeepalive: { keepaliveProbes?: number; keepaliveTime?: number; keepaliveInterval?: number };
} {
  const { probes, timeSeconds, intervalSeconds } = keepalive;
  return {
    tcpKeepalive: {
      ...(probes === undefined ? {} : { keepaliveProbes: probes }),
      ...(timeSeconds === undefined ? {} : { keepaliveTime: timeSeconds }),
      ...(intervalSeconds === undefined ? {} : { keepaliveInterval: intervalSeconds }),
    },
  };
}

type Discovery = Pick<XdsCluster, "clusterDiscoveryType"> &
  Partial<
    Pick<XdsCluster, "dnsLookupFamily" | "respectDnsTtl" | "loadAssignment" | "edsClusterConfig">
  >;

/** Of a Redis Cluster: its members say who they are. */
function redisCluster(cluster: Cluster, seeds: readonly Seed[]): Discovery {
  const locality = { region: "", zone: "", subZone: "" };
  return {
    clusterDiscoveryType: {
      case: "clusterType",
      value: create(CustomClusterTypeSchema, {
        name: "envoy.clusters.redis",
        typedConfig: anyPack(RedisClusterConfigSchema, create(RedisClusterConfigSchema)),
      }),
    },
    dnsLookupFamily: DnsLookupFamily.V4_PREFERRED,
    loadAssignment: clusterLoadAssignment({
      ...cluster,
      endpoints: seeds.map((seed) => ({ ...seed, weight: 1, locality })),
    }),
  };
}

function discovery(cluster: Cluster, endpoints: EndpointSource): Discovery {
  const seeds = cluster.redis?.seeds;
  if (seeds !== undefined) return redisCluster(cluster, seeds);
  if (cluster.discovery === "dns") {
    return {
      clusterDiscoveryType: { case: "type", value: DiscoveryType.STRICT_DNS },
      dnsLookupFamily: DnsLookupFamily.V4_PREFERRED,
      respectDnsTtl: true,
      loadAssignment: clusterLoadAssignment(cluster),
    };
  }
  if (endpoints === "inline") {
    return {
      clusterDiscoveryType: { case: "type", value: DiscoveryType.STATIC },
      loadAssignment: clusterLoadAssignment(cluster),
    };
  }
  return {
    clusterDiscoveryType: { case: "type", value: DiscoveryType.EDS },
    edsClusterConfig: create(EdsClusterConfigSchema, { edsConfig: adsConfigSource() }),
  };
}

/** Without TLS there is nobody to negotiate HTTP/2 with: it is spoken at once. */
function http2(): Any {
  const options = create(HttpProtocolOptionsSchema, {
    upstreamProtocolOptions: {
      case: "explicitHttpConfig",
      value: { protocolConfig: { case: "http2ProtocolOptions", value: {} } },
    },
  });
  return anyPack(HttpProtocolOptionsSchema, options);
}

const PLAIN_POLICIES = {
  roundRobin: LbPolicy.ROUND_ROBIN,
  random: LbPolicy.RANDOM,
  leastRequest: LbPolicy.LEAST_REQUEST,
} as const satisfies Record<Cluster["loadBalancer"], LbPolicy>;

/** Of connections: for those of modules, which balance requests themselves, it is one after the other. */
function lbPolicyOf({ redis, isPlainTcp = false, loadBalancer }: Cluster): LbPolicy {
  if (redis !== undefined)
    return redis.seeds === undefined ? LbPolicy.MAGLEV : LbPolicy.CLUSTER_PROVIDED;
  return isPlainTcp ? PLAIN_POLICIES[loadBalancer] : LbPolicy.ROUND_ROBIN;
}

/** What Envoy's filter for Redis tells the servers. */
function redisOptions({ username, password }: RedisCredentials): Any {
  const inline = (text: string) => ({ specifier: { case: "inlineString" as const, value: text } });
  const options = create(RedisProtocolOptionsSchema, {
    authPassword: inline(password),
    ...(username === "" ? {} : { authUsername: inline(username) }),
  });
  return anyPack(RedisProtocolOptionsSchema, options);
}

/** What makes another's cluster one of Redis servers. */
export function redisFields(from: Cluster) {
  const { redis, connectTimeoutMs, tcpKeepalive: keepalive } = from;
  const own = redis?.own ?? [];
  return {
    lbPolicy: lbPolicyOf(from),
    ...(own.includes("connectTimeoutMs")
      ? { connectTimeout: durationFromMs(connectTimeoutMs) }
      : {}),
    ...(own.includes("tcpKeepalive") && keepalive !== undefined
      ? { upstreamConnectionOptions: tcpKeepalive(keepalive) }
      : {}),
    ...redisProtocolOptions(redis),
  };
}

function redisProtocolOptions(redis: RedisUpstream | undefined) {
  return redis?.auth === undefined
    ? {}
    : { typedExtensionProtocolOptions: { [REDIS_PROXY]: redisOptions(redis.auth) } };
}

/** One cluster of the mesh. */
export function cluster(
  from: Cluster,
  endpoints: EndpointSource,
  timeouts: PeerTimeouts,
): XdsCluster {
  const minHealthPercent = from.outlierDetection?.minHealthPercent;
  return create(ClusterSchema, {
    name: from.name,
    ...unreadTimeout(timeouts),
    ...discovery(from, endpoints),
    connectTimeout: durationFromMs(from.connectTimeoutMs),
    lbPolicy: lbPolicyOf(from),
    circuitBreakers: circuitBreakers(from),
    ...(from.tcpKeepalive === undefined
      ? {}
      : { upstreamConnectionOptions: tcpKeepalive(from.tcpKeepalive) }),
    ...(from.outlierDetection === undefined
      ? {}
      : { outlierDetection: outlierDetection(from.outlierDetection) }),
    ...(minHealthPercent === undefined
      ? {}
      : { commonLbConfig: { healthyPanicThreshold: { value: minHealthPercent } } }),
    ...(from.tls === undefined ? {} : { transportSocket: upstreamTransportSocket(from.tls) }),
    ...(from.isGrpc
      ? { typedExtensionProtocolOptions: { [HttpProtocolOptionsSchema.typeName]: http2() } }
      : {}),
    ...redisProtocolOptions(from.redis),
  });
}
