// Istio's TrafficPolicy: how connections to a service are made.
import { moduleDuration } from "./module-duration.js";
import {
  ignored,
  list,
  object,
  optional,
  type Read,
  required,
  withDefault,
} from "./schema/composites.js";
import { checked, mapped, type Schema } from "./schema/schema.js";
import {
  anything,
  boolean,
  duration,
  integer,
  nonEmptyText,
  oneOf,
  text,
  textOrNothing,
} from "./schema/scalars.js";
import type { Site } from "./schema/site.js";

const MAX_INT32 = 2 ** 31 - 1;
const MAX_UINT32 = 2 ** 32 - 1;

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
  readonly simple: Read<typeof simple>;
  readonly consistentHash: ConsistentHash | undefined;
}

export interface ConsistentHash {
  readonly key:
    /** Aeraki: the name of an attribute of the request. */
    | { readonly kind: "attribute"; readonly name: string }
    | { readonly kind: "sourceIp" }
    /** What responses say of their endpoint. */
    | { readonly kind: "cookie"; readonly name: string; readonly ttlMs: number }
    /** A query parameter, which only HTTP has. */
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
  /** From annotations of the rule. */
  readonly responses: ResponseOutliers;
}

/** Envoy's names. Undefined: the module's default. */
export interface ResponseOutliers {
  /** Exceptions that the interface knows of are errors as well. */
  readonly countBusinessErrors: boolean;
  /** 0: success rates eject nobody. */
  readonly successRateStdevFactor: number;
  readonly successRateMinimumHosts: number | undefined;
  readonly successRateRequestVolume: number | undefined;
}

const NO_RESPONSE_OUTLIERS: ResponseOutliers = {
  countBusinessErrors: false,
  successRateStdevFactor: 0,
  successRateMinimumHosts: undefined,
  successRateRequestVolume: undefined,
};

export interface ClientTlsSettings {
  readonly mode: Read<typeof tlsMode>;
  readonly clientCertificate: string | undefined;
  readonly privateKey: string | undefined;
  readonly caCertificates: string | undefined;
  /** A secret of Kubernetes. */
  readonly credentialName: string | undefined;
  readonly subjectAltNames: readonly string[];
  readonly sni: string | undefined;
  readonly insecureSkipVerify: boolean;
}

const simple = oneOf(
  "UNSPECIFIED",
  "LEAST_CONN",
  "RANDOM",
  "PASSTHROUGH",
  "ROUND_ROBIN",
  "LEAST_REQUEST",
);

const HASH_KEYS = [
  "httpHeaderName",
  "httpCookie",
  "useSourceIp",
  "httpQueryParameterName",
] as const;

const httpCookie = object({
  name: required(nonEmptyText, "an attribute of responses and requests"),
  path: ignored(),
  ttl: optional(moduleDuration(0), "for how long a response's word holds", "without an end"),
});

const consistentHash: Schema<ConsistentHash> = mapped(
  checked(
    object({
      httpHeaderName: optional(text, "an attribute of the request"),
      useSourceIp: optional(boolean, "`true`: the client's address, without its port"),
      httpCookie: optional(
        httpCookie,
        "a [sticky session](filters/sticky-sessions.md): responses name their endpoint in the attribute `name`",
      ),
      httpQueryParameterName: optional(anything, "not applied, with a warning: only HTTP has it"),
      maglev: optional(anything, "not applied, silently: of all algorithms the module has one"),
      ringHash: ignored(),
      minimumRingSize: ignored(),
    }),
    (value, site) => {
      if (HASH_KEYS.filter((key) => value[key] !== undefined).length !== 1)
        site.fault(`exactly one of ${HASH_KEYS.join(", ")} is required`);
      if (value.httpHeaderName === "") site.field("httpHeaderName").fault("must not be empty");
    },
  ),
  ({ httpHeaderName, httpCookie: cookie, useSourceIp, maglev }) => ({
    key:
      httpHeaderName !== undefined
        ? { kind: "attribute", name: httpHeaderName.toLowerCase() }
        : cookie !== undefined
          ? { kind: "cookie", name: cookie.name, ttlMs: cookie.ttl ?? 0 }
          : { kind: useSourceIp === true ? "sourceIp" : "http" },
    algorithm: maglev === undefined ? "ringHash" : "maglev",
  }),
);

