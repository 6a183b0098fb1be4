// Local rate limits of MetaRouters, as users of the official Dubbo and Thrift libraries meet them, with an
// Envoy of two workers that both have connections.
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import { DubboMesh } from "./support/dubbo-mesh.js";
import { type DubboConsumer, type DubboRequest, missingDubboPeer } from "./support/dubbo-peer.js";
import {
  RpcCode,
  expectApplicationException,
  expectRpcException,
} from "./support/expect-failure.js";
import type { Mesh } from "./support/mesh.js";
import { freePorts } from "./support/ports.js";
import {
  type EndpointOptions,
  type ManagedProtocol,
  type ServiceOptions,
} from "./support/resources.js";
import { THRIFT_LANGUAGES, ThriftMesh, missingThriftPeers } from "./support/thrift-mesh.js";
import type { ThriftRequest } from "./support/thrift-peer.js";
import { ExceptionType, FRAMED } from "./support/thrift-wire.js";

/** Enough for both workers to get some. */
const CONNECTIONS = 24;
const WORKERS = 2;
const TO_ALL = { to: { v1: 100 } };

function tokens(maxTokens: number, fillInterval = "1h"): object {
  return { maxTokens, tokensPerFill: maxTokens, fillInterval };
}

function localLimit(limit: object): Pick<ServiceOptions, "router"> {
  return { router: { localRateLimit: limit } };
}

function onMethod(method: string, tokenBucket: object): object {
  return { match: { attributes: { method: { exact: method } } }, tokenBucket };
}

/** Services of one server, each with limits of its own. */
class LimitedServices {
  private constructor(
    private readonly protocol: ManagedProtocol,
    private readonly ports: ReadonlyMap<string, number>,
  ) {}

  static async of(protocol: ManagedProtocol, names: readonly string[]): Promise<LimitedServices> {
    const free = await freePorts(names.length);
    return new LimitedServices(protocol, new Map(names.map((name, i) => [name, free[i] ?? 0])));
  }

  port(name: string): number {
    return this.ports.get(name) ?? 0;
  }

  service(
    name: string,
    endpoints: readonly EndpointOptions[],
    rest: Partial<ServiceOptions>,
  ): ServiceOptions {
    const host = `${name}.${this.protocol}`;
    return { protocol: this.protocol, host, port: this.port(name), endpoints, ...rest };
  }

  /** What users read. */
  text(name: string): string {
    const host = `${name}.${this.protocol}`;
    const bucket = `test/${host.replace(".", "-")}/${host}_${this.port(name)}`;
    return `metaproto: local rate limit exceeded: ${bucket}`;
  }
}

/** Connections that each worker has taken from a service's listener. */
async function connectionsByWorker(mesh: Mesh, port: number): Promise<number[]> {
  const stats = await mesh.envoy.stats(`listener\\..*_${port}\\.worker_\\d+\\.downstream_cx_total`);
  return [...stats.values()];
}

