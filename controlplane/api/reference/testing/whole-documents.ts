// Resources of our kinds that use every field.

interface WholeDocument {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: object;
}

/** Fields that exclude one that is there. */
export const ALTERNATIVES: readonly string[] = [".spec.accessLog.json"];

const HOST = "cart.shop";
const BUCKET = { maxTokens: 2, tokensPerFill: 1, fillInterval: "1m30s" };
const MATCH = { attributes: { a: { exact: "b" }, c: { prefix: "d" }, e: { regex: "f" }, g: {} } };
const LOCAL_LIMIT = { tokenBucket: BUCKET, conditions: [{ match: MATCH, tokenBucket: BUCKET }] };
const GLOBAL_LIMIT = {
  domain: "shop",
  match: MATCH,
  requestTimeout: "20ms",
  denyOnFail: true,
  rateLimitService: "outbound|8081||rls.shop",
  descriptors: [
    { property: "a", descriptorKey: "b" },
    { value: "a", descriptorKey: "b" },
    { sourceAddress: true, descriptorKey: "b" },
    {
      entries: [
        { property: "a", descriptorKey: "b" },
        { value: "a", descriptorKey: "b" },
        { sourceAddress: true, descriptorKey: "b" },
      ],
    },
  ],
};
const DESTINATION = { host: HOST, subset: "v1", port: { number: 1 } };
const ROUTE = [{ destination: DESTINATION, weight: 100 }];
const IDENTITY = {
  principals: ["a"],
  notPrincipals: ["b"],
  namespaces: ["c"],
  notNamespaces: ["d*"],
};

const META_ROUTER: WholeDocument = {
  apiVersion: "metaprotocol.aeraki.io/v1alpha1",
  kind: "MetaRouter",
  metadata: { name: "a" },
  spec: {
    hosts: [HOST],
    gateways: ["shop/in"],
    exportTo: ["."],
    localRateLimit: LOCAL_LIMIT,
    globalRateLimit: GLOBAL_LIMIT,
    filters: [
      { name: "acme.quota", config: "x" },
      { name: "acme.other", disabled: true },
    ],
    routes: [
      {
        name: "a",
        match: MATCH,
        route: ROUTE,
        timeout: "1.5s",
        retries: {
          attempts: 2,
          perTryTimeout: "1s",
          retryOn: "gateway-error,per-try-timeout",
          backoff: "10ms",
          maxInterval: "1s",
          retryOneway: true,
          retryBudget: { percent: 20, minRetryConcurrency: 3 },
          maxRequestBytes: 65536,
        },
        fault: {
          delay: { fixedDelay: "1s", percentage: { value: 0.1 } },
          abort: { kind: "RESET", percentage: { value: 100 } },
          maxActiveDelays: 10,
        },
        mirror: DESTINATION,
        mirrorPercentage: { value: 50 },
        requestMutation: [
          { key: "a", value: "%ROUTE_NAME%", operation: "addIfAbsent" },
          { key: "a", operation: "remove" },
        ],
        responseMutation: [{ key: "a", value: "b", operation: "set" }],
        hashPolicy: { attribute: "a" },
        localRateLimit: LOCAL_LIMIT,
        globalRateLimit: GLOBAL_LIMIT,
        filters: [
          { name: "acme.quota", config: { perCaller: 5 } },
          { name: "metaproto.filters.stats", disabled: true },
        ],
      },
      {
        match: MATCH,
        route: ROUTE,
        fault: {
          delay: { attribute: "a", max: "1s", percentage: { value: 0 } },
          abort: { code: 5, attribute: "b" },
        },
        mirrors: [{ destination: DESTINATION, percentage: { value: 1 } }],
        hashPolicy: { useSourceIp: true },
      },
    ],
  },
};

const APPLICATION_PROTOCOL: WholeDocument = {
  apiVersion: "metaprotocol.aeraki.io/v1alpha1",
  kind: "ApplicationProtocol",
  metadata: { name: "a" },
  spec: {
    protocol: "orders",
    codec: "dubbo",
    connectionMode: "SHARED",
    limits: {
      maxFrameBytes: 1,
      maxRequestsPerDownstreamConnection: 1,
      maxRequestsPerUpstreamConnection: 1,
      maxRequests: 1,
      maxPendingRequests: 1,
      maxConnections: 1,
      maxBufferedBytes: 1,
      maxRequestsAwaitingRoutes: 1,
    },
    defaultTimeout: "0",
    connectTimeout: "1s",
    upstreamHeartbeat: "0s",
    upstreamIdleTimeout: "1h",
    frameTimeout: ".5s",
    initialFetchTimeout: "1m",
    accessLog: {
      text: "%START_TIME% %ATTR(method):10%",
      otlp: { cluster: "otel", flushInterval: "1s", resourceAttributes: { a: "b" } },
      filter: { errorsOnly: true, minDuration: "1s", percentage: { value: 1 } },
    },
    tracing: {
      cluster: "otel",
      serviceName: "orders",
      kind: "SERVER",
      randomSamplingPercentage: 1.5,
      tags: { a: "%DURATION%" },
      b3: true,
      flushInterval: "1s",
    },
    stats: {
      methodAttribute: "method",
      maxMethods: 10,
      durationBucketsMs: [1, 10],
      istio: { reporter: "SOURCE", labels: { source_app: "b" } },
    },
  },
};

const META_AUTHORIZATION_POLICY: WholeDocument = {
  apiVersion: "metaprotocol.aeraki.io/v1alpha1",
  kind: "MetaAuthorizationPolicy",
  metadata: { name: "a" },
  spec: {
    action: "DENY",
    dryRun: true,
    hosts: [HOST],
    rules: [
      {
        from: [{ source: { ...IDENTITY, ipBlocks: ["10.0.0.0/8"], notIpBlocks: ["fd00::1"] } }],
        to: [{ operation: { attributes: MATCH.attributes, notAttributes: { a: {} } } }],
      },
    ],
  },
};

const DUBBO_AUTHORIZATION_POLICY: WholeDocument = {
  apiVersion: "dubbo.aeraki.io/v1alpha1",
  kind: "DubboAuthorizationPolicy",
  metadata: { name: "a" },
  spec: {
    action: "ALLOW",
    rules: [
      {
        from: [{ source: IDENTITY }],
        to: [
          {
            operation: {
              interfaces: ["*"],
              notInterfaces: ["a*"],
              methods: ["*b"],
              notMethods: ["c"],
            },
          },
        ],
      },
    ],
  },
};

export const DOCUMENTS: readonly WholeDocument[] = [
  META_ROUTER,
  APPLICATION_PROTOCOL,
  META_AUTHORIZATION_POLICY,
  DUBBO_AUTHORIZATION_POLICY,
];
