// Global rate limits of MetaRouters against the real envoyproxy/ratelimit with its Redis, as users of the
// official Dubbo and Thrift libraries meet them.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import { DubboMesh } from "./support/dubbo-mesh.js";
import { type DubboConsumer, type DubboRequest, missingDubboPeer } from "./support/dubbo-peer.js";
import {
  RpcCode,
  expectApplicationException,
  expectRpcException,
} from "./support/expect-failure.js";
import { freePorts } from "./support/ports.js";
import {
  RateLimitService,
  missingRateLimitService,
  type RateLimitDomain,
} from "./support/rate-limit-service.js";
import { yamlOf, type ManagedProtocol, type ServiceOptions } from "./support/resources.js";
import { THRIFT_LANGUAGES, ThriftMesh, missingThriftPeers } from "./support/thrift-mesh.js";
import type { ThriftRequest } from "./support/thrift-peer.js";
import { ExceptionType, FRAMED } from "./support/thrift-wire.js";

const SERVICE_PORT = 8081;
const CLUSTER = `outbound|${SERVICE_PORT}||rls.test`;
/** Longer than the service needs on a busy machine, and shorter than a client waits. */
const TIMEOUT_MS = 1_000;
const OVER_LIMIT = "metaproto: global rate limit exceeded: shop";
const NO_ANSWER = `metaproto: the rate limit service did not answer, cluster ${CLUSTER}`;

/** Days of UTC begin too seldom to disturb a test. */
function perDay(requests_per_unit: number) {
  return { unit: "day", requests_per_unit } as const;
}

const SHOP: RateLimitDomain = {
  domain: "shop",
  descriptors: [
    { key: "method", value: "sayHello", rate_limit: perDay(2) },
    { key: "method", value: "hello", rate_limit: perDay(2) },
    {
      key: "method",
      value: "getUser",
      descriptors: [{ key: "user", rate_limit: perDay(1) }],
    },
    { key: "tier", value: "gold", descriptors: [{ key: "client", rate_limit: perDay(3) }] },
  ],
};

/** The rate limit service as the mesh knows it. */
function serviceEntry(port: number): object {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: "rls", namespace: "test" },
    spec: {
      hosts: ["rls.test"],
      ports: [{ number: SERVICE_PORT, name: "grpc" }],
      resolution: "STATIC",
      endpoints: [{ address: "127.0.0.1", ports: { grpc: port } }],
    },
  };
}

function globalLimit(rest: object = {}): Pick<ServiceOptions, "router"> {
  const globalRateLimit = {
    domain: "shop",
    rateLimitService: CLUSTER,
    requestTimeout: `${TIMEOUT_MS}ms`,
    descriptors: [
      { property: "method", descriptorKey: "method" },
      {
        entries: [
          { property: "method", descriptorKey: "method" },
          { property: "user", descriptorKey: "user" },
        ],
      },
    ],
    ...rest,
  };
  return { router: { globalRateLimit } };
}

/** Services that differ in their limits; each has a port of its own. */
async function limitedPorts<Name extends string>(
  names: readonly Name[],
): Promise<Readonly<Record<Name, number>>> {
  const free = await freePorts(names.length);
  return Object.fromEntries(names.map((name, i) => [name, free[i] ?? 0])) as Record<Name, number>;
}

function limited(
  protocol: ManagedProtocol,
  [name, port]: readonly [string, number],
  rest: Partial<ServiceOptions> & Pick<ServiceOptions, "endpoints">,
): ServiceOptions {
  return { protocol, host: `${name}.${protocol}`, port, ...rest };
}

