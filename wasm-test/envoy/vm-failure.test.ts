// What docs/operators says of a module that traps: the connections of that worker end when they are next
// used, and new ones are served by a new VM, because of `failure_policy: FAIL_RELOAD`.
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildWasm } from "../../scripts/build-wasm.mjs";
import { waitUntil } from "./support/deadline.js";
import { Envoy } from "./support/envoy.js";
import { LISTENER, switchboardBootstrap } from "./support/switchboard-bootstrap.js";
import { TcpConnection } from "./support/tcp-connection.js";
import { TcpServer } from "./support/tcp-server.js";

const MODULE = "test/line-trapping";

let server: TcpServer;
let envoy: Envoy;

function lineLength(bytes: Buffer): number | undefined {
  const end = bytes.indexOf("\n");
  return end === -1 ? undefined : end + 1;
}

async function ask(connection: TcpConnection, line: string): Promise<string> {
  connection.write(Buffer.from(`${line}\n`));
  return (await connection.readFrame(lineLength)).toString("latin1");
}

beforeAll(async () => {
  await buildWasm(MODULE);
  server = await TcpServer.start(async (connection) => {
    for (;;) connection.write(await connection.readFrame(lineLength, 60_000));
  });
  const routes = { name: "line", routes: [{ destinations: [{ cluster: "echo" }] }] };
  const bootstrap = switchboardBootstrap({
    protocol: MODULE,
    clusters: { echo: [server.port] },
    plugin: { routeConfigurations: [routes] },
  });
  envoy = await Envoy.start({ bootstrap, expectedFailures: /unreachable/ });
});

afterAll(async () => {
  try {
    await envoy.stop();
  } finally {
    await server.stop();
  }
});

test("a trap ends the connections of its worker, and the next ones are served", async () => {
  const port = await envoy.listenerPort(LISTENER);
  const [bystander, culprit] = [
    await TcpConnection.connect(port),
    await TcpConnection.connect(port),
  ];
  expect(await ask(bystander, "GET 1")).toBe("GET 1\n");
  culprit.write(Buffer.from("! now\n"));
  await culprit.closed;
  // Envoy tells no connection of it: the others end as soon as they are used.
  expect(bystander.ended).toBe(false);
  bystander.write(Buffer.from("GET 2\n"));
  await bystander.closed;
  expect(bystander.pending).toHaveLength(0);

  const next = await waitUntil("a new connection is served", async () => {
    const connection = await TcpConnection.connect(port);
    return (await ask(connection, "GET 3")) === "GET 3\n" ? connection : undefined;
  });
  expect(await ask(next, "GET 4")).toBe("GET 4\n");
  const reloads = "wasm.metaproto.vm_reload_success";
  expect(await envoy.waitForStat(reloads, (count) => count > 0)).toBeGreaterThan(0);
  next.destroy();
});
