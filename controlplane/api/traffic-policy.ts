// Istio's TrafficPolicy: how connections to a service are made.
import type { ObjectReader } from "./object-reader.js";

const MAX_INT32 = 2 ** 31 - 1;
const MAX_UINT32 = 2 ** 32 - 1;
const SIMPLE_LOAD_BALANCERS = [
  "UNSPECIFIED",
  "LEAST_CONN",
  "RANDOM",
  "PASSTHROUGH",
  "ROUND_ROBIN",
  "LEAST_REQUEST",
] as const;
const TLS_MODES = ["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"] as const;

export interface TrafficPolicy extends PortTrafficPolicy {
  readonly portLevelSettings: readonly (PortTrafficPolicy & { readonly port: number })[];
}

export interface PortTrafficPolicy {
  readonly loadBalancer: LoadBalancerSettings | undefined;
  readonly connectionPool: ConnectionPoolSettings | undefined;
  readonly outlierDetection: OutlierDetectionSettings | undefined;
  readonly tls: ClientTlsSettings | undefined;
}

export interface LoadBalancerSettings {
  readonly simple: (typeof SIMPLE_LOAD_BALANCERS)[number];
  readonly consistentHash: ConsistentHash | undefined;
}

export interface ConsistentHash {
  readonly key:
    /** Aeraki: the name of an attribute of the request. */
    | { readonly kind: "attribute"; readonly name: string }
    | { readonly kind: "sourceIp" }
    /** A cookie or a query parameter, which only HTTP has. */
    | { readonly kind: "http" };
  readonly algorithm: "ringHash" | "maglev";
}

export interface ConnectionPoolSettings {
  readonly maxConnections: number | undefined;
  readonly connectTimeoutMs: number | undefined;
  readonly tcpKeepalive:
    | {
        readonly probes: number | undefined;
        readonly timeMs: number | undefined;
        readonly intervalMs: number | undefined;
      }
    | undefined;
  readonly http1MaxPendingRequests: number | undefined;
  readonly http2MaxRequests: number | undefined;
}

export interface OutlierDetectionSettings {
  readonly splitExternalLocalOriginErrors: boolean;
  readonly consecutiveLocalOriginFailures: number | undefined;
  readonly consecutiveGatewayErrors: number | undefined;
  readonly consecutive5xxErrors: number | undefined;
  readonly intervalMs: number | undefined;
  readonly baseEjectionTimeMs: number | undefined;
  readonly maxEjectionPercent: number | undefined;
  readonly minHealthPercent: number | undefined;
}

export interface ClientTlsSettings {
  readonly mode: (typeof TLS_MODES)[number];
  readonly clientCertificate: string | undefined;
  readonly privateKey: string | undefined;
  readonly caCertificates: string | undefined;
  /** A secret of Kubernetes. */
  readonly credentialName: string | undefined;
  readonly subjectAltNames: readonly string[];
  readonly sni: string | undefined;
  readonly insecureSkipVerify: boolean;
}

export function readTrafficPolicy(reader: ObjectReader): TrafficPolicy {
  reader.ignore("tunnel", "proxyProtocol", "retryBudget");
  const ports = new Set<number>();
  return {
    ...readPortTrafficPolicy(reader),
    portLevelSettings: reader.objects("portLevelSettings", (fields) => {
      const report = (message: string): void => {
        reader.findings.fault(`${fields.path}.port.number`, message);
      };
      const port = fields.object("port", (selector) => selector.integer("number", 1, 65535));
      if (port === undefined) report("is required");
      else if (ports.has(port)) report(`${port} is there twice`);
      else ports.add(port);
      return { ...readPortTrafficPolicy(fields), port: port ?? 0 };
    }),
  };
}

function readPortTrafficPolicy(reader: ObjectReader): PortTrafficPolicy {
  return {
    loadBalancer: reader.object("loadBalancer", readLoadBalancer),
    connectionPool: reader.object("connectionPool", readConnectionPool),
    outlierDetection: reader.object("outlierDetection", readOutlierDetection),
    tls: reader.object("tls", readClientTls),
  };
}

function readLoadBalancer(reader: ObjectReader): LoadBalancerSettings {
  reader.ignore("localityLbSetting", "zoneAwareLbSetting", "warmup", "warmupDurationSecs");
  if (reader.has("simple") && reader.has("consistentHash"))
    reader.fault("consistentHash", "must not be there together with `simple`");
  return {
    simple: reader.oneOf("simple", SIMPLE_LOAD_BALANCERS) ?? "UNSPECIFIED",
    consistentHash: reader.object("consistentHash", readConsistentHash),
  };
}