const loadBalancer: Schema<LoadBalancerSettings> = mapped(
  checked(
    object({
      simple: optional(
        simple,
        "for each request, over the endpoints: `LEAST_REQUEST`, `ROUND_ROBIN`, `RANDOM`. `UNSPECIFIED` and `LEAST_CONN` are `LEAST_REQUEST`; so is `PASSTHROUGH`, with a warning",
        "`LEAST_REQUEST`",
      ),
      consistentHash: optional(
        consistentHash,
        "instead of `simple`: requests with the same key go to the same endpoint",
      ),
      localityLbSetting: ignored(),
      zoneAwareLbSetting: ignored(),
      warmup: ignored(),
      warmupDurationSecs: ignored(),
    }),
    (value, site) => {
      if (value.simple !== undefined && value.consistentHash !== undefined)
        site.field("consistentHash").fault("must not be there together with `simple`");
    },
  ),
  (value) => ({ simple: value.simple ?? "UNSPECIFIED", consistentHash: value.consistentHash }),
);

/** Istio: 0 is "not given". */
const limit: Schema<number | undefined> = mapped(
  integer(0, MAX_INT32),
  (value) => value || undefined,
);

const tcpKeepalive = mapped(
  object({
    probes: optional(integer(0, MAX_UINT32), "without an answer, after which it has failed"),
    time: optional(duration(1), "idle before the first one"),
    interval: optional(duration(1), "between them"),
  }),
  ({ probes, time, interval }) => ({ probes, timeMs: time, intervalMs: interval }),
);

const tcp = object({
  maxConnections: optional(
    limit,
    "upstream connections: per worker in the module, per process in Envoy",
    "1024 in the module, none in Envoy",
  ),
  connectTimeout: optional(duration(1), "of Envoy's cluster", "10 s"),
  tcpKeepalive: optional(tcpKeepalive, "", "off"),
  maxConnectionDuration: ignored(),
  idleTimeout: ignored(),
});

const http = object({
  http1MaxPendingRequests: optional(
    limit,
    "requests per worker that wait for a connection",
    "4096",
  ),
  http2MaxRequests: optional(limit, "requests outstanding per worker", "16384"),
  h2UpgradePolicy: ignored(),
  http2KeepAlive: ignored(),
  idleTimeout: ignored(),
  maxConcurrentStreams: ignored(),
  maxRequestsPerConnection: ignored(),
  maxRetries: optional(
    anything,
    "not applied, with a warning: `retries.retryBudget` of a route bounds retries",
  ),
  useClientProtocol: ignored(),
});

const RETRIES_OF_ROUTES = "is not applied: `retries.retryBudget` of a route bounds its retries";

const connectionPool: Schema<ConnectionPoolSettings> = mapped(
  checked(object({ tcp: optional(tcp, ""), http: optional(http, "") }), (value, site) => {
    if (value.http?.maxRetries !== undefined)
      site.field("http").field("maxRetries").warning(RETRIES_OF_ROUTES);
  }),
  ({ tcp, http }) => ({
    maxConnections: tcp?.maxConnections,
    connectTimeoutMs: tcp?.connectTimeout,
    tcpKeepalive: tcp?.tcpKeepalive,
    http1MaxPendingRequests: http?.http1MaxPendingRequests,
    http2MaxRequests: http?.http2MaxRequests,
  }),
);

const outlierDetection: Schema<OutlierDetectionSettings> = mapped(
  object({
    consecutive5xxErrors: optional(
      integer(0, MAX_UINT32),
      "so many failures in a row eject an endpoint: responses that are errors, per worker and judged by the module, and connections that fail, judged by Envoy; 0: never",
      "5",
    ),
    consecutiveGatewayErrors: optional(
      integer(0, MAX_UINT32),
      "so many failed connections in a row; 0: never",
      "0",
    ),
    consecutiveErrors: optional(
      integer(0, MAX_INT32),
      "the old name of `consecutiveGatewayErrors`",
    ),
    splitExternalLocalOriginErrors: withDefault(
      boolean,
      false,
      "count failed connections apart, with the next field",
      "`false`",
    ),
    consecutiveLocalOriginFailures: optional(
      integer(0, MAX_UINT32),
      "if split: so many failed connections in a row; 0: never",
      "5",
    ),
    interval: optional(duration(1), "how often ejected endpoints are considered again", "10 s"),
    baseEjectionTime: optional(
      duration(1),
      "the n-th ejection of an endpoint lasts n times as long",
      "30 s",
    ),
    maxEjectionPercent: optional(
      integer(0, 100),
      "no more endpoints are ejected at a time, but always one",
      "10",
    ),
    minHealthPercent: optional(
      integer(0, 100),
      "panic threshold: with less healthy endpoints all of them are used",
      "Envoy's: 50",
    ),
    outlierDetectionHttpErrorCodes: ignored(),
  }),
  ({ interval, baseEjectionTime, consecutiveErrors, consecutiveGatewayErrors, ...rest }) => ({
    ...rest,
    // The name before Istio 1.5, which meant gateway errors.
    consecutiveGatewayErrors: consecutiveGatewayErrors ?? consecutiveErrors,
    intervalMs: interval,
    baseEjectionTimeMs: baseEjectionTime,
    responses: NO_RESPONSE_OUTLIERS,
  }),
);

