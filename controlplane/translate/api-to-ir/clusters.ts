import type { Subset } from "../../api/destination-rule.js";
import type {
  ClientTlsSettings,
  LoadBalancerSettings,
  OutlierDetectionSettings,
  PortTrafficPolicy,
} from "../../api/traffic-policy.js";
import type { WorkloadEntry } from "../../api/workload-entry.js";
import type { Cluster, OutlierDetection, TcpKeepalive, UpstreamTls } from "../../ir/cluster.js";
import { type DestinationRules, policyOf } from "./destination-rules.js";
import { endpointsOf } from "./endpoints.js";
import type { Report } from "./report.js";
import type { Service } from "./services.js";

/** Istio's default. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Envoy's default, which Istio keeps. */
const CONSECUTIVE_ERRORS = 5;

/** Istio's name of a cluster; `subset` empty: all endpoints. */
export function clusterName(host: string, port: number, subset: string): string {
  return `outbound|${port}|${subset}|${host}`;
}

/** The clusters of one service: of all its endpoints, and of each of its subsets. */
export function clustersOf(
  service: Service,
  rules: DestinationRules,
  workloads: readonly WorkloadEntry[],
  report: Report,
): readonly Cluster[] {
  const rule = rules.of(service);
  return [undefined, ...rule.subsets].flatMap((subset) => {
    const endpoints = endpointsOf(service, subset?.labels ?? {}, workloads, report);
    if (endpoints === undefined) return [];
    const policy = policyOf(rule, subset, service.port.number);
    return [{ ...settingsOf(service, subset, policy), endpoints }];
  });
}

function settingsOf(
  service: Service,
  subset: Subset | undefined,
  policy: PortTrafficPolicy,
): Omit<Cluster, "endpoints"> {
  const { entry, host, port } = service;
  const pool = policy.connectionPool;
  return {
    name: clusterName(host, port.number, subset?.name ?? ""),
    discovery: entry.spec.resolution === "STATIC" ? "static" : "dns",
    loadBalancer: loadBalancerOf(policy.loadBalancer),
    connectTimeoutMs: pool?.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    maxConnections: pool?.maxConnections,
    maxPendingRequests: pool?.http1MaxPendingRequests,
    maxRequests: pool?.http2MaxRequests,
    tcpKeepalive: keepaliveOf(pool?.tcpKeepalive),
    outlierDetection: policy.outlierDetection && outlierDetectionOf(policy.outlierDetection),
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
