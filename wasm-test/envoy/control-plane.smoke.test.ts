// A stock Envoy that has nothing but what `metaproto bootstrap` prints, against `metaproto serve`.
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ServeProcess, runCommand } from "../../controlplane/cli/testing/run-command.js";
import { pluginBytes } from "../../controlplane/modules/testing/plugin-bytes.js";
import { buildWasm } from "../../scripts/build-wasm.mjs";
import { waitUntil } from "./support/deadline.js";
import {
  dubboFrameLength,
  dubboRequest,
  dubboResponse,
  parseDubboFrame,
  valueBody,
} from "./support/dubbo-wire.js";
import { Envoy, type EnvoyOptions } from "./support/envoy.js";
import { freePort } from "./support/ports.js";
import { TcpConnection } from "./support/tcp-connection.js";
import { TcpServer } from "./support/tcp-server.js";

const NODE = "smoke-1";

interface TypeStatus {
  readonly type: string;
  readonly state: string;
  readonly acceptedVersion?: string;
}

interface StreamStatus {
  readonly role: string;
  readonly types: readonly TypeStatus[];
}

let folder: string;
let serve: ServeProcess | undefined;
let envoy: Envoy | undefined;
let port: number;
const servers: TcpServer[] = [];
const connections: TcpConnection[] = [];

/** A Dubbo provider that answers everything with its label. */
async function startProvider(label: string): Promise<TcpServer> {
  const server = await TcpServer.start(async (connection) => {
    for (;;) {
      const { id } = parseDubboFrame(await connection.readFrame(dubboFrameLength, 60_000));
      connection.write(dubboResponse(id, valueBody(label)));
    }
  });
  servers.push(server);
  return server;
}

/** One endpoint for each version, one subset for each endpoint. */
function writeService(ports: Readonly<Record<string, number>>): void {
  const versions = Object.keys(ports);
  const endpoints = versions.map(
    (version) =>
      `    - { address: 127.0.0.1, ports: { tcp-metaprotocol-dubbo: ${String(ports[version])} }, labels: { version: ${version} } }\n`,
  );
  const subsets = versions.map(
    (version) => `    - { name: ${version}, labels: { version: ${version} } }\n`,
  );

  writeFileSync(
    join(folder, "config", "service.yaml"),
    `apiVersion: networking.istio.io/v1beta1
kind: ServiceEntry
metadata: { name: demo, namespace: meta }
spec:
  hosts: [demo.meta]
  addresses: [127.0.0.1]
  ports: [{ number: ${String(port)}, name: tcp-metaprotocol-dubbo, protocol: TCP }]
  resolution: STATIC
  endpoints:
${endpoints.join("")}---
apiVersion: networking.istio.io/v1beta1
kind: DestinationRule
metadata: { name: demo, namespace: meta }
spec:
  host: demo.meta
  subsets:
${subsets.join("")}`,
  );
}

function writeRouter(subset: string): void {
  writeFileSync(
    join(folder, "config", "router.yaml"),
    `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: demo, namespace: meta }
spec:
  hosts: [demo.meta]
  routes:
    - name: default
      route: [{ destination: { host: demo.meta, subset: ${subset} } }]
`,
  );
}

function writeModule(code: Uint8Array): void {
  const file = join(folder, "modules", "dubbo.wasm");
  writeFileSync(`${file}.partial`, code);
  renameSync(`${file}.partial`, file);
}

/** Resources of a type that the control plane has sent so far. */
async function sentResources(control: ServeProcess, type: string): Promise<number> {
  const { body } = await control.admin("/metrics");
  const line = new RegExp(`^metaproto_xds_resources_sent_total\\{type="${type}"\\} (\\d+)$`, "m");
  return Number(line.exec(body)?.[1]);
}

async function streams(control: ServeProcess): Promise<readonly StreamStatus[]> {
  const { proxies } = JSON.parse((await control.admin("/debug/proxies")).body) as {
    proxies: { node: string; streams: StreamStatus[] }[];
  };
  return proxies.find(({ node }) => node === NODE)?.streams ?? [];
}

/** State of each type of the proxy's own stream. */
async function states(control: ServeProcess): Promise<Record<string, string>> {
  const proxy = (await streams(control)).find(({ role }) => role === "proxy");
  return Object.fromEntries((proxy?.types ?? []).map(({ type, state }) => [type, state]));
}

const SYNCED = { CDS: "synced", EDS: "synced", LDS: "synced", ECDS: "synced" };

