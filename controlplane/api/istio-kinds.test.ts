import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { DestinationRuleSpec } from "./destination-rule.js";
import { validateResource } from "./kinds.js";
import type { ServiceEntrySpec } from "./service-entry.js";

function validate(kind: string, spec: string, annotations: Record<string, string> = {}) {
  return validateResource({
    apiVersion: "networking.istio.io/v1",
    kind,
    metadata: { name: "demo", namespace: "meta", annotations },
    spec: parse(spec) as unknown,
  });
}

function faultsOf(kind: string, spec: string, annotations?: Record<string, string>): string[] {
  const validation = validate(kind, spec, annotations);
  if (validation.outcome !== "invalid") return [];
  return validation.faults.map(({ path, message }) => `${path}: ${message}`);
}

function specOf(kind: string, spec: string, annotations?: Record<string, string>) {
  const validation = validate(kind, spec, annotations);
  if (validation.outcome !== "valid") throw new Error(faultsOf(kind, spec, annotations).join("\n"));
  expect(validation.warnings).toEqual([]);
  return validation.resource.spec;
}

const PORT = "ports: [{ number: 20880, name: tcp-metaprotocol-dubbo, protocol: TCP }]";
const STATIC = `resolution: STATIC\n${PORT}`;

type Rule = [rule: string, accepted: string, rejected: string, fault: string];

