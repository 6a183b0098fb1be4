// A client that asks and never reads, and one that reads too slowly: what Envoy holds for them has an end.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { buildWasm } from "../../../scripts/build-wasm.mjs";
import { metaproto } from "../support/control-plane.js";
import { waitUntil } from "../support/deadline.js";
import { Envoy } from "../support/envoy.js";
import { LISTENER, switchboardBootstrap } from "../support/switchboard-bootstrap.js";
import { TcpConnection } from "../support/tcp-connection.js";
import type { TcpServer } from "../support/tcp-server.js";
import { dubboRequest } from "../support/dubbo-wire.js";
import { HOSTILE_DUBBO } from "./hostile-protocols.js";

const MIB = 1 << 20;
const ANSWER_BYTES = 256 * 1024;
const TIMEOUT_MS = 3000;
/** 64 MiB, in front of a client that reads none of it. */
const REQUESTS = 256;
const ACTIVE = "listener.127.0.0.1_0.downstream_cx_active";

let server: TcpServer;
let envoy: Envoy | undefined;
let client: TcpConnection | undefined;

interface Bootstrap {
  memory_allocator_manager?: unknown;
  static_resources: { listeners: Record<string, unknown>[] };
}

async function start(listener: object, args: readonly string[] = []): Promise<Envoy> {
  await buildWasm("dubbo");
  const bootstrap = switchboardBootstrap({
    protocol: "dubbo",
    clusters: { v1: [server.port] },
    plugin: {
      routeConfigurations: [{ name: "r", routes: [{ destinations: [{ cluster: "v1" }] }] }],
    },
  }) as Bootstrap;
  const { stdout } = await metaproto("bootstrap", "--node-id", "test-node");
  const { memory_allocator_manager } = parse(stdout) as Bootstrap;
  Object.assign(bootstrap, { memory_allocator_manager });
  Object.assign(bootstrap.static_resources.listeners[0] ?? {}, listener);
  envoy = await Envoy.start({ bootstrap, args });
  return envoy;
}

async function ask(proxy: Envoy, isReading: boolean, requests: number): Promise<TcpConnection> {
  client = await TcpConnection.connect(await proxy.listenerPort(LISTENER));
  client.setReading(isReading);
  for (let id = 0; id < requests; id++) {
    client.write(dubboRequest({ id: BigInt(id), method: "large" }));
  }
  return client;
}

/** What Envoy has allocated, without the VMs, at its highest, until the connection is gone. */
async function highestUntilClosed(proxy: Envoy): Promise<number> {
  let highest = 0;
  await waitUntil(
    "the client is closed",
    async () => {
      highest = Math.max(highest, await proxy.stat("server.memory_allocated"));
      return highest > 0 && (await proxy.stat(ACTIVE)) === 0;
    },
    { timeoutMs: 60_000, intervalMs: 50 },
  );
  return highest;
}

beforeEach(async () => {
  server = await HOSTILE_DUBBO.startServer();
});

afterEach(async () => {
  client?.destroy();
  client = undefined;
  try {
    await envoy?.stop();
  } finally {
    envoy = undefined;
    await server.stop();
  }
});

async function expectCeiling(proxy: Envoy): Promise<void> {
  const before = await proxy.stat("server.memory_allocated");
  const resident = proxy.residentBytes();
  await ask(proxy, false, REQUESTS);
  await proxy.waitForStat(ACTIVE, (count) => count === 1);
  const highest = await highestUntilClosed(proxy);
  // All that was asked for, and not a multiple of it; afterwards it is given back.
  expect(highest - before).toBeLessThan(REQUESTS * ANSWER_BYTES + 16 * MIB);
  await proxy.waitForStat("server.memory_allocated", (bytes) => bytes < before + 8 * MIB);
  await waitUntil("the system has it back", () => proxy.residentBytes() < resident + 32 * MIB);
  await proxy.waitForStat(
    "wasmcustom.metaproto.dubbo.downstream_rq_active",
    (count) => count === 0,
  );
}

test("TCP_USER_TIMEOUT closes a client that never reads, whatever the version of Envoy", async () => {
  const option = { level: 6, name: 18, int_value: TIMEOUT_MS, state: "STATE_LISTENING" };
  await expectCeiling(await start({ socket_options: [option] }));
});

describe("per_connection_buffer_high_watermark_timeout", () => {
  // Envoy has the field since 1.38: before, only the test below says something.
  if (process.env["METAPROTO_ENVOY_VERSION"] !== "1.36.2") {
    test("closes a client that never reads", async () => {
      const timeout = `${String(TIMEOUT_MS / 1000)}s`;
      await expectCeiling(await start({ per_connection_buffer_high_watermark_timeout: timeout }));
    });
  }

  test("is no hindrance to an Envoy that does not know it, if that is told to go on", async () => {
    const listener = { per_connection_buffer_high_watermark_timeout: "30s" };
    const proxy = await start(listener, ["--allow-unknown-static-fields"]);
    const connection = await ask(proxy, true, 8);
    const bytes = await connection.read(8 * ANSWER_BYTES, 60_000);
    expect(bytes).toHaveLength(8 * ANSWER_BYTES);
  });
});