async function allSynced(control: ServeProcess): Promise<true | undefined> {
  const now = await states(control);
  return Object.entries(SYNCED).every(([type, state]) => now[type] === state) || undefined;
}

async function connect(): Promise<TcpConnection> {
  const connection = await TcpConnection.connect(port);
  connections.push(connection);
  return connection;
}

let lastId = 0n;

/** Sends one request and returns the label of the provider that answered, or the status of an error. */
async function call(connection: TcpConnection): Promise<string> {
  const id = ++lastId;
  connection.write(dubboRequest({ id, method: "sayHello" }));
  const response = parseDubboFrame(await connection.readFrame(dubboFrameLength));
  expect(response.id).toBe(id);
  if (response.status !== 20) return `status ${String(response.status)}`;
  // After the tag of a value, a short string: its length and its text.
  return response.body.subarray(2, 2 + response.body.readUInt8(1)).toString();
}

async function start(
  options: Pick<EnvoyOptions, "concurrency" | "expectedFailures"> = {},
): Promise<{ readonly control: ServeProcess; readonly proxy: Envoy }> {
  const control = await ServeProcess.start(join(folder, "config"), join(folder, "modules"));
  serve = control;
  const { stdout } = await runCommand(
    ...["bootstrap", "--node-id", NODE],
    ...["--xds-address", `127.0.0.1:${String(control.xdsPort)}`],
  );
  const proxy = await Envoy.start({ bootstrap: stdout, concurrency: 2, ...options });
  envoy = proxy;
  await waitUntil("everything accepted", () => allSynced(control));
  return { control, proxy };
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "metaproto-smoke-"));
  mkdirSync(join(folder, "config"));
  mkdirSync(join(folder, "modules"));
  writeModule(readFileSync(await buildWasm("dubbo")));
  port = await freePort();
  const [v1, v2] = [await startProvider("v1"), await startProvider("v2")];
  writeService({ v1: v1.port, v2: v2.port });
  writeRouter("v1");
});

