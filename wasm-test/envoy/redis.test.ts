// Redis through a stock Envoy, with servers and clients of others: ioredis, which speaks RESP2, and
// node-redis, which speaks RESP3.
import { createClient, WatchError } from "@redis/client";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import { RedisMesh } from "./support/redis-mesh.js";
import { missingRedis, missingRedisBenchmark, redisBenchmark } from "./support/redis-server.js";
import { TcpConnection } from "./support/tcp-connection.js";

const HOUR = { tokensPerFill: 1, fillInterval: "3600s" } as const;

function startMesh() {
  return RedisMesh.start({
    servers: { a: [], b: [], c: [], locked: ["--requirepass", "secret"] },
    services: {
      one: { servers: ["a"] },
      locked: { servers: ["locked"] },
      access: {
        servers: ["a", "b"],
        more: {
          routes: [
            { name: "reads", match: { access: { exact: "read" } }, to: { b: 100 } },
            { name: "writes", to: { a: 100 } },
          ],
        },
      },
      keys: {
        servers: ["a", "b", "c"],
        more: {
          routes: [
            { match: { key: { prefix: "user:" } }, to: { a: 100 } },
            { match: { key: { prefix: "cart:" } }, to: { b: 100 } },
            { match: { command: { regex: "PING|INFO|CLIENT" } }, to: { c: 100 } },
          ],
        },
      },
      hash: {
        servers: ["a", "b", "c"],
        more: {
          trafficPolicy: { loadBalancer: { consistentHash: { httpHeaderName: "key" } } },
          routes: [{ to: { "": 100 } }],
        },
      },
      limited: {
        servers: ["a"],
        more: {
          routes: [
            {
              name: "flush",
              match: { command: { prefix: "FLUSH" } },
              to: { a: 100 },
              more: { fault: { abort: { kind: "PERMISSION_DENIED", percentage: { value: 100 } } } },
            },
            { name: "rest", to: { a: 100 } },
          ],
          router: {
            localRateLimit: {
              conditions: [
                {
                  match: { attributes: { command: { exact: "KEYS" } } },
                  tokenBucket: { maxTokens: 2, ...HOUR },
                },
              ],
            },
          },
        },
      },
    },
    envoy: { concurrency: 1 },
  });
}

type TestMesh = Awaited<ReturnType<typeof startMesh>>;

/** A pipeline's results: values, and messages of errors. */
function outcomes(results: readonly (readonly [Error | null, unknown])[] | null): unknown[] {
  return (results ?? []).map(([error, value]) => error?.message ?? value);
}