describeWith("Dubbo local rate limits", [missingDubboPeer()], () => {
  const HELLO: DubboRequest = { method: "sayHello", args: ["you"] };
  const USER: DubboRequest = { method: "getUser", args: ["1"] };
  let limited: LimitedServices;
  let dubbo: DubboMesh;
  let consumer: DubboConsumer;
  let endpoints: readonly EndpointOptions[];
  /** Requests so far. */
  let sent = 0;

  beforeAll(async () => {
    limited = await LimitedServices.of("dubbo", ["two", "conditions", "route", "fast", "edited"]);
    dubbo = await DubboMesh.start({
      endpoints: { v1: "v1" },
      envoy: { concurrency: WORKERS },
      others: (provider) => {
        endpoints = [{ port: provider.port("v1"), version: "v1" }];
        return [
          limited.service("two", endpoints, localLimit({ tokenBucket: tokens(2) })),
          limited.service(
            "conditions",
            endpoints,
            localLimit({
              tokenBucket: tokens(3),
              conditions: [onMethod("getUser", tokens(1)), onMethod("fire", tokens(2))],
            }),
          ),
          limited.service("route", endpoints, {
            routes: [
              {
                name: "users",
                match: { method: { exact: "getUser" } },
                ...TO_ALL,
                more: { localRateLimit: { tokenBucket: tokens(1) } },
              },
              TO_ALL,
            ],
          }),
          limited.service("fast", endpoints, localLimit({ tokenBucket: tokens(5, "50ms") })),
          limited.service("edited", endpoints, localLimit({ tokenBucket: tokens(4) })),
        ];
      },
    });
    ({ consumer } = dubbo);
  });

  afterAll(() => dubbo.stop());

  const succeeded = async (name: string, request: DubboRequest, count: number): Promise<number> => {
    const target = { port: limited.port(name), connections: CONNECTIONS };
    const tally = await consumer.burst(target, [request], { count, concurrency: CONNECTIONS });
    sent += count;
    expect(tally.succeeded + tally.failed).toBe(count);
    return tally.succeeded;
  };
  /** Once both workers have handed over what all requests so far have made them count. */
  const settledStat = async (name: string): Promise<number> => {
    await expect.poll(() => dubbo.stat("downstream_rq_total")).toBe(sent);
    return dubbo.stat(name);
  };

  test("2 of 100 pass, whichever worker has the connection; the others are told", async () => {
    const before = await settledStat("local_rate_limit_enforced");
    expect(await succeeded("two", HELLO, 100)).toBe(2);
    const perWorker = await connectionsByWorker(dubbo.mesh, limited.port("two"));
    expect(perWorker).toHaveLength(WORKERS);
    expect(Math.min(...perWorker)).toBeGreaterThan(0);
    const failure = await consumer.fail({ port: limited.port("two") }, HELLO);
    sent++;
    expectRpcException(failure, RpcCode.LimitExceeded, limited.text("two"));
    expect(await settledStat("local_rate_limit_enforced")).toBe(before + 99);
    expect(await dubbo.stat("local_rate_limit_ok")).toBe(2);
    expect(await dubbo.stat("local_reply_rl")).toBe(before + 99);
  });

  test("conditions have buckets of their own; one-way requests beyond them are dropped", async () => {
    expect(await succeeded("conditions", USER, 20)).toBe(1);
    expect(await succeeded("conditions", HELLO, 20)).toBe(3);
    expect(await succeeded("conditions", { method: "getOrder", args: ["1"] }, 20)).toBe(0);
    const before = await settledStat("local_rate_limit_enforced");
    for (let i = 0; i < 5; i++) {
      sent++;
      await consumer.call({ port: limited.port("conditions") }, { method: "fire", args: ["x"] });
    }
    expect(await settledStat("local_rate_limit_enforced")).toBe(before + 3);
    await waitUntil("the provider has those that passed", async () => {
      const statistics = await dubbo.provider.statistics();
      return statistics["v1"]?.fired.length === 2;
    });
  });

  test("a route's own limit concerns no other route", async () => {
    expect(await succeeded("route", USER, 20)).toBe(1);
    expect(await succeeded("route", HELLO, 20)).toBe(20);
    const failure = await consumer.fail({ port: limited.port("route") }, USER);
    sent++;
    expectRpcException(failure, RpcCode.LimitExceeded, `${limited.text("route")}/users`);
  });

  test("a bucket is filled every 50 ms, and gives no more than that", async () => {
    const target = { port: limited.port("fast"), connections: 4 };
    const tally = await consumer.burst(target, [HELLO], { count: 600, concurrency: 4, rate: 600 });
    sent += 600;
    // It was full before the first request, and filled once more at most than there were whole intervals.
    const fills = Math.ceil(tally.elapsedMs / 50) + 1;
    expect(tally.succeeded).toBeLessThanOrEqual(5 + 5 * fills);
    expect(tally.succeeded).toBeGreaterThan(10);
  });

  test("edits of other things leave a bucket as it is; another size is another bucket", async () => {
    expect(await succeeded("edited", HELLO, 3)).toBe(3);
    const edit = (rest: Partial<ServiceOptions>): Promise<void> =>
      dubbo.mesh.edit(limited.service("edited", endpoints, rest));
    const updates = await settledStat("route_table_update");
    await edit({
      ...localLimit({ tokenBucket: tokens(4), conditions: [onMethod("getUser", tokens(1))] }),
      routes: [TO_ALL],
    });
    await expect.poll(() => dubbo.stat("route_table_update")).toBe(updates + WORKERS);
    expect(await succeeded("edited", HELLO, 20)).toBe(1);
    expect(await succeeded("edited", USER, 20)).toBe(1);
    await edit({ ...localLimit({ tokenBucket: tokens(5) }), routes: [TO_ALL] });
    await expect.poll(() => dubbo.stat("route_table_update")).toBe(updates + 2 * WORKERS);
    expect(await succeeded("edited", HELLO, 20)).toBe(5);
  });
});

