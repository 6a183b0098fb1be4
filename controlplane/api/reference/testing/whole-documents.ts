// Resources of our kinds that use every field.

interface WholeDocument {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: object;
}

/** Fields that exclude one that is there. */
export const ALTERNATIVES: readonly string[] = [
  ".spec.accessLog.json",
  ".spec.codec",
  ".spec.settings.auth.secret",
  ".spec.trafficPolicy.connectionPool.redis.auth.secret",
  ".spec.module",
];

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
        stickySession: { attribute: "a", ttl: "1s", strict: true },
      },
      { route: ROUTE, hashPolicy: { useSourceConnection: true } },
    ],
  },
};

const PART = { name: "a", plus: 1, type: "u32", byteOrder: "BIG_ENDIAN", prefix: "u16" };
const PARTS = [
  { ...PART, hex: "00" },
  { ...PART, ascii: "a" },
  { ...PART, is: "REQUEST_ID" },
  { ...PART, copy: "b" },
  { ...PART, lengthOf: ["frame"] },
  { ...PART, parts: [{ hex: "00" }] },
  {
    ...PART,
    protobuf: [
      { field: 1, is: "CODE" },
      { field: 2, number: 1 },
      { field: 3, ascii: "a" },
      { field: 4, fields: [{ field: 1, is: "TEXT" }] },
    ],
  },
  { ...PART, checksum: "CRC32" },
];
const FIELD = { name: "a", byteOrder: "LITTLE_ENDIAN", attribute: "b", plus: 1 };
const FRAME = {
  byteOrder: "BIG_ENDIAN",
  layouts: [
    {
      name: "a",
      from: "CLIENT",
      when: { a: 1, b: [1, "0x2"], c: { bits: 1 }, d: { not: 0 }, e: { present: true } },
      fields: [
        { ...FIELD, type: "u32", constant: 1, counts: ["frame"] },
        { ...FIELD, type: "text", size: 2, padding: " " },
        { ...FIELD, type: "bytes", prefix: "varint" },
        {
          ...FIELD,
          type: "protobuf",
          fields: [{ name: "a", path: "1.2", type: "uint32", attribute: "b" }],
          map: 9,
          byKey: false,
        },
        {
          ...FIELD,
          type: "pairs",
          keyLength: "u8",
          valueLength: "u8",
          valuePlus: 1,
          count: "u8",
          pairs: [{ name: "a", key: "b", attribute: "c" }],
        },
        {
          ...FIELD,
          type: "tlv",
          tagType: "u8",
          entries: [{ name: "a", tag: 1, type: "text", attribute: "b" }],
        },
        { ...FIELD, type: "json", members: [{ name: "a", path: "b", attribute: "c" }] },
      ],
      requestId: "a",
      kinds: [{ kind: "REQUEST", from: "CLIENT", when: { a: 1 } }],
      results: [{ result: "ERROR", when: { a: 1 } }],
      timeout: { field: "a", unit: "ms" },
      mutations: "a",
      checksum: "a",
      errorReplies: [{ for: ["noRoute"], codes: { default: 1 }, parts: PARTS }],
      heartbeatReply: PARTS,
      heartbeat: PARTS,
    },
  ],
};

const APPLICATION_PROTOCOL: WholeDocument = {
  apiVersion: "metaprotocol.aeraki.io/v1alpha1",
  kind: "ApplicationProtocol",
  metadata: { name: "a" },
  spec: {
    protocol: "orders",
    frame: FRAME,
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
    streamIdleTimeout: "2m",
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
    peerMetadata: {
      side: "INBOUND",
      propagate: true,
      workload: {
        workload: "a",
        namespace: "b",
        cluster: "c",
        app: "d",
        version: "e",
        canonicalService: "f",
        canonicalRevision: "g",
      },
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

const CREDENTIALS = { plain: { username: "a", password: "b" } };
const REDIS_TARGET = { host: HOST, port: 1 };

const REDIS_SERVICE: WholeDocument = {
  apiVersion: "redis.aeraki.io/v1alpha1",
  kind: "RedisService",
  metadata: { name: "a" },
  spec: {
    host: [HOST],
    settings: {
      opTimeout: "1s",
      caseInsensitive: true,
      enableCommandStats: true,
      enableHashtagging: true,
      enableRedirection: true,
      maxBufferSizeBeforeFlush: 1,
      bufferFlushTimeout: "1ms",
      maxUpstreamUnknownConnections: 1,
      readPolicy: "PREFER_REPLICA",
      auth: CREDENTIALS,
    },
    redis: [
      {
        match: { key: { prefix: "a", removePrefix: true } },
        route: REDIS_TARGET,
        mirror: [{ route: REDIS_TARGET, percentage: { value: 1 }, excludeReadCommands: true }],
      },
    ],
    faults: [{ type: "DELAY", percentage: { value: 1 }, delay: "1s", commands: ["GET"] }],
  },
};

const REDIS_DESTINATION: WholeDocument = {
  apiVersion: "redis.aeraki.io/v1alpha1",
  kind: "RedisDestination",
  metadata: { name: "a" },
  spec: {
    host: HOST,
    trafficPolicy: {
      connectionPool: {
        tcp: {
          maxConnections: 1,
          connectTimeout: "1s",
          tcpKeepalive: { probes: 1, time: "1s", interval: "1s" },
        },
        redis: { mode: "CLUSTER", discoveryEndpoints: ["a:1"], auth: CREDENTIALS },
      },
    },
  },
};

export const DOCUMENTS: readonly WholeDocument[] = [
  META_ROUTER,
  APPLICATION_PROTOCOL,
  META_AUTHORIZATION_POLICY,
  DUBBO_AUTHORIZATION_POLICY,
  REDIS_SERVICE,
  REDIS_DESTINATION,
];