describeWith("Redis", [missingRedis()], () => {
  let redis: TestMesh;

  beforeAll(async () => {
    redis = await startMesh();
  });

  afterEach(async () => {
    redis.closeClients();
    for (const name of ["a", "b", "c"] as const) await redis.server(name).command("FLUSHALL");
  });

  afterAll(async () => {
    await redis.stop();
  });

  /** A node-redis client; it is closed when `use` has ended. */
  async function withNodeRedis(
    options: Parameters<typeof createClient>[0],
    use: (client: ReturnType<typeof createClient>) => Promise<void>,
  ): Promise<void> {
    const client = createClient({
      socket: { host: "127.0.0.1", port: redis.port("one"), reconnectStrategy: false },
      ...options,
    });
    client.on("error", () => undefined);
    await client.connect();
    try {
      await use(client);
    } finally {
      client.destroy();
    }
  }

  describe("clients that ask for nothing of their connection", () => {
    test("share upstream connections, and each gets its own answers", async () => {
      const before = await redis.stat("upstream_cx_total");
      const clients = Array.from({ length: 20 }, () => redis.client("one"));
      await Promise.all(
        clients.map(async (client, id) => {
          for (let round = 0; round < 10; round++) {
            const pipeline = client.pipeline();
            for (let i = 0; i < 10; i++) {
              const key = `k:${String(id)}:${String(i)}`;
              pipeline.set(key, `${key}:${String(round)}`).get(key);
            }
            const expected = Array.from({ length: 10 }, (_, i) => [
              "OK",
              `k:${String(id)}:${String(i)}:${String(round)}`,
            ]).flat();
            expect(outcomes(await pipeline.exec())).toEqual(expected);
          }
        }),
      );
      await waitUntil("all counted", async () => (await redis.stat("downstream_cx_active")) >= 20);
      expect((await redis.stat("upstream_cx_total")) - before).toBeLessThanOrEqual(4);
    });

    test("large values and large arrays", async () => {
      const client = redis.client("one");
      const value = Buffer.alloc(6 << 20, "0123456789\r\n");
      expect(await client.set("large", value)).toBe("OK");
      expect((await client.getBuffer("large"))?.equals(value)).toBe(true);
      const items = Array.from({ length: 50_000 }, (_, i) => `item ${String(i)}`);
      expect(await client.rpush("list", ...items)).toBe(items.length);
      expect(await client.lrange("list", 0, -1)).toEqual(items);
    });

    test("errors in the middle of a pipeline are those of their commands", async () => {
      const client = redis.client("one");
      await client.set("text", "x");
      const pipeline = client.pipeline();
      pipeline.get("text").lpush("text", "y").incr("text").set("n", 1).incr("n");
      expect(outcomes(await pipeline.exec())).toEqual([
        "x",
        expect.stringMatching(/^WRONGTYPE/),
        expect.stringMatching(/^ERR value is not an integer/),
        "OK",
        2,
      ]);
    });

    test("lines are commands, too", async () => {
      const connection = await TcpConnection.connect(redis.port("one"));
      connection.write(Buffer.from("PING\r\nset inline 1\nINCR inline\r\n\r\nget inline\r\n"));
      const expected = "+PONG\r\n+OK\r\n:2\r\n$1\r\n2\r\n";
      const answer = await connection.readFrame(
        (bytes) => (bytes.length >= expected.length ? bytes.length : undefined),
        10_000,
      );
      expect(answer.toString()).toBe(expected);
      connection.destroy();
    });

    test("QUIT ends the connection of who says it, and no other", async () => {
      const [first, second] = [redis.client("one"), redis.client("one")];
      await Promise.all([first.set("q", 1), second.get("q")]);
      const answers = Promise.all(Array.from({ length: 200 }, () => second.incr("q")));
      expect(await first.quit()).toBe("OK");
      expect((await answers).at(-1)).toBe(201);
      expect(await second.get("q")).toBe("201");
    });
  });

  test("clients of RESP3 have connections of their own, and the same answers", async () => {
    const clients = Array.from({ length: 5 }, () => redis.client("one", { protocol: 3 }));
    const pipelines = clients.map((client) => client.pipeline().set("k", 1).get("k").ping().exec());
    for (const results of await Promise.all(pipelines))
      expect(outcomes(results)).toEqual(["OK", "1", "PONG"]);
    await waitUntil("their connections", async () => (await redis.stat("upstream_cx_active")) >= 5);
  });

  describe("what is state of a connection stays its client's", () => {
    test("transactions, in RESP2", async () => {
      const clients = Array.from({ length: 5 }, () => redis.client("one"));
      await Promise.all(
        clients.map(async (client) => {
          for (let i = 0; i < 20; i++) {
            const results = await client.multi().incr("counter").incr("counter").exec();
            const [first, second] = outcomes(results) as number[];
            expect(second).toBe((first ?? 0) + 1);
          }
        }),
      );
      expect(await clients[0]?.get("counter")).toBe("200");
    });

    test("a transaction that the proxy refuses a part of has no effect at all", async () => {
      const direct = redis.server("a");
      const client = redis.client("limited", { retryStrategy: () => 50 });
      const transaction = client.multi().set("half", "1").flushall().set("half", "2").exec();
      await expect(transaction).rejects.toThrow(
        /^EXECABORT Transaction discarded because of: metaproto: /,
      );
      expect(await direct.command("EXISTS", "half")).toContain("0");
      expect(outcomes(await client.multi().set("whole", "1").exec())).toEqual(["OK"]);

      await withNodeRedis(
        { RESP: 3, socket: { host: "127.0.0.1", port: redis.port("limited") } },
        async (other) => {
          // It tells of the first error of a transaction.
          await expect(other.multi().set("half", "1").flushAll().exec()).rejects.toThrow(
            "metaproto: ",
          );
        },
      );
      expect(await direct.command("EXISTS", "half")).toContain("0");
    });

    test("a transaction that is begun, refused a part of, and given up goes on without it", async () => {
      const client = redis.client("limited");
      await client.multi({ pipeline: false });
      await expect(client.flushall()).rejects.toThrow("metaproto");
      expect(await client.discard()).toBe("OK");
      await client.multi({ pipeline: false });
      await client.set("again", "1");
      expect(outcomes(await client.exec())).toEqual(["OK"]);
    });

    test("a watched key that another client changes", async () => {
      const [watcher, other] = [redis.client("one"), redis.client("one")];
      await watcher.watch("watched");
      await other.set("watched", "changed");
      expect(await watcher.multi().set("watched", "mine").exec()).toBeNull();
      await watcher.watch("watched");
      expect(outcomes(await watcher.multi().set("watched", "mine").exec())).toEqual(["OK"]);
    });

    test("the database", async () => {
      const [zero, one] = [redis.client("one"), redis.client("one", { db: 1 })];
      await Promise.all([zero.set("db", "zero"), one.set("db", "one")]);
      for (let i = 0; i < 50; i++)
        expect(await Promise.all([zero.get("db"), one.get("db")])).toEqual(["zero", "one"]);
    });

    test("the user: nobody else is let in", async () => {
      const known = redis.client("locked", { password: "secret" });
      expect(await known.set("secret", 1)).toBe("OK");
      const unknown = redis.client("locked", { enableReadyCheck: false });
      for (let i = 0; i < 20; i++) {
        await expect(unknown.get("secret")).rejects.toThrow(/^NOAUTH/);
        expect(await known.get("secret")).toBe("1");
      }
      known.disconnect();
      await expect(unknown.get("secret")).rejects.toThrow(/^NOAUTH/);
    });

    test("its name", async () => {
      const [named, other] = [redis.client("one"), redis.client("one")];
      await named.client("SETNAME", "mine");
      expect(await other.client("GETNAME")).toBeNull();
      expect(await named.client("GETNAME")).toBe("mine");
    });
  });

  describe("publish and subscribe", () => {
    test.each([2, 3] as const)("in RESP%d", async (protocol) => {
      const subscriber = redis.client("one", { protocol });
      const publisher = redis.client("one");
      const messages: string[] = [];
      subscriber.on("message", (channel: string, text: string) => {
        messages.push(`${channel} ${text}`);
      });
      subscriber.on("pmessage", (_pattern: string, channel: string, text: string) => {
        messages.push(`${channel} ${text} by pattern`);
      });
      expect(await subscriber.subscribe("a", "b", "c")).toBe(3);
      expect(await subscriber.psubscribe("news.*")).toBe(4);
      for (let i = 0; i < 20; i++) {
        expect(await publisher.publish("b", String(i))).toBe(1);
        expect(await publisher.publish("news.x", String(i))).toBe(1);
      }
      const expected = Array.from({ length: 20 }, (_, i) => [
        `b ${String(i)}`,
        `news.x ${String(i)} by pattern`,
      ]).flat();
      await waitUntil("all messages", () => messages.length >= expected.length);
      expect(messages).toEqual(expected);
      expect(await subscriber.ping()).toEqual(protocol === 2 ? ["pong", ""] : "PONG");
      expect(await subscriber.unsubscribe("a", "b", "c")).toBe(1);
      expect(await subscriber.punsubscribe("news.*")).toBe(0);
      expect(await subscriber.get("nothing")).toBeNull();
    });

    test("with commands between the messages", async () => {
      await withNodeRedis({ RESP: 3 }, async (client) => {
        const publisher = redis.client("one");
        const messages: string[] = [];
        await client.subscribe(["x", "y"], (message) => {
          messages.push(message);
        });
        for (let i = 0; i < 20; i++) {
          expect(await publisher.publish(i % 2 === 0 ? "x" : "y", String(i))).toBe(1);
          expect(await client.incr("between")).toBe(i + 1);
        }
        await waitUntil("all messages", () => messages.length >= 20);
        expect(messages).toEqual(Array.from({ length: 20 }, (_, i) => String(i)));
        await client.unsubscribe("x");
        expect(await publisher.publish("x", "unheard")).toBe(0);
        expect(await client.get("between")).toBe("20");
      });
    });
  });

  test("RESP3: maps, null, doubles, transactions, and beside it a client of RESP2", async () => {
    const resp2 = redis.client("one");
    await withNodeRedis({ RESP: 3 }, async (client) => {
      await client.hSet("h", { a: "1", b: "2" });
      expect({ ...(await client.hGetAll("h")) }).toEqual({ a: "1", b: "2" });
      expect(await client.get("none")).toBeNull();
      await client.zAdd("z", { value: "m", score: 1.5 });
      expect(await client.zScore("z", "m")).toBe(1.5);
      expect(await client.multi().incr("n").hGet("h", "a").exec()).toEqual([1, "1"]);
      await client.watch("n");
      await resp2.incr("n");
      await expect(client.multi().get("n").exec()).rejects.toThrow(WatchError);
      await expect(client.lPush("h", "x")).rejects.toThrow(/^WRONGTYPE/);
      expect(await resp2.hgetall("h")).toEqual({ a: "1", b: "2" });
      expect(await resp2.call("HGETALL", "h")).toEqual(["a", "1", "b", "2"]);
    });
  });

  test("keys that others change are told to who tracks them", async () => {
    const connection = await TcpConnection.connect(redis.port("one"));
    const seen: string[] = [];
    const read = async (end: string): Promise<void> => {
      const bytes = await connection.readFrame((buffer) => {
        const at = buffer.indexOf(end);
        return at < 0 ? undefined : at + end.length;
      }, 10_000);
      seen.push(bytes.toString());
    };
    connection.write(Buffer.from("HELLO 3\r\nCLIENT TRACKING ON\r\nGET tracked\r\n"));
    await read("+OK\r\n_\r\n");
    await redis.client("one").set("tracked", "x");
    await read("$7\r\ntracked\r\n");
    expect(seen[1]).toBe(">2\r\n$10\r\ninvalidate\r\n*1\r\n$7\r\ntracked\r\n");
    connection.destroy();
  });

  test("who waits for an element of a list holds up nobody", async () => {
    const [waiting, other] = [redis.client("one"), redis.client("one")];
    const popped = waiting.blpop("queue", 0);
    for (let i = 0; i < 100; i++) expect(await other.incr("meanwhile")).toBe(i + 1);
    expect(await other.llen("queue")).toBe(0);
    await other.rpush("queue", "element");
    expect(await popped).toEqual(["queue", "element"]);
    const streamed = waiting.xread("BLOCK", 0, "STREAMS", "s", "$");
    await waitUntil("it waits", async () =>
      (await redis.server("a").command("INFO", "clients")).includes("blocked_clients:1"),
    );
    const id = await other.xadd("s", "*", "field", "value");
    expect(await streamed).toEqual([["s", [[id, ["field", "value"]]]]]);
  });

  test("what a server executes can be watched", async () => {
    const monitor = await redis.client("one").monitor();
    const seen: string[] = [];
    monitor.on("monitor", (_time: string, args: string[]) => {
      seen.push(args.join(" "));
    });
    await redis.client("one").set("seen", "1");
    await waitUntil("the command seen", () => seen.includes("set seen 1"));
    monitor.disconnect();
  });

  describe("routes", () => {
    test("by what a command does: reads to one server, writes to another", async () => {
      const client = redis.client("access");
      await redis.server("b").command("SET", "k", "of b");
      await client.set("k", "of a");
      expect(await redis.server("a").command("GET", "k")).toBe("of a");
      expect(await redis.server("b").command("GET", "k")).toBe("of b");
      expect(await client.get("k")).toBe("of b");
      const results = await client
        .pipeline()
        .get("k")
        .append("k", "!")
        .mget("k")
        .strlen("k")
        .exec();
      expect(outcomes(results)).toEqual(["of b", 5, ["of b"], 4]);
    });

    test("by key: one pipeline over several servers keeps its order, errors of ours among it", async () => {
      const client = redis.client("keys");
      for (let round = 0; round < 20; round++) {
        const pipeline = client.pipeline();
        for (let i = 0; i < 10; i++) {
          pipeline
            .incr(`user:${String(i)}`)
            .incr(`cart:${String(i)}`)
            .get("other")
            .ping();
        }
        const one = [
          round + 1,
          round + 1,
          `ERR metaproto: no route of keys.redis_${String(redis.port("keys"))} matches this request`,
          "PONG",
        ];
        const expected = Array.from({ length: 10 }, () => one).flat();
        expect(outcomes(await pipeline.exec())).toEqual(expected);
      }
      expect(await redis.server("a").command("DBSIZE")).toBe("10");
      expect(await redis.server("b").command("DBSIZE")).toBe("10");
      expect(await redis.server("c").command("DBSIZE")).toBe("0");
    });

    test("by consistent hash of the key: each key has its server, whoever asks", async () => {
      const keys = Array.from({ length: 300 }, (_, i) => `key ${String(i)}`);
      const [first, second] = [redis.client("hash"), redis.client("hash")];
      await Promise.all(keys.map((key) => first.set(key, key)));
      expect(await Promise.all(keys.map((key) => second.get(key)))).toEqual(keys);
      const sizes = await Promise.all(
        (["a", "b", "c"] as const).map((name) => redis.server(name).command("DBSIZE")),
      );
      expect(sizes.map(Number).reduce((sum, size) => sum + size)).toBe(keys.length);
      for (const size of sizes) expect(Number(size)).toBeGreaterThan(30);
    });
  });

  test("faults and rate limits by command: an error of that command, in its place", async () => {
    const client = redis.client("limited");
    await client.set("k", 1);
    const pipeline = client.pipeline();
    pipeline.get("k").flushall().keys("*").keys("*").keys("*").get("k");
    const limit = `ERR metaproto: local rate limit exceeded: test/limited-redis/limited.redis_${String(redis.port("limited"))}`;
    expect(outcomes(await pipeline.exec())).toEqual([
      "1",
      "ERR metaproto: aborted by fault injection",
      ["k"],
      ["k"],
      limit,
      "1",
    ]);
  });

  test("what is no command is refused, and so is what would end the server's connection for others", async () => {
    const other = redis.client("one");
    await other.set("safe", 1);
    for (const bytes of [
      "*1\r\n$-5\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
      'ECHO "a\r\n',
      "PSYNC ? -1\r\n",
    ]) {
      const connection = await TcpConnection.connect(redis.port("one"));
      connection.write(Buffer.from(bytes));
      const answer = await connection.readFrame((read) => {
        const end = read.indexOf("metaproto: the request is malformed or too large\r\n");
        return end < 0 ? undefined : read.length;
      }, 10_000);
      expect(answer.toString()).toContain("-ERR metaproto: the request is malformed");
      connection.destroy();
      expect(await other.get("safe")).toBe("1");
    }
  });

  test("a server that is killed under load: errors of ours, then all is well again", async () => {
    const clients = Array.from({ length: 4 }, () =>
      redis.client("one", { maxRetriesPerRequest: 0 }),
    );
    await Promise.all(clients.map((client) => client.ping()));
    let isOver = false;
    const failures: string[] = [];
    let answers = 0;
    const load = clients.map(async (client) => {
      while (!isOver) {
        const results = await client.pipeline().incr("load").get("load").ping().exec();
        for (const outcome of outcomes(results)) {
          if (typeof outcome === "string" && outcome.startsWith("ERR")) failures.push(outcome);
          else answers++;
        }
      }
    });
    await waitUntil("load", () => answers > 300);
    await redis.server("a").kill();
    await waitUntil("errors", () => failures.length > 10);
    await redis.server("a").restart();
    const before = answers;
    await waitUntil("answers again", () => answers > before + 300, { timeoutMs: 30_000 });
    isOver = true;
    await Promise.all(load);
    const ours =
      /^ERR metaproto: (the connection ended before the response|cannot connect to an endpoint of|no response within|cluster \S+ has no healthy endpoint|too many requests)/;
    expect(failures.filter((failure) => !ours.test(failure))).toEqual([]);
    expect(await redis.client("one").ping()).toBe("PONG");
  });

  test("a transaction whose server is killed ends its client's connection, which comes back", async () => {
    const client = redis.client("one", { maxRetriesPerRequest: 0, retryStrategy: () => 50 });
    await client.watch("k");
    await redis.server("a").kill();
    await expect(client.get("k")).rejects.toThrow();
    await redis.server("a").restart();
    expect(await waitUntil("it is back", () => client.ping())).toBe("PONG");
    expect(outcomes(await client.multi().set("k", 1).exec())).toEqual(["OK"]);
  });

  describeWith("redis-benchmark", [missingRedisBenchmark()], () => {
    test.each([
      ["without pipelines", ["-c", "20", "-n", "5000"]],
      ["16 in flight for each client", ["-c", "20", "-P", "16", "-n", "50000"]],
      ["on connections of their own", ["--dbnum", "1", "-c", "10", "-P", "16", "-n", "20000"]],
    ])(
      "%s",
      async (_name, args) => {
        const tests = ["-t", "ping,set,get,incr,lpush,lrange_100,mset", "-d", "100"];
        const output = await redisBenchmark(redis.port("one"), ...args, ...tests);
        expect(output).not.toMatch(/error|metaproto/i);
        expect(output.split("\n").filter((line) => /^"[A-Z]/.test(line)).length).toBeGreaterThan(7);
      },
      180_000,
    );
  });
});
