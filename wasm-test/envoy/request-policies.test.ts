// Retries, timeouts of tries, mirrors, hashing and ejection, as the official clients see them.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeWith } from "./support/describe-with.js";
import { DubboMesh } from "./support/dubbo-mesh.js";
import { type DubboConsumer, missingDubboPeer } from "./support/dubbo-peer.js";
import {
  Status,
  dubboFrame,
  dubboFrameLength,
  hessianString,
  parseDubboFrame,
  SERIALIZATION_HESSIAN2,
} from "./support/dubbo-wire.js";
import {
  RpcCode,
  expectApplicationException,
  expectRpcException,
} from "./support/expect-failure.js";
import { freePorts } from "./support/ports.js";
import type { ServiceOptions } from "./support/resources.js";
import { TcpServer } from "./support/tcp-server.js";
import type { ThriftRequest } from "./support/thrift-peer.js";
import { THRIFT_LANGUAGES, ThriftMesh, missingThriftPeers } from "./support/thrift-mesh.js";
import {
  ExceptionType,
  exceptionStruct,
  MessageType,
  parseThriftFrame,
  thriftFrame,
  thriftFrameLength,
} from "./support/thrift-wire.js";

/** One listener each. */
const KINDS = ["plain", "retried", "tries", "mirrored", "hashed", "ejected"] as const;
type Kind = (typeof KINDS)[number];
const ALL = { "": 100 };
const COUNT = 200;
/** One connection that ends may take a request of each caller with it. */
const retryBudget = { minRetryConcurrency: 100 };

async function portsByKind(): Promise<ReadonlyMap<Kind, number>> {
  const free = await freePorts(KINDS.length);
  return new Map(KINDS.map((kind, index) => [kind, free[index] ?? 0]));
}

/** What a service says of its kind; `broken` closes each connection at the first request, `failing` answers with errors. */
function servicesOf(
  protocol: "dubbo" | "thrift",
  ports: ReadonlyMap<Kind, number>,
  real: readonly { readonly port: number; readonly version: string }[],
  others: { readonly broken: number; readonly failing: number },
): ServiceOptions[] {
  const service = (kind: Kind, rest: Partial<ServiceOptions>): ServiceOptions => ({
    protocol,
    host: `${kind}.${protocol}`,
    port: ports.get(kind) ?? 0,
    endpoints: real,
    ...rest,
  });
  const first = real.slice(0, 1);
  const broken = [...first, { port: others.broken, version: "v1" }];
  const failing = [...first, { port: others.failing, version: "v1" }];
  const mirror = { destination: { host: `mirrored.${protocol}`, subset: "v2" } };
  return [
    service("plain", { endpoints: broken }),
    service("retried", {
      endpoints: broken,
      routes: [{ to: ALL, more: { retries: { attempts: 5, retryOn: "reset", retryBudget } } }],
    }),
    service("tries", {
      routes: [
        {
          to: { v1: 100 },
          more: { retries: { attempts: 1, perTryTimeout: "200ms", retryOn: "per-try-timeout" } },
        },
      ],
    }),
    service("mirrored", { routes: [{ to: { v1: 100 }, more: { mirrors: [mirror] } }] }),
    service("hashed", { routes: [{ to: ALL, more: { hashPolicy: { attribute: "user" } } }] }),
    service("ejected", {
      endpoints: failing,
      trafficPolicy: {
        outlierDetection: {
          consecutive5xxErrors: 3,
          baseEjectionTime: "600s",
          maxEjectionPercent: 100,
        },
      },
    }),
  ];
}

function targetOf(ports: ReadonlyMap<Kind, number>, kind: Kind): { readonly port: number } {
  return { port: ports.get(kind) ?? 0 };
}

