// Ports tcp-redis and tcp-zookeeper in a mesh: official servers and clients in pods, Envoy's own filters in the stock
// Envoys of their sidecars, with Istio's mutual TLS in between.
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitUntil } from "../envoy/support/deadline.js";
import { describeWith } from "../envoy/support/describe-with.js";
import { freeClusterPort } from "../envoy/support/ports.js";
import { missingRedis, redisCli, RedisServer } from "../envoy/support/redis-server.js";
import {
  missingZookeeper,
  ZookeeperClient,
  ZookeeperServer,
  type ZookeeperSession,
} from "../envoy/support/zookeeper-peer.js";
import { missingPodNetwork } from "./support/pod-network.js";
import { missingRig } from "./support/rig-binaries.js";
import { SecuredMesh, type Workload } from "./support/secured-mesh.js";
import type { Sidecar } from "./support/sidecar.js";

const REDIS_PORT = 6379;
const ZOOKEEPER_PORT = 2181;
const ADDRESSES = { cache: "10.0.100.10", users: "10.0.100.11", registry: "10.0.100.12" } as const;
const MEMBERS = "10.0.100.13";
/** Of the services' own pods. */
const STRICT = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: shop }
spec: { mtls: { mode: STRICT } }
`;
const REDIS_SERVICES = "/apis/redis.aeraki.io/v1alpha1/namespaces/shop/redisservices";
const DOWNSTREAM = "of-clients";
const USERS = "of-users";
const SLOTS = 16_384;

type Name = keyof typeof ADDRESSES;

function service(name: Name, portName: string, port: number, pods: readonly Workload[]): string {
  const slice = {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name, namespace: "shop", labels: { "kubernetes.io/service-name": name } },
    addressType: "IPv4",
    ports: [{ name: portName, port, protocol: "TCP" }],
    endpoints: pods.map((pod) => ({
      addresses: [pod.pod.address],
      conditions: { ready: true },
      targetRef: { kind: "Pod", name: pod.name, namespace: "shop" },
    })),
  };
  return `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: ${ADDRESSES[name]}, selector: { app: ${name} }, ports: [{ name: ${portName}, port: ${String(port)} }] }
---
${JSON.stringify(slice)}
`;
}

/** @param prefix of the keys that are in `users`. */
function redisService(prefix: string): string {
  return `apiVersion: redis.aeraki.io/v1alpha1
kind: RedisService
metadata: { name: cache, namespace: shop }
spec:
  host: [cache]
  settings: { auth: { plain: { password: ${DOWNSTREAM} } } }
  redis:
    - { match: { key: { prefix: "${prefix}", removePrefix: true } }, route: { host: users } }
    - { match: { key: { prefix: "slot:" } }, route: { host: members.shop } }
    - { route: { host: cache } }
`;
}

const DESTINATIONS = `apiVersion: redis.aeraki.io/v1alpha1
kind: RedisDestination
metadata: { name: users, namespace: shop }
spec: { host: users, trafficPolicy: { connectionPool: { redis: { auth: { plain: { password: ${USERS} } } } } } }
---
apiVersion: redis.aeraki.io/v1alpha1
kind: RedisDestination
metadata: { name: members, namespace: shop }
spec: { host: members.shop, trafficPolicy: { connectionPool: { redis: { mode: CLUSTER } } } }
`;

/** A Redis Cluster outside of the mesh, of which the first one is known. */
function members(address: string, port: number): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: members, namespace: shop }
spec:
  hosts: [members.shop]
  addresses: [${MEMBERS}]
  ports: [{ number: ${String(REDIS_PORT)}, name: tcp-redis, protocol: TCP }]
  resolution: STATIC
  endpoints: [{ address: ${address}, ports: { tcp-redis: ${String(port)} } }]
`;
}

const missing = [
  missingRig("etcd", "kube-apiserver", "istiod", "pilot-agent", "redirect"),
  missingPodNetwork(),
  missingRedis(),
  ...missingZookeeper(),
];

