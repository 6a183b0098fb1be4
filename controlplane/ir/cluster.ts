// A set of endpoints that requests are sent to, as Envoy's cluster and as the module's pool see it.
import type { RedisUpstream } from "./redis.js";
import type { HashKey, StickySession } from "./route.js";

export interface Cluster {
  /** `outbound|<port>|<subset>|<host>`; under Istio also `inbound|<port>||`. */
  readonly name: string;
  /** `originalDestination`: a connection goes where the client's went; only under Istio, without endpoints. */
  readonly discovery: "static" | "dns" | "originalDestination";
  readonly endpoints: readonly Endpoint[];
  /** How the module chooses among endpoints for each request. */
  readonly loadBalancer: "leastRequest" | "roundRobin" | "random";
  readonly connectTimeoutMs: number;
  /** Undefined: unlimited (Envoy) and the module's default. */
  readonly maxConnections: number | undefined;
  readonly maxPendingRequests: number | undefined;
  readonly maxRequests: number | undefined;
  readonly tcpKeepalive: TcpKeepalive | undefined;
  readonly outlierDetection: OutlierDetection | undefined;
  /** What the module makes of responses; undefined: nothing. */
  readonly requestOutlierDetection: RequestOutlierDetection | undefined;
  /** Undefined: `loadBalancer` chooses. */
  readonly hashPolicy: HashKey | undefined;
  readonly stickySession: StickySession | undefined;
  /** Modules ask it by gRPC: Envoy must speak HTTP/2 with it. */
  readonly isGrpc: boolean;
  readonly tls: UpstreamTls | undefined;
  /** Present: its endpoints are Redis servers, and no module asks them. */
  readonly redis?: RedisUpstream;
  /** True: no module asks it, and Envoy balances its connections as `loadBalancer` says. */
  readonly isPlainTcp?: boolean;
}

export interface Endpoint {
  /** An IP address, or a DNS name when `discovery` is `dns`. */
  readonly address: string;
  readonly port: number;
  /** Relative to the other endpoints, at least 1. */
  readonly weight: number;
  readonly locality: Locality;
}

export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
}

export interface TcpKeepalive {
  readonly probes: number | undefined;
  readonly timeSeconds: number | undefined;
  readonly intervalSeconds: number | undefined;
}

/** Envoy's names; undefined: Envoy's default. Only connections are judged, not responses. */
export interface OutlierDetection {
  readonly consecutiveErrors: number | undefined;
  readonly intervalMs: number | undefined;
  readonly baseEjectionTimeMs: number | undefined;
  readonly maxEjectionPercent: number | undefined;
  readonly minHealthPercent: number | undefined;
}

/** Endpoints whose responses are errors get no requests for a while. Undefined: the module's default. */
export interface RequestOutlierDetection {
  /** 0: never for that. */
  readonly consecutiveErrors: number;
  readonly intervalMs: number | undefined;
  readonly baseEjectionTimeMs: number | undefined;
  readonly maxEjectionPercent: number | undefined;
  readonly panicThresholdPercent: number | undefined;
  /** 0: success rates eject nobody. */
  readonly successRateStdevFactor: number;
  readonly successRateMinimumHosts: number | undefined;
  readonly successRateRequestVolume: number | undefined;
  readonly countBusinessErrors: boolean;
}

/** Files are read by the proxy. */
export interface UpstreamTls {
  readonly sni: string | undefined;
  /** Undefined: the server's certificate is not verified. */
  readonly trustedCaFile: string | undefined;
  readonly subjectAltNames: readonly string[];
  /** Present for mutual TLS. */
  readonly clientCertificate:
    { readonly certificateChainFile: string; readonly privateKeyFile: string } | undefined;
}
