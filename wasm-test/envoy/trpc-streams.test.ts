// tRPC's streams through a MetaRouter: of the client, of the server and of both, held against the official
// client and server for Go.
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import { Mesh } from "./support/mesh.js";
import { freePort } from "./support/ports.js";
import type { RouteOptions, ServiceOptions } from "./support/resources.js";
import { missingTrpcPeer, TrpcClient, TrpcServer, type TrpcStream } from "./support/trpc-peer.js";

/** Windows are 64 KiB: this is many times as much. */
const MESSAGES = 4_000;
const BYTES = 1_000;

describeWith("tRPC streams", [missingTrpcPeer()], () => {
  let mesh: Mesh;
  let client: TrpcClient;
  const servers = new Map<string, TrpcServer>();
  let service: ServiceOptions;
  let port: number;

  beforeAll(async () => {
    client = await TrpcClient.start();
    for (const label of ["one", "two"]) servers.set(label, await TrpcServer.start(label, true));
    port = await freePort();
    const endpoints = [...servers.values()].map((server, i) => ({
      port: server.port,
      version: `v${String(i + 1)}`,
    }));
    service = { protocol: "trpc", port, endpoints };
    mesh = await Mesh.start([service]);
  });

  afterAll(async () => {
    await client.stop();
    await Promise.all([...servers.values()].map((server) => server.stop()));
    await mesh.stop();
  });

  const route = (...routes: readonly RouteOptions[]): Promise<void> =>
    mesh.route(service, ...routes);

  function server(label: string): TrpcServer {
    const found = servers.get(label);
    if (found === undefined) throw new Error(`no server ${label}`);
    return found;
  }

  async function handlerEnds(label: string, ending: string, times = 1): Promise<void> {
    await waitUntil(`${String(times)} x ${ending}`, async () => {
      const { ended } = await server(label).statistics();
      return ended.filter((text) => text === ending).length >= times;
    });
  }

  const endings = async (label: string): Promise<readonly string[]> =>
    (await server(label).statistics()).ended;

  async function end(stream: TrpcStream): Promise<string> {
    const { chain } = await TrpcClient.failure(stream.receive());
    // The client's own "stream is already closed" is around what the stream was closed with.
    const failure = chain.at(-1);
    if (failure === undefined || failure.class === "EOF") return "EOF";
    return `${failure.class} ${String(failure.code)}: ${failure.message}`;
  }

  test("thousands of messages at once in both directions, in order, and both sides are done", async () => {
    await route({ to: { v1: 100 } });
    const stream = await client.open(port, "Echo");
    await stream.pump(MESSAGES, BYTES);
    await stream.done();
    expect(await end(stream)).toBe("EOF");
    await handlerEnds("one", "Echo: done");
  });

  test("many from the client, and one answer", async () => {
    const stream = await client.open(port, "Gather");
    const text = "x".repeat(BYTES);
    for (let i = 0; i < 300; i++) await stream.send(text);
    await stream.done();
    expect(await stream.receive()).toBe(`300 messages, ${String(300 * BYTES)} bytes`);
    await handlerEnds("one", "Gather: done");
  });

  test("one from the client, and many answers, no faster than the client takes them", async () => {
    const stream = await client.open(port, "Scatter");
    await stream.send(`${String(MESSAGES)} ${String(BYTES)}`);
    await stream.done();
    // Nobody receives: the server may send what its window has room for, and waits.
    await waitUntil("the handler runs", async () => (await server("one").statistics()).open === 1);
    expect(await stream.drain()).toEqual({
      count: MESSAGES,
      bytes: MESSAGES * BYTES,
      end: "EOF <nil>: EOF",
    });
    await handlerEnds("one", "Scatter: done");
  });

  test("streams are routed one by one, by what opens them, and may be changed then", async () => {
    await route(
      {
        match: { method: { exact: "Echo" }, user: { exact: "gold" } },
        to: { v1: 100 },
        requestMutation: { added: "by the proxy" },
      },
      { match: { frame_type: { exact: "stream" } }, to: { v2: 100 } },
    );
    const gold = await client.open(port, "Echo", { user: "gold" });
    const other = await client.open(port, "Echo");
    for (let i = 0; i < 3; i++) {
      await gold.send(`gold ${String(i)}`);
      await other.send(`other ${String(i)}`);
      expect(await gold.receive()).toBe(`one: gold ${String(i)}`);
      expect(await other.receive()).toBe(`two: other ${String(i)}`);
    }
    await gold.send("metadata added");
    expect(await gold.receive()).toBe("one: by the proxy");
    for (const stream of [gold, other]) {
      await stream.done();
      expect(await end(stream)).toBe("EOF");
    }
    const unary = await TrpcClient.failure(client.call({ port }, { message: "hello" }));
    expect([unary.className, unary.code]).toEqual(["callee framework", 11]);
  });

  test("an error that the handler returns", async () => {
    await route({ to: { v1: 100 } });
    const business = await client.open(port, "Echo");
    await business.send("business no more");
    expect(await end(business)).toBe("callee framework 10002: no more");
    const plain = await client.open(port, "Echo");
    await plain.send("plain error");
    expect(await end(plain)).toBe("callee framework 0: error");
  });

  test("a stream that no route matches, or no endpoint is there for, is not opened", async () => {
    await route({ match: { user: { exact: "nobody" } }, to: { v1: 100 } });
    const failure = await TrpcClient.failure(client.open(port, "Echo"));
    expect([failure.className, failure.code]).toEqual(["callee framework", 11]);
    expect(failure.message).toContain("metaproto: no route of demo.trpc_");
  });

  test("a client that leaves ends its streams for their handlers, and nobody else's", async () => {
    await route({ to: { v1: 100 } });
    const leaving = await TrpcClient.start();
    const [gone, stays] = [await leaving.open(port, "Echo"), await client.open(port, "Echo")];
    for (const stream of [gone, stays]) {
      await stream.send("hello");
      expect(await stream.receive()).toBe("one: hello");
    }
    await leaving.stop();
    await stays.send("still here");
    expect(await stays.receive()).toBe("one: still here");
    await stays.done();
    expect(await end(stays)).toBe("EOF");
    // The library tells a handler of its client's end when the connection ends, and in no other way.
    await waitUntil("no handler runs", async () => (await server("one").statistics()).open === 0);
    expect((await endings("one")).filter((text) => text.startsWith("Echo: ")).at(-1)).not.toBe(
      "Echo: done",
    );
  });

  test("a handler that only sends is freed as well when its client has left", async () => {
    const leaving = await TrpcClient.start();
    const stream = await leaving.open(port, "Scatter");
    await stream.send(`${String(MESSAGES)} ${String(BYTES)}`);
    await waitUntil("the handler runs", async () => (await server("one").statistics()).open > 0);
    await leaving.stop();
    await waitUntil("no handler runs", async () => (await server("one").statistics()).open === 0, {
      timeoutMs: 20_000,
    });
    expect((await endings("one")).at(-1)).toMatch(/^Scatter: /);
  });

  test("a server that is killed ends its streams for their clients, and only those", async () => {
    await route({ match: { to: { exact: "two" } }, to: { v2: 100 } }, { to: { v1: 100 } });
    const [hit, spared] = [
      await client.open(port, "Echo", { to: "two" }),
      await client.open(port, "Echo"),
    ];
    await hit.send("hello");
    expect(await hit.receive()).toBe("two: hello");
    await server("two").stop();
    expect(await end(hit)).toMatch(
      /^callee framework 141: metaproto: the connection ended before the response, cluster/,
    );
    await spared.pump(200, BYTES);
    await spared.done();
    expect(await end(spared)).toBe("EOF");
    const refused = await TrpcClient.failure(client.open(port, "Echo", { to: "two" }));
    expect(refused.className).toBe("callee framework");
    expect([111, 141]).toContain(refused.code);
    servers.set("two", await server("two").restart());
    const again = await waitUntil("another stream", () => client.open(port, "Echo", { to: "two" }));
    await again.send("hello again");
    expect(await again.receive()).toBe("two: hello again");
  });

  test("the route's timeout is for the whole stream", async () => {
    await route({ to: { v1: 100 }, timeout: "1s" });
    const stream = await client.open(port, "Echo");
    await stream.send("hello");
    expect(await stream.receive()).toBe("one: hello");
    expect(await end(stream)).toMatch(
      /^callee framework 21: metaproto: no response within 1000 ms from cluster/,
    );
  });
});
