// What Envoy's own filters for Redis, ZooKeeper and Kafka, and their clusters, are told.
import { resolve } from "node:path";
import { readFileSync } from "node:fs";
import { parseAllDocuments, stringify } from "yaml";
import { describe, expect, test } from "vitest";
import { formatFault } from "../api/fault.js";
import { type Resource, validateResource } from "../api/kinds.js";
import { ClusterSchema } from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import { ListenerSchema } from "../gen/envoy/config/listener/v3/listener_pb.js";
import { type Translation, translateToMesh } from "./api-to-ir/translate-to-mesh.js";
import { translateToXds } from "./ir-to-xds/translate-to-xds.js";
import { resourceJson } from "./ir-to-xds/type-registry.js";

function resourcesOf(text: string): readonly Resource[] {
  return parseAllDocuments(text).flatMap((document) => {
    const result = validateResource(document.toJS());
    return result.outcome === "valid" ? [result.resource] : [];
  });
}

test.each(["redis", "tcp"])("services of %s, as reviewed", async (name) => {
  const input = resolve(import.meta.dirname, `api-to-ir/testdata/${name}.in.yaml`);
  const { mesh } = translateToMesh({
    resources: resourcesOf(readFileSync(input, "utf8")),
    modules: [],
  });
  const xds = translateToXds({
    mesh,
    modules: new Map(),
    retiredPlugins: [],
    retiredClusters: [],
    bindAddress: "127.0.0.1",
    peerTimeouts: { unreadMs: 0, tcpUserMs: 0 },
  });
  const output = stringify({
    faults: xds.faults,
    listeners: xds.listeners.map(({ message }) => resourceJson(ListenerSchema, message())),
    clusters: xds.clusters.map(({ message }) => resourceJson(ClusterSchema, message())),
    endpoints: xds.endpoints.map(({ name: cluster }) => cluster),
  });
  await expect(output).toMatchFileSnapshot(`ir-to-xds/testdata/${name}.golden.yaml`);
});

function entry(host: string, number: number): string {
  return `
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${host} }
spec:
  hosts: [${host}.test]
  ports: [{ number: ${String(number)}, name: tcp-redis }]
  resolution: STATIC
  endpoints: [{ address: 10.0.0.${String(number % 200)} }]
`;
}

function redis(kind: string, name: string, spec: string): string {
  return `
---
apiVersion: redis.aeraki.io/v1alpha1
kind: ${kind}
metadata: { name: ${name} }
spec: ${spec}
`;
}

const ROUTES = redis(
  "RedisService",
  "front",
  `{ host: [front.test], redis: [{ match: { key: { prefix: "cart:" } }, route: { host: cart.test, port: 7002 }, mirror: [{ route: { host: cart.test, port: 7002 } }] }, { route: { host: front.test } }] }`,
);
const PASSWORD = redis(
  "RedisDestination",
  "cart",
  "{ host: cart.test, trafficPolicy: { connectionPool: { redis: { auth: { plain: { password: secret } } } } } }",
);

function translate(text: string, previous?: Translation): Translation {
  return translateToMesh({ resources: resourcesOf(text), modules: [] }, previous);
}

function routesOf({ mesh }: Translation): (string | undefined)[] {
  const listener = mesh.redisListeners?.find(({ name }) => name === "front.test_7001");
  const { routes = [], catchAll } = listener ?? {};
  return [...routes, catchAll].flatMap((route) => [
    route?.cluster,
    ...(route?.mirrors ?? []).map(({ cluster }) => cluster),
  ]);
}

describe("a ServiceEntry that goes while a RedisService leads to it", () => {
  const all = entry("front", 7001) + entry("cart", 7002) + ROUTES + PASSWORD;
  const CART = "outbound|7002||cart.test";
  const FRONT = "outbound|7001||front.test";

  test("leaves its endpoints and their password in use, and a fault", () => {
    const before = translate(all);
    expect(before.faults).toEqual([]);
    expect(routesOf(before)).toEqual([CART, CART, FRONT]);
    const without = entry("front", 7001) + ROUTES + PASSWORD;
    const after = translate(without, before);
    expect(routesOf(after)).toEqual([CART, CART, FRONT]);
    const cluster = after.mesh.clusters.find(({ name }) => name === CART);
    expect(cluster).toEqual(before.mesh.clusters.find(({ name }) => name === CART));
    expect(cluster?.redis?.auth?.password).toBe("secret");
    expect(after.faults.map(formatFault)).toEqual(
      ["spec.redis[0].route", "spec.redis[0].mirror[0].route"].map(
        (path) =>
          expect.stringMatching(
            `RedisService/default/front: ${path.replaceAll(/[[\]]/g, "\\$&")}: no ServiceEntry .*; its former endpoints stay in use`,
          ) as unknown,
      ),
    );
    expect(after.warnings.map(formatFault)).toEqual([
      expect.stringMatching("RedisDestination/default/cart: spec.host: has no effect") as unknown,
    ]);
    // As long as nothing else is said, also the time after.
    expect(routesOf(translate(without, after))).toEqual([CART, CART, FRONT]);
    expect(routesOf(translate(all, after))).toEqual([CART, CART, FRONT]);
    expect(translate(all, after).faults).toEqual([]);
  });

  test("which did not have it before: it is refused, and keeps its password", () => {
    const locked = ROUTES.replace(
      "redis: [",
      "settings: { auth: { plain: { password: guess } } }, redis: [",
    );
    const translation = translate(entry("front", 7001) + locked);
    expect(routesOf(translation)).toEqual([FRONT]);
    expect(translation.mesh.redisListeners?.[0]?.settings.auth?.password).toBe("guess");
    expect(translation.faults).toHaveLength(2);
  });

  test("with no RedisService left takes its cluster with it", () => {
    const before = translate(all);
    const after = translate(entry("front", 7001) + PASSWORD, before);
    expect(after.mesh.clusters.map(({ name }) => name)).toEqual([FRONT]);
  });
});

test("prefixes that differ in case only are the same where case does not count", () => {
  const routes = `redis: [{ match: { key: { prefix: a } }, route: { host: front.test } }, { match: { key: { prefix: A } }, route: { host: front.test } }] }`;
  const text = entry("front", 7001);
  const strict = text + redis("RedisService", "front", `{ host: [front.test], ${routes}`);
  expect(translate(strict).faults).toEqual([]);
  const lax = `{ host: [front.test], settings: { caseInsensitive: true }, ${routes}`;
  expect(translate(text + redis("RedisService", "front", lax)).faults.map(formatFault)).toEqual([
    expect.stringMatching(/spec\.redis\[1\]: spec\.redis\[0\] already has the keys/) as unknown,
  ]);
});

test("Kafka is counted only where it is said that proxies can", () => {
  const kafka = entry("broker", 9092).replace("tcp-redis", "tcp-kafka");
  const plain = translate(kafka);
  expect(plain.mesh.tcpListeners).toEqual([
    expect.objectContaining({ name: "broker.test_9092", statsFilter: undefined }),
  ]);
  expect(plain.warnings.map(formatFault)).toEqual([
    expect.stringMatching(/tcp-kafka.*without stats.*contrib/) as unknown,
  ]);
  const annotated = kafka.replace(
    "name: broker }",
    'name: broker, annotations: { metaproto.io/envoy-contrib: "true" } }',
  );
  const counted = translate(annotated);
  expect(counted.mesh.tcpListeners?.[0]?.statsFilter).toBe("kafka");
  expect(counted.warnings).toEqual([]);
});
