// ZooKeeper on a stock Envoy: kazoo on one side, Apache ZooKeeper on the other.
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { buildWasm } from "../../scripts/build-wasm.mjs";
import { capture } from "../codecs/zookeeper/frames.js";
import { describeWith } from "./support/describe-with.js";
import { waitUntil } from "./support/deadline.js";
import { Mesh } from "./support/mesh.js";
import { PeerFailure } from "./support/peer-process.js";
import { freePorts } from "./support/ports.js";
import type { RouteOptions, ServiceOptions } from "./support/resources.js";
import { assertFollowsWeights } from "./support/statistics.js";
import { stopWhenStarted } from "./support/stop-when-started.js";
import { TcpConnection } from "./support/tcp-connection.js";
import {
  fourLetters,
  missingZookeeper,
  ZookeeperClient,
  ZookeeperServer,
  type ZookeeperSession,
} from "./support/zookeeper-peer.js";

const CALM_SECONDS = 5;
const IDLE_SECONDS = 1.5;
const ALL: RouteOptions = { to: { v1: 100 } };

function opcode(exact: string, prefix?: string): NonNullable<RouteOptions["match"]> {
  return { opcode: { exact }, ...(prefix === undefined ? {} : { path: { prefix } }) };
}

async function failureOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof PeerFailure)) throw new Error("it did not fail", { cause: error });
  return error.className;
}

