// A sidecar's inbound side in a stock Envoy: requests go to the port that their client connected to, with
// that port's own routes. What a redirect does there, the PROXY protocol does here.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildWasm } from "../../scripts/build-wasm.mjs";
import {
  dubboFrameLength,
  dubboRequest,
  dubboResponse,
  parseDubboFrame,
  valueBody,
} from "./support/dubbo-wire.js";
import { Envoy } from "./support/envoy.js";
import { LISTENER, switchboardBootstrap } from "./support/switchboard-bootstrap.js";
import { TcpConnection } from "./support/tcp-connection.js";
import { TcpServer } from "./support/tcp-server.js";

/** Answers every request with its own port. */
async function workload(): Promise<TcpServer> {
  const server = await TcpServer.start(async (connection) => {
    for (;;) {
      const { id } = parseDubboFrame(await connection.readFrame(dubboFrameLength));
      connection.write(dubboResponse(id, valueBody(String(server.port))));
    }
  });
  return server;
}

function clusterOf(port: number): string {
  return `inbound|${String(port)}||`;
}

describe("requests to original destinations in Envoy", () => {
  const servers: TcpServer[] = [];
  let envoy: Envoy | undefined;
  let listenerPort = 0;

  beforeAll(async () => {
    await buildWasm("dubbo");
    servers.push(await workload(), await workload());
    const names = servers.map(({ port }) => clusterOf(port));
    envoy = await Envoy.start({
      bootstrap: switchboardBootstrap({
        protocol: "dubbo",
        clusters: {},
        originalDestinations: names,
        plugin: {
          defaultRouteConfiguration: "inbound|%DESTINATION_PORT%||",
          routeConfigurations: names.map((name) => ({
            name,
            routes: [{ name: "default", destinations: [{ cluster: name }] }],
            clusters: [{ name, originalDestination: true }],
          })),
        },
      }),
    });
    listenerPort = await envoy.listenerPort(LISTENER);
  });

  afterAll(async () => {
    await envoy?.stop();
    for (const server of servers) await server.stop();
  });

  /** A client whose connection was redirected from `port`. */
  async function connectTo(port: number): Promise<TcpConnection> {
    const connection = await TcpConnection.connect(listenerPort);
    connection.write(Buffer.from(`PROXY TCP4 127.0.0.1 127.0.0.1 40000 ${String(port)}\r\n`));
    return connection;
  }

  async function ask(connection: TcpConnection, id: bigint): Promise<string> {
    connection.write(dubboRequest({ id, method: "echo" }));
    const response = parseDubboFrame(await connection.readFrame(dubboFrameLength));
    expect(response.id).toBe(id);
    return response.body.toString("latin1");
  }

  test("reach the port that their client connected to, over a connection that clients share", async () => {
    const clients = await Promise.all(
      [0, 1, 0, 1].map(async (which) => {
        const port = servers[which]?.port ?? 0;
        return { port, connection: await connectTo(port) };
      }),
    );
    for (let id = 1n; id <= 5n; id++)
      for (const { port, connection } of clients)
        expect(await ask(connection, id)).toContain(String(port));
    for (const server of servers) expect(server.connections.length).toBeLessThanOrEqual(2);
    for (const { connection } of clients) connection.destroy();
  });

  test("have no route at a port that has none", async () => {
    const connection = await connectTo(9);
    expect(await ask(connection, 7n)).toMatch(/metaproto: .*no route/i);
    connection.destroy();
  });
});
