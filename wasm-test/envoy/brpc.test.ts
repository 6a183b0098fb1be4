// bRPC on a stock Envoy: brpc-java on both sides. What it does not tell, such as codes of errors, is in rpc-codecs.test.ts.
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildWasm } from "../../scripts/build-wasm.mjs";
import { BrpcClient, BrpcServer, missingBrpcPeer } from "./support/brpc-peer.js";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import { type Failure, FailingServices } from "./support/failing-services.js";
import type { Mesh } from "./support/mesh.js";
import type { PeerFailure } from "./support/peer-process.js";
import type { ServiceOptions } from "./support/resources.js";
import { assertFollowsWeights } from "./support/statistics.js";

const RPC_EXCEPTION = "com.baidu.brpc.exceptions.RpcException";

/** The library throws the same for all: its codes are not those of the protocol. */
function expectRpcException(failure: PeerFailure, text: RegExp): void {
  expect(failure).toMatchObject({ className: RPC_EXCEPTION, code: 0 });
  expect(failure.chain[1]).toMatchObject({ class: RPC_EXCEPTION, code: 3 });
  expect(failure.chain[1]?.message).toMatch(text);
}

describeWith("brpc-java", [missingBrpcPeer()], () => {
  const servers: BrpcServer[] = [];
  let services: FailingServices;
  let client: BrpcClient;
  let mesh: Mesh;
  let service: ServiceOptions;

  const server = (index: number): BrpcServer => {
    const found = servers[index];
    if (found === undefined) throw new Error(`no server ${String(index)}`);
    return found;
  };

  beforeAll(async () => {
    await buildWasm("brpc");
    for (const label of ["one", "two"]) servers.push(await BrpcServer.start(label));
    client = await BrpcClient.start();
    services = await FailingServices.start({
      protocol: "brpc",
      servers,
      strict: { method: { exact: "Other" } },
    });
    ({ mesh, service } = services);
  });

  afterAll(async () => {
    await client.stop();
    await mesh.stop();
    await Promise.all(servers.map((item) => item.stop()));
  });

  test("is routed by method and attachment, which can be changed", async () => {
    await mesh.route(
      service,
      { match: { method: { exact: "Other" } }, to: { v2: 100 } },
      { match: { user: { prefix: "gold" } }, to: { v2: 100 } },
      { to: { v1: 100 }, requestMutation: { added: "by the proxy" } },
    );
    expect((await client.call(service.port, { method: "Other" })).label).toBe("two");
    const golden = { method: "Echo", metadata: { user: "golden" } } as const;
    expect((await client.call(service.port, golden)).label).toBe("two");
    const plain = { method: "Echo", metadata: { user: "u-1" } } as const;
    expect(await client.call(service.port, plain)).toEqual({
      label: "one",
      metadata: { user: "u-1", added: "by the proxy" },
    });
  });

  test("what one connection carries is split by weight", async () => {
    await mesh.route(service, { to: { v1: 25, v2: 75 } });
    const { labels, errors } = await client.burst(service.port, { count: 800 });
    expect(errors).toEqual({});
    assertFollowsWeights(new Map(Object.entries(labels)), { one: 25, two: 75 });
  });

  test("an exception of the server's own stays what it is", async () => {
    await mesh.route(service, { to: { v1: 100 } });
    const own = await client.fail(service.port, { method: "Fail", text: "on purpose" });
    expectRpcException(own, /^on purpose$/);
  });

  test.each<[Failure, "Echo" | "Silent", RegExp]>([
    ["strict", "Echo", /^metaproto: no route of strict\.brpc_/],
    ["empty", "Echo", /^metaproto: cluster outbound/],
    ["refused", "Echo", /^metaproto: cannot connect to an endpoint of cluster/],
    ["patient", "Silent", /^metaproto: no response within 300 ms from cluster/],
  ])("%s: the client's own exception", async (kind, method, text) => {
    expectRpcException(await client.fail(services.port(kind), { method }), text);
  });

  test("a rate limit: the client's own exception", async () => {
    await client.call(services.port("limited"), { method: "Echo" });
    const limited = await client.fail(services.port("limited"), { method: "Echo" });
    expectRpcException(limited, /local rate limit exceeded/);
  });

  test("a server that is killed under load takes only its own calls with it", async () => {
    await mesh.route(
      service,
      { match: { method: { exact: "Silent" } }, to: { v2: 100 } },
      { to: { v1: 50, v2: 50 } },
    );
    const seen = async (): Promise<number> => (await server(1).calls())["Echo"] ?? 0;
    const before = await seen();
    const load = client.burst(service.port, { durationMs: 4_000 });
    await waitUntil("load", async () => (await seen()) > before + 100);
    const silent = Array.from({ length: 4 }, () => client.fail(service.port, { method: "Silent" }));
    await waitUntil(
      "calls that wait",
      async () => (await server(1).calls())["Silent"] === silent.length,
    );
    await server(1).stop();
    for (const failure of await Promise.all(silent)) expectRpcException(failure, /^metaproto: /);
    const { labels, errors } = await load;
    expect(labels["one"]).toBeGreaterThan(200);
    for (const text of Object.keys(errors)) expect(text).toMatch(/^metaproto: /);
    servers[1] = await server(1).restart();
    await waitUntil("both answer", async () => {
      const tally = await client.burst(service.port, { count: 50 });
      return (tally.labels["two"] ?? 0) > 0 && Object.keys(tally.errors).length === 0;
    });
  });
});
