// What modules that have every filter and feature are asked to do.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseAllDocuments, stringify } from "yaml";
import { faultText } from "./testing/fault-text.js";
import { type Resource, validateResource } from "../../api/kinds.js";
import type { FilterKind } from "../../ir/filter.js";
import type { EngineFeature, ModuleFeatures } from "../module-features.js";
import { translateToMesh } from "./translate-to-mesh.js";

const TESTDATA = join(import.meta.dirname, "testdata", "every-feature");

const EVERY_FILTER: Readonly<Record<FilterKind, true>> = {
  accessLog: true,
  authorization: true,
  fault: true,
  globalRateLimit: true,
  localRateLimit: true,
  peerMetadata: true,
  stats: true,
  tracing: true,
};

const EVERY_FEATURE: Readonly<Record<EngineFeature, true>> = {
  retryPolicy: true,
  mirrors: true,
  hashPolicy: true,
  stickySession: true,
  outlierDetection: true,
  mutationOperators: true,
};

const ALL: ModuleFeatures = {
  filters: new Set(Object.keys(EVERY_FILTER) as FilterKind[]),
  engine: new Set(Object.keys(EVERY_FEATURE) as EngineFeature[]),
};

const NONE: ModuleFeatures = { filters: new Set(), engine: new Set() };

function resources(yaml: string): Resource[] {
  return parseAllDocuments(yaml).map((document) => {
    const validation = validateResource(document.toJS());
    if (validation.outcome !== "valid") throw new Error(JSON.stringify(validation));
    return validation.resource;
  });
}

function translate(yaml: string, features: ModuleFeatures) {
  const translation = translateToMesh({ resources: resources(yaml), modules: [], features });
  return {
    ...translation,
    faults: translation.faults.map(faultText),
    warnings: translation.warnings.map(faultText),
  };
}

const FILTERS = readFileSync(join(TESTDATA, "filters.in.yaml"), "utf8");

describe("a translation for modules that can do everything", () => {
  it("is as reviewed", async () => {
    const { mesh, faults, warnings } = translate(FILTERS, ALL);
    const output = stringify(
      { mesh, faults, warnings },
      { lineWidth: 0, aliasDuplicateObjects: false },
    );
    await expect(output).toMatchFileSnapshot(join(TESTDATA, "filters.out.yaml"));
  });
});

describe("a translation for modules that can do nothing of it", () => {
  it("has none of it, and a warning for each", () => {
    const { mesh, faults, warnings } = translate(FILTERS, NONE);
    expect(faults).toEqual([]);
    const [listener] = mesh.listeners;
    const own = (config: string) => ({ kind: "own", name: "acme.quota", config });
    expect(listener?.filters).toEqual([own('{"perCaller":5}')]);
    expect(listener?.routes.map(({ filters }) => filters)).toEqual([[], [], [own("plain text")]]);
    for (const route of listener?.routes ?? [])
      expect(route).toMatchObject({
        mirrors: [],
        retryPolicy: undefined,
        hashPolicy: undefined,
        stickySession: undefined,
      });
    for (const cluster of mesh.clusters)
      expect(cluster).toMatchObject({
        hashPolicy: undefined,
        stickySession: undefined,
        requestOutlierDetection: undefined,
      });
    const paths = warnings.map((warning) => warning.split(": not applied by this version")[0]);
    expect(paths.sort()).toEqual([
      "ApplicationProtocol/dubbo: spec.accessLog",
      "ApplicationProtocol/dubbo: spec.peerMetadata",
      "ApplicationProtocol/dubbo: spec.stats",
      "ApplicationProtocol/dubbo: spec.tracing",
      "DestinationRule/cart: spec.subsets[1].trafficPolicy.loadBalancer.consistentHash",
      "DestinationRule/cart: spec.trafficPolicy.loadBalancer.consistentHash",
      "DubboAuthorizationPolicy/callers",
      "MetaAuthorizationPolicy/everywhere",
      "MetaAuthorizationPolicy/named",
      "MetaAuthorizationPolicy/of-others",
      "MetaRouter/cart: spec.filters[1]",
      "MetaRouter/cart: spec.globalRateLimit",
      "MetaRouter/cart: spec.localRateLimit",
      "MetaRouter/cart: spec.routes[0].fault",
      "MetaRouter/cart: spec.routes[0].hashPolicy",
      "MetaRouter/cart: spec.routes[0].localRateLimit",
      "MetaRouter/cart: spec.routes[0].mirrors",
      "MetaRouter/cart: spec.routes[0].requestMutation[0].value: operators are not applied by this version: the text is taken as it is",
      "MetaRouter/cart: spec.routes[0].retries",
      "MetaRouter/cart: spec.routes[1].fault",
      "MetaRouter/cart: spec.routes[1].globalRateLimit",
      "MetaRouter/cart: spec.routes[1].hashPolicy",
      "MetaRouter/cart: spec.routes[1].mirror",
      "MetaRouter/cart: spec.routes[2].filters[1]",
      "MetaRouter/cart: spec.routes[2].hashPolicy",
      "MetaRouter/cart: spec.routes[2].retries",
      "MetaRouter/cart: spec.routes[2].stickySession",
    ]);
  });

  it("keeps the values of mutations as they are", () => {
    const { mesh } = translate(FILTERS, NONE);
    expect(mesh.listeners[0]?.routes[0]?.requestMutation[0]?.value).toBe("%ROUTE_NAME% of 100%");
  });
});

