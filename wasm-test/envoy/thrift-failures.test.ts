// Every way in which a Thrift request fails in the proxy, as the official clients' own code sees it.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import { expectApplicationException } from "./support/expect-failure.js";
import type { PeerFailure } from "./support/peer-process.js";
import { freePort, freePorts } from "./support/ports.js";
import type { ServiceOptions } from "./support/resources.js";
import { TcpConnection } from "./support/tcp-connection.js";
import { TcpServer } from "./support/tcp-server.js";
import { THRIFT_LANGUAGES, ThriftMesh, missingThriftPeers } from "./support/thrift-mesh.js";
import { type ThriftClient, type ThriftTarget, startThriftServer } from "./support/thrift-peer.js";
import {
  FRAMED,
  ExceptionType,
  MessageType,
  type ThriftWire,
  exceptionStruct,
  parseThriftFrame,
  stringStruct,
  thriftFrame,
  thriftFrameLength,
} from "./support/thrift-wire.js";

const HELLO = { method: "hello", args: ["you"] } as const;
const SLOW = { method: "slow", args: [1_500] } as const;
const HEADER = { transport: "header", protocol: "compact" } as const;
const MAX_FRAME_BYTES = 16 << 20;

/** Services that fail each in its own way; the listener of each is a port of its own. */
const KINDS = ["strict", "empty", "refused", "closing", "garbage", "busy", "short"] as const;
type Kind = (typeof KINDS)[number];