afterEach(async () => {
  for (const connection of connections.splice(0)) connection.destroy();
  const proxy = envoy;
  envoy = undefined;
  try {
    await proxy?.stop();
  } finally {
    await serve?.stop();
    serve = undefined;
    for (const server of servers.splice(0)) await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

describe("a stock Envoy and the control plane", () => {
  test("an edit of routes re-routes the next request on an open connection, and touches nothing else", async () => {
    // Each worker asks for routes by itself: with one, a second connection meets the same table.
    const { control, proxy } = await start({ concurrency: 1 });
    const client = await connect();
    expect(await call(client)).toBe("v1");
    const before = {
      listeners: await sentResources(control, "LDS"),
      clusters: await sentResources(control, "CDS"),
      endpoints: await sentResources(control, "EDS"),
      modules: await sentResources(control, "ECDS"),
    };
    writeRouter("v2");
    await waitUntil("a request to v2", async () => (await call(client)) === "v2");
    expect({
      listeners: await sentResources(control, "LDS"),
      clusters: await sentResources(control, "CDS"),
      endpoints: await sentResources(control, "EDS"),
      modules: await sentResources(control, "ECDS"),
    }).toEqual(before);
    expect(await proxy.stat("listener_manager.listener_modified")).toBe(0);
    expect(await proxy.stat("cluster_manager.cluster_modified")).toBe(0);

    // What does not validate changes nothing, and neither does the end of the control plane.
    writeFileSync(join(folder, "config", "router.yaml"), "kind: MetaRouter\nspec: [");
    await waitUntil("the fault told", () =>
      control.log.some((line) => / error .*router/.test(line)),
    );
    expect(await call(client)).toBe("v2");
    expect(await control.stop()).toBe(0);
    serve = undefined;
    expect(await call(client)).toBe("v2");
    expect(await call(await connect())).toBe("v2");
  });

  test("an edit of endpoints sends the load assignments that it changes", async () => {
    const { control, proxy } = await start();
    const client = await connect();
    expect(await call(client)).toBe("v1");
    const sent = await sentResources(control, "EDS");
    const [v1] = servers;
    const moved = await startProvider("v2 at another port");
    writeService({ v1: v1?.port ?? 0, v2: moved.port });
    // Subset v2 and the cluster of all endpoints, but not subset v1.
    await waitUntil(
      "new endpoints",
      async () => (await sentResources(control, "EDS")) === sent + 2 || undefined,
    );
    await waitUntil("endpoint known", async () =>
      (await proxy.admin("/clusters")).includes(`127.0.0.1:${String(moved.port)}::`),
    );
    writeRouter("v2");
    await waitUntil("a request to it", async () => (await call(client)) === "v2 at another port");
    expect(await proxy.stat("listener_manager.listener_modified")).toBe(0);
  });

  test("an endpoint that leaves is left, connections and all, and no request is lost", async () => {
    await start();
    const client = await connect();
    expect(await call(client)).toBe("v1");
    const [left, v2] = servers;
    const next = await startProvider("the next v1");
    let isRunning = true;
    const answers: string[] = [];
    const ask = async (): Promise<void> => {
      while (isRunning) answers.push(await call(client));
    };
    const traffic = ask();
    writeService({ v1: next.port, v2: v2?.port ?? 0 });
    await waitUntil("requests to the next one", () => answers.at(-1) === "the next v1");
    await waitUntil("no connection to the one that left", () =>
      left?.connections.every((connection) => connection.ended),
    );
    isRunning = false;
    await traffic;
    expect(answers.filter((answer) => answer !== "v1" && answer !== "the next v1")).toEqual([]);
  });

  test("a route to a cluster that comes with it, and back when it goes, loses no request", async () => {
    const { control } = await start();
    const [v1, v2] = servers.map((server) => server.port);
    const v3 = await startProvider("v3");
    let isRunning = true;
    const answers = new Map<string, number>();
    const clients = await Promise.all(Array.from({ length: 4 }, connect));
    const traffic = clients.map(async (client) => {
      while (isRunning) {
        const answer = await call(client);
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
      }
    });
    await waitUntil("requests to v1", () => answers.has("v1"));
    for (let round = 1; round <= 3; round++) {
      answers.clear();
      writeRouter("v3");
      writeService({ v1: v1 ?? 0, v2: v2 ?? 0, v3: v3.port });
      await waitUntil("requests to v3", () => answers.has("v3"));
      answers.clear();
      writeService({ v1: v1 ?? 0, v2: v2 ?? 0 });
      writeRouter("v1");
      await waitUntil("requests to v1 again", () => answers.has("v1"));
      expect([...answers.keys()].filter((answer) => !["v1", "v3"].includes(answer))).toEqual([]);
    }
    isRunning = false;
    await Promise.all(traffic);
    expect([...answers.keys()].filter((answer) => !["v1", "v3"].includes(answer))).toEqual([]);
    expect(control.log.filter((line) => line.includes("refused"))).toEqual([]);
  });

  test("a replaced module serves new connections, while open ones stay with the old one", async () => {
    const { control, proxy } = await start();
    const old = await connect();
    expect(await call(old)).toBe("v1");
    const code = readFileSync(join(folder, "modules", "dubbo.wasm"));
    // An empty custom section: other bytes, the same code.
    writeModule(Buffer.concat([code, Buffer.from([0, 2, 1, 0x78])]));
    await waitUntil("the new version accepted", async () => {
      const digests = new Set(
        (await proxy.admin("/listeners")).match(/metaproto\.dubbo\.[0-9a-f]{12}/g),
      );
      return digests.size === 2 && (await allSynced(control));
    });
    const fresh = await connect();
    expect(await call(fresh)).toBe("v1");
    expect(await call(old)).toBe("v1");
    writeRouter("v2");
    await waitUntil("both follow", async () =>
      [await call(old), await call(fresh)].every((label) => label === "v2"),
    );
    expect(await proxy.stat("listener_manager.listener_modified")).toBe(0);
  });

  test("a module that does not load is refused, and the one that works stays for all connections", async () => {
    const { control } = await start({ expectedFailures: /wasm/ });
    const old = await connect();
    expect(await call(old)).toBe("v1");
    // It passes for a plugin until a proxy tries to run it.
    writeModule(pluginBytes(1));
    await waitUntil("it refused", async () => (await states(control))["ECDS"] === "refused");
    expect(control.log.some((line) => /refused ECDS \(metaproto\.dubbo\.\w+\)/.test(line))).toBe(
      true,
    );
    for (let i = 0; i < 8; i++) expect(await call(await connect())).toBe("v1");
    expect(await call(old)).toBe("v1");
    // The next one that loads is taken.
    const code = readFileSync(await buildWasm("dubbo"));
    writeModule(Buffer.concat([code, Buffer.from([0, 2, 1, 0x78])]));
    await waitUntil("a good one accepted", () => allSynced(control), { timeoutMs: 20_000 });
    expect(await call(await connect())).toBe("v1");
  });
});
