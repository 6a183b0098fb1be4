// A Redis Cluster behind Envoy's own filter: three primaries, one of them with a replica, all of them with a password.
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { ControlPlane } from "./support/control-plane.js";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import { Envoy } from "./support/envoy.js";
import { freeClusterPort, freePorts } from "./support/ports.js";
import { redisDestination, redisEntry, redisService } from "./support/redis-resources.js";
import { missingRedis, RedisServer } from "./support/redis-server.js";
import { yamlOf } from "./support/resources.js";

const PASSWORD = "of-the-cluster";
const SLOTS = 16_384;
const PRIMARIES = 3;
const ARGUMENTS = [
  ...["--cluster-enabled", "yes", "--cluster-node-timeout", "1500"],
  ...["--requirepass", PASSWORD, "--masterauth", PASSWORD],
];
/** Of one cluster two services: who answers what only reads. */
const POLICIES = { primary: "MASTER", near: "PREFER_REPLICA" } as const;
type Name = keyof typeof POLICIES;

describeWith("a Redis Cluster", [missingRedis()], () => {
  const nodes: RedisServer[] = [];
  const clients: Redis[] = [];
  const ports = new Map<Name, number>();
  let controlPlane: ControlPlane;
  let envoy: Envoy;

  const node = (index: number): RedisServer => {
    const found = nodes[index];
    if (found === undefined) throw new Error(`no node ${String(index)}`);
    return found;
  };
  const ask = (index: number, ...command: readonly string[]): Promise<string> =>
    node(index).command("--no-auth-warning", "-a", PASSWORD, ...command);
  const gets = async (index: number): Promise<number> => {
    const stats = await ask(index, "INFO", "commandstats");
    return Number(/cmdstat_get:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  };

  async function formCluster(): Promise<void> {
    for (let i = 0; i < PRIMARIES; i++) {
      const first = Math.floor((SLOTS * i) / PRIMARIES);
      const end = Math.floor((SLOTS * (i + 1)) / PRIMARIES);
      const slots = Array.from({ length: end - first }, (_, slot) => String(first + slot));
      await ask(i, "CLUSTER", "ADDSLOTS", ...slots);
      await ask(i, "CLUSTER", "SET-CONFIG-EPOCH", String(i + 1));
    }
    for (let i = 1; i < nodes.length; i++)
      await ask(0, "CLUSTER", "MEET", "127.0.0.1", String(node(i).port));
    const first = await ask(0, "CLUSTER", "MYID");
    await waitUntil("the replica to know its primary", async () =>
      (await ask(PRIMARIES, "CLUSTER", "NODES")).includes(first),
    );
    await waitUntil("a replica", async () =>
      (await ask(PRIMARIES, "CLUSTER", "REPLICATE", first)).startsWith("OK"),
    );
    await waitUntil("a cluster in order", async () => {
      const states = await Promise.all(nodes.map((_, i) => ask(i, "CLUSTER", "INFO")));
      const replication = await ask(PRIMARIES, "INFO", "replication");
      const known = await Promise.all(nodes.map((_, i) => ask(i, "CLUSTER", "SLOTS")));
      const replica = String(node(PRIMARIES).port);
      return (
        states.every((state) => state.includes("cluster_state:ok")) &&
        replication.includes("master_link_status:up") &&
        known.every((slots) => slots.includes(replica))
      );
    });
  }

  beforeAll(async () => {
    for (let i = 0; i <= PRIMARIES; i++) {
      const at = { host: "127.0.0.1", port: await freeClusterPort() };
      nodes.push(await RedisServer.startAt(at, ...ARGUMENTS));
    }
    await formCluster();
    const free = await freePorts(2);
    const names = Object.keys(POLICIES) as Name[];
    names.forEach((name, index) => ports.set(name, free[index] ?? 0));
    const redis = { mode: "CLUSTER", auth: { plain: { password: PASSWORD } } };
    // One of them knows all others.
    const resources = names.flatMap((name) => [
      redisEntry({ name, port: ports.get(name) ?? 0, servers: [node(1).port] }),
      redisDestination(name, { redis }),
      redisService(name, {
        settings: { readPolicy: POLICIES[name], enableRedirection: true, enableHashtagging: true },
        redis: [{ route: { host: `${name}.test` } }],
      }),
    ]);
    controlPlane = await ControlPlane.start({ "redis.yaml": yamlOf(...resources) });
    envoy = await Envoy.start({ bootstrap: await controlPlane.bootstrap("redis-cluster") });
    for (const name of names) {
      const port = String(ports.get(name));
      await envoy.listenerPort(`${name}.test_${port}`);
      const cluster = `cluster.outbound|${port}||${name}.test`;
      await envoy.waitForStat(`${cluster}.membership_total`, (total) => total === nodes.length);
    }
  });

  afterEach(() => {
    for (const client of clients.splice(0)) client.disconnect();
  });

  afterAll(async () => {
    await envoy.stop();
    await controlPlane.stop();
    await Promise.all(nodes.map((item) => item.stop()));
  });

  function client(name: Name): Redis {
    const at = { host: "127.0.0.1", port: ports.get(name) ?? 0, protocol: 2 as const };
    const made = new Redis({ ...at, enableReadyCheck: false });
    made.on("error", () => undefined);
    clients.push(made);
    return made;
  }

  /** A key of the first primary, which is the one with a replica. */
  async function ownedByFirst(): Promise<string> {
    for (let i = 0; ; i++) {
      const key = `key ${String(i)}`;
      if (Number(await ask(0, "CLUSTER", "KEYSLOT", key)) < SLOTS / PRIMARIES - 1) return key;
    }
  }

  test("each key goes to the one of all primaries that has it", async () => {
    const redis = client("primary");
    const keys = Array.from({ length: 300 }, (_, i) => `key ${String(i)}`);
    await Promise.all(keys.map((key) => redis.set(key, key)));
    expect(await Promise.all(keys.map((key) => redis.get(key)))).toEqual(keys);
    const sizes = await Promise.all([0, 1, 2].map(async (i) => Number(await ask(i, "DBSIZE"))));
    expect(sizes.reduce((sum, size) => sum + size)).toBe(300);
    for (const size of sizes) expect(size).toBeGreaterThan(60);
    // No server had to send anybody elsewhere: the filter knows who has what.
    for (const i of [0, 1, 2])
      expect(await ask(i, "INFO", "errorstats")).not.toContain("errorstat_MOVED");
  });

  test("who answers what only reads is the policy's choice", async () => {
    const key = await ownedByFirst();
    expect(await client("primary").set(key, "value")).toBe("OK");
    await waitUntil(
      "the replica to have it",
      async () => (await ask(PRIMARIES, "DBSIZE")) === (await ask(0, "DBSIZE")),
    );
    const before = [await gets(0), await gets(PRIMARIES)] as const;
    const near = client("near");
    for (let i = 0; i < 10; i++) expect(await near.get(key)).toBe("value");
    expect([await gets(0), await gets(PRIMARIES)]).toEqual([before[0], before[1] + 10]);
    const primary = client("primary");
    for (let i = 0; i < 10; i++) expect(await primary.get(key)).toBe("value");
    expect([await gets(0), await gets(PRIMARIES)]).toEqual([before[0] + 10, before[1] + 10]);
  });

  test("a replica that takes the place of its primary is found", async () => {
    const key = await ownedByFirst();
    const redis = client("primary");
    expect(await redis.set(key, "before")).toBe("OK");
    await waitUntil("the replica to have it", async () =>
      (await ask(PRIMARIES, "INFO", "replication")).includes("master_link_status:up"),
    );
    await node(0).kill();
    await waitUntil(
      "writes to the one that was a replica",
      async () => {
        try {
          await redis.set(key, "after");
          return true;
        } catch {
          return false;
        }
      },
      { timeoutMs: 45_000, intervalMs: 200 },
    );
    expect(await redis.get(key)).toBe("after");
    expect(await ask(PRIMARIES, "ROLE")).toContain("master");
    expect(await ask(PRIMARIES, "GET", key)).toBe("after");
  });
});
