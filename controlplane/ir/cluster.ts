// A set of endpoints that requests are sent to, as Envoy's cluster and as the module's pool see it.

export interface Cluster {
  /** `outbound|<port>|<subset>|<host>`. */
  readonly name: string;
  readonly discovery: "static" | "dns";
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
  readonly tls: UpstreamTls | undefined;
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