const SERVICE_ENTRY_RULES: Rule[] = [
  ["it has a host", `hosts: [a.b]\n${STATIC}`, STATIC, "spec.hosts: at least one host is required"],
  [
    "its hosts are names of hosts",
    `hosts: ["*.a.b"]\n${STATIC}`,
    `hosts: ["a.*.b"]\n${STATIC}`,
    "spec.hosts[0]: `a.*.b` is not a host name: its part `*` must consist of letters, digits and `-`, and begin and end with a letter or digit",
  ],
  [
    "its hosts say something",
    `hosts: [a]\n${STATIC}`,
    `hosts: ["*"]\n${STATIC}`,
    "spec.hosts[0]: `*` is not allowed: name the host",
  ],
  [
    "its hosts differ",
    `hosts: [a.b, a.c]\n${STATIC}`,
    `hosts: [a.b, a.b]\n${STATIC}`,
    "spec.hosts[1]: `a.b` is there twice",
  ],
  [
    "its addresses are addresses",
    `hosts: [a.b]\naddresses: [10.0.0.1, "fd00::1", 10.1.0.0/16]\n${STATIC}`,
    `hosts: [a.b]\naddresses: [10.0.0.256]\n${STATIC}`,
    "spec.addresses[0]: `10.0.0.256` is neither an IP address nor a CIDR range",
  ],
  [
    "a CIDR range has a prefix that fits",
    `hosts: [a.b]\naddresses: [10.0.0.0/32]\n${STATIC}`,
    `hosts: [a.b]\naddresses: [10.0.0.0/33]\n${STATIC}`,
    "spec.addresses[0]: `10.0.0.0/33` is neither an IP address nor a CIDR range",
  ],
  [
    "it has a port",
    `hosts: [a.b]\n${STATIC}`,
    "hosts: [a.b]\nresolution: STATIC",
    "spec.ports: at least one port is required",
  ],
  [
    "its ports have a number",
    `hosts: [a.b]\nports: [{ number: 1, name: a }]`,
    `hosts: [a.b]\nports: [{ name: a }]`,
    "spec.ports[0].number: is required",
  ],
  [
    "numbers of ports are such",
    `hosts: [a.b]\nports: [{ number: 65535, targetPort: 1, name: a }]`,
    `hosts: [a.b]\nports: [{ number: 65536, name: a }]`,
    "spec.ports[0].number: must be an integer from 1 to 65535, not 65536",
  ],
  [
    "numbers of ports are not strings",
    `hosts: [a.b]\nports: [{ number: 80, name: a }]`,
    `hosts: [a.b]\nports: [{ number: "80", name: a }]`,
    'spec.ports[0].number: must be an integer from 1 to 65535, not "80"',
  ],
  [
    "numbers of ports differ",
    `hosts: [a.b]\nports: [{ number: 1, name: a }, { number: 2, name: b }]`,
    `hosts: [a.b]\nports: [{ number: 1, name: a }, { number: 1, name: b }]`,
    "spec.ports[1].number: 1 is there twice",
  ],
  [
    "names of ports differ",
    `hosts: [a.b]\nports: [{ number: 1, name: a }, { number: 2, name: b }]`,
    `hosts: [a.b]\nports: [{ number: 1, name: a }, { number: 2, name: a }]`,
    "spec.ports[1].name: `a` is there twice",
  ],
  [
    "its ports have a name",
    `hosts: [a.b]\nports: [{ number: 1, name: a }]`,
    `hosts: [a.b]\nports: [{ number: 1 }]`,
    "spec.ports[0].name: is required",
  ],
  [
    "a managed port names its protocol",
    `hosts: [a.b]\nports: [{ number: 1, name: tcp-metaprotocol-thrift-hello-server }]`,
    `hosts: [a.b]\nports: [{ number: 1, name: tcp-metaprotocol }]`,
    "spec.ports[0].name: `tcp-metaprotocol` names no protocol: must be `tcp-metaprotocol-<protocol>`, such as `tcp-metaprotocol-dubbo`",
  ],
  [
    "the protocol of a managed port is not empty",
    `hosts: [a.b]\nports: [{ number: 1, name: TCP-MetaProtocol-Dubbo }]`,
    `hosts: [a.b]\nports: [{ number: 1, name: tcp-metaprotocol- }]`,
    "spec.ports[0].name: `tcp-metaprotocol-` names no protocol: must be `tcp-metaprotocol-<protocol>`, such as `tcp-metaprotocol-dubbo`",
  ],
  [
    "a managed port is TCP for Istio",
    `hosts: [a.b]\nports: [{ number: 1, name: http-meta }]`,
    `hosts: [a.b]\nports: [{ number: 1, name: http-metaprotocol-dubbo }]`,
    "spec.ports[0].name: `http-metaprotocol-dubbo` does not begin with `tcp-`: must be `tcp-metaprotocol-<protocol>`, such as `tcp-metaprotocol-dubbo`",
  ],
  [
    "its resolution is known",
    `hosts: [a.b]\nresolution: DNS\n${PORT}`,
    `hosts: [a.b]\nresolution: static\n${PORT}`,
    'spec.resolution: must be one of NONE, STATIC, DNS, DNS_ROUND_ROBIN, DYNAMIC_DNS, not "static"',
  ],
  [
    "its location is known",
    `hosts: [a.b]\nlocation: MESH_INTERNAL\n${STATIC}`,
    `hosts: [a.b]\nlocation: INSIDE\n${STATIC}`,
    'spec.location: must be one of MESH_EXTERNAL, MESH_INTERNAL, not "INSIDE"',
  ],
  [
    "it has endpoints or a selector",
    `hosts: [a.b]\nworkloadSelector: { labels: { app: a } }\n${STATIC}`,
    `hosts: [a.b]\nworkloadSelector: { labels: { app: a } }\nendpoints: [{ address: 10.0.0.1 }]\n${STATIC}`,
    "spec.workloadSelector: must not be there together with `endpoints`",
  ],
  [
    "resolution NONE has no endpoints",
    `hosts: [a.b]\n${PORT}`,
    `hosts: [a.b]\nendpoints: [{ address: 10.0.0.1 }]\n${PORT}`,
    "spec.endpoints: must not be there with resolution NONE, which is the default",
  ],
  [
    "endpoints of resolution STATIC are addresses",
    `hosts: [a.b]\nendpoints: [{ address: "fd00::1" }]\n${STATIC}`,
    `hosts: [a.b]\nendpoints: [{ address: c.d }]\n${STATIC}`,
    "spec.endpoints[0].address: must be an IP address with resolution STATIC",
  ],
  [
    "endpoints of resolution DNS are hosts or addresses",
    `hosts: [a.b]\nresolution: DNS\nendpoints: [{ address: c.d }, { address: 10.0.0.1 }]\n${PORT}`,
    `hosts: [a.b]\nresolution: DNS\nendpoints: [{ address: c_d }]\n${PORT}`,
    "spec.endpoints[0].address: `c_d` is not a host name: its part `c_d` must consist of letters, digits and `-`, and begin and end with a letter or digit; and it is not an IP address either",
  ],
  [
    "a wildcard is not resolved",
    `hosts: ["*.a.b"]\nresolution: DNS\nendpoints: [{ address: c.d }]\n${PORT}`,
    `hosts: ["*.a.b"]\nresolution: DNS\n${PORT}`,
    "spec.hosts: `*.a.b` cannot be resolved: `endpoints` are required",
  ],
  [
    "resolution DNS_ROUND_ROBIN has one endpoint",
    `hosts: [a.b]\nresolution: DNS_ROUND_ROBIN\nendpoints: [{ address: c.d }]\n${PORT}`,
    `hosts: [a.b]\nresolution: DNS_ROUND_ROBIN\nendpoints: [{ address: c.d }, { address: e.f }]\n${PORT}`,
    "spec.endpoints: there must be at most one with resolution DNS_ROUND_ROBIN",
  ],
  [
    "the ports of endpoints are those of the service",
    `hosts: [a.b]\nendpoints: [{ address: 10.0.0.1, ports: { tcp-metaprotocol-dubbo: 1 } }]\n${STATIC}`,
    `hosts: [a.b]\nendpoints: [{ address: 10.0.0.1, ports: { dubbo: 1 } }]\n${STATIC}`,
    "spec.endpoints[0].ports.dubbo: the ServiceEntry has no port of the name `dubbo`",
  ],
  [
    "an endpoint has an address",
    `hosts: [a.b]\nendpoints: [{ address: 10.0.0.1, weight: 0 }]\n${STATIC}`,
    `hosts: [a.b]\nendpoints: [{ weight: 1 }]\n${STATIC}`,
    "spec.endpoints[0].address: is required",
  ],
];