function readConsistentHash(reader: ObjectReader): ConsistentHash {
  reader.ignore("minimumRingSize", "ringHash");
  const keys = ["httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName"] as const;
  const present = keys.filter((key) => reader.has(key));
  if (present.length !== 1)
    reader.findings.fault(reader.path, `exactly one of ${keys.join(", ")} is required`);
  const attribute = reader.string("httpHeaderName");
  if (attribute === "") reader.fault("httpHeaderName", "must not be empty");
  const useSourceIp = reader.boolean("useSourceIp") === true;
  return {
    key:
      attribute !== undefined
        ? { kind: "attribute", name: attribute.toLowerCase() }
        : { kind: useSourceIp ? "sourceIp" : "http" },
    algorithm: reader.has("maglev") ? "maglev" : "ringHash",
  };
}

function readConnectionPool(reader: ObjectReader): ConnectionPoolSettings {
  const tcp = reader.object("tcp", (fields) => {
    fields.ignore("maxConnectionDuration", "idleTimeout");
    return {
      maxConnections: readLimit(fields, "maxConnections"),
      connectTimeoutMs: fields.durationMs("connectTimeout", 1),
      tcpKeepalive: fields.object("tcpKeepalive", (keepalive) => ({
        probes: keepalive.integer("probes", 0, MAX_UINT32),
        timeMs: keepalive.durationMs("time", 1),
        intervalMs: keepalive.durationMs("interval", 1),
      })),
    };
  });
  const http = reader.object("http", (fields) => {
    fields.ignore(
      "h2UpgradePolicy",
      "http2KeepAlive",
      "idleTimeout",
      "maxConcurrentStreams",
      "maxRequestsPerConnection",
      "maxRetries",
      "useClientProtocol",
    );
    return {
      http1MaxPendingRequests: readLimit(fields, "http1MaxPendingRequests"),
      http2MaxRequests: readLimit(fields, "http2MaxRequests"),
    };
  });
  return {
    maxConnections: tcp?.maxConnections,
    connectTimeoutMs: tcp?.connectTimeoutMs,
    tcpKeepalive: tcp?.tcpKeepalive,
    http1MaxPendingRequests: http?.http1MaxPendingRequests,
    http2MaxRequests: http?.http2MaxRequests,
  };
}

/** Istio: 0 is "not given". */
function readLimit(reader: ObjectReader, field: string): number | undefined {
  return reader.integer(field, 0, MAX_INT32) || undefined;
}

function readOutlierDetection(reader: ObjectReader): OutlierDetectionSettings {
  reader.ignore("outlierDetectionHttpErrorCodes");
  return {
    splitExternalLocalOriginErrors: reader.boolean("splitExternalLocalOriginErrors") ?? false,
    consecutiveLocalOriginFailures: reader.integer("consecutiveLocalOriginFailures", 0, MAX_UINT32),
    // The name before Istio 1.5, which meant gateway errors.
    consecutiveGatewayErrors:
      reader.integer("consecutiveGatewayErrors", 0, MAX_UINT32) ??
      reader.integer("consecutiveErrors", 0, MAX_INT32),
    consecutive5xxErrors: reader.integer("consecutive5xxErrors", 0, MAX_UINT32),
    intervalMs: reader.durationMs("interval", 1),
    baseEjectionTimeMs: reader.durationMs("baseEjectionTime", 1),
    maxEjectionPercent: reader.integer("maxEjectionPercent", 0, 100),
    minHealthPercent: reader.integer("minHealthPercent", 0, 100),
  };
}

function readClientTls(reader: ObjectReader): ClientTlsSettings {
  reader.ignore("caCrl");
  const tls: ClientTlsSettings = {
    mode: reader.oneOf("mode", TLS_MODES) ?? "DISABLE",
    clientCertificate: readName(reader, "clientCertificate"),
    privateKey: readName(reader, "privateKey"),
    caCertificates: readName(reader, "caCertificates"),
    credentialName: readName(reader, "credentialName"),
    subjectAltNames: reader.strings("subjectAltNames"),
    sni: readName(reader, "sni"),
    insecureSkipVerify: reader.boolean("insecureSkipVerify") ?? false,
  };
  if (tls.mode === "MUTUAL" && tls.credentialName === undefined)
    for (const field of ["clientCertificate", "privateKey"] as const)
      if (tls[field] === undefined) reader.fault(field, "is required with mode MUTUAL");
  if (
    tls.credentialName !== undefined &&
    (tls.clientCertificate ?? tls.privateKey ?? tls.caCertificates) !== undefined
  )
    reader.fault("credentialName", "must not be there together with files of certificates");
  return tls;
}

/** Istio: the empty string is "not given". */
function readName(reader: ObjectReader, field: string): string | undefined {
  return reader.string(field) || undefined;
}