describeWith("Thrift local rate limits", missingThriftPeers(), () => {
  const HELLO: ThriftRequest = { method: "hello", args: ["you"] };
  let limited: LimitedServices;
  let thrift: ThriftMesh;

  beforeAll(async () => {
    limited = await LimitedServices.of("thrift", ["two-go", "two-python", "large"]);
    thrift = await ThriftMesh.start({
      endpoints: [{ label: "go", language: "go", version: "v1", ...FRAMED }],
      envoy: { concurrency: WORKERS },
      others: (endpoints) => [
        ...THRIFT_LANGUAGES.map((language) =>
          limited.service(
            `two-${language}`,
            endpoints,
            localLimit({
              tokenBucket: tokens(2),
              conditions: [onMethod("getUser", tokens(1)), onMethod("fire", tokens(1))],
            }),
          ),
        ),
        limited.service("large", endpoints, localLimit({ tokenBucket: tokens(1000) })),
      ],
    });
  });

  afterAll(() => thrift.stop());

  test.each(THRIFT_LANGUAGES)(
    "2 of 10 pass, the others raise an exception: %s",
    async (language) => {
      const client = thrift.client(language);
      const name = `two-${language}`;
      const target = { ...FRAMED, port: limited.port(name) };
      const tally = await client.burst(target, [HELLO], { count: 10 });
      expect([tally.succeeded, tally.failed]).toEqual([2, 8]);
      const failure = await client.fail(target, HELLO);
      expectApplicationException(failure, ExceptionType.InternalError, limited.text(name));
      const users = await client.burst(target, [{ method: "getUser", args: ["1"] }], { count: 5 });
      expect([users.succeeded, users.failed]).toEqual([1, 4]);
    },
  );

  // The Go library sends one-way requests as calls.
  test("one-way requests are dropped, and the connection serves on: python", async () => {
    const client = thrift.client("python");
    const target = { ...FRAMED, port: limited.port("two-python") };
    const fired = async (): Promise<number> =>
      (await thrift.server("go").statistics())["go"]?.fired.length ?? 0;
    const before = await fired();
    for (let i = 0; i < 3; i++) await client.call(target, { method: "fire", args: ["x"] });
    const failure = await client.fail(target, HELLO);
    const text = limited.text("two-python");
    expectApplicationException(failure, ExceptionType.InternalError, text);
    await waitUntil("the server has one", async () => (await fired()) === before + 1);
    await expect.poll(() => thrift.stat("local_reply_rl")).toBeGreaterThan(2);
    expect(await fired()).toBe(before + 1);
  });

  test("of a large bucket, from which workers take tokens in advance, all get out and no more", async () => {
    const client = thrift.client("go");
    const target = { ...FRAMED, port: limited.port("large"), connections: CONNECTIONS };
    let succeeded = 0;
    // What one worker has taken and does not use is back within two ticks.
    const drained = await waitUntil("the bucket is empty", async () => {
      const options = { count: 2_000, concurrency: CONNECTIONS };
      const tally = await client.burst(target, [HELLO], options);
      succeeded += tally.succeeded;
      return tally.succeeded === 0;
    });
    expect(drained).toBe(true);
    expect(succeeded).toBe(1000);
    expect(Math.min(...(await connectionsByWorker(thrift.mesh, target.port)))).toBeGreaterThan(0);
  });
});
