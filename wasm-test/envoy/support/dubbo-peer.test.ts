// The official consumer against the official provider, with nothing in between: what tests may rely on.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitUntil } from "./deadline.js";
import {
  type DubboConsumer,
  missingDubboPeer,
  startDubboConsumer,
  startDubboProvider,
} from "./dubbo-peer.js";
import { type PeerServer, answersByLabel } from "./peer-client.js";

describe.skipIf(missingDubboPeer())("Dubbo peers", () => {
  let provider: PeerServer;
  let consumer: DubboConsumer;
  let port: number;

  beforeAll(async () => {
    [provider, consumer] = await Promise.all([
      startDubboProvider({ endpoints: [{ label: "v1" }, { label: "v2" }] }),
      startDubboConsumer(),
    ]);
    port = provider.port("v1");
  });

  afterAll(async () => {
    await Promise.all([provider.stop(), consumer.stop()]);
  });

  test("answers, labels and attachments both ways", async () => {
    const hello = await consumer.call({ port }, { method: "sayHello", args: ["you"] });
    expect(hello).toMatchObject({ value: "Hello you from v1", label: "v1" });
    expect(hello.attachments).toMatchObject({ label: "v1" });
    const attachments = { user: "u-1", level: 7 };
    const seen = await consumer.call({ port }, { method: "attachments", attachments });
    expect(seen.value).toMatchObject({ user: "u-1", level: "7" });
    const later = await consumer.call(
      { port: provider.port("v2") },
      { method: "later", args: ["x"] },
    );
    expect(later).toMatchObject({ value: "Later x from v2", label: "v2" });
  });

  test.each([
    ["echo", { $string: 1 << 20 }],
    ["echo", { $string: 8 << 20 }],
    ["echoBytes", { $bytes: 8 << 20 }],
  ])("%s %o", async (method, argument) => {
    const { value } = await consumer.call(
      { port, timeoutMs: 60_000 },
      { method, args: [argument] },
    );
    expect(value).toEqual({ ...argument, echoed: true });
  });

  test("objects, null and one-way calls", async () => {
    const order = await consumer.call(
      { port },
      { method: "order", args: [{ $order: true }, 5, [1, 2]] },
    );
    expect(order.value).toMatchObject({ id: 14, name: "订单", isOwnParent: true });
    expect((await consumer.call({ port }, { method: "nothing" })).value).toBeNull();
    await consumer.call({ port }, { method: "fire", args: ["and forget"] });
    await consumer.call({ port }, { method: "sayHello", args: ["after"] });
    expect((await provider.statistics())["v1"]?.fired).toEqual(["and forget"]);
  });

  test("failures as the consumer's code sees them", async () => {
    const runtime = await consumer.fail({ port }, { method: "failRuntime", args: ["boom"] });
    expect(runtime.className).toBe("java.lang.IllegalStateException");
    expect(runtime.message).toBe("boom from v1");
    const declared = await consumer.fail({ port }, { method: "failChecked", args: ["boom"] });
    expect(declared.className).toBe("demo.GreeterException");
    const slow = await consumer.fail({ port, timeoutMs: 200 }, { method: "slow", args: [2_000] });
    expect([slow.className, slow.code]).toEqual(["org.apache.dubbo.rpc.RpcException", 2]);
    const unknown = await consumer.fail(
      { port, generic: true },
      { method: "noSuchMethod", args: ["x"] },
    );
    expect(unknown.code).toBe(1);
  });

  test("bursts and traffic count by request and label", async () => {
    const requests = [
      { method: "sayHello", args: ["a"] },
      { method: "getUser", args: ["b"], name: "user" },
    ];
    const burst = await consumer.burst({ port }, requests, { count: 100, concurrency: 4 });
    expect(burst).toMatchObject({ requests: 100, succeeded: 100, failed: 0, errors: {} });
    expect(burst.counts).toEqual({ sayHello: { v1: 50 }, user: { v1: 50 } });
    expect([...answersByLabel(burst)]).toEqual([["v1", 100]]);

    const traffic = await consumer.traffic({ port, connections: 2, inFlight: 2 }, requests, 200);
    await traffic.waitForFirst("v1", "user");
    const marked = await traffic.mark();
    const first = await traffic.waitForFirst("v1", "sayHello");
    expect(first.atMs).toBeGreaterThanOrEqual(marked);
    const second = await new Promise((resolve) => {
      traffic.onSecond(resolve);
    });
    expect(second).toMatchObject({ failed: 0 });
    const total = await traffic.stop();
    expect(total.failed).toBe(0);
    expect(total.requests).toBe(total.succeeded);
    expect(total.requests / (total.elapsedMs / 1_000)).toBeGreaterThan(150);
  });

  test("a provider that is gone is a failure, and a restarted one is found again", async () => {
    const label = "short";
    const first = await startDubboProvider({ endpoints: [{ label }] });
    const times = { timeoutMs: 1_000, heartbeatMs: 500, reconnectMs: 500 };
    const target = { port: first.port(label), ...times };
    await consumer.call(target, { method: "sayHello", args: ["1"] });
    await first.stop();
    expect((await consumer.fail(target, { method: "sayHello", args: ["2"] })).code).not.toBeNull();
    const again = await startDubboProvider({ endpoints: [{ label, port: target.port }] });
    // The consumer sets an endpoint aside whose connection broke, and tries it again each second.
    const back = await waitUntil("the consumer has reconnected", () =>
      consumer.call(target, { method: "sayHello", args: ["3"] }),
    );
    expect(back.value).toBe("Hello 3 from short");
    await consumer.close(target.port);
    await again.stop();
  });
});
