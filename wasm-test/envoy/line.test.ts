// The example protocol on a stock Envoy, with the configuration that its README shows.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, expect, test } from "vitest";
import { buildWasm } from "../../scripts/build-wasm.mjs";
import { Envoy } from "./support/envoy.js";
import { TcpConnection } from "./support/tcp-connection.js";
import { TcpServer } from "./support/tcp-server.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CONFIGURATION = `${ROOT}assembly/codecs/line/envoy.yaml`;

let envoy: Envoy | undefined;
const servers: TcpServer[] = [];
const connections: TcpConnection[] = [];

function lineLength(bytes: Buffer): number | undefined {
  const end = bytes.indexOf("\n");
  return end === -1 ? undefined : end + 1;
}

async function readLine(connection: TcpConnection): Promise<string> {
  return (await connection.readFrame(lineLength, 60_000)).toString("latin1").trimEnd();
}

/** Answers each line with `<name>: <line>`; closes its connection when it is told `CRASH`. */
async function startServer(name: string): Promise<TcpServer> {
  const server = await TcpServer.start(async (connection) => {
    for (;;) {
      const line = await readLine(connection);
      if (line.endsWith("CRASH")) connection.destroy();
      else connection.write(Buffer.from(`${name}: ${line}\n`));
    }
  });
  servers.push(server);
  return server;
}

/** The configuration with the listener on a free port, and endpoints where the servers are. */
async function startEnvoy(ports: Readonly<Record<string, number>>): Promise<Envoy> {
  let bootstrap = readFileSync(CONFIGURATION, "utf8").replace("port_value: 20800", "port_value: 0");
  for (const [documented, actual] of Object.entries(ports)) {
    bootstrap = bootstrap.replace(`port_value: ${documented}`, `port_value: ${String(actual)}`);
  }
  envoy = await Envoy.start({ bootstrap, cwd: ROOT });
  return envoy;
}

async function connect(proxy: Envoy): Promise<TcpConnection> {
  const connection = await TcpConnection.connect(await proxy.listenerPort("line"));
  connections.push(connection);
  return connection;
}

beforeAll(async () => {
  await buildWasm("line");
});

afterEach(async () => {
  for (const connection of connections.splice(0)) connection.destroy();
  const running = envoy;
  envoy = undefined;
  try {
    await running?.stop();
  } finally {
    for (const server of servers.splice(0)) await server.stop();
  }
});

test("pipelined lines are routed by verb and key, and answered in order", async () => {
  const [users, rest] = [await startServer("users"), await startServer("rest")];
  const proxy = await startEnvoy({ 20801: users.port, 20802: rest.port });
  const clients = [await connect(proxy), await connect(proxy)];
  const sent = ["GET a", "PUT user:1 x", "DROP b", "GET user:2", "GET c"];
  const expected = [
    "rest: GET a",
    "users: PUT user:1 x",
    "ERR metaproto: no route of line matches this request",
    "users: GET user:2",
    "rest: GET c",
  ];
  for (let round = 0; round < 50; round++) {
    for (const client of clients) client.write(Buffer.from(`${sent.join("\n")}\n`));
  }
  for (const client of clients) {
    for (let round = 0; round < 50; round++) {
      for (const line of expected) expect(await readLine(client)).toBe(line);
    }
  }
});

test("a server that goes away in the middle of a pipeline: each line gets one answer", async () => {
  const [users, rest] = [await startServer("users"), await startServer("rest")];
  const proxy = await startEnvoy({ 20801: users.port, 20802: rest.port });
  const client = await connect(proxy);
  client.write(Buffer.from("GET 1\nGET CRASH\nGET user:3\n"));
  expect(await readLine(client)).toMatch(/^(rest: GET 1|ERR metaproto: the connection ended)/);
  expect(await readLine(client)).toMatch(
    /^ERR metaproto: the connection ended before the response/,
  );
  expect(await readLine(client)).toBe("users: GET user:3");
  client.write(Buffer.from("GET 4\n"));
  expect(await readLine(client)).toBe("rest: GET 4");
});
