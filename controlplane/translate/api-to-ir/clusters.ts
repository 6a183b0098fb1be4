import type { Subset } from "../../api/destination-rule.js";
import type {
  ClientTlsSettings,
  LoadBalancerSettings,
  OutlierDetectionSettings,
  PortTrafficPolicy,
} from "../../api/traffic-policy.js";
import type { WorkloadEntry } from "../../api/workload-entry.js";
import type {
  Cluster,
  OutlierDetection,
  RequestOutlierDetection,
  TcpKeepalive,
  UpstreamTls,
} from "../../ir/cluster.js";
import type { HashKey } from "../../ir/route.js";
import type { EngineFeature } from "../module-features.js";
import { clusterName } from "./cluster-name.js";
import { type DestinationRules, policyOf } from "./destination-rules.js";
import { endpointsOf } from "./endpoints.js";
import type { GrpcClusters } from "./grpc-clusters.js";
import type { Report } from "./report.js";
import type { Service } from "./services.js";

/** Istio's default. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Envoy's default, which Istio keeps. */
const CONSECUTIVE_ERRORS = 5;

export interface ClusterContext {
  readonly rules: DestinationRules;
  readonly workloads: readonly WorkloadEntry[];
  readonly report: Report;
  readonly engine: ReadonlySet<EngineFeature>;
  readonly grpcClusters: GrpcClusters;
}

/** The clusters of one service: of all its endpoints, and of each of its subsets. */
export function clustersOf(service: Service, context: ClusterContext): readonly Cluster[] {
  const { rules, workloads, report } = context;
  const rule = rules.of(service);
  return [undefined, ...rule.subsets].flatMap((subset) => {
    const endpoints = endpointsOf(service, subset?.labels ?? {}, workloads, report);
    if (endpoints === undefined) return [];
    const policy = policyOf(rule, subset, service.port.number);
    return [{ ...settingsOf(service, subset, policy, context), endpoints }];
  });
}

function settingsOf(
  service: Service,
  subset: Subset | undefined,
  policy: PortTrafficPolicy,
  { engine, grpcClusters }: ClusterContext,
): Omit<Cluster, "endpoints"> {
  const { entry, host, port } = service;
  const { connectionPool: pool, outlierDetection } = policy;
  const name = clusterName(host, port.number, subset?.name ?? "");
  return {
    name,
    discovery: entry.spec.resolution === "STATIC" ? "static" : "dns",
    loadBalancer: loadBalancerOf(policy.loadBalancer),
    connectTimeoutMs: pool?.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    maxConnections: pool?.maxConnections,
    maxPendingRequests: pool?.http1MaxPendingRequests,
    maxRequests: pool?.http2MaxRequests,
    tcpKeepalive: keepaliveOf(pool?.tcpKeepalive),
    outlierDetection: outlierDetection && outlierDetectionOf(outlierDetection),
    requestOutlierDetection: engine.has("outlierDetection")
      ? outlierDetection && requestOutlierDetectionOf(outlierDetection)
      : undefined,
    hashPolicy: engine.has("hashPolicy") ? hashPolicyOf(policy.loadBalancer) : undefined,
    isGrpc: grpcClusters.has(name),
    tls: policy.tls && tlsOf(policy.tls, entry.spec.subjectAltNames),
  };
}

function loadBalancerOf(settings: LoadBalancerSettings | undefined): Cluster["loadBalancer"] {
  switch (settings?.simple) {
    case "ROUND_ROBIN":
      return "roundRobin";
    case "RANDOM":
      return "random";
    case "LEAST_REQUEST":
    case "LEAST_CONN":
    case "PASSTHROUGH":
    case "UNSPECIFIED":
    case undefined:
      return "leastRequest";
  }
}

function keepaliveOf(
  keepalive:
    | { probes?: number | undefined; timeMs?: number | undefined; intervalMs?: number | undefined }
    | undefined,
): TcpKeepalive | undefined {
  const seconds = (ms: number | undefined): number | undefined =>
    ms === undefined ? undefined : Math.ceil(ms / 1000);
  return (
    keepalive && {
      probes: keepalive.probes,
      timeSeconds: seconds(keepalive.timeMs),
      intervalSeconds: seconds(keepalive.intervalMs),
    }
  );
}

/**
 * Connections fail as "gateway errors" and as "5xx" alike, unless errors of local origin are counted apart.
 * @returns undefined if no number of errors ejects an endpoint.
 */
function outlierDetectionOf(settings: OutlierDetectionSettings): OutlierDetection | undefined {
  const counts = settings.splitExternalLocalOriginErrors
    ? [settings.consecutiveLocalOriginFailures ?? CONSECUTIVE_ERRORS]
    : [settings.consecutive5xxErrors ?? CONSECUTIVE_ERRORS, settings.consecutiveGatewayErrors ?? 0];
  const effective = counts.filter((count) => count > 0);
  if (effective.length === 0) return undefined;
  return {
    consecutiveErrors: Math.min(...effective),
    intervalMs: settings.intervalMs,
    baseEjectionTimeMs: settings.baseEjectionTimeMs,
    maxEjectionPercent: settings.maxEjectionPercent,
    minHealthPercent: settings.minHealthPercent,
  };
}

/** What Envoy cannot see: responses that are errors. */
function requestOutlierDetectionOf(settings: OutlierDetectionSettings): RequestOutlierDetection {
  return {
    consecutiveErrors: settings.consecutive5xxErrors ?? CONSECUTIVE_ERRORS,
    intervalMs: settings.intervalMs,
    baseEjectionTimeMs: settings.baseEjectionTimeMs,
    maxEjectionPercent: settings.maxEjectionPercent,
    panicThresholdPercent: settings.minHealthPercent,
    ...settings.responses,
  };
}

function hashPolicyOf(settings: LoadBalancerSettings | undefined): HashKey | undefined {
  const key = settings?.consistentHash?.key;
  return key === undefined || key.kind === "http" ? undefined : key;
}

function tlsOf(
  tls: ClientTlsSettings,
  serviceSubjectAltNames: readonly string[],
): UpstreamTls | undefined {
  if (tls.mode === "DISABLE") return undefined;
  const trustedCaFile = tls.insecureSkipVerify ? undefined : tls.caCertificates;
  const subjectAltNames =
    tls.subjectAltNames.length > 0 ? tls.subjectAltNames : serviceSubjectAltNames;
  const { clientCertificate, privateKey } = tls;
  return {
    sni: tls.sni,
    trustedCaFile,
    // Envoy refuses to compare names of a certificate that it does not verify.
    subjectAltNames: trustedCaFile === undefined ? [] : subjectAltNames,
    clientCertificate:
      tls.mode === "MUTUAL" && clientCertificate !== undefined && privateKey !== undefined
        ? { certificateChainFile: clientCertificate, privateKeyFile: privateKey }
        : undefined,
  };
}
