// tRPC's unary calls through a MetaRouter, held against the official client and server for Go.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import { type Failure, FailingServices } from "./support/failing-services.js";
import type { Mesh } from "./support/mesh.js";
import type { RouteOptions, ServiceOptions, StringMatchOptions } from "./support/resources.js";
import { assertFollowsWeights } from "./support/statistics.js";
import { TcpServer } from "./support/tcp-server.js";
import {
  missingTrpcPeer,
  TrpcClient,
  type TrpcRequest,
  TrpcServer,
  type TrpcTarget,
} from "./support/trpc-peer.js";

const HELLO: TrpcRequest = { message: "hello" };
const HI: TrpcRequest = { message: "hi", method: "SayHi" };
const CALLEE = "trpc.test.helloworld.Greeter";
const HEAD_BYTES = 16;

type FailingKind = Failure | "closing" | "garbage";

function frameLength(bytes: Buffer): number | undefined {
  return bytes.length < HEAD_BYTES ? undefined : bytes.readUInt32BE(4);
}

function withMetadata(key: string, value: string): TrpcRequest {
  return { ...HELLO, metadata: { [key]: value } };
}

describeWith("tRPC", [missingTrpcPeer()], () => {
  let services: FailingServices<"closing" | "garbage">;
  let mesh: Mesh;
  let client: TrpcClient;
  let servers: TrpcServer[];
  let service: ServiceOptions;
  let closing: TcpServer;
  let garbage: TcpServer;

  beforeAll(async () => {
    client = await TrpcClient.start();
    servers = [await TrpcServer.start("one", false), await TrpcServer.start("two", false)];
    closing = await TcpServer.start(async (connection) => {
      await connection.readFrame(frameLength, 60_000);
      connection.end();
    });
    garbage = await TcpServer.start(async (connection) => {
      await connection.readFrame(frameLength, 60_000);
      connection.write(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"));
    });
    const endpointAt = (port: number): Partial<ServiceOptions> => ({
      endpoints: [{ port, version: "v1" }],
    });
    services = await FailingServices.start({
      protocol: "trpc",
      servers,
      strict: { method: { exact: "SayHi" } },
      timeout: "600ms",
      more: { closing: endpointAt(closing.port), garbage: endpointAt(garbage.port) },
    });
    ({ mesh, service } = services);
  });

  afterAll(async () => {
    await client.stop();
    await Promise.all(servers.map((server) => server.stop()));
    await mesh.stop();
    await Promise.all([closing.stop(), garbage.stop()]);
  });

  const route = (...routes: readonly RouteOptions[]): Promise<void> =>
    mesh.route(service, ...routes);
  const stat = (name: string): Promise<number> =>
    mesh.envoy.stat(`wasmcustom.metaproto.trpc.${name}`);
  const targets = (port: number): TrpcTarget[] => [{ port }, { port, multiplexed: true }];

  test.each<[string, Record<string, StringMatchOptions>, TrpcRequest, TrpcRequest]>([
    ["method", { method: { exact: "SayHello" } }, HELLO, HI],
    ["service", { service: { exact: CALLEE }, method: { prefix: "SayHe" } }, HELLO, HI],
    ["func", { func: { regex: "/trpc\\.test\\..*/SayH[a-h].*" } }, HELLO, HI],
    ["callee", { callee: { exact: CALLEE }, user: {} }, withMetadata("User", "x"), HI],
    ["trans_info", { user: { prefix: "gold" } }, withMetadata("user", "golden"), HELLO],
  ])("routes by %s", async (_, match, matching, other) => {
    await route({ match, to: { v1: 100 } }, { to: { v2: 100 } });
    for (const target of targets(service.port)) {
      expect((await client.call(target, matching)).label).toBe("one");
      expect((await client.call(target, other)).label).toBe("two");
    }
  });

  test("splits by weight, also what one multiplexed connection carries", async () => {
    await route({ to: { v1: 25, v2: 75 } });
    for (const target of targets(service.port)) {
      const burst = await client.burst(target, [HELLO], { count: 1_000, concurrency: 16 });
      expect(burst).toMatchObject({ succeeded: 1_000, errors: {} });
      assertFollowsWeights(new Map(Object.entries(burst.labels)), { one: 25, two: 75 });
    }
  });

  test("changes the trans_info of requests and of responses", async () => {
    await route({
      to: { v1: 100 },
      requestMutation: { added: "1", user: "%ATTR(user)% via proxy" },
      responseMutation: { "answered-by": "the proxy" },
    });
    for (const target of targets(service.port)) {
      const result = await client.call(target, withMetadata("user", "u-1"));
      expect(result.value.metadata).toMatchObject({ added: "1", user: "u-1 via proxy" });
      expect(result.attachments).toMatchObject({ "answered-by": "the proxy" });
    }
  });

  test("oneway calls arrive, and nothing comes back", async () => {
    await route({ to: { v1: 100 } });
    for (const target of targets(service.port)) {
      await client.call(target, { message: "fire away", oneway: true });
      // A pooled connection that had an answer in it would give the next call the wrong one.
      expect((await client.call(target, HELLO)).value.text).toBe("hello");
    }
    await waitUntil("both have arrived", async () => {
      const { fired } = (await servers[0]?.statistics()) ?? { fired: [] };
      return fired.length === 2 && fired.every((text) => text === "away");
    });
  });

  test("the server's own errors pass", async () => {
    await route({ to: { v1: 100 } });
    for (const target of targets(service.port)) {
      const business = await TrpcClient.failure(client.call(target, { message: "business no" }));
      expect([business.className, business.code, business.message]).toEqual([
        "business",
        10_001,
        "no",
      ]);
      const framework = await TrpcClient.failure(client.call(target, { message: "framework no" }));
      expect([framework.className, framework.code]).toEqual(["callee framework", 23]);
    }
  });

  describe.each([false, true])("errors of the proxy, multiplexed %s", (multiplexed) => {
    const fails = async (kind: FailingKind, request: TrpcRequest, code: number, text: string) => {
      const port = services.port(kind);
      const failure = await TrpcClient.failure(client.call({ port, multiplexed }, request));
      expect([failure.className, failure.code]).toEqual(["callee framework", code]);
      expect(failure.message).toContain(`metaproto: ${text}`);
    };

    test("no route", async () => {
      await fails("strict", HELLO, 11, "no route of strict.trpc_");
      const port = services.port("strict");
      expect((await client.call({ port, multiplexed }, HI)).label).toBe("one");
    });

    test.each<[FailingKind, number, string]>([
      ["empty", 131, "cluster outbound"],
      ["refused", 111, "cannot connect to an endpoint of cluster"],
      ["closing", 141, "the connection ended before the response, cluster"],
      ["garbage", 122, "the response is malformed, cluster"],
    ])("%s: %i", (kind, code, text) => fails(kind, HELLO, code, text));

    test("timeout of the route", async () => {
      await fails("patient", { message: "slow" }, 21, "no response within 600 ms from cluster");
    });
  });

  test("a rate limit", async () => {
    const target = { port: services.port("limited"), multiplexed: true };
    const burst = await client.burst(target, [HELLO], { count: 5 });
    expect([burst.succeeded, burst.failed]).toEqual([1, 4]);
    expect(Object.keys(burst.errors)).toEqual([
      expect.stringMatching(/^callee framework 23: metaproto: local rate limit exceeded/),
    ]);
  });

  test("a client's patience that is shorter than the route's is the proxy's, too", async () => {
    const before = await stat("local_reply_ut");
    const target = { port: services.port("patient"), timeoutMs: 300 };
    const failure = await TrpcClient.failure(client.call(target, { message: "slow" }));
    // Whoever is first: the client itself, or the answer.
    expect([101, 21]).toContain(failure.code);
    await waitUntil("the proxy has given up", async () => (await stat("local_reply_ut")) > before);
  });

  test("a server that is killed under load takes only its own calls with it", async () => {
    await route();
    const target = { port: service.port, multiplexed: true };
    const load = client.burst(target, [HELLO], { durationMs: 4_000, concurrency: 8 });
    const calls = async () => (await servers[1]?.statistics())?.calls["SayHello"] ?? 0;
    const before = await calls();
    await waitUntil("load", async () => (await calls()) > before + 100);
    await servers[1]?.stop();
    const { errors, labels, succeeded } = await load;
    for (const text of Object.keys(errors)) {
      expect(text).toMatch(/^callee framework (141|111): metaproto: /);
    }
    expect(labels["one"]).toBeGreaterThan(succeeded / 4);
    const again = await servers[1]?.restart();
    if (again !== undefined) servers[1] = again;
    await waitUntil("both answer", async () => {
      const burst = await client.burst(target, [HELLO], { count: 50, concurrency: 4 });
      return burst.failed === 0 && Object.keys(burst.labels).length === 2;
    });
  });
});
