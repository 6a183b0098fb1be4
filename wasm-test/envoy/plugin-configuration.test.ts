// What only a module's own configuration can say, with the official libraries: inverted matches, a
// cluster that does not exist, and heartbeats of both sides within seconds.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import {
  type DubboConsumer,
  type DubboRequest,
  missingDubboPeer,
  startDubboConsumer,
  startDubboProvider,
} from "./support/dubbo-peer.js";
import {
  dubboFrameLength,
  dubboHeartbeat,
  dubboResponse,
  parseDubboFrame,
  valueBody,
} from "./support/dubbo-wire.js";
import { Envoy } from "./support/envoy.js";
import {
  RpcCode,
  expectApplicationException,
  expectRpcException,
} from "./support/expect-failure.js";
import type { PeerServer } from "./support/peer-client.js";
import { LISTENER, switchboardBootstrap } from "./support/switchboard-bootstrap.js";
import { TcpServer } from "./support/tcp-server.js";
import { THRIFT_LANGUAGES, missingThriftPeers } from "./support/thrift-mesh.js";
import { type ThriftClient, startThriftClient, startThriftServer } from "./support/thrift-peer.js";
import { FRAMED, ExceptionType } from "./support/thrift-wire.js";

const HELLO: DubboRequest = { method: "sayHello", args: ["you"] };
const HEADER = { transport: "header", protocol: "binary" } as const;

/** Routes of both protocols: inverted matches first, then a cluster that is not there. */
function routes(method: string, other: string): object {
  const to = (cluster: string): object[] => [{ cluster }];
  const user = { name: "user", exact: "gold", invert: true };
  return {
    name: "test",
    routes: [
      { match: [{ name: "method", exact: method }, user], destinations: to("v1") },
      {
        match: [
          { name: "zone", present: true, invert: true },
          { name: "method", prefix: other, invert: true },
        ],
        destinations: to("v2"),
      },
      { match: [{ name: "method", prefix: other }], destinations: to("nowhere") },
    ],
  };
}

describeWith("Dubbo, statically configured", [missingDubboPeer()], () => {
  let provider: PeerServer;
  let consumer: DubboConsumer;
  let raw: TcpServer;
  let envoy: Envoy;
  let port: number;
  /** Heartbeats that the scripted server got, and whether it answers them. */
  let heartbeats = 0;
  let isAnswering = true;

  beforeAll(async () => {
    [provider, consumer] = await Promise.all([
      // It closes connections that were silent for three times its heartbeat.
      startDubboProvider({ endpoints: [{ label: "v1" }, { label: "v2" }], heartbeatMs: 1_000 }),
      startDubboConsumer(),
    ]);
    raw = await TcpServer.start(async (connection) => {
      for (;;) {
        const frame = parseDubboFrame(await connection.readFrame(dubboFrameLength, 120_000));
        if (frame.isEvent) {
          heartbeats++;
          if (isAnswering) connection.write(dubboHeartbeat(frame.id, false));
        } else {
          connection.write(dubboResponse(frame.id, valueBody("answer from raw")));
        }
      }
    });
    const bootstrap = switchboardBootstrap({
      protocol: "dubbo",
      clusters: { v1: [provider.port("v1")], v2: [provider.port("v2")], raw: [raw.port] },
      plugin: {
        upstreamHeartbeat: "1s",
        routeConfigurations: [
          {
            name: "test",
            // One endpoint, one connection.
            clusters: ["v1", "v2", "raw"].map((name) => ({ name, endpoints: 1 })),
            routes: [
              {
                match: [{ name: "user", exact: "raw" }],
                destinations: [{ cluster: "raw" }],
              },
              ...(routes("sayHello", "get") as { routes: object[] }).routes,
            ],
          },
        ],
      },
    });
    envoy = await Envoy.start({ bootstrap });
    port = await envoy.listenerPort(LISTENER);
  });

  afterAll(async () => {
    await Promise.all([provider.stop(), consumer.stop(), raw.stop()]);
    await envoy.stop();
  });

  const stat = (name: string): Promise<number> => envoy.stat(`wasmcustom.metaproto.dubbo.${name}`);
  const toRaw = (): Promise<{ value: unknown }> =>
    consumer.call({ port }, { ...HELLO, attachments: { user: "raw" } });

  test("inverted matches hold where the others do not", async () => {
    expect((await consumer.call({ port }, HELLO)).label).toBe("v1");
    const silver = { ...HELLO, attachments: { user: "silver" } };
    expect((await consumer.call({ port }, silver)).label).toBe("v1");
    const gold = { ...HELLO, attachments: { user: "gold" } };
    expect((await consumer.call({ port }, gold)).label).toBe("v2");
    expect((await consumer.call({ port }, { method: "nothing" })).label).toBe("v2");
    const zoned = { ...gold, attachments: { user: "gold", zone: "east" } };
    const failure = await consumer.fail({ port }, zoned);
    expectRpcException(failure, RpcCode.NoInvoker, "metaproto: no route of test matches");
  });

  test("a cluster that is unknown", async () => {
    const failure = await consumer.fail({ port }, { method: "getUser", args: ["1"] });
    expectRpcException(failure, RpcCode.NoInvoker, "metaproto: cluster nowhere is unknown");
  });

  describe("heartbeats", () => {
    test("of an idle consumer are answered here, and keep its connection", async () => {
      const target = { port, reference: "idle", heartbeatMs: 1_000 };
      await consumer.call(target, HELLO);
      await waitUntil(
        "both connections counted",
        async () => (await stat("downstream_cx_total")) === 2,
      );
      const before = await stat("heartbeat_total");
      await waitUntil(
        "five heartbeats of the consumer",
        async () => (await stat("heartbeat_total")) >= before + 5,
        { timeoutMs: 20_000 },
      );
      expect((await consumer.call(target, HELLO)).label).toBe("v1");
      expect(await stat("downstream_cx_total")).toBe(2);
    });

    test("of the proxy keep an idle connection to a provider", async () => {
      const first = await consumer.call({ port }, HELLO);
      const closed = "cluster.v1.upstream_cx_destroy_remote";
      const before = await envoy.stat(closed);
      const sent = await envoy.stat("cluster.v1.upstream_cx_tx_bytes_total");
      // Heartbeats for longer than the provider would wait: a dozen bytes and a header each.
      await waitUntil(
        "six heartbeats of the proxy",
        async () => (await envoy.stat("cluster.v1.upstream_cx_tx_bytes_total")) >= sent + 6 * 17,
        { timeoutMs: 20_000 },
      );
      const second = await consumer.call({ port }, HELLO);
      expect(second.attachments["peer"]).toBe(first.attachments["peer"]);
      expect(await envoy.stat(closed)).toBe(before);
    });

    test("of the consumer never reach a provider, only those of the proxy", async () => {
      expect((await toRaw()).value).toBe("answer from raw");
      const [before, started] = [heartbeats, performance.now()];
      const total = await stat("heartbeat_total");
      await waitUntil("three heartbeats of the proxy", () => heartbeats >= before + 3);
      // The consumer of the first test is still there and sends its own.
      await waitUntil("six more of the consumer", async () => {
        return (await stat("heartbeat_total")) >= total + 6;
      });
      // One a second on the only connection that stays, and a few on others; the consumer's would come on top.
      await waitUntil(
        "one connection",
        () => raw.connections.filter((it) => !it.ended).length === 1,
      );
      const seconds = (performance.now() - started) / 1000;
      expect(heartbeats - before).toBeLessThanOrEqual(seconds + 3);
    });

    test("a provider that answers none is left, and found again", async () => {
      isAnswering = false;
      await waitUntil("the silent connection is closed", () => raw.connections[0]?.ended === true, {
        timeoutMs: 20_000,
      });
      isAnswering = true;
      expect((await toRaw()).value).toBe("answer from raw");
      expect(raw.connections.length).toBeGreaterThan(1);
    });
  });
});