describe("a ServiceEntry is valid if", () => {
  it.each(SERVICE_ENTRY_RULES)("%s", (_rule, accepted, rejected, fault) => {
    expect(faultsOf("ServiceEntry", accepted)).toEqual([]);
    expect(faultsOf("ServiceEntry", rejected)).toEqual([fault]);
  });
});

describe("a ServiceEntry", () => {
  const CERTIFICATE = { "metaproto.io/tls-certificate": "/etc/certs/server.pem" };
  const KEY = { "metaproto.io/tls-private-key": "/etc/certs/server.key" };

  it("has all of Istio's fields, the unused ones without a word", () => {
    const spec = specOf(
      "ServiceEntry",
      `
      hosts: [a.b]
      addresses: [10.0.0.1]
      ports: [{ number: 1, name: TCP-MetaProtocol-Dubbo-x, protocol: TCP, targetPort: 2 }]
      location: MESH_INTERNAL
      resolution: STATIC
      endpoints:
        - address: 10.0.0.2
          ports: { TCP-MetaProtocol-Dubbo-x: 3 }
          labels: { version: v1 }
          network: n
          locality: r/z/s
          weight: 4
          serviceAccount: sa
      exportTo: ["*"]
      subjectAltNames: [spiffe://a]`,
    ) as ServiceEntrySpec;
    expect(spec.ports).toEqual([
      {
        number: 1,
        name: "TCP-MetaProtocol-Dubbo-x",
        targetPort: 2,
        applicationProtocol: "dubbo",
        isTcp: true,
        isNative: false,
        stockProtocol: undefined,
      },
    ]);
    expect(spec.endpoints).toEqual([
      {
        address: "10.0.0.2",
        ports: { "TCP-MetaProtocol-Dubbo-x": 3 },
        labels: { version: "v1" },
        weight: 4,
        locality: { region: "r", zone: "z", subZone: "s" },
      },
    ]);
  });

  it("has the TLS of its listeners in annotations", () => {
    const spec = `hosts: [a.b]\n${STATIC}`;
    const ca = { "metaproto.io/tls-ca": "/etc/certs/ca.pem" };
    expect(specOf("ServiceEntry", spec, { ...CERTIFICATE, ...KEY, ...ca })).toMatchObject({
      listenerTls: {
        certificateFile: "/etc/certs/server.pem",
        privateKeyFile: "/etc/certs/server.key",
        caFile: "/etc/certs/ca.pem",
      },
    });
    expect(specOf("ServiceEntry", spec, { interface: "x" })).toMatchObject({
      listenerTls: undefined,
    });
  });

  it.each([
    [CERTIFICATE, "metaproto.io/tls-certificate", "are both needed for TLS"],
    [KEY, "metaproto.io/tls-private-key", "are both needed for TLS"],
    [{ ...CERTIFICATE, ...KEY, "metaproto.io/tls": "x" }, "metaproto.io/tls", "unknown annotation"],
    [
      { ...CERTIFICATE, "metaproto.io/tls-private-key": "server.key" },
      "metaproto.io/tls-private-key",
      "must be the absolute path of a file",
    ],
  ])("%#: has the TLS of its listeners checked", (annotations, annotation, message) => {
    const faults = faultsOf("ServiceEntry", `hosts: [a.b]\n${STATIC}`, annotations);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(`metadata.annotations["${annotation}"]: `);
    expect(faults[0]).toContain(message);
  });
});

