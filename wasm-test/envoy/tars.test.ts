// TARS on a stock Envoy: TarsGo on both sides. What needs another client, such as TUP, is in rpc-codecs.test.ts.
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildWasm } from "../../scripts/build-wasm.mjs";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import { type Failure, FailingServices } from "./support/failing-services.js";
import type { Mesh } from "./support/mesh.js";
import type { ServiceOptions } from "./support/resources.js";
import { assertFollowsWeights } from "./support/statistics.js";
import { Tap } from "./support/tap.js";
import { missingTarsPeer, TarsClient, TarsServer } from "./support/tars-peer.js";

describeWith("TarsGo", [missingTarsPeer()], () => {
  const servers: TarsServer[] = [];
  let services: FailingServices;
  let client: TarsClient;
  let mesh: Mesh;
  let service: ServiceOptions;

  const server = (index: number): TarsServer => {
    const found = servers[index];
    if (found === undefined) throw new Error(`no server ${String(index)}`);
    return found;
  };

  beforeAll(async () => {
    await buildWasm("tars");
    for (const label of ["one", "two"]) servers.push(await TarsServer.start(label));
    client = await TarsClient.start();
    services = await FailingServices.start({
      protocol: "tars",
      servers,
      strict: { func: { exact: "Other" } },
    });
    ({ mesh, service } = services);
  });

  afterAll(async () => {
    await client.stop();
    await mesh.stop();
    await Promise.all(servers.map((item) => item.stop()));
  });

  test("is routed by function, servant and context, which can be changed", async () => {
    await mesh.route(
      service,
      { match: { func: { exact: "Other" } }, to: { v2: 100 } },
      { match: { user: { prefix: "gold" } }, to: { v2: 100 } },
      {
        match: { servant: { exact: "Demo.Test.GreeterObj" } },
        to: { v1: 100 },
        requestMutation: { added: "by the proxy" },
        responseMutation: { "answered-by": "the proxy" },
      },
    );
    expect((await client.call(service.port, { method: "Other" })).label).toBe("two");
    const golden = { method: "Echo", context: { user: "golden" } } as const;
    expect((await client.call(service.port, golden)).label).toBe("two");
    const plain = { method: "Echo", context: { user: "u-1" } } as const;
    expect(await client.call(service.port, plain)).toEqual({
      label: "one",
      context: { user: "u-1", added: "by the proxy", "answered-by": "the proxy" },
    });
  });

  test("what one connection carries is split by weight", async () => {
    await mesh.route(service, { to: { v1: 25, v2: 75 } });
    const { labels, errors } = await client.burst(service.port, { count: 800 });
    expect(errors).toEqual({});
    assertFollowsWeights(new Map(Object.entries(labels)), { one: 25, two: 75 });
  });

  test("a call that nobody answers to is delivered, once", async () => {
    await mesh.route(service, { to: { v1: 100 } });
    await client.call(service.port, { method: "Fire", text: "and forget", oneway: true });
    // One-way calls and others of a connection keep their order only at the proxy's side.
    await waitUntil("the call", async () => (await server(0).statistics()).fired.length > 0);
    expect(await client.call(service.port, { method: "Echo" })).toMatchObject({ label: "one" });
    expect((await server(0).statistics()).fired).toEqual(["and forget"]);
  });

  test("signs of life of the client's are no calls, and keep its connection", async () => {
    await mesh.route(service, { match: { func: { exact: "Echo" } }, to: { v1: 100 } });
    const tap = await Tap.start(service.port);
    const alive = await TarsClient.start({ keepAliveMs: 100 });
    try {
      expect((await alive.call(tap.port, { method: "Echo" })).label).toBe("one");
      await waitUntil("signs of life", () => tap.count("tars_ping") >= 5);
      expect((await alive.call(tap.port, { method: "Echo" })).label).toBe("one");
      // What has no route is counted, also where nobody is told.
      expect(await alive.fail(tap.port, { method: "Other" })).toMatchObject({ code: -4 });
      const unrouted = "wasmcustom.metaproto.tars.local_reply_nr";
      expect(await mesh.envoy.waitForStat(unrouted, (count) => count > 0)).toBe(1);
      expect(tap.connections).toBe(1);
    } finally {
      await alive.stop();
      await tap.stop();
    }
  });

  test("errors of the server's own stay what they are", async () => {
    await mesh.route(service, { to: { v1: 100 } });
    const own = await client.fail(service.port, { method: "Fail", text: "on purpose" });
    expect(own).toMatchObject({ className: "tars.Error", code: 1234, message: "on purpose" });
    const missing = await client.fail(service.port, { method: "Nothing" });
    // TarsGo knows it by the code 1, which its clients do not tell.
    expect(missing).toMatchObject({ code: null, message: "func mismatch" });
  });

  test.each<[Failure, "Echo" | "Silent", number, RegExp]>([
    ["strict", "Echo", -4, /^metaproto: no route of strict\.tars_/],
    ["empty", "Echo", -10, /^metaproto: cluster outbound/],
    ["refused", "Echo", -8, /^metaproto: cannot connect to an endpoint of cluster/],
    ["patient", "Silent", -7, /^metaproto: no response within 300 ms from cluster/],
  ])("%s: the client's own error", async (kind, method, code, message) => {
    const failure = await client.fail(services.port(kind), { method });
    expect(failure).toMatchObject({ className: "tars.Error", code });
    expect(failure.message).toMatch(message);
  });

  test("a rate limit: the client's own error, and the connection goes on", async () => {
    expect((await client.burst(services.port("limited"), { count: 1 })).errors).toEqual({});
    const limited = await client.fail(services.port("limited"), { method: "Echo" });
    expect(limited).toMatchObject({ className: "tars.Error", code: -9 });
    expect(limited.message).toMatch(/local rate limit exceeded/);
  });

  test("a server that is killed under load takes only its own calls with it", async () => {
    await mesh.route(
      service,
      { match: { func: { exact: "Silent" } }, to: { v2: 100 } },
      { to: { v1: 50, v2: 50 } },
    );
    const seen = async (): Promise<number> => (await server(1).statistics()).calls["Echo"] ?? 0;
    const before = await seen();
    const load = client.burst(service.port, { durationMs: 4_000 });
    await waitUntil("load", async () => (await seen()) > before + 100);
    const silent = Array.from({ length: 4 }, () =>
      client.fail(service.port, { method: "Silent", timeoutMs: 15_000 }),
    );
    await waitUntil(
      "calls that wait",
      async () => (await server(1).statistics()).calls["Silent"] === silent.length,
    );
    await server(1).stop();
    for (const failure of await Promise.all(silent))
      expect(failure).toMatchObject({ className: "tars.Error", code: -8 });
    const { labels, errors } = await load;
    expect(labels["one"]).toBeGreaterThan(200);
    for (const code of Object.keys(errors)) expect(["-8", "-10"]).toContain(code);
    servers[1] = await server(1).restart();
    await waitUntil("both answer", async () => {
      const tally = await client.burst(service.port, { count: 50 });
      return (tally.labels["two"] ?? 0) > 0 && Object.keys(tally.errors).length === 0;
    });
  });
});
