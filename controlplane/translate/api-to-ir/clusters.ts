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
  Endpoint,
  OutlierDetection,
  RequestOutlierDetection,
  TcpKeepalive,
  UpstreamTls,
} from "../../ir/cluster.js";
import type { HashKey, StickySession } from "../../ir/route.js";
import { hasSameItems } from "../../runtime/same-items.js";
import type { EngineFeature } from "../module-features.js";
import { clusterName } from "./cluster-name.js";
import { type DestinationRules, policyOf, type ServiceRule } from "./destination-rules.js";
import { endpointsOf } from "./endpoints.js";
import type { GrpcClusters } from "./grpc-clusters.js";
import type { IstioFacts } from "./istio-facts.js";
import type { Report } from "./report.js";
import type { MutationFault } from "./routes.js";
import { serviceEndpoints } from "./service-endpoints.js";
import type { Service } from "./services.js";

/** Istio's default. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Envoy's default, which Istio keeps. */
const CONSECUTIVE_ERRORS = 5;

const DISCOVERY = {
  STATIC: "static",
  DNS: "dns",
  DNS_ROUND_ROBIN: "dns",
  DYNAMIC_DNS: "dns",
  NONE: "originalDestination",
} as const;

export interface ClusterContext {
  readonly rules: DestinationRules;
  readonly workloads: readonly WorkloadEntry[];
  readonly report: Report;
  readonly engine: ReadonlySet<EngineFeature>;
  readonly grpcClusters: GrpcClusters;
  readonly isUnderIstio: boolean;
  readonly istio: IstioFacts | undefined;
  /** What keeps the messages of a service from being changed; undefined: nothing. */
  readonly mutationFault: (service: Service) => MutationFault | undefined;
}

interface Known extends Pick<ClusterContext, "engine" | "isUnderIstio"> {
  readonly rule: ServiceRule;
  readonly clusters: readonly Cluster[];
}

/** Of services whose clusters follow from what is compared here, and nothing is to be said of. */
const known = new WeakMap<Service, Known>();

/** The clusters of one service: of all its endpoints, and of each of its subsets. */
export function clustersOf(service: Service, context: ClusterContext): readonly Cluster[] {
  const { rules, engine, isUnderIstio, grpcClusters } = context;
  const rule = rules.of(service);
  const before = known.get(service);
  const given = serviceEndpoints(service, context.istio);
  const hasGiven = given.length > 0;
  if (
    !hasGiven &&
    before?.engine === engine &&
    before.isUnderIstio === isUnderIstio &&
    isSameRule(before.rule, rule) &&
    before.clusters.every(({ name, isGrpc }) => grpcClusters.has(name) === isGrpc)
  )
    return before.clusters;
  const clusters = newClustersOf(service, given, context);
  const isSelecting = service.entry.spec.workloadSelector !== undefined;
  const isAlone = !isSelecting && !hasGiven && !mayHaveSession(rule);
  if (isAlone) known.set(service, { rule, engine, isUnderIstio, clusters });
  else known.delete(service);
  return clusters;
}

function isSameRule(a: ServiceRule, b: ServiceRule): boolean {
  return a.trafficPolicy === b.trafficPolicy && hasSameItems(a.subsets, b.subsets);
}

/** What is warned of depends on what messages of the protocol can carry. */
function mayHaveSession({ trafficPolicy, subsets }: ServiceRule): boolean {
  return [trafficPolicy, ...subsets.map((subset) => subset.trafficPolicy)].some((policy) =>
    [policy, ...(policy?.portLevelSettings ?? [])].some(
      (settings) => settings?.loadBalancer?.consistentHash?.key.kind === "cookie",
    ),
  );
}

/** @param given endpoints of the whole service, beside those of its resources. */
function newClustersOf(
  service: Service,
  given: readonly Endpoint[],
  context: ClusterContext,
): readonly Cluster[] {
  const { rules, workloads, report, isUnderIstio } = context;
  const isOriginalDestination = isUnderIstio && service.entry.spec.resolution === "NONE";
  const rule = rules.of(service);
  return [undefined, ...rule.subsets].flatMap((subset) => {
    const endpoints = isOriginalDestination
      ? []
      : endpointsOf(service, subset?.labels ?? {}, workloads, report);
    if (endpoints === undefined) return [];
    const policy = policyOf(rule, subset, service.port.number);
    warnOfSession(service, policy, context);
    // Which of them are of a subset only their Pods' labels tell, which nobody has read.
    const all = subset === undefined ? [...endpoints, ...given] : endpoints;
    return [{ ...settingsOf(service, subset, policy, context), endpoints: all }];
  });
}

/** The one of all its endpoints; none if only the proxy of a client would know them. */
export function wholeCluster(service: Service, context: ClusterContext): readonly Cluster[] {
  const name = clusterName(service.host, service.port.number, "");
  return clustersOf(service, context).filter((cluster) => cluster.name === name);
}

/** Where messages of the protocol cannot carry what names the endpoint. */
function warnOfSession(
  service: Service,
  { loadBalancer }: PortTrafficPolicy,
  { mutationFault, report }: ClusterContext,
): void {
  if (loadBalancer?.consistentHash?.key.kind !== "cookie") return;
  const fault = mutationFault(service);
  if (fault === undefined) return;
  const { host } = service;
  const path = `spec.ports[${service.entry.spec.ports.indexOf(service.port)}]`;
  const what = `httpCookie of the DestinationRule for \`${host}\` has no effect`;
  const extent = fault.extent === "never" ? what : `${what} on some requests`;
  report.warning(service.entry, path, `${extent}: ${fault.message}`);
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
    discovery: DISCOVERY[entry.spec.resolution],
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
    ...affinityOf(policy.loadBalancer, engine),
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

export function keepaliveOf(
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

function affinityOf(
  settings: LoadBalancerSettings | undefined,
  engine: ReadonlySet<EngineFeature>,
): Pick<Cluster, "hashPolicy" | "stickySession"> {
  return {
    hashPolicy: engine.has("hashPolicy") ? hashPolicyOf(settings) : undefined,
    stickySession: engine.has("stickySession") ? stickySessionOf(settings) : undefined,
  };
}

function hashPolicyOf(settings: LoadBalancerSettings | undefined): HashKey | undefined {
  const key = settings?.consistentHash?.key;
  return key === undefined || key.kind === "http" || key.kind === "cookie" ? undefined : key;
}

function stickySessionOf(settings: LoadBalancerSettings | undefined): StickySession | undefined {
  const key = settings?.consistentHash?.key;
  return key?.kind === "cookie"
    ? { attribute: key.name, ttlMs: key.ttlMs, strict: false }
    : undefined;
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