describe("a WorkloadEntry is valid if", () => {
  it.each<Rule>([
    ["it has an address", "address: 10.0.0.1", "labels: { a: b }", "spec.address: is required"],
    ["or a network", "network: n", "weight: 1", "spec.address: is required"],
    [
      "its address is that of a network",
      "address: a.b",
      "address: unix:///run/a",
      "spec.address: is a Unix domain socket, which is not supported: use TCP",
    ],
    [
      "its ports are such",
      "{ address: a.b, ports: { a: 1 } }",
      "{ address: a.b, ports: { a: 0 } }",
      "spec.ports.a: must be an integer from 1 to 65535, not 0",
    ],
    [
      "its weight is not negative",
      "{ address: a.b, weight: 0 }",
      "{ address: a.b, weight: -1 }",
      "spec.weight: must be an integer from 0 to 4294967295, not -1",
    ],
  ])("%s", (_rule, accepted, rejected, fault) => {
    expect(faultsOf("WorkloadEntry", accepted)).toEqual([]);
    expect(faultsOf("WorkloadEntry", rejected)).toEqual([fault]);
  });
});

describe("a DestinationRule is valid if", () => {
  it.each<Rule>([
    ["it has a host", "host: a.b", "subsets: []", "spec.host: is required"],
    [
      "its host is one",
      "host: '*.b'",
      "host: 'a b'",
      "spec.host: `a b` is not a host name: its part `a b` must consist of letters, digits and `-`, and begin and end with a letter or digit",
    ],
    [
      "its subsets have a name",
      "{ host: a, subsets: [{ name: v1 }] }",
      "{ host: a, subsets: [{ labels: { version: v1 } }] }",
      "spec.subsets[0].name: is required",
    ],
    [
      "its subsets differ",
      "{ host: a, subsets: [{ name: v1 }, { name: v2 }] }",
      "{ host: a, subsets: [{ name: v1 }, { name: v1 }] }",
      "spec.subsets[1].name: `v1` is there twice",
    ],
    [
      "labels are strings",
      "{ host: a, subsets: [{ name: v1, labels: { version: '1' } }] }",
      "{ host: a, subsets: [{ name: v1, labels: { version: 1 } }] }",
      "spec.subsets[0].labels.version: must be a string, not 1; put it in quotes",
    ],
    [
      "its balancer is known",
      "{ host: a, trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } } }",
      "{ host: a, trafficPolicy: { loadBalancer: { simple: ROUNDROBIN } } }",
      'spec.trafficPolicy.loadBalancer.simple: must be one of UNSPECIFIED, LEAST_CONN, RANDOM, PASSTHROUGH, ROUND_ROBIN, LEAST_REQUEST, not "ROUNDROBIN"',
    ],
    [
      "a hash has one key",
      "{ host: a, trafficPolicy: { loadBalancer: { consistentHash: { httpHeaderName: user } } } }",
      "{ host: a, trafficPolicy: { loadBalancer: { consistentHash: { httpHeaderName: user, useSourceIp: true } } } }",
      "spec.trafficPolicy.loadBalancer.consistentHash: exactly one of httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName is required",
    ],
    [
      "there is one balancer",
      "{ host: a, trafficPolicy: { loadBalancer: { consistentHash: { useSourceIp: true }, warmup: { duration: 1s } } } }",
      "{ host: a, trafficPolicy: { loadBalancer: { simple: RANDOM, consistentHash: { useSourceIp: true } } } }",
      "spec.trafficPolicy.loadBalancer.consistentHash: must not be there together with `simple`",
    ],
    [
      "durations are such",
      "{ host: a, trafficPolicy: { connectionPool: { tcp: { connectTimeout: 100ms } } } }",
      "{ host: a, trafficPolicy: { connectionPool: { tcp: { connectTimeout: 0s } } } }",
      "spec.trafficPolicy.connectionPool.tcp.connectTimeout: must be at least 1ms, not `0s`",
    ],
    [
      "percentages are such",
      "{ host: a, trafficPolicy: { outlierDetection: { maxEjectionPercent: 100 } } }",
      "{ host: a, trafficPolicy: { outlierDetection: { maxEjectionPercent: 101 } } }",
      "spec.trafficPolicy.outlierDetection.maxEjectionPercent: must be an integer from 0 to 100, not 101",
    ],
    [
      "a setting of a port names it",
      "{ host: a, trafficPolicy: { portLevelSettings: [{ port: { number: 1 } }] } }",
      "{ host: a, trafficPolicy: { portLevelSettings: [{ tls: { mode: SIMPLE } }] } }",
      "spec.trafficPolicy.portLevelSettings[0].port.number: is required",
    ],
    [
      "the settings of ports differ",
      "{ host: a, trafficPolicy: { portLevelSettings: [{ port: { number: 1 } }, { port: { number: 2 } }] } }",
      "{ host: a, trafficPolicy: { portLevelSettings: [{ port: { number: 1 } }, { port: { number: 1 } }] } }",
      "spec.trafficPolicy.portLevelSettings[1].port.number: 1 is there twice",
    ],
    [
      "mutual TLS has a certificate",
      "{ host: a, trafficPolicy: { tls: { mode: MUTUAL, clientCertificate: /c, privateKey: /k } } }",
      "{ host: a, trafficPolicy: { tls: { mode: MUTUAL, privateKey: /k } } }",
      "spec.trafficPolicy.tls.clientCertificate: is required with mode MUTUAL",
    ],
    [
      "a certificate is a secret or a file",
      "{ host: a, trafficPolicy: { tls: { mode: MUTUAL, credentialName: s } } }",
      "{ host: a, trafficPolicy: { tls: { mode: SIMPLE, credentialName: s, caCertificates: /c } } }",
      "spec.trafficPolicy.tls.credentialName: must not be there together with files of certificates",
    ],
  ])("%s", (_rule, accepted, rejected, fault) => {
    expect(faultsOf("DestinationRule", accepted)).toEqual([]);
    expect(faultsOf("DestinationRule", rejected)).toEqual([fault]);
  });
});