describeWith("filters of Envoy's own in a mesh", missing, () => {
  let mesh: SecuredMesh;
  let caller: Workload;
  let pods: readonly Workload[];
  let client: Sidecar;
  let registry: Sidecar;
  let caches: readonly RedisServer[];
  let users: RedisServer;
  let nodes: readonly RedisServer[];
  let sessions: ZookeeperClient;
  let session: ZookeeperSession;

  const workload = (name: string, app: string): Promise<Workload> =>
    mesh.workload({ name, namespace: "shop", serviceAccount: app, labels: { app } });

  const redisIn = async ({ pod }: Workload, ...args: readonly string[]): Promise<RedisServer> => {
    const at = { host: pod.address, port: REDIS_PORT, place: pod.place };
    return mesh.with(await RedisServer.startAt(at, ...args));
  };

  async function startNodes(): Promise<readonly RedisServer[]> {
    const started: RedisServer[] = [];
    for (let i = 0; i < 2; i++) {
      const at = { host: mesh.hostAddress, port: await freeClusterPort() };
      const mode = ["--cluster-enabled", "yes", "--protected-mode", "no"];
      const node = mesh.with(await RedisServer.startAt(at, ...mode));
      const slots = Array.from({ length: SLOTS / 2 }, (_, n) => String((SLOTS / 2) * i + n));
      await node.command("CLUSTER", "ADDSLOTS", ...slots);
      await node.command("CLUSTER", "SET-CONFIG-EPOCH", String(i + 1));
      started.push(node);
    }
    const [first, second] = started as [RedisServer, RedisServer];
    await first.command("CLUSTER", "MEET", mesh.hostAddress, String(second.port));
    await waitUntil("a Redis Cluster in order", async () => {
      const states = await Promise.all(started.map((node) => node.command("CLUSTER", "INFO")));
      return states.every((state) => state.includes("cluster_state:ok"));
    });
    return started;
  }

  beforeAll(async () => {
    mesh = await SecuredMesh.start(["shop"], ["dubbo"]);
    pods = [await workload("cache-1", "cache"), await workload("cache-2", "cache")];
    const [own, zookeeper] = [
      await workload("users-1", "users"),
      await workload("zk-1", "registry"),
    ];
    caller = await workload("caller", "caller");
    caches = [await redisIn(pods[0] ?? own), await redisIn(pods[1] ?? own)];
    users = await redisIn(own, "--requirepass", USERS);
    nodes = await startNodes();
    mesh.with(
      ZookeeperServer.spawn({
        ...zookeeper.pod,
        host: zookeeper.pod.address,
        port: ZOOKEEPER_PORT,
      }),
    );
    await mesh.apply(
      [
        STRICT,
        service("cache", "tcp-redis", REDIS_PORT, pods),
        service("users", "tcp-redis", REDIS_PORT, [own]),
        service("registry", "tcp-zookeeper", ZOOKEEPER_PORT, [zookeeper]),
        members(mesh.hostAddress, nodes[0]?.port ?? 0),
      ].join("---\n"),
    );
    await mesh.startController();
    sessions = mesh.with(await ZookeeperClient.start(caller.pod.place));
    const started = await Promise.all(
      [caller, zookeeper, ...pods, own].map((item) => mesh.sidecar(item)),
    );
    [client, registry] = started as [Sidecar, Sidecar];
  });

  afterAll(async () => {
    await mesh.stop();
  });

  /** Of `redis-cli` in the caller's pod. */
  const cache = (...command: readonly string[]): Promise<string> => {
    const at = { host: ADDRESSES.cache, port: REDIS_PORT, place: caller.pod.place };
    return redisCli(at, ...command);
  };
  const asClient = (...command: readonly string[]): Promise<string> =>
    cache("--no-auth-warning", "-a", DOWNSTREAM, ...command);
  const keysOf = async (server: RedisServer, ...args: readonly string[]): Promise<number> =>
    Number((await server.command(...args, "DBSIZE")).replace(/^\D*/, ""));

  test("a port tcp-redis that no resource names is Istio's as before", async () => {
    await waitUntil("the service is known", async () => (await cache("PING")) === "PONG");
    // What redis_proxy refuses, for it has no key.
    expect(await cache("PUBLISH", "channel", "text")).toBe("0");
  });

  test("a RedisService spreads keys over pods with mutual TLS, and asks clients for the password", async () => {
    await mesh.apply(`${redisService("user:")}---\n${DESTINATIONS}`);
    await waitUntil(
      "clients need a password",
      async () => (await cache("GET", "k")).includes("NOAUTH"),
      { timeoutMs: 30_000 },
    );
    for (let i = 0; i < 40; i++) expect(await asClient("SET", `k${String(i)}`, "v")).toBe("OK");
    const counts = await Promise.all(caches.map((server) => keysOf(server)));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(40);
    for (const count of counts) expect(count).toBeGreaterThan(0);
    for (let i = 0; i < 40; i++) expect(await asClient("GET", `k${String(i)}`)).toBe("v");
  });

  test("whoever has no certificate is not served by these pods", async () => {
    for (const { pod } of pods)
      await expect(redisCli({ host: pod.address, port: REDIS_PORT }, "PING")).rejects.toThrow(
        /Connection reset by peer|Server closed the connection/,
      );
  });

  test("keys of a prefix go to another service, whose servers are told their own password", async () => {
    expect(await asClient("SET", "user:7", "Ada")).toBe("OK");
    const asUser = ["--no-auth-warning", "-a", USERS];
    expect(await users.command(...asUser, "GET", "7")).toBe("Ada");
    expect(await asClient("GET", "user:7")).toBe("Ada");
    await waitUntil("they are counted", async () => {
      const name = "redis[.]cache_shop_svc_cluster_local_6379[.]downstream_rq_total";
      return (await client.stat(name)) >= 82;
    });
  });

  test("keys of a Redis Cluster go to the member that has them", async () => {
    for (let i = 0; i < 20; i++) expect(await asClient("SET", `slot:${String(i)}`, "v")).toBe("OK");
    const counts = await Promise.all(nodes.map((node) => keysOf(node)));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(20);
    for (const count of counts) expect(count).toBeGreaterThan(0);
  });

  test("an edit takes effect, and a bad one does not", async () => {
    await mesh.apply(redisService("person:"));
    await waitUntil(
      "keys of the new prefix are in the other service",
      async () => (await asClient("GET", "person:7")) === "Ada",
      { timeoutMs: 30_000 },
    );
    await mesh.apply(redisService("u:").replace("host: users", "host: nowhere"));
    const status = await waitUntil("its status says so", async () => {
      const { body } = await mesh.server.call("GET", `${REDIS_SERVICES}/cache`);
      const { status: found } = body as {
        readonly status?: {
          readonly conditions: readonly { type: string; status: string; message: string }[];
        };
      };
      const accepted = found?.conditions.find(({ type }) => type === "Accepted");
      return accepted?.status === "False" ? accepted.message : undefined;
    });
    expect(status).toContain("no ServiceEntry that is visible from `shop` has the host `nowhere`");
    expect(await asClient("GET", "person:7")).toBe("Ada");
  });

  test("ZooKeeper's requests are counted by both sidecars", async () => {
    session = await sessions.open(ZOOKEEPER_PORT, 4, ADDRESSES.registry);
    await session.call("create", "/counted", "value");
    for (let i = 0; i < 5; i++) await session.call("exists", "/counted");
    const prefix = `registry_shop_svc_cluster_local`;
    const places = [
      [client, `${prefix}_2181`],
      [registry, `inbound[|]2181[|][|]${prefix}`],
    ] as const;
    for (const [sidecar, listener] of places)
      for (const [name, count] of [
        ["create_rq", 1],
        ["exists_resp", 5],
      ] as const)
        await waitUntil(
          `${name} of ${listener}`,
          async () => (await sidecar.stat(`${listener}[.]zookeeper[.]${name}`)) === count,
        );
    await session.close();
  });

  test("when its resources are gone the port is Istio's again", async () => {
    await mesh.server.call("DELETE", `${REDIS_SERVICES}/cache`);
    await waitUntil(
      "commands without keys are passed on",
      async () => (await cache("PUBLISH", "channel", "text")) === "0",
      { timeoutMs: 30_000 },
    );
  });
});