const tlsMode = oneOf("DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL");

const file = (doc: string) => optional(textOrNothing, doc);

const clientTls: Schema<ClientTlsSettings> = checked(
  object({
    mode: withDefault(tlsMode, "DISABLE", "`DISABLE`, `SIMPLE`, `MUTUAL`", "`DISABLE`"),
    clientCertificate: file("file of the chain to show, PEM; with `MUTUAL`"),
    privateKey: file("file of its key, PEM; with `MUTUAL`"),
    caCertificates: file("file of the CAs that the server's certificate is verified with, PEM"),
    credentialName: file("a fault: a secret of Kubernetes"),
    subjectAltNames: withDefault(
      list(text),
      [],
      "of which the server's certificate must have one",
      "the ServiceEntry's",
    ),
    sni: file("the name that is asked for"),
    insecureSkipVerify: withDefault(boolean, false, "verify nothing", "`false`"),
    caCrl: ignored(),
  }),
  (tls, site) => {
    if (tls.mode === "MUTUAL" && tls.credentialName === undefined)
      for (const field of ["clientCertificate", "privateKey"] as const)
        if (tls[field] === undefined) site.field(field).fault("is required with mode MUTUAL");
    if (
      tls.credentialName !== undefined &&
      (tls.clientCertificate ?? tls.privateKey ?? tls.caCertificates) !== undefined
    )
      site.field("credentialName").fault("must not be there together with files of certificates");
  },
);

const portPolicyFields = {
  loadBalancer: optional(loadBalancer, ""),
  connectionPool: optional(connectionPool, ""),
  outlierDetection: optional(outlierDetection, "ejects endpoints that fail", "off"),
  tls: optional(clientTls, "[TLS](tls.md)", "off"),
};

const portSettings = object(
  {
    ...portPolicyFields,
    port: optional(object({ number: optional(integer(1, 65535), "which port") }), "which port"),
  },
  { title: "" },
);

const portLevelSettings = checked(list(portSettings), checkPorts);

function checkPorts(
  settings: readonly { readonly port: { readonly number: number | undefined } | undefined }[],
  site: Site,
): void {
  const ports = new Set<number>();
  settings.forEach(({ port }, index) => {
    const place = site.item(index).field("port").field("number");
    const number = port?.number;
    if (number === undefined) place.fault("is required");
    else if (ports.has(number)) place.fault(`${number} is there twice`);
    else ports.add(number);
  });
}

export const trafficPolicy: Schema<TrafficPolicy> = mapped(
  checked(
    object(
      {
        ...portPolicyFields,
        portLevelSettings: withDefault(
          mapped(portLevelSettings, (items) =>
            items.map(({ port, ...policy }) => ({ ...policy, port: port?.number ?? 0 })),
          ),
          [],
          "of a `port`: replaces all of the above as a whole",
        ),
        tunnel: ignored(),
        proxyProtocol: ignored(),
        retryBudget: optional(anything, "not applied, with a warning: a route's `retries` have it"),
      },
      { title: "Traffic policies" },
    ),
    ({ retryBudget }, site) => {
      if (retryBudget !== undefined) site.field("retryBudget").warning(RETRIES_OF_ROUTES);
    },
  ),
  ({ loadBalancer, connectionPool, outlierDetection, tls, portLevelSettings }) => ({
    ...{ loadBalancer, connectionPool, outlierDetection, tls, portLevelSettings },
  }),
);