const SERVICES = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: cart, namespace: shop }
spec:
  hosts: [cart.shop]
  ports: [{ number: 20880, name: tcp-metaprotocol-dubbo }]
  resolution: STATIC
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: calc, namespace: lab }
spec:
  hosts: [calc.lab]
  ports: [{ number: 9090, name: tcp-metaprotocol-thrift }]
  resolution: STATIC
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: rls, namespace: lab }
spec:
  hosts: [rls.lab]
  ports: [{ number: 8081, name: grpc }]
  resolution: DNS
`;

function withServices(yaml: string) {
  return translate(`${SERVICES}---${yaml}`, ALL);
}

/** Names of the policies of each listener. */
function policiesOf(yaml: string): Record<string, string[]> {
  const { mesh } = withServices(yaml);
  return Object.fromEntries(
    mesh.listeners.map(({ name, filters }) => [
      name,
      filters.flatMap((filter) =>
        filter.kind === "authorization" ? filter.policies.map((policy) => policy.name) : [],
      ),
    ]),
  );
}

const policy = (kind: string, namespace: string, spec = "{}"): string => `
apiVersion: ${kind === "MetaAuthorizationPolicy" ? "metaprotocol" : "dubbo"}.aeraki.io/v1alpha1
kind: ${kind}
metadata: { name: p, namespace: ${namespace} }
spec: ${spec}
`;

describe("a policy", () => {
  it.each([
    ["is for services of its namespace", "MetaAuthorizationPolicy", "lab", "{}", ["calc.lab_9090"]],
    [
      "of the root namespace is for all",
      "MetaAuthorizationPolicy",
      "istio-system",
      "{}",
      ["calc.lab_9090", "cart.shop_20880"],
    ],
    [
      "is for the hosts it names",
      "MetaAuthorizationPolicy",
      "lab",
      "{ hosts: [calc.lab] }",
      ["calc.lab_9090"],
    ],
    ["is not for hosts of others", "MetaAuthorizationPolicy", "lab", "{ hosts: [cart.shop] }", []],
    [
      "of the root namespace may name hosts of others",
      "MetaAuthorizationPolicy",
      "istio-system",
      "{ hosts: [cart.shop] }",
      ["cart.shop_20880"],
    ],
    [
      "for Dubbo is for Dubbo",
      "DubboAuthorizationPolicy",
      "istio-system",
      "{}",
      ["cart.shop_20880"],
    ],
  ])("%s", (_, kind, namespace, spec, expected) => {
    const byListener = policiesOf(policy(kind, namespace, spec));
    const listeners = Object.entries(byListener).filter(([, names]) => names.length > 0);
    expect(listeners.map(([name]) => name)).toEqual(expected);
    for (const [, names] of listeners) expect(names).toEqual([`${namespace}/p`]);
  });
});

describe("policies beyond the bounds of a service", () => {
  const named = (name: string, spec: string): string =>
    policy("MetaAuthorizationPolicy", "shop", spec).replace("name: p", `name: ${name}`);
  const many = (count: number): string =>
    Array.from({ length: count }, (_, i) => named(`p${String(i).padStart(3, "0")}`, "{}")).join(
      "---",
    );
  const namespaces = (count: number): string =>
    `{ action: DENY, rules: [{ from: [{ source: { namespaces: [${"a, ".repeat(count)}] } }] }] }`;

  it("are refused, and the others are in effect", () => {
    expect(withServices(many(256)).faults).toEqual([]);
    const { faults } = withServices(many(257));
    expect(faults).toEqual([
      "MetaAuthorizationPolicy/p256: spec: has no effect: `cart.shop` would have more than 256 policies",
    ]);
    expect(policiesOf(many(257))["cart.shop_20880"]).toHaveLength(256);
  });

  it("are refused for what they list as well", () => {
    // A rule, a source, and the namespaces.
    expect(withServices(named("a", namespaces(9_998))).faults).toEqual([]);
    const both = `${named("a", namespaces(9_998))}---${named("b", namespaces(1))}`;
    expect(withServices(both).faults).toEqual([
      "MetaAuthorizationPolicy/b: spec.rules: has no effect: `cart.shop` would have more than 10000 rules, sources, operations and what they list",
    ]);
  });

  it("do not take the place of those in effect", () => {
    const resourcesOf = (yaml: string) => ({
      ...{ resources: resources(`${SERVICES}---${yaml}`), modules: [], features: ALL },
    });
    const before = translateToMesh(resourcesOf(many(256)));
    const after = translateToMesh(resourcesOf(`${named("a", "{}")}---${many(256)}`), before);
    expect(after.faults.map(faultText)).toEqual([
      "MetaAuthorizationPolicy/a: spec: has no effect: `cart.shop` would have more than 256 policies",
    ]);
    expect(after.mesh).toEqual(before.mesh);
  });
});

const limited = (service: string): string => `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: calc, namespace: lab }
spec:
  hosts: [calc.lab]
  globalRateLimit: { domain: d, rateLimitService: "${service}", descriptors: [{ property: a, descriptorKey: b }] }