describeWith("Thrift failures", missingThriftPeers(), () => {
  let thrift: ThriftMesh;
  let closing: TcpServer;
  let garbage: TcpServer;
  const ports = new Map<Kind, number>();

  beforeAll(async () => {
    const free = await freePorts(KINDS.length);
    KINDS.forEach((kind, index) => ports.set(kind, free[index] ?? 0));
    const nobody = await freePort();
    closing = await TcpServer.start(async (connection) => {
      await connection.readFrame(thriftFrameLength, 60_000);
      connection.end();
    });
    garbage = await TcpServer.start(async (connection) => {
      await connection.readFrame(thriftFrameLength, 60_000);
      connection.write(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"));
    });
    thrift = await ThriftMesh.start({
      endpoints: [{ label: "go", language: "go", version: "v1", ...HEADER }],
      others: (endpoints) => {
        const service = (kind: Kind, rest: Partial<ServiceOptions>): ServiceOptions => ({
          protocol: "thrift",
          host: `${kind}.thrift`,
          port: portOf(kind),
          endpoints,
          ...rest,
        });
        const to = { v1: 100 };
        return [
          service("strict", { routes: [{ match: { method: { exact: "hello" } }, to }] }),
          service("empty", { emptySubsets: ["none"], routes: [{ to: { none: 100 } }] }),
          service("refused", { endpoints: [{ port: nobody, version: "v1" }] }),
          service("closing", { endpoints: [{ port: closing.port, version: "v1" }] }),
          service("garbage", { endpoints: [{ port: garbage.port, version: "v1" }] }),
          service("busy", { trafficPolicy: { connectionPool: { http: { http2MaxRequests: 2 } } } }),
          service("short", { routes: [{ to, timeout: "300ms" }] }),
        ];
      },
    });
  });

  afterAll(async () => {
    await thrift.stop();
    await Promise.all([closing.stop(), garbage.stop()]);
  });

  function portOf(kind: Kind): number {
    return ports.get(kind) ?? 0;
  }

  const cluster = (kind: Kind, subset = ""): string =>
    `outbound|${portOf(kind)}|${subset}|${kind}.thrift`;

  const clients = THRIFT_LANGUAGES.flatMap((language) =>
    [FRAMED, HEADER].map((wire) => [language, wire] as const),
  );

  describe.each(clients)("%s client, %o", (language, wire) => {
    let client: ThriftClient;

    beforeAll(() => {
      client = thrift.client(language);
    });

    const target = (kind: Kind): ThriftTarget => ({ ...wire, port: portOf(kind) });

    test("no route", async () => {
      const failure = await client.fail(target("strict"), { method: "getUser", args: ["1"] });
      const text = `metaproto: no route of strict.thrift_${portOf("strict")} matches this request`;
      expectApplicationException(failure, ExceptionType.UnknownMethod, text);
      expect((await client.call(target("strict"), HELLO)).value).toBe("Hello you from go");
    });

    test("no healthy endpoint", async () => {
      const failure = await client.fail(target("empty"), HELLO);
      const text = `metaproto: cluster ${cluster("empty", "none")} has no healthy endpoint`;
      expectApplicationException(failure, ExceptionType.InternalError, text);
    });

    test("connection refused", async () => {
      const failure = await client.fail(target("refused"), HELLO);
      const text = `metaproto: cannot connect to an endpoint of cluster ${cluster("refused")}`;
      expectApplicationException(failure, ExceptionType.InternalError, text);
    });

    test("the server closes the connection instead of answering", async () => {
      const failure = await client.fail(target("closing"), HELLO);
      const text = `metaproto: the connection ended before the response, cluster ${cluster("closing")}`;
      expectApplicationException(failure, ExceptionType.InternalError, text);
    });

    test("the server's answer is no Thrift", async () => {
      const failure = await client.fail(target("garbage"), HELLO);
      const text = `metaproto: the response is malformed, cluster ${cluster("garbage")}`;
      expectApplicationException(failure, ExceptionType.InternalError, text);
    });

    test("overload", async () => {
      const calls = await Promise.all(
        Array.from({ length: 5 }, () =>
          client.call({ ...target("busy"), connections: 5 }, SLOW).then(
            () => undefined,
            (error: unknown) => error as PeerFailure,
          ),
        ),
      );
      const failures = calls.filter((failure) => failure !== undefined);
      expect(failures).toHaveLength(3);
      const text = `metaproto: too many requests are outstanding for cluster ${cluster("busy")}`;
      for (const failure of failures) {
        expectApplicationException(failure, ExceptionType.InternalError, text);
      }
      expect((await client.call(target("busy"), HELLO)).value).toBe("Hello you from go");
    });

    test("the route's timeout, and the connection goes on", async () => {
      const failure = await client.fail(target("short"), SLOW);
      const text = `metaproto: no response within 300 ms from cluster ${cluster("short", "v1")}`;
      expectApplicationException(failure, ExceptionType.InternalError, text);
      // The late answer belongs to nobody.
      for (let i = 0; i < 20; i++) {
        const args = [`caller ${i}`] as const;
        const { value } = await client.call(target("short"), { method: "hello", args });
        expect(value).toBe(`Hello caller ${i} from go`);
      }
    });
  });

  test.each(THRIFT_LANGUAGES)(
    "a request of the %s client larger than the limit",
    async (language) => {
      const client = thrift.client(language);
      const target = { ...FRAMED, port: thrift.port };
      const args = [{ $string: MAX_FRAME_BYTES + (1 << 20) }];
      const failure = await client.fail(target, { method: "big", args });
      const text = "metaproto: the request is malformed or too large";
      expectApplicationException(failure, ExceptionType.ProtocolError, text);
      // Clients keep a connection on which the server answered; this one is closed.
      const again = await waitUntil("another connection", () => client.call(target, HELLO));
      expect(again.value).toBe("Hello you from go");
    },
  );

  const wires: readonly ThriftWire[] = [FRAMED, HEADER];
  test.each(wires)("a frame of %o that is too large is answered", async (wire) => {
    const client = await TcpConnection.connect(thrift.port);
    const body = stringStruct(wire.protocol, 1, "x");
    const call = { type: MessageType.Call, name: "hello", seqid: 77, body };
    const frame = thriftFrame(wire, call);
    frame.writeUInt32BE(MAX_FRAME_BYTES + 1, 0);
    client.write(frame);
    const answer = parseThriftFrame(wire, await client.readFrame(thriftFrameLength));
    const text = "metaproto: the request is malformed or too large";
    expect(answer).toMatchObject({ type: MessageType.Exception, name: "hello", seqid: 77 });
    expect(answer.body).toEqual(exceptionStruct(wire.protocol, text, ExceptionType.ProtocolError));
    expect(await client.readUntilEnd()).toHaveLength(0);
  });

  test("bytes that are no Thrift end the connection, and nothing else", async () => {
    const noise = await TcpConnection.connect(thrift.port);
    noise.write(Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    expect(await noise.readUntilEnd()).toHaveLength(0);
    const target = { ...FRAMED, port: thrift.port };
    expect((await thrift.client("go").call(target, HELLO)).value).toBe("Hello you from go");
  });

  test.each(THRIFT_LANGUAGES)(
    "a killed %s server fails what is outstanding; a restarted one is found again",
    async (language) => {
      const endpoint = { label: "restarted", ...HEADER };
      const first = await startThriftServer(language, [endpoint]);
      const endpoints = [{ port: first.port("restarted"), version: "v1" }];
      const port = await freePort();
      const host = `killed-${language}.thrift`;
      await thrift.mesh.edit({ protocol: "thrift", host, port, endpoints });
      await thrift.mesh.envoy.listenerPort(`${host}_${port}`);

      const client = thrift.client(language);
      const target = { ...FRAMED, port };
      await client.call(target, HELLO);
      const sent = `cluster.outbound|${port}||${host}.upstream_cx_tx_bytes_total`;
      const before = await thrift.mesh.envoy.stat(sent);
      expect(before).toBeGreaterThan(0);
      const slow = { method: "slow", args: [60_000] } as const;
      const pending = client.fail({ ...target, timeoutMs: 60_000 }, slow);
      await thrift.mesh.envoy.waitForStat(sent, (bytes) => bytes > before);
      await first.stop();
      const cut = `metaproto: the connection ended before the response, cluster outbound|${port}||`;
      expectApplicationException(await pending, ExceptionType.InternalError, cut);
      const refused = `metaproto: cannot connect to an endpoint of cluster outbound|${port}||`;
      const second = await client.fail(target, HELLO);
      expectApplicationException(second, ExceptionType.InternalError, refused);

      const again = await startThriftServer(language, [
        { ...endpoint, port: endpoints[0]?.port ?? 0 },
      ]);
      const back = await client.call(target, HELLO);
      expect(back.value).toBe("Hello you from restarted");
      await again.stop();
    },
  );
});