describeWith("Dubbo requests", [missingDubboPeer()], () => {
  const HELLO = { method: "sayHello", args: ["you"] };
  const labels = { a: "v1", b: "v2", c: "v2", d: "v2" };
  let ports: ReadonlyMap<Kind, number>;
  let servers: readonly TcpServer[];
  let dubbo: DubboMesh;
  let consumer: DubboConsumer;

  beforeAll(async () => {
    ports = await portsByKind();
    const broken = await TcpServer.start(async (connection) => {
      await connection.readFrame(dubboFrameLength, 60_000);
      connection.end();
    });
    const failing = await TcpServer.start(async (connection) => {
      for (;;) {
        const { id } = parseDubboFrame(await connection.readFrame(dubboFrameLength, 60_000));
        const head = { isRequest: false, isTwoWay: false, isEvent: false, id };
        const wire = { serialization: SERIALIZATION_HESSIAN2, status: Status.ServerError };
        connection.write(dubboFrame({ ...head, ...wire }, hessianString("out of order")));
      }
    });
    servers = [broken, failing];
    dubbo = await DubboMesh.start({
      endpoints: labels,
      others: (provider) => {
        const real = Object.entries(labels).map(([label, version]) => ({
          port: provider.port(label),
          version,
        }));
        return servicesOf("dubbo", ports, real, { broken: broken.port, failing: failing.port });
      },
    });
    ({ consumer } = dubbo);
  });

  afterAll(async () => {
    await dubbo.stop();
    await Promise.all(servers.map((server) => server.stop()));
  });

  test("that are lost with a connection fail without retries, and none does with them", async () => {
    const options = { count: COUNT, concurrency: 4 };
    const plain = await consumer.burst(targetOf(ports, "plain"), [HELLO], options);
    expect(plain.failed).toBeGreaterThan(0);
    expect(Object.keys(plain.errors)[0]).toContain("the connection ended before the response");
    const retried = await consumer.burst(targetOf(ports, "retried"), [HELLO], options);
    expect(retried).toMatchObject({ succeeded: COUNT, failed: 0 });
    const retries = () => dubbo.stat("upstream_rq_retry_success");
    await expect.poll(retries).toBeGreaterThan(0);
  });

  test("that take too long are tried again, and then fail", async () => {
    const started = performance.now();
    const slow = { method: "slow", args: [3_000] };
    const failure = await consumer.fail(targetOf(ports, "tries"), slow);
    expect(performance.now() - started).toBeGreaterThanOrEqual(400);
    expectRpcException(failure, RpcCode.Timeout, "metaproto: no response within 200 ms");
    await expect.poll(() => dubbo.stat("upstream_rq_per_try_timeout")).toBe(2);
  });

  test("are copied to a mirror, which answers nobody", async () => {
    const before = await dubbo.stat("mirror_rq_total");
    const burst = await consumer.burst(targetOf(ports, "mirrored"), [HELLO], {
      count: COUNT,
      concurrency: 4,
    });
    expect(burst).toMatchObject({ succeeded: COUNT, failed: 0 });
    expect(burst.counts).toEqual({ sayHello: { a: COUNT } });
    const copies = () => dubbo.stat("mirror_rq_total");
    await expect.poll(copies).toBe(before + COUNT);
    expect(await dubbo.stat("mirror_rq_failed")).toBe(0);
  });

  test("with one key go to one endpoint, from every connection", async () => {
    const owners = new Map<string, Set<string>>();
    for (let index = 0; index < 90; index++) {
      const user = `user-${String(index % 15)}`;
      const target = { ...targetOf(ports, "hashed"), reference: `r${String(index % 3)}` };
      const { value } = await consumer.call(target, { ...HELLO, attachments: { user } });
      owners.set(user, (owners.get(user) ?? new Set()).add(String(value)));
    }
    for (const names of owners.values()) expect(names.size).toBe(1);
    expect(new Set([...owners.values()].flatMap((names) => [...names])).size).toBeGreaterThan(1);
  });

  test("are kept from an endpoint that answers with errors", async () => {
    const options = { count: COUNT, concurrency: 1 };
    const before = await consumer.burst(targetOf(ports, "ejected"), [HELLO], options);
    expect(before.failed).toBeGreaterThanOrEqual(3);
    expect(before.failed).toBeLessThanOrEqual(3 * 2);
    const after = await consumer.burst(targetOf(ports, "ejected"), [HELLO], options);
    expect(after).toMatchObject({ succeeded: COUNT, failed: 0 });
  });
});

