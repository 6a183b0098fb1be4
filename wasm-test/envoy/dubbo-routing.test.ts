// What a MetaRouter can say about Dubbo requests, held against the official consumer and providers.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeWith } from "./support/describe-with.js";
import { DubboMesh } from "./support/dubbo-mesh.js";
import { type DubboConsumer, type DubboRequest, missingDubboPeer } from "./support/dubbo-peer.js";
import { answersByLabel } from "./support/peer-client.js";
import type { RouteOptions, StringMatchOptions } from "./support/resources.js";
import { assertFollowsWeights } from "./support/statistics.js";

const HELLO: DubboRequest = { method: "sayHello", args: ["you"] };
const USER: DubboRequest = { method: "getUser", args: ["1"] };
const GREETER = "demo.Greeter";

function withAttachment(key: string, value: string): DubboRequest {
  return { ...HELLO, attachments: { [key]: value } };
}

describeWith("Dubbo routes", [missingDubboPeer()], () => {
  let dubbo: DubboMesh;
  let consumer: DubboConsumer;
  let port: number;

  beforeAll(async () => {
    dubbo = await DubboMesh.start({
      endpoints: { v1: "v1", v2: "v2", v3: "v3" },
      // It takes hessian2 as well.
      provider: { serialization: "fastjson2" },
    });
    ({ consumer, port } = dubbo);
  });

  afterAll(() => dubbo.stop());

  const route = (...routes: readonly RouteOptions[]): Promise<void> =>
    dubbo.mesh.route(dubbo.service, ...routes);
  const label = async (request: DubboRequest): Promise<string> =>
    (await consumer.call({ port }, request)).label;

  // What matches goes to v1, everything else to v2.
  test.each<
    [
      name: string,
      match: Record<string, StringMatchOptions>,
      matching: DubboRequest | undefined,
      other: DubboRequest | undefined,
    ]
  >([
    ["exact method", { method: { exact: "sayHello" } }, HELLO, USER],
    ["method prefix", { method: { prefix: "get" } }, USER, HELLO],
    ["method regex", { method: { regex: "get(User|Order)" } }, USER, HELLO],
    ["regex is the whole value", { method: { regex: "say" } }, undefined, HELLO],
    ["exact interface", { interface: { exact: GREETER } }, HELLO, undefined],
    ["interface prefix", { interface: { prefix: "demo." } }, HELLO, undefined],
    [
      "interface and method",
      { interface: { exact: GREETER }, method: { prefix: "get" } },
      USER,
      HELLO,
    ],
    ["another interface", { interface: { exact: "demo.Other" } }, undefined, HELLO],
    [
      "exact attachment",
      { user: { exact: "gold" } },
      withAttachment("user", "gold"),
      withAttachment("user", "golden"),
    ],
    [
      "attachment prefix",
      { user: { prefix: "gold" } },
      withAttachment("user", "golden"),
      withAttachment("user", "silver"),
    ],
    [
      "attachment regex",
      { user: { regex: "g.*-[0-9]{3}" } },
      withAttachment("user", "gold-007"),
      withAttachment("user", "gold-07"),
    ],
    ["attachment beyond ASCII", { user: { regex: "顾.?" } }, withAttachment("user", "顾客"), HELLO],
    ["attachment is there", { user: {} }, withAttachment("user", ""), HELLO],
    [
      "values differ by case",
      { user: { exact: "Gold" } },
      withAttachment("user", "Gold"),
      withAttachment("user", "gold"),
    ],
    [
      "two attachments",
      { user: { exact: "a" }, zone: { exact: "b" } },
      { ...HELLO, attachments: { user: "a", zone: "b" } },
      withAttachment("user", "a"),
    ],
  ])("%s", async (_, match, matching, other) => {
    await route({ match, to: { v1: 100 } }, { to: { v2: 100 } });
    if (matching !== undefined) expect(await label(matching)).toBe("v1");
    if (other !== undefined) expect(await label(other)).toBe("v2");
  });

  test("group and version of a service", async () => {
    await route(
      { match: { group: { exact: "blue" }, version: { regex: "1\\..*" } }, to: { v1: 100 } },
      { to: { v2: 100 } },
    );
    // The providers have neither, and refuse: the route decides who does.
    const grouped = { port, group: "blue", version: "1.2" };
    const sent = `cluster.outbound|${port}|v1|demo.dubbo.upstream_cx_tx_bytes_total`;
    const before = await dubbo.mesh.envoy.stat(sent);
    await consumer.fail(grouped, HELLO);
    await dubbo.mesh.envoy.waitForStat(sent, (bytes) => bytes > before);
    expect(await label(HELLO)).toBe("v2");
  });

  test("the method that a generic call means", async () => {
    await route(
      { match: { generic_method: { exact: "getUser" } }, to: { v1: 100 } },
      { to: { v2: 100 } },
    );
    const generic = { port, generic: true };
    expect((await consumer.call(generic, USER)).label).toBe("v1");
    expect((await consumer.call(generic, HELLO)).label).toBe("v2");
    expect(await label(USER)).toBe("v2");
  });

  test("the first route that matches is taken", async () => {
    await route(
      { match: { method: { prefix: "get" } }, to: { v1: 100 } },
      { match: { method: { exact: "getUser" } }, to: { v2: 100 } },
      { to: { v3: 100 } },
    );
    expect(await label(USER)).toBe("v1");
    expect(await label(HELLO)).toBe("v3");
    await route(
      { match: { method: { exact: "getUser" } }, to: { v2: 100 } },
      { match: { method: { prefix: "get" } }, to: { v1: 100 } },
      { to: { v3: 100 } },
    );
    expect(await label(USER)).toBe("v2");
    expect(await label({ method: "getOrder", args: ["1"] })).toBe("v1");
  });

  test("three weights", async () => {
    const weights = { v1: 10, v2: 30, v3: 60 };
    await route({ to: weights });
    const burst = await consumer.burst({ port }, [HELLO], { count: 5_000, concurrency: 8 });
    expect(burst).toMatchObject({ succeeded: 5_000, failed: 0 });
    assertFollowsWeights(answersByLabel(burst), weights);
  });

  test("a weight of 0 gets nothing", async () => {
    await route({ to: { v1: 0, v2: 100 } });
    const burst = await consumer.burst({ port }, [HELLO], { count: 500, concurrency: 4 });
    expect([...answersByLabel(burst)]).toEqual([["v2", 500]]);
  });

  describe("mutations", () => {
    test("the provider sees what is set in a request, the consumer what is set in a response", async () => {
      await route({
        to: { v1: 100 },
        requestMutation: { zone: "east", user: "changed" },
        responseMutation: { "served-by": "mesh", label: "renamed" },
      });
      const attachments = { user: "u-1", other: "kept" };
      const seen = await consumer.call({ port }, { method: "attachments", attachments });
      expect(seen.value).toMatchObject({ zone: "east", user: "changed", other: "kept" });
      expect(seen.attachments).toMatchObject({ "served-by": "mesh", label: "renamed" });
      // What is not text stays what it is beside the mutation.
      const args = [{ $order: true }, 5, [1, 2]];
      const order = await consumer.call({ port }, { method: "order", args });
      expect(order.value).toMatchObject({ id: 14, name: "订单", isOwnParent: true });
      const large = await consumer.call(
        { port },
        { method: "echoBytes", args: [{ $bytes: 1 << 20 }] },
      );
      expect(large.value).toEqual({ $bytes: 1 << 20, echoed: true });
    });

    test("exceptions and null pass a mutation", async () => {
      const runtime = await consumer.fail({ port }, { method: "failRuntime", args: ["boom"] });
      expect(runtime.message).toBe("boom from v1");
      const declared = await consumer.fail({ port }, { method: "failChecked", args: ["boom"] });
      expect(declared.className).toBe("demo.GreeterException");
      const nothing = await consumer.call({ port }, { method: "nothing" });
      expect(nothing.value).toBeNull();
      expect(nothing.attachments).toMatchObject({ "served-by": "mesh" });
    });

    test("a route is chosen by what the client sent, not by what the mutation sets", async () => {
      await route(
        { match: { user: { exact: "changed" } }, to: { v2: 100 } },
        { to: { v1: 100 }, requestMutation: { user: "changed" } },
      );
      expect(await label(withAttachment("user", "u-1"))).toBe("v1");
    });
  });

  test("fastjson2 is read and changed as hessian2 is", async () => {
    await route(
      {
        match: { user: { exact: "gold" }, method: { exact: "attachments" } },
        to: { v2: 100 },
        requestMutation: { zone: "east" },
      },
      { to: { v1: 100 } },
    );
    const fastjson = { port, serialization: "fastjson2" } as const;
    const gold = { method: "attachments", attachments: { user: "gold" } };
    const seen = await consumer.call(fastjson, gold);
    expect(seen.value).toMatchObject({ user: "gold", zone: "east" });
    expect(seen.label).toBe("v2");
    expect((await consumer.call(fastjson, HELLO)).label).toBe("v1");
  });

  test("an edit that adds endpoints, a subset and a route to it at once loses no request", async () => {
    await route({ to: { v1: 100 } });
    const target = { port, connections: 2, inFlight: 4 };
    const traffic = await consumer.traffic(target, [HELLO], 500);
    await traffic.waitForFirst("v1");
    const { endpoints } = dubbo.service;
    const [first] = endpoints;
    const steps = [...Array(5).keys()];
    for (const step of steps) {
      const version = `step-${step}`;
      const added = { port: dubbo.provider.port(step % 2 === 0 ? "v2" : "v3"), version };
      await traffic.mark();
      await dubbo.mesh.edit({
        ...dubbo.service,
        endpoints: first === undefined ? [added] : [first, added],
        routes: [{ to: { [version]: 100 } }],
      });
      await traffic.waitForFirst(step % 2 === 0 ? "v2" : "v3");
    }
    const total = await traffic.stop();
    expect(total).toMatchObject({ failed: 0, errors: {} });
    await dubbo.mesh.edit(dubbo.service);
  });
});
