// The main path with the official Dubbo libraries: what must hold on every supported Envoy.
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeWith } from "./support/describe-with.js";
import { DubboMesh } from "./support/dubbo-mesh.js";
import { type DubboConsumer, missingDubboPeer } from "./support/dubbo-peer.js";
import { RpcCode, expectRpcException } from "./support/expect-failure.js";
import { answersByLabel } from "./support/peer-client.js";
import { assertFollowsWeights } from "./support/statistics.js";

const HELLO = { method: "sayHello", args: ["you"] };

describeWith("Dubbo through Envoy", [missingDubboPeer()], () => {
  let dubbo: DubboMesh;
  let consumer: DubboConsumer;
  let port: number;

  beforeAll(async () => {
    dubbo = await DubboMesh.start({
      endpoints: { v1: "v1", v2: "v2", "v2-b": "v2" },
      envoy: { concurrency: 2 },
    });
    ({ consumer, port } = dubbo);
  });

  afterAll(() => dubbo.stop());

  const connections = (): Promise<number> =>
    dubbo.mesh.envoy.stat(`listener.127.0.0.1_${port}.downstream_cx_total`);

  test("one connection spreads its requests over all endpoints", async () => {
    const burst = await consumer.burst({ port }, [HELLO], { count: 300, concurrency: 4 });
    expect(burst).toMatchObject({ succeeded: 300, errors: {} });
    const counts = answersByLabel(burst);
    for (const label of ["v1", "v2", "v2-b"]) expect(counts.get(label)).toBeGreaterThan(60);
    expect(await connections()).toBe(1);
  });

  test("values, objects, futures, generic calls and one-way calls pass", async () => {
    const attachments = { user: "u-1" };
    const seen = await consumer.call({ port }, { method: "attachments", attachments });
    expect(seen.value).toMatchObject(attachments);
    expect(seen.attachments["label"]).toMatch(/^v/);
    const args = [{ $order: true }, 5, [1, 2]];
    const order = await consumer.call({ port }, { method: "order", args });
    expect(order.value).toMatchObject({ id: 14, name: "订单", isOwnParent: true });
    expect((await consumer.call({ port }, { method: "nothing" })).value).toBeNull();
    const later = await consumer.call({ port }, { method: "later", args: ["x"] });
    expect(later.value).toMatch(/^Later x from v/);
    const generic = { port, generic: true };
    const called = await consumer.call(generic, { method: "getUser", args: ["7"] });
    expect(called.value).toMatch(/^User 7 from v/);
    await consumer.call({ port }, { method: "fire", args: ["and forget"] });
    await expect
      .poll(async () =>
        Object.values(await dubbo.provider.statistics()).flatMap(({ fired }) => fired),
      )
      .toEqual(["and forget"]);
    // What would have come back to the one-way call would be in the way of this answer.
    expect((await consumer.call({ port }, HELLO)).value).toMatch(/^Hello you from v/);
  });

  test("exceptions of the provider pass untouched", async () => {
    const runtime = await consumer.fail({ port }, { method: "failRuntime", args: ["boom"] });
    expect(runtime.className).toBe("java.lang.IllegalStateException");
    expect(runtime.message).toMatch(/^boom from v/);
    const declared = await consumer.fail({ port }, { method: "failChecked", args: ["boom"] });
    expect(declared.className).toBe("demo.GreeterException");
    expect(declared.message).toMatch(/^boom from v/);
  });

  test("live connections follow each edit, and no request fails", async () => {
    const requests = [
      { method: "sayHello", args: ["a"] },
      { method: "getUser", args: ["b"] },
      { method: "getOrder", args: ["c"], attachments: { user: "gold-1" }, name: "gold" },
    ];
    const target = { port, connections: 2, inFlight: 4 };
    await dubbo.mesh.route(dubbo.service, { to: { v1: 100 } });
    const traffic = await consumer.traffic(target, requests, 600);
    await traffic.waitForFirst("v1", "gold");
    const connectionsBefore = await connections();

    await dubbo.mesh.route(
      dubbo.service,
      { match: { user: { prefix: "gold-" } }, to: { v2: 100 } },
      { match: { method: { exact: "getUser" } }, to: { v1: 20, v2: 80 } },
      { to: { v1: 100 } },
    );
    await traffic.mark();
    for (const [name, label] of [
      ["gold", "v2"],
      ["gold", "v2-b"],
      ["getUser", "v2"],
      ["getUser", "v1"],
      ["sayHello", "v1"],
    ] as const) {
      await traffic.waitForFirst(label, name);
    }
    await dubbo.mesh.route(dubbo.service, { to: { v2: 100 } });
    const settled = await consumer.burst(target, requests, { count: 300, concurrency: 4 });
    expect(settled.errors).toEqual({});
    expect(answersByLabel(settled).has("v1")).toBe(false);

    const total = await traffic.stop();
    expect(total).toMatchObject({ failed: 0, errors: {} });
    expect(await connections()).toBe(connectionsBefore);
  });

  test("weights of 20 and 80 are kept", async () => {
    await dubbo.mesh.route(dubbo.service, { to: { v1: 20, v2: 80 } });
    const burst = await consumer.burst({ port }, [HELLO], { count: 5_000, concurrency: 8 });
    expect(burst).toMatchObject({ succeeded: 5_000, failed: 0 });
    const counts = answersByLabel(burst);
    const byVersion = new Map([
      ["v1", counts.get("v1") ?? 0],
      ["v2", (counts.get("v2") ?? 0) + (counts.get("v2-b") ?? 0)],
    ]);
    assertFollowsWeights(byVersion, { v1: 20, v2: 80 });
  });

  test("without a route the consumer gets an exception that says so", async () => {
    const match = { method: { exact: "nothing" } };
    await dubbo.mesh.route(dubbo.service, { match, to: { v1: 100 } });
    const failure = await consumer.fail({ port }, HELLO);
    const text = `metaproto: no route of demo.dubbo_${port} matches this request`;
    expectRpcException(failure, RpcCode.NoInvoker, text);
  });
});