`;

describe("the cluster of a service that modules ask", () => {
  it("speaks HTTP/2 if it is one of ours", () => {
    const { mesh, warnings } = withServices(limited("outbound|8081||rls.lab"));
    expect(warnings).toEqual([]);
    expect(mesh.clusters.map(({ name, isGrpc }) => [name, isGrpc])).toContainEqual([
      "outbound|8081||rls.lab",
      true,
    ]);
    expect(mesh.listeners[0]?.clusterNames).toEqual(["outbound|9090||calc.lab"]);
  });

  it("may be the bootstrap's", () => {
    expect(withServices(limited("rate_limit_cluster")).warnings).toEqual([]);
  });

  it.each([
    ["outbound|8081||gone.lab", "no ServiceEntry has the host `gone.lab` with the port 8081"],
    ["outbound|1||rls.lab", "no ServiceEntry has the host `rls.lab` with the port 1"],
    ["outbound|20880||cart.shop", "port 20880 of `cart.shop` speaks dubbo, which is not gRPC"],
    ["outbound|8081|v1|rls.lab", "no DestinationRule of `rls.lab` has the subset `v1`"],
  ])("%s is told of if nobody can answer", (name, reason) => {
    expect(withServices(limited(name)).warnings).toEqual([
      `MetaRouter/calc: spec.globalRateLimit.rateLimitService: ${reason}: unless the proxy has such a cluster, nobody answers`,
    ]);
  });
});

const changed = (host: string): string => `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: r, namespace: ${host.split(".")[1] ?? ""} }
spec:
  hosts: [${host}]
  routes:
    - { name: a, route: [{ destination: { host: ${host} } }], requestMutation: [{ key: a, value: b }] }
`;

describe("a mutation", () => {
  it("is told of where some messages have no place for it", () => {
    expect(withServices(changed("calc.lab")).warnings).toEqual([
      "MetaRouter/r: spec.routes[0].requestMutation: only messages of the transport THeader have a place for it; others pass as they are, counted as `mutation_skipped`",
    ]);
    expect(withServices(changed("cart.shop")).warnings).toEqual([]);
  });

  it("is a fault where no message has a place for it", () => {
    const resourcesOfLine = resources(
      `${SERVICES.replace("tcp-metaprotocol-thrift", "tcp-metaprotocol-line")}---${changed("calc.lab")}`,
    );
    const { faults } = translateToMesh({
      resources: resourcesOfLine,
      modules: ["line"],
      features: ALL,
    });
    expect(faults.map(faultText)).toEqual([
      "MetaRouter/r: spec.routes[0].requestMutation: no message of the protocol has a place for it",
    ]);
  });
});

describe("a sticky session", () => {
  const sticky = (service: string): string => `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: r, namespace: lab }