describeWith("ZooKeeper", missingZookeeper(), () => {
  let servers: readonly [ZookeeperServer, ZookeeperServer];
  let client: ZookeeperClient;
  let mesh: Mesh;
  let service: ServiceOptions;
  let nowhere: ServiceOptions;
  const sessions: ZookeeperSession[] = [];
  const stops: (() => Promise<void>)[] = [];

  function starting<T extends { stop(): Promise<void> }>(start: Promise<T>): Promise<T> {
    stops.push(stopWhenStarted(start));
    return start;
  }

  async function open(timeoutSeconds = CALM_SECONDS): Promise<ZookeeperSession> {
    const session = await client.open(service.port, timeoutSeconds);
    sessions.push(session);
    return session;
  }

  beforeAll(async () => {
    const started = [starting(ZookeeperServer.start()), starting(ZookeeperServer.start())] as const;
    const startedClient = starting(ZookeeperClient.start());
    await buildWasm("zookeeper");
    servers = await Promise.all(started);
    client = await startedClient;
    const [port = 0, other = 0, dead = 0] = await freePorts(3);
    const endpoints = [
      { port: servers[0].port, version: "v1" },
      { port: servers[1].port, version: "v2" },
    ];
    service = { protocol: "zookeeper", port, endpoints, routes: [ALL] };
    nowhere = {
      protocol: "zookeeper",
      host: "nowhere.zookeeper",
      port: other,
      endpoints: [{ port: dead, version: "v1" }],
    };
    mesh = await starting(Mesh.start([service, nowhere]));
  });

  afterEach(async () => {
    await Promise.all(sessions.splice(0).map((session) => session.close()));
    await mesh.edit(service);
  });

  afterAll(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  test("sessions read and write, and are told of what others change", async () => {
    const [writer, reader] = [await open(), await open()];
    expect(writer.id).not.toBe(reader.id);
    expect(await writer.call("create", "/watched", "one")).toBe("/watched");
    expect(await reader.watch("get", "/watched")).toEqual(["one", expect.anything()]);
    expect(await reader.watch("get_children", "/")).toContain("watched");
    for (const value of ["two", "three"]) await writer.call("set", "/watched", value);
    await waitUntil("told of the change", () => reader.watched.length >= 1);
    expect(await reader.call("get", "/watched")).toEqual(["three", expect.anything()]);
    await writer.call("delete", "/watched");
    await waitUntil("told of the children", () => reader.watched.length >= 2);
    expect(reader.watched).toEqual([
      { type: "CHANGED", path: "/watched" },
      { type: "CHILD", path: "/" },
    ]);
    expect(await failureOf(reader.call("get", "/watched"))).toBe("NoNodeError");
    expect(writer.watched).toEqual([]);
  });

  test("what is a session's goes with the session, and nobody else's", async () => {
    const [one, two] = [await open(), await open()];
    await one.call("ephemeral", "/of-one");
    await two.call("ephemeral", "/of-two");
    await sessions.splice(sessions.indexOf(one), 1)[0]?.close();
    const children = (await two.call("get_children", "/")) as string[];
    expect(children).not.toContain("of-one");
    expect(children).toContain("of-two");
  });

  test("pings keep an idle session alive", async () => {
    const [idle, other] = [await open(IDLE_SECONDS), await open()];
    await idle.call("ephemeral", "/idle");
    const since = Date.now();
    // Three times as long as the server keeps a session that it hears nothing of.
    await waitUntil("idle for long enough", () => Date.now() - since > 3 * IDLE_SECONDS * 1000);
    expect(idle.states).toEqual(["CONNECTED"]);
    expect(await idle.currentId()).toBe(idle.id);
    expect(await other.call("exists", "/idle")).not.toBeNull();
  });

  test("requests are refused by opcode and path, each as an error of its own", async () => {
    const session = await open();
    for (const path of ["/free", "/secret", "/busy", "/broken"]) {
      await session.call("create", path, "x");
    }
    const limited = { tokenBucket: { maxTokens: 2, tokensPerFill: 1, fillInterval: "1h" } };
    const abort = { kind: "INTERNAL", percentage: { value: 100 } };
    const missing = { code: 101, percentage: { value: 100 } };
    await mesh.edit({
      ...service,
      routes: [
        { match: opcode("getData", "/busy"), ...ALL, more: { localRateLimit: limited } },
        { match: opcode("setData", "/broken"), ...ALL, more: { fault: { abort } } },
        { match: opcode("delete", "/broken"), ...ALL, more: { fault: { abort: missing } } },
        ALL,
      ],
      resources: [
        {
          apiVersion: "metaprotocol.aeraki.io/v1alpha1",
          kind: "MetaAuthorizationPolicy",
          metadata: { name: "no-secrets", namespace: "test" },
          spec: {
            hosts: ["demo.zookeeper"],
            action: "DENY",
            rules: [
              {
                to: [
                  {
                    operation: {
                      attributes: { opcode: { exact: "setData" }, path: { prefix: "/secret" } },
                    },
                  },
                ],
              },
            ],
          },
        },
      ],
    });
    await waitUntil("the policy", async () => {
      const failed = session.call("set", "/secret", "y").then(
        () => false,
        () => true,
      );
      return await failed;
    });
    expect(await failureOf(session.call("set", "/secret", "y"))).toBe("NoAuthError");
    expect(await session.call("get", "/secret")).toEqual([expect.anything(), expect.anything()]);
    expect(await failureOf(session.call("set", "/broken", "y"))).toBe("SystemZookeeperError");
    expect(await failureOf(session.call("delete", "/broken"))).toBe("NoNodeError");
    await session.call("get", "/busy");
    await session.call("get", "/busy");
    expect(await failureOf(session.call("get", "/busy"))).toBe("ThrottledOpError");
    // None of it has cost the session anything.
    await session.call("set", "/free", "y");
    expect(session.states).toEqual(["CONNECTED"]);
  });

  test("a server that dies: the session goes on when it is back", async () => {
    const session = await open();
    await session.call("create", "/kept", "before");
    await session.call("ephemeral", "/held");
    await servers[0].kill();
    await waitUntil("the client knows", () => session.states.includes("SUSPENDED"));
    await servers[0].restart();
    await waitUntil("connected again", () => session.states.at(-1) === "CONNECTED", {
      timeoutMs: 30_000,
    });
    expect(await session.call("get", "/kept")).toEqual(["before", expect.anything()]);
    expect(await session.currentId()).toBe(session.id);
    expect(await session.call("exists", "/held")).not.toBeNull();
    await session.call("delete", "/kept");
  });

  test("connections are split by weight, and answered in four letters", async () => {
    await mesh.route(service, { to: { v1: 30, v2: 70 } });
    expect(await fourLetters(service.port, "ruok")).toBe("imok");
    const counts = new Map<string, number>();
    const versions = new Map(service.endpoints.map(({ port, version }) => [port, version]));
    for (let i = 0; i < 200; i++) {
      const answer = await fourLetters(service.port, "conf");
      const port = Number(/^clientPort=(\d+)$/m.exec(answer)?.[1]);
      const version = versions.get(port) ?? answer;
      counts.set(version, (counts.get(version) ?? 0) + 1);
    }
    assertFollowsWeights(counts, { v1: 30, v2: 70 });
  });

  test("no server: the connection is closed, which clients take for a reason to try another", async () => {
    const connection = await TcpConnection.connect(nowhere.port);
    connection.write(Buffer.from(capture("req-connect")));
    expect(await connection.readUntilEnd()).toHaveLength(0);
    connection.destroy();
  });
});