describeWith("Thrift requests", missingThriftPeers(), () => {
  const HEADER = { transport: "header", protocol: "binary" } as const;
  const HELLO: ThriftRequest = { method: "hello", args: ["you"] };
  let ports: ReadonlyMap<Kind, number>;
  let servers: readonly TcpServer[];
  let thrift: ThriftMesh;

  beforeAll(async () => {
    ports = await portsByKind();
    const broken = await TcpServer.start(async (connection) => {
      await connection.readFrame(thriftFrameLength, 60_000);
      connection.end();
    });
    const failing = await TcpServer.start(async (connection) => {
      for (;;) {
        const call = parseThriftFrame(
          HEADER,
          await connection.readFrame(thriftFrameLength, 60_000),
        );
        const body = exceptionStruct("binary", "out of order", ExceptionType.InternalError);
        connection.write(thriftFrame(HEADER, { ...call, type: MessageType.Exception, body }));
      }
    });
    servers = [broken, failing];
    thrift = await ThriftMesh.start({
      endpoints: [
        { label: "a", language: "go", version: "v1", ...HEADER },
        { label: "b", language: "go", version: "v2", ...HEADER },
        { label: "c", language: "go", version: "v2", ...HEADER },
      ],
      others: (real) =>
        servicesOf("thrift", ports, real, { broken: broken.port, failing: failing.port }),
    });
  });

  afterAll(async () => {
    await thrift.stop();
    await Promise.all(servers.map((server) => server.stop()));
  });

  describe.each(THRIFT_LANGUAGES)("%s client", (language) => {
    const target = (kind: Kind) => ({ ...HEADER, ...targetOf(ports, kind) });

    test("requests that are lost with a connection are sent again", async () => {
      const client = thrift.client(language);
      const options = { count: COUNT, concurrency: 4 };
      const retried = await client.burst(target("retried"), [HELLO], options);
      expect(retried).toMatchObject({ succeeded: COUNT, failed: 0 });
    });

    test("requests that take too long are tried again, and then fail", async () => {
      const client = thrift.client(language);
      const started = performance.now();
      const failure = await client.fail(target("tries"), { method: "slow", args: [3_000] });
      expect(performance.now() - started).toBeGreaterThanOrEqual(400);
      const text = "metaproto: no response within 200 ms";
      expectApplicationException(failure, ExceptionType.InternalError, text);
    });

    test("requests are copied to a mirror, which answers nobody", async () => {
      const client = thrift.client(language);
      const before = await thrift.stat("mirror_rq_total");
      const options = { count: COUNT, concurrency: 4 };
      const burst = await client.burst(target("mirrored"), [HELLO], options);
      expect(burst).toMatchObject({ succeeded: COUNT, failed: 0 });
      const copies = () => thrift.stat("mirror_rq_total");
      await expect.poll(copies).toBe(before + COUNT);
    });

    test("requests with one key go to one endpoint", async () => {
      const client = thrift.client(language);
      const owners = new Map<string, Set<string>>();
      // So many keys leave no endpoint without one, whatever the ports are that they are hashed with.
      for (let index = 0; index < 120; index++) {
        const user = `user-${String(index % 60)}`;
        const call = { ...HELLO, headers: { user } };
        const { value } = await client.call(target("hashed"), call);
        owners.set(user, (owners.get(user) ?? new Set()).add(String(value)));
      }
      for (const names of owners.values()) expect(names.size).toBe(1);
      expect(new Set([...owners.values()].flatMap((names) => [...names])).size).toBe(3);
    });
  });

  test("are kept from an endpoint that answers with errors", async () => {
    const client = thrift.client("go");
    const kind = { ...HEADER, ...targetOf(ports, "ejected") };
    const options = { count: COUNT, concurrency: 1 };
    const before = await client.burst(kind, [HELLO], options);
    expect(before.failed).toBeGreaterThanOrEqual(3);
    expect(before.failed).toBeLessThanOrEqual(3 * 2);
    const after = await client.burst(kind, [HELLO], options);
    expect(after).toMatchObject({ succeeded: COUNT, failed: 0 });
  });
});
