// Services of Redis on Envoy's own filter, configured by RedisService and RedisDestination, with ioredis.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server } from "node:tls";
import { Redis, type RedisOptions } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CertificateAuthority } from "./support/certificates.js";
import { ControlPlane } from "./support/control-plane.js";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import { Envoy } from "./support/envoy.js";
import { freePorts } from "./support/ports.js";
import { redisDestination, redisEntry, redisService, tlsRule } from "./support/redis-resources.js";
import { missingRedis, RedisServer } from "./support/redis-server.js";
import { yamlOf } from "./support/resources.js";

const NAMES = ["cache", "users", "orders", "vault"] as const;
type Name = (typeof NAMES)[number];
const DELAY_MS = 300;
/** Whoever can read a dump or a log must not find any of them. */
const PASSWORDS = ["downstream-password", "users-password", "orders-password"];
const [DOWNSTREAM = "", USERS = "", ORDERS = ""] = PASSWORDS;

/** A server's end of TLS before a real Redis server, whose build has none. */
async function tlsBefore(port: number, authority: CertificateAuthority): Promise<Server> {
  const { certificate, key } = authority.issue({ dns: ["vault"] });
  const server = createServer({ cert: certificate, key }, (socket) => {
    const upstream = connect(port, "127.0.0.1");
    socket.on("error", () => upstream.destroy());
    upstream.on("error", () => socket.destroy());
    socket.pipe(upstream).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

describeWith("redis_proxy", [missingRedis()], () => {
  const servers: RedisServer[] = [];
  const clients: Redis[] = [];
  const ports = new Map<Name, number>();
  let folder: string;
  let terminator: Server;
  let controlPlane: ControlPlane;
  let envoy: Envoy;

  const server = (index: number): RedisServer => {
    const found = servers[index];
    if (found === undefined) throw new Error(`no server ${String(index)}`);
    return found;
  };
  const port = (name: Name): number => ports.get(name) ?? 0;
  const entry = (name: Name, ...indices: readonly number[]): object =>
    redisEntry({ name, port: port(name), servers: indices.map((index) => server(index).port) });

  /** What operators write, but for the entry of `orders`. */
  function resources(): string {
    const address = terminator.address() as AddressInfo;
    return yamlOf(
      entry("cache", 0, 1),
      entry("users", 2),
      redisEntry({ name: "vault", port: port("vault"), servers: [address.port] }),
      tlsRule("vault", join(folder, "authority.pem")),
      redisService("cache", {
        settings: { auth: { plain: { password: DOWNSTREAM } }, opTimeout: "2s" },
        redis: [
          {
            match: { key: { prefix: "user:", removePrefix: true } },
            route: { host: "users.test", port: port("users") },
            mirror: [
              { route: { host: "orders.test", port: port("orders") }, excludeReadCommands: true },
            ],
          },
          {
            match: { key: { prefix: "order:" } },
            route: { host: "orders.test", port: port("orders") },
          },
          { route: { host: "cache.test" } },
        ],
        faults: [
          { type: "ERROR", percentage: { value: 100 }, commands: ["DEL"] },
          { type: "DELAY", delay: `${String(DELAY_MS)}ms`, commands: ["STRLEN"] },
        ],
      }),
      redisService("users", {
        settings: { auth: { plain: { username: "app", password: DOWNSTREAM } } },
        redis: [{ route: { host: "users.test" } }],
      }),
      redisDestination("users", { redis: { auth: { plain: { password: USERS } } } }),
      redisDestination("orders", {
        tcp: { connectTimeout: "2s", maxConnections: 100, tcpKeepalive: { time: "60s" } },
        redis: { auth: { plain: { username: "app", password: ORDERS } } },
      }),
    );
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "metaproto-redis-proxy-"));
    const authority = new CertificateAuthority();
    writeFileSync(join(folder, "authority.pem"), authority.certificate);
    const acl = ["--user", "app", "on", `>${ORDERS}`, "~*", "+@all", "--user", "default", "off"];
    for (const args of [[], [], ["--requirepass", USERS], acl, []])
      servers.push(await RedisServer.start(...args));
    terminator = await tlsBefore(server(4).port, authority);
    const free = await freePorts(NAMES.length);
    NAMES.forEach((name, index) => ports.set(name, free[index] ?? 0));
    const files = { "orders.yaml": yamlOf(entry("orders", 3)), "redis.yaml": resources() };
    controlPlane = await ControlPlane.start(files);
    envoy = await Envoy.start({ bootstrap: await controlPlane.bootstrap("redis-proxy") });
    for (const name of NAMES) await envoy.listenerPort(`${name}.test_${String(port(name))}`);
  });

  afterEach(() => {
    for (const client of clients.splice(0)) client.disconnect();
  });

  afterAll(async () => {
    await envoy.stop();
    await controlPlane.stop();
    terminator.close();
    await Promise.all(servers.map((item) => item.stop()));
    rmSync(folder, { recursive: true, force: true });
  });

  function client(name: Name, options: Omit<RedisOptions, "replyMapping"> = {}): Redis {
    const at = { host: "127.0.0.1", port: port(name), protocol: 2 as const };
    const made = new Redis({ ...at, enableReadyCheck: false, ...options });
    made.on("error", () => undefined);
    clients.push(made);
    return made;
  }

  const known = (): Redis => client("cache", { password: DOWNSTREAM });
  const asUsers = ["--no-auth-warning", "-a", USERS];
  const asOrders = ["--no-auth-warning", "--user", "app", "-a", ORDERS];

  /** How often the mirror was asked for a value. */
  async function gets(): Promise<number> {
    const stats = await server(3).command(...asOrders, "INFO", "commandstats");
    return Number(/cmdstat_get:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  }

  test("keys are spread over the servers", async () => {
    const redis = known();
    const keys = Array.from({ length: 100 }, (_, i) => `key ${String(i)}`);
    await Promise.all(keys.map((key) => redis.set(key, key)));
    expect(await Promise.all(keys.map((key) => redis.get(key)))).toEqual(keys);
    expect(await redis.mget(...keys)).toEqual(keys);
    const sizes = await Promise.all([0, 1].map((index) => server(index).command("DBSIZE")));
    expect(sizes.map(Number).reduce((sum, size) => sum + size)).toBe(100);
    for (const size of sizes) expect(Number(size)).toBeGreaterThan(20);
  });

  test("prefixes choose the service; a mirror gets what writes", async () => {
    const redis = known();
    expect(await redis.set("user:1", "one")).toBe("OK");
    expect(await redis.get("user:1")).toBe("one");
    expect(await redis.set("order:1", "two")).toBe("OK");
    expect(await server(2).command(...asUsers, "GET", "1")).toBe("one");
    expect(await server(3).command(...asOrders, "GET", "order:1")).toBe("two");
    await waitUntil(
      "the copy",
      async () => (await server(3).command(...asOrders, "GET", "1")) === "one",
    );
    const before = await gets();
    await redis.get("user:1");
    // A later command has been copied, and so the one before it has not.
    expect(await redis.set("user:2", "end")).toBe("OK");
    await waitUntil(
      "the next copy",
      async () => (await server(3).command(...asOrders, "EXISTS", "2")) === "1",
    );
    expect(await gets()).toBe(before);
  });

  test("faults: an error, a delay, and nothing to other commands", async () => {
    const redis = known();
    await redis.set("slow", "12345");
    await expect(redis.del("slow")).rejects.toThrow(/Fault Injected/);
    expect(await redis.get("slow")).toBe("12345");
    const startedAt = performance.now();
    expect(await redis.strlen("slow")).toBe(5);
    expect(performance.now() - startedAt).toBeGreaterThan(DELAY_MS - 10);
  });

  describe("clients have to say", () => {
    test("a password", async () => {
      await expect(client("cache").get("a")).rejects.toThrow(/^NOAUTH/);
      const wrong = client("cache", { password: "wrong" });
      await expect(wrong.get("a")).rejects.toThrow(/NOAUTH|invalid|WRONGPASS/);
      expect(await known().get("nothing")).toBeNull();
    });

    test("a user with a password", async () => {
      await expect(client("users").get("a")).rejects.toThrow(/^NOAUTH/);
      const stranger = client("users", { username: "stranger", password: DOWNSTREAM });
      await expect(stranger.get("a")).rejects.toThrow(/NOAUTH|invalid|WRONGPASS/);
      const user = client("users", { username: "app", password: DOWNSTREAM });
      expect(await user.set("mine", "yes")).toBe("OK");
      expect(await server(2).command(...asUsers, "GET", "mine")).toBe("yes");
    });
  });

  test("without a RedisService everything goes to the service itself, here over TLS", async () => {
    const redis = client("vault");
    expect(await redis.set("locked", "up")).toBe("OK");
    expect(await server(4).command("GET", "locked")).toBe("up");
    expect(
      await envoy.stat(`cluster.outbound|${String(port("vault"))}||vault.test.ssl.handshake`),
    ).toBeGreaterThan(0);
  });

  test("a service's stats are told apart by a label", async () => {
    await known().get("a");
    const label = `cache_test_${String(port("cache"))}`;
    const page = await envoy.admin("/stats/prometheus?filter=downstream_rq_total");
    expect(page).toMatch(
      new RegExp(`^envoy_redis_downstream_rq_total\\{envoy_redis_prefix="${label}"\\} [1-9]`, "m"),
    );
  });

  test("nobody is shown a password", async () => {
    const pages = ["resources", "mesh", "snapshot", "proxies"].map((page) => `/debug/${page}`);
    const bodies = await Promise.all(pages.map((page) => controlPlane.admin(page)));
    expect(bodies.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const { stdout } = await controlPlane.command("routes", "cache.test");
    expect(stdout).toContain('"user:"..., sent without it');
    const status = await controlPlane.command("status");
    const dump = JSON.stringify(await envoy.configDump());
    expect(dump).toContain("envoy.filters.network.redis_proxy");
    const shown = [...bodies.map(({ body }) => body), stdout, status.stdout, dump];
    const all = [...shown, ...controlPlane.log(), ...envoy.log()].join("\n");
    expect(all).toContain("[redacted]");
    for (const password of PASSWORDS) expect(all).not.toContain(password);
  });

  test("a service that goes is used as long as routes lead to it", async () => {
    const redis = known();
    controlPlane.remove("orders.yaml");
    await waitUntil("the faults", async () =>
      (await controlPlane.faults()).some((line) =>
        /spec\.redis\[1\]\.route: .*its former endpoints stay in use/.test(line),
      ),
    );
    await controlPlane.waitUntilSynced();
    expect(await redis.set("order:2", "still")).toBe("OK");
    expect(await server(3).command(...asOrders, "GET", "order:2")).toBe("still");
    await controlPlane.edit("orders.yaml", yamlOf(entry("orders", 3)));
    expect(await controlPlane.faults()).toEqual([]);
  });
});