describe("a DestinationRule", () => {
  it("has all of Istio's fields, the unused ones without a word", () => {
    const spec = specOf(
      "DestinationRule",
      `
      host: a.b
      exportTo: [.]
      workloadSelector: { matchLabels: { app: a } }
      trafficPolicy:
        tunnel: { targetHost: a, targetPort: 1 }
        proxyProtocol: { version: V2 }
        loadBalancer:
          simple: LEAST_CONN
          localityLbSetting: { enabled: true }
          zoneAwareLbSetting: { enabled: true }
          warmupDurationSecs: 1s
        connectionPool:
          tcp:
            maxConnections: 1
            connectTimeout: 1s
            maxConnectionDuration: 1h
            idleTimeout: 1h
            tcpKeepalive: { probes: 3, time: 2h, interval: 75s }
          http:
            http1MaxPendingRequests: 2
            http2MaxRequests: 3
            h2UpgradePolicy: UPGRADE
            http2KeepAlive: { interval: 1s }
            idleTimeout: 1s
            maxConcurrentStreams: 1
            maxRequestsPerConnection: 1
            useClientProtocol: true
        outlierDetection:
          splitExternalLocalOriginErrors: true
          consecutiveLocalOriginFailures: 1
          consecutiveGatewayErrors: 2
          consecutive5xxErrors: 3
          outlierDetectionHttpErrorCodes: [500]
          interval: 10s
          baseEjectionTime: 30s
          maxEjectionPercent: 10
          minHealthPercent: 0
        tls: { mode: SIMPLE, caCertificates: /ca, caCrl: /crl, sni: a.b, subjectAltNames: [a.b], insecureSkipVerify: false }
      subsets: []`,
    ) as DestinationRuleSpec;
    expect(spec.trafficPolicy).toMatchObject({
      loadBalancer: { simple: "LEAST_CONN" },
      connectionPool: {
        maxConnections: 1,
        connectTimeoutMs: 1000,
        tcpKeepalive: { probes: 3, timeMs: 7_200_000, intervalMs: 75_000 },
        http1MaxPendingRequests: 2,
        http2MaxRequests: 3,
      },
      outlierDetection: { consecutive5xxErrors: 3, intervalMs: 10_000, minHealthPercent: 0 },
      tls: { mode: "SIMPLE", caCertificates: "/ca", sni: "a.b" },
    });
  });

  it("says by name that its bounds of retries are not applied", () => {
    const pool = "connectionPool: { http: { maxRetries: 1 } }";
    const validation = validate(
      "DestinationRule",
      `
      host: a.b
      trafficPolicy: { ${pool}, retryBudget: { percent: 20 } }
      subsets: [{ name: v1, trafficPolicy: { ${pool} } }]`,
    );
    const warnings = validation.outcome === "valid" ? validation.warnings : [];
    expect(warnings.map(({ path }) => path)).toEqual([
      "spec.trafficPolicy.connectionPool.http.maxRetries",
      "spec.trafficPolicy.retryBudget",
      "spec.subsets[0].trafficPolicy.connectionPool.http.maxRetries",
    ]);
    for (const { message } of warnings) expect(message).toContain("is not applied");
  });
});

