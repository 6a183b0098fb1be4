// What docs/operators says of a module that traps: the connections of that worker end when they are next
// used, and new ones are served by a new VM, because of `failure_policy: FAIL_RELOAD`.
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildWasm } from "../../scripts/build-wasm.mjs";
import { waitUntil } from "./support/deadline.js";
import { Envoy } from "./support/envoy.js";
import { LISTENER, switchboardBootstrap } from "./support/switchboard-bootstrap.js";
import { TcpConnection } from "./support/tcp-connection.js";
import { TcpServer } from "./support/tcp-server.js";

const MODULE = "test/line-trapping";

const CONFIGS = fileURLToPath(new URL("../../envoy-configs/", import.meta.url));

let server: TcpServer;
let bootstrap: object;
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
  bootstrap = switchboardBootstrap({
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

test.each(
  readdirSync(CONFIGS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name),
)("the example %s reloads a VM that has failed", (example) => {
  const text = readFileSync(`${CONFIGS}${example}/envoy.yaml`, "utf8");
  const modules = text.match(/vm_config:/g) ?? [];
  expect(modules.length).toBeGreaterThan(0);
  expect(text.match(/failure_policy: FAIL_RELOAD/g)).toHaveLength(modules.length);
});

describe("of two workers", () => {
  let proxy: Envoy;
  const open: TcpConnection[] = [];

  beforeAll(async () => {
    proxy = await Envoy.start({ bootstrap, concurrency: 2, expectedFailures: /unreachable/ });
  });

  afterAll(async () => {
    for (const connection of open) connection.destroy();
    await proxy.stop();
  });

  const total = (worker: number): Promise<number> =>
    proxy.stat(`listener.127.0.0.1_0.worker_${String(worker)}.downstream_cx_total`);

  /** The kernel chooses the worker of a connection: connects until it is `worker`. */
  async function connectTo(worker: number): Promise<TcpConnection> {
    const port = await proxy.listenerPort(LISTENER);
    return waitUntil(`a connection of worker ${String(worker)}`, async () => {
      const before = [await total(0), await total(1)];
      const connection = await TcpConnection.connect(port);
      open.push(connection);
      const now = await waitUntil("the connection is accepted", async () => {
        const counts = [await total(0), await total(1)];
        return counts.some((count, index) => count !== before[index]) ? counts : undefined;
      });
      return now[worker] === before[worker] ? undefined : connection;
    });
  }

  test("the other one does not notice, and the one that has failed is back with its routes", async () => {
    const [other, culprit] = [await connectTo(1), await connectTo(0)];
    expect(await ask(other, "GET 1")).toBe("GET 1\n");
    expect(await ask(culprit, "GET 2")).toBe("GET 2\n");
    const routed = "wasmcustom.metaproto.line.downstream_rq_total";
    await proxy.waitForStat(routed, (count) => count === 2);
    for (let failure = 1; failure <= 3; failure++) {
      const victim = failure === 1 ? culprit : await connectTo(0);
      victim.write(Buffer.from("! now\n"));
      await victim.closed;
      expect(await ask(other, `GET other ${String(failure)}`)).toBe(
        `GET other ${String(failure)}\n`,
      );
      // Envoy waits with jitter, up to 10 s after repeated failures, before it makes a VM anew.
      await waitUntil(
        "worker 0 serves again",
        async () => {
          const next = await connectTo(0);
          return (await ask(next, "GET again")) === "GET again\n";
        },
        { timeoutMs: 60_000 },
      );
    }
    expect(other.ended).toBe(false);
    // The filters of clients and of servers count apiece.
    expect(await proxy.stat("wasm.metaproto.vm_reload_success")).toBe(6);
    // Counters go on from what had been handed over; a VM takes with it what it had not.
    await proxy.waitForStat(routed, (count) => count >= 6);
  });
});
