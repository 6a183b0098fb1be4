// Every way in which a Dubbo request fails in the proxy, as the official consumer's own code sees it.
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import { DubboMesh } from "./support/dubbo-mesh.js";
import {
  type DubboConsumer,
  type DubboTarget,
  missingDubboPeer,
  startDubboProvider,
} from "./support/dubbo-peer.js";
import {
  Status,
  dubboFrameLength,
  dubboRequest,
  hessianString,
  parseDubboFrame,
} from "./support/dubbo-wire.js";
import { RpcCode, expectRpcException } from "./support/expect-failure.js";
import { freePort, freePorts } from "./support/ports.js";
import type { ServiceOptions } from "./support/resources.js";
import { TcpConnection } from "./support/tcp-connection.js";
import { TcpServer } from "./support/tcp-server.js";

const HELLO = { method: "sayHello", args: ["you"] };
const SLOW = { method: "slow", args: [1_500] };
const MAX_FRAME_BYTES = 16 << 20;

/** Services that fail each in its own way; the listener of each is a port of its own. */
const KINDS = ["strict", "empty", "refused", "closing", "garbage", "busy", "short"] as const;
type Kind = (typeof KINDS)[number];

describeWith("Dubbo failures", [missingDubboPeer()], () => {
  let dubbo: DubboMesh;
  let consumer: DubboConsumer;
  let closing: TcpServer;
  let garbage: TcpServer;
  const ports = new Map<Kind, number>();

  beforeAll(async () => {
    const free = await freePorts(KINDS.length);
    KINDS.forEach((kind, index) => ports.set(kind, free[index] ?? 0));
    const nobody = await freePort();
    closing = await TcpServer.start(async (connection) => {
      await connection.readFrame(dubboFrameLength, 60_000);
      connection.end();
    });
    garbage = await TcpServer.start(async (connection) => {
      await connection.readFrame(dubboFrameLength, 60_000);
      connection.write(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"));
    });
    dubbo = await DubboMesh.start({
      endpoints: { v1: "v1" },
      others: (provider) => {
        const real = { port: provider.port("v1"), version: "v1" };
        const service = (kind: Kind, rest: Partial<ServiceOptions>): ServiceOptions => ({
          protocol: "dubbo",
          host: `${kind}.dubbo`,
          port: portOf(kind),
          endpoints: [real],
          ...rest,
        });
        const to = { v1: 100 };
        return [
          service("strict", { routes: [{ match: { method: { exact: "sayHello" } }, to }] }),
          service("empty", { emptySubsets: ["none"], routes: [{ to: { none: 100 } }] }),
          service("refused", { endpoints: [{ port: nobody, version: "v1" }] }),
          service("closing", { endpoints: [{ port: closing.port, version: "v1" }] }),
          service("garbage", { endpoints: [{ port: garbage.port, version: "v1" }] }),
          service("busy", { trafficPolicy: { connectionPool: { http: { http2MaxRequests: 2 } } } }),
          service("short", { routes: [{ to, timeout: "300ms" }] }),
        ];
      },
    });
    ({ consumer } = dubbo);
  });

  afterAll(async () => {
    await dubbo.stop();
    await Promise.all([closing.stop(), garbage.stop()]);
  });

  function portOf(kind: Kind): number {
    return ports.get(kind) ?? 0;
  }

  function target(kind: Kind): DubboTarget {
    return { port: portOf(kind), heartbeatMs: 500, reconnectMs: 500 };
  }

  const cluster = (kind: Kind, subset = ""): string =>
    `outbound|${portOf(kind)}|${subset}|${kind}.dubbo`;

  test("no route", async () => {
    const failure = await consumer.fail(target("strict"), { method: "getUser", args: ["1"] });
    const text = `metaproto: no route of strict.dubbo_${portOf("strict")} matches this request`;
    expectRpcException(failure, RpcCode.NoInvoker, text);
    expect((await consumer.call(target("strict"), HELLO)).value).toBe("Hello you from v1");
  });

  test("no healthy endpoint", async () => {
    const failure = await consumer.fail(target("empty"), HELLO);
    const text = `metaproto: cluster ${cluster("empty", "none")} has no healthy endpoint`;
    expectRpcException(failure, RpcCode.NoInvoker, text);
  });

  test("connection refused", async () => {
    const failure = await consumer.fail(target("refused"), HELLO);
    const text = `metaproto: cannot connect to an endpoint of cluster ${cluster("refused")}`;
    expectRpcException(failure, RpcCode.Network, text);
  });

  test("the server closes the connection instead of answering", async () => {
    const failure = await consumer.fail(target("closing"), HELLO);
    const text = `metaproto: the connection ended before the response, cluster ${cluster("closing")}`;
    expectRpcException(failure, RpcCode.Network, text);
  });

  test("the server's answer is no Dubbo", async () => {
    const failure = await consumer.fail(target("garbage"), HELLO);
    const text = `metaproto: the response is malformed, cluster ${cluster("garbage")}`;
    expectRpcException(failure, RpcCode.Network, text);
  });

  test("overload", async () => {
    const calls = await Promise.all(
      Array.from({ length: 6 }, () =>
        consumer.call(target("busy"), SLOW).then(
          () => undefined,
          (error: unknown) => error,
        ),
      ),
    );
    const failures = calls.filter((failure) => failure !== undefined);
    expect(failures).toHaveLength(4);
    const text = `metaproto: too many requests are outstanding for cluster ${cluster("busy")}`;
    for (const failure of failures) {
      expectRpcException(
        failure as Parameters<typeof expectRpcException>[0],
        RpcCode.LimitExceeded,
        text,
      );
    }
    expect((await consumer.call(target("busy"), HELLO)).value).toBe("Hello you from v1");
  });

  test("the route's timeout, and the connection goes on", async () => {
    // What waits for a connection when its time is over is not sent, and has no late answer.
    await waitUntil("a connection", () => consumer.call(target("short"), HELLO));
    const failure = await consumer.fail(target("short"), SLOW);
    const text = `metaproto: no response within 300 ms from cluster ${cluster("short", "v1")}`;
    expectRpcException(failure, RpcCode.Timeout, text);
    // The late answer belongs to nobody.
    for (let i = 0; i < 20; i++) {
      const args = [`caller ${i}`];
      const { value } = await consumer.call(target("short"), { method: "sayHello", args });
      expect(value).toBe(`Hello caller ${i} from v1`);
    }
    await expect.poll(() => dubbo.stat("upstream_rq_late")).toBe(1);
  });

  test("a request larger than the limit", async () => {
    const large = { ...target("strict"), port: dubbo.port };
    const args = [{ $string: MAX_FRAME_BYTES + (1 << 20) }];
    const failure = await consumer.fail(large, { method: "echo", args });
    expectRpcException(
      failure,
      RpcCode.Network,
      "metaproto: the request is malformed or too large",
    );
    // The consumer sets an endpoint aside whose connection broke.
    const again = await waitUntil("the consumer has reconnected", () =>
      consumer.call(large, HELLO),
    );
    expect(again.value).toBe("Hello you from v1");
  });

  test("a malformed request is answered if its id is known, and its connection closed", async () => {
    const client = await TcpConnection.connect(dubbo.port);
    const request = dubboRequest({ id: 77n, method: "sayHello" });
    request.writeUInt32BE(MAX_FRAME_BYTES + 1, 12);
    client.write(request);
    const answer = parseDubboFrame(await client.readFrame(dubboFrameLength));
    expect(answer).toMatchObject({ id: 77n, isRequest: false, status: Status.BadRequest });
    const text = hessianString("metaproto: the request is malformed or too large");
    expect(answer.body).toEqual(text);
    expect(await client.readUntilEnd()).toHaveLength(0);

    const noise = await TcpConnection.connect(dubbo.port);
    noise.write(Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    expect(await noise.readUntilEnd()).toHaveLength(0);
    expect((await consumer.call({ port: dubbo.port }, HELLO)).value).toBe("Hello you from v1");
  });

  test("a killed provider fails what is outstanding; a restarted one is found again", async () => {
    const label = "restarted";
    const first = await startDubboProvider({ endpoints: [{ label }] });
    const endpoints = [{ port: first.port(label), version: "v1" }];
    const port = await freePort();
    await dubbo.mesh.edit({ protocol: "dubbo", host: "killed.dubbo", port, endpoints });
    await dubbo.mesh.envoy.listenerPort(`killed.dubbo_${port}`);

    const pending = consumer.fail({ port }, { method: "slow", args: [60_000] });
    await waitUntil("the provider has the request", async () => {
      return (await first.statistics())[label]?.calls["slow"] === 1;
    });
    await first.stop();
    const cut = `metaproto: the connection ended before the response, cluster outbound|${port}||`;
    expectRpcException(await pending, RpcCode.Network, cut);
    const refused = `metaproto: cannot connect to an endpoint of cluster outbound|${port}||`;
    expectRpcException(await consumer.fail({ port }, HELLO), RpcCode.Network, refused);

    const again = await startDubboProvider({ endpoints: [{ label, port: first.port(label) }] });
    const back = await consumer.call({ port }, HELLO);
    expect(back.value).toBe("Hello you from restarted");
    await again.stop();
  });
});