describeWith("Dubbo global rate limits", [missingDubboPeer(), missingRateLimitService()], () => {
  const HELLO: DubboRequest = { method: "sayHello", args: ["you"] };
  let service: RateLimitService;
  let dubbo: DubboMesh;
  let consumer: DubboConsumer;
  let ports: Readonly<Record<"open" | "strict" | "gold", number>>;

  beforeAll(async () => {
    service = await RateLimitService.start([SHOP]);
    ports = await limitedPorts(["open", "strict", "gold"]);
    dubbo = await DubboMesh.start({
      endpoints: { v1: "v1" },
      envoy: { concurrency: 2, files: { "rls.yaml": yamlOf(serviceEntry(service.port)) } },
      others: (provider) => {
        const endpoints = [{ port: provider.port("v1"), version: "v1" }];
        const gold = {
          match: { attributes: { tier: { exact: "gold" } } },
          descriptors: [
            {
              entries: [
                { value: "gold", descriptorKey: "tier" },
                { sourceAddress: true, descriptorKey: "client" },
              ],
            },
          ],
        };
        return [
          limited("dubbo", ["open", ports.open], { endpoints, ...globalLimit() }),
          limited("dubbo", ["strict", ports.strict], {
            endpoints,
            ...globalLimit({ denyOnFail: true }),
          }),
          limited("dubbo", ["gold", ports.gold], { endpoints, ...globalLimit(gold) }),
        ];
      },
    });
    ({ consumer } = dubbo);
  });

  beforeEach(() => service.reset());

  afterAll(async () => {
    await dubbo.stop();
    await service.stop();
  });

  const succeeded = async (port: number, request: DubboRequest, count: number) => {
    const target = { port, connections: 8 };
    const tally = await consumer.burst(target, [request], { count, concurrency: 8 });
    expect(tally.succeeded + tally.failed).toBe(count);
    return tally.succeeded;
  };
  const stat = (name: string): Promise<number> => dubbo.stat(`rate_limit_${name}`);

  test("2 of 10 pass, and the others are told", async () => {
    expect(await succeeded(ports.open, HELLO, 10)).toBe(2);
    const failure = await consumer.fail({ port: ports.open }, HELLO);
    expectRpcException(failure, RpcCode.LimitExceeded, OVER_LIMIT);
    expect([...(await service.counters())]).toEqual([
      [expect.stringMatching(/^shop_method_sayHello_\d+$/), 11],
    ]);
    // Methods that the service knows no limit of.
    expect(await succeeded(ports.open, { method: "getOrder", args: ["1"] }, 10)).toBe(10);
    await expect.poll(() => stat("ok")).toBe(12);
    await expect.poll(() => stat("over_limit")).toBe(9);
    expect(await dubbo.stat("local_reply_rl")).toBe(9);
    expect(await stat("error")).toBe(0);
  });

  test("each user of a descriptor with two entries counts apart", async () => {
    const user = (name: string): DubboRequest => ({
      method: "getUser",
      args: ["1"],
      attachments: { user: name },
    });
    expect(await succeeded(ports.open, user("ann"), 3)).toBe(1);
    expect(await succeeded(ports.open, user("bob"), 3)).toBe(1);
    // Without the attachment nothing but the method is asked about.
    expect(await succeeded(ports.open, { method: "getUser", args: ["1"] }, 3)).toBe(3);
  });

  test("fixed values and the client's address, for requests that match", async () => {
    const gold = { ...HELLO, attachments: { tier: "gold" } };
    expect(await succeeded(ports.gold, gold, 10)).toBe(3);
    expect(await succeeded(ports.gold, HELLO, 10)).toBe(10);
    expect([...(await service.counters())]).toEqual([
      [expect.stringMatching(/^shop_tier_gold_client_127\.0\.0\.1_\d+$/), 10],
    ]);
  });

  test("a service that does not answer in time: requests pass, or are refused", async () => {
    const before = [await stat("error"), await stat("failure_mode_allowed")];
    await service.pause();
    try {
      const { value, elapsedMs } = await consumer.call({ port: ports.open }, HELLO);
      expect(value).toBe("Hello you from v1");
      expect(elapsedMs).toBeGreaterThanOrEqual(TIMEOUT_MS - 10);
      const failure = await consumer.fail({ port: ports.strict }, HELLO);
      expectRpcException(failure, RpcCode.LimitExceeded, NO_ANSWER);
    } finally {
      service.resume();
    }
    const counted = async (): Promise<number[]> => [
      await stat("error"),
      await stat("failure_mode_allowed"),
    ];
    await expect.poll(counted).toEqual([(before[0] ?? 0) + 2, (before[1] ?? 0) + 1]);
  });

  test("a service that is down: likewise, and it is found again", async () => {
    await service.stop();
    expect(await succeeded(ports.open, HELLO, 5)).toBe(5);
    expect(await succeeded(ports.strict, HELLO, 5)).toBe(0);
    const failure = await consumer.fail({ port: ports.strict }, HELLO);
    expectRpcException(failure, RpcCode.LimitExceeded, NO_ANSWER);
    service = await RateLimitService.start([SHOP], service.port);
    await waitUntil("the service is asked again", async () => {
      return (await succeeded(ports.strict, { method: "getOrder", args: ["1"] }, 1)) === 1;
    });
    await service.reset();
    expect(await succeeded(ports.strict, HELLO, 10)).toBe(2);
  });
});

describeWith(
  "Thrift global rate limits",
  [...missingThriftPeers(), missingRateLimitService()],
  () => {
    const HELLO: ThriftRequest = { method: "hello", args: ["you"] };
    let service: RateLimitService;
    let thrift: ThriftMesh;
    let ports: Readonly<Record<"open" | "strict", number>>;

    beforeAll(async () => {
      service = await RateLimitService.start([SHOP]);
      ports = await limitedPorts(["open", "strict"]);
      thrift = await ThriftMesh.start({
        endpoints: [{ label: "go", language: "go", version: "v1", ...FRAMED }],
        envoy: { files: { "rls.yaml": yamlOf(serviceEntry(service.port)) } },
        others: (endpoints) => [
          limited("thrift", ["open", ports.open], { endpoints, ...globalLimit() }),
          limited("thrift", ["strict", ports.strict], {
            endpoints,
            ...globalLimit({ denyOnFail: true }),
          }),
        ],
      });
    });

    beforeEach(() => service.reset());

    afterEach(() => {
      service.resume();
    });

    afterAll(async () => {
      await thrift.stop();
      await service.stop();
    });

    test.each(THRIFT_LANGUAGES)(
      "2 of 10 pass, the others raise an exception, and so does a mute service: %s",
      async (language) => {
        const client = thrift.client(language);
        const target = { ...FRAMED, port: ports.open };
        const tally = await client.burst(target, [HELLO], { count: 10 });
        expect([tally.succeeded, tally.failed]).toEqual([2, 8]);
        const failure = await client.fail(target, HELLO);
        expectApplicationException(failure, ExceptionType.InternalError, OVER_LIMIT);
        await service.pause();
        expect((await client.call(target, HELLO)).label).toBe("go");
        const mute = await client.fail({ ...FRAMED, port: ports.strict }, HELLO);
        expectApplicationException(mute, ExceptionType.InternalError, NO_ANSWER);
      },
    );
  },
);