spec:
  hosts: [${service}]
  routes:
    - route: [{ destination: { host: ${service} } }]
      stickySession: { attribute: affinity }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: r, namespace: lab }
spec:
  host: ${service}
  trafficPolicy: { loadBalancer: { consistentHash: { httpCookie: { name: affinity } } } }
`;
  const THRIFT = "only messages of the transport THeader have a place for it";

  it("is told of where some messages cannot carry it", () => {
    const { warnings } = withServices(sticky("calc.lab"));
    expect(warnings).toEqual([
      expect.stringContaining(`MetaRouter/r: spec.routes[0].stickySession: ${THRIFT}`),
      expect.stringContaining(
        `ServiceEntry/calc: spec.ports[0]: httpCookie of the DestinationRule for \`calc.lab\` has no effect on some requests: ${THRIFT}`,
      ),
    ]);
  });

  it("of a route is a fault where no message can carry it, and said of a service", () => {
    const services = SERVICES.replace("tcp-metaprotocol-thrift", "tcp-metaprotocol-line");
    const { faults, warnings } = translateToMesh({
      resources: resources(`${services}---${sticky("calc.lab")}`),
      modules: ["line"],
      features: ALL,
    });
    const place = "no message of the protocol has a place for it";
    expect(faults.map(faultText)).toEqual([`MetaRouter/r: spec.routes[0].stickySession: ${place}`]);
    expect(warnings.map(faultText)).toEqual([
      `ServiceEntry/calc: spec.ports[0]: httpCookie of the DestinationRule for \`calc.lab\` has no effect: ${place}`,
    ]);
  });
});

describe("buckets", () => {
  const namesOf = (routes: string): string[] => {
    const { mesh } = withServices(`
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: r, namespace: lab }
spec: { hosts: [calc.lab], routes: [${routes}] }
`);
    const listener = mesh.listeners.find(({ host }) => host === "calc.lab");
    return (listener?.routes ?? []).flatMap(({ filters }) =>
      filters.flatMap((filter) => (filter.kind === "localRateLimit" ? [filter.name] : [])),
    );
  };
  const route = (fields: string): string =>
    `{ ${fields} match: { attributes: { a: {} } }, route: [{ destination: { host: calc.lab } }], localRateLimit: { tokenBucket: { maxTokens: 1, tokensPerFill: 1, fillInterval: 1s } } }`;

  it("are called after their route where that is enough", () => {
    expect(namesOf([route("name: x,"), route("name: y,")].join(", "))).toEqual([
      "lab/r/calc.lab_9090/x",
      "lab/r/calc.lab_9090/y",
    ]);
    expect(namesOf([route("name: x,"), route("name: x,"), route("")].join(", "))).toEqual([
      "lab/r/calc.lab_9090/0",
      "lab/r/calc.lab_9090/1",
      "lab/r/calc.lab_9090/2",
    ]);
  });
});

describe("statistics", () => {
  const PROTOCOL = `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata: { name: dubbo }
spec: { protocol: dubbo, codec: dubbo, stats: { istio: { labels: { source_app: a } } } }
`;
  const router = (namespace: string, fields: string): string => `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: r, namespace: ${namespace} }
spec: { hosts: [cart.shop], ${fields} }
`;
  const OTHER = SERVICES.replaceAll("thrift", "dubbo");
  const filtersOf = (yaml: string) => {
    const { mesh } = translate(`${OTHER}---${PROTOCOL}---${yaml}`, ALL);
    return mesh.listeners.find(({ host }) => host === "cart.shop")?.filters ?? [];
  };
  const labelsOf = (routes: string) =>
    filtersOf(router("shop", `routes: [${routes}]`)).flatMap((filter) =>
      filter.kind === "stats" ? [filter.istio?.labels] : [],
    );
  const route = (host: string): string =>
    `{ route: [{ destination: { host: ${host}, port: { number: ${host === "cart.shop" ? 20880 : 9090} } } }] }`;

  it("tell the namespace of a service, unless requests go elsewhere", () => {
    expect(labelsOf(route("cart.shop"))).toEqual([
      { destination_service_namespace: "shop", source_app: "a" },
    ]);
    expect(labelsOf(route("calc.lab"))).toEqual([{ source_app: "a" }]);
  });

  it("are left out where a router does without them", () => {
    const disabled = "filters: [{ name: metaproto.filters.stats, disabled: true }]";
    expect(filtersOf(router("shop", disabled))).toEqual([
      { kind: "disabled", name: "metaproto.filters.stats" },
    ]);
  });
});