describeWith("Thrift, statically configured", missingThriftPeers(), () => {
  let server: PeerServer;
  let envoy: Envoy;
  let port: number;
  const clients: ThriftClient[] = [];

  beforeAll(async () => {
    server = await startThriftServer("python", [
      { label: "v1", ...HEADER },
      { label: "v2", ...HEADER },
    ]);
    for (const language of THRIFT_LANGUAGES) clients.push(await startThriftClient(language));
    const bootstrap = switchboardBootstrap({
      protocol: "thrift",
      clusters: { v1: [server.port("v1")], v2: [server.port("v2")] },
      plugin: { routeConfigurations: [routes("hello", "get")] },
    });
    envoy = await Envoy.start({ bootstrap });
    port = await envoy.listenerPort(LISTENER);
  });

  afterAll(async () => {
    await Promise.all([server.stop(), ...clients.map((client) => client.stop())]);
    await envoy.stop();
  });

  test("inverted matches hold where the others do not", async () => {
    const hello = { method: "hello", args: ["you"] } as const;
    for (const client of clients) {
      for (const wire of [FRAMED, HEADER]) {
        const target = { ...wire, port };
        expect((await client.call(target, hello)).label).toBe("v1");
        expect((await client.call(target, { method: "big", args: [" from v2"] })).label).toBe("v2");
      }
      const target = { ...HEADER, port };
      const gold = { ...hello, headers: { user: "gold" } };
      expect((await client.call(target, gold)).label).toBe("v2");
      const zoned = { ...hello, headers: { user: "gold", zone: "east" } };
      const failure = await client.fail(target, zoned);
      const text = "metaproto: no route of test matches";
      expectApplicationException(failure, ExceptionType.UnknownMethod, text);
    }
  });

  test("a cluster that is unknown", async () => {
    for (const client of clients) {
      const failure = await client.fail({ ...FRAMED, port }, { method: "getUser", args: ["1"] });
      const text = "metaproto: cluster nowhere is unknown";
      expectApplicationException(failure, ExceptionType.InternalError, text);
    }
  });
});