describe("annotations of a DestinationRule", () => {
  const SPEC =
    "{ host: a.b, trafficPolicy: { outlierDetection: {} }, subsets: [{ name: v1, trafficPolicy: { portLevelSettings: [{ port: { number: 1 }, outlierDetection: {} }] } }] }";

  it("say what of responses ejects endpoints, wherever the rule does", () => {
    const annotations = {
      "metaproto.io/outlier-business-errors": "true",
      "metaproto.io/outlier-success-rate-stdev-factor": "1900",
      "metaproto.io/outlier-success-rate-minimum-hosts": "3",
      "metaproto.io/outlier-success-rate-request-volume": "50",
      "example.com/other": "x",
    };
    const spec = specOf("DestinationRule", SPEC, annotations) as DestinationRuleSpec;
    const responses = {
      countBusinessErrors: true,
      successRateStdevFactor: 1900,
      successRateMinimumHosts: 3,
      successRateRequestVolume: 50,
    };
    expect(spec.trafficPolicy?.outlierDetection?.responses).toEqual(responses);
    const [port] = spec.subsets[0]?.trafficPolicy?.portLevelSettings ?? [];
    expect(port?.outlierDetection?.responses).toEqual(responses);
  });

  it("are not needed", () => {
    const spec = specOf("DestinationRule", SPEC) as DestinationRuleSpec;
    expect(spec.trafficPolicy?.outlierDetection?.responses).toEqual({
      countBusinessErrors: false,
      successRateStdevFactor: 0,
    });
  });

  it.each([
    ["outlier-business-errors", "yes", "must be `true` or `false`, not `yes`"],
    [
      "outlier-success-rate-stdev-factor",
      "1.9",
      "must be an integer from 1 to 4294967295, not `1.9`",
    ],
    ["outlier-success-rate", "1", "unknown annotation"],
  ])("are checked: %s: %s", (name, value, message) => {
    const annotation = `metaproto.io/${name}`;
    expect(faultsOf("DestinationRule", SPEC, { [annotation]: value })).toEqual([
      `metadata.annotations["${annotation}"]: ${message}`,
    ]);
  });
});
