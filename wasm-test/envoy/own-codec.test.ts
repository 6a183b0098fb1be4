// A codec of somebody's own: begun by the command, built and tested with packages that were packed and installed, and
// at work in a stock Envoy.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ServeProcess, runCommand } from "../../controlplane/cli/testing/run-command.js";
import { waitUntil } from "./support/deadline.js";
import { DepotClient, DepotKind, DepotServer, DepotStatus } from "./support/depot.js";
import { Envoy } from "./support/envoy.js";
import { freePort } from "./support/ports.js";
import { Workshop } from "./support/workshop.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const HOST = "depot.demo";
/** Of what compiles a module, on a machine with much else to do. */
const BUILD_MS = 600_000;

let workshop: Workshop;

beforeAll(() => {
  workshop = new Workshop();
});

afterAll(() => {
  workshop.dispose();
});

test(
  "the project builds, passes its tests, and is TypeScript to editors",
  async () => {
    workshop.create(".");
    await workshop.install(".", "metaproto");
    const written = await workshop.run(
      ...[".", "npx", "--no-install", "metaproto", "new", "codec", "depot"],
    );
    expect(written).toContain("depot/assembly/codec.ts\n");
    const manifest: unknown = JSON.parse(readFileSync(workshop.path("depot/package.json"), "utf8"));
    const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8")) as {
      readonly version: string;
    };
    // Not from a checkout: the command is an installed one.
    const packages = ["metaproto", "metaproto-as", "metaproto-test"] as const;
    for (const name of packages)
      expect(manifest).toMatchObject({ devDependencies: { [name]: `^${version}` } });
    await workshop.install("depot", ...packages);
    const output = await workshop.run("depot", "npm", "test");
    // The conformance kit, then the project's own.
    expect(output).toMatch(/^\d+ passed, 0 failed, 0 not applicable$/m);
    expect(output).toMatch(/^# pass 6$[\s\S]*^# fail 0$/m);
    const tsc = `${ROOT}node_modules/typescript/bin/tsc`;
    await workshop.run("depot", process.execPath, tsc, "-p", "assembly", "--noEmit");
  },
  BUILD_MS,
);

describe("its module in Envoy", () => {
  let port: number;
  let serve: ServeProcess | undefined;
  let envoy: Envoy | undefined;
  const servers: DepotServer[] = [];
  const clients: DepotClient[] = [];

  function write(name: string, content: string): void {
    const file = workshop.path("mesh", name);
    writeFileSync(`${file}.partial`, content);
    renameSync(`${file}.partial`, file);
  }

  function writeService(berlin: DepotServer, rest: DepotServer): void {
    const endpoint = (server: DepotServer, city: string): string =>
      `{ address: 127.0.0.1, ports: { tcp-metaprotocol-shop: ${String(server.port)} }, labels: { city: ${city} } }`;
    write(
      "service.yaml",
      `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: depot }
spec:
  hosts: [${HOST}]
  addresses: [127.0.0.1]
  ports: [{ number: ${String(port)}, name: tcp-metaprotocol-shop }]
  resolution: STATIC
  endpoints:
    - ${endpoint(berlin, "berlin")}
    - ${endpoint(rest, "rest")}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: depot }
spec:
  host: ${HOST}
  subsets: [{ name: berlin, labels: { city: berlin } }, { name: rest, labels: { city: rest } }]
---
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: depot }
spec:
  hosts: [${HOST}]
  routes:
    - match: { attributes: { item: { prefix: berlin/ } } }
      requestMutation: [{ key: lane, value: fast }]
      route: [{ destination: { host: ${HOST}, subset: berlin } }]
    - match: { attributes: { method: { exact: count } } }
      route: [{ destination: { host: ${HOST}, subset: rest } }]
`,
    );
  }

  async function connect(): Promise<DepotClient> {
    const client = await DepotClient.connect(port);
    clients.push(client);
    return client;
  }

  beforeAll(async () => {
    mkdirSync(workshop.path("mesh"));
    port = await freePort();
    // The module under another protocol's name.
    write(
      "protocol.yaml",
      `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata: { name: shop }
spec: { protocol: shop, codec: depot }
`,
    );
    const [berlin, rest] = [await DepotServer.start("berlin"), await DepotServer.start("rest")];
    servers.push(berlin, rest);
    writeService(berlin, rest);
    serve = await ServeProcess.start(workshop.path("mesh"), workshop.path("depot", "build"));
    const { stdout: bootstrap } = await runCommand(
      ...["bootstrap", "--node-id", "own-codec"],
      ...["--xds-address", `127.0.0.1:${String(serve.xdsPort)}`],
    );
    envoy = await Envoy.start({ bootstrap, concurrency: 1 });
    await envoy.listenerPort(`${HOST}_${String(port)}`);
  });

  afterAll(async () => {
    for (const client of clients.splice(0)) client.close();
    try {
      await envoy?.stop();
    } finally {
      await serve?.stop();
      for (const server of servers.splice(0)) await server.stop();
    }
  });

  test("routes by attributes, from one connection to all servers, and changes tags", async () => {
    const client = await connect();
    const answers = await client.ask(
      { method: "count", tags: { item: "berlin/lamp" } },
      { method: "count", tags: { item: "paris/lamp" } },
      { method: "take", tags: { item: "berlin/lamp" } },
    );
    expect(answers.map(({ body }) => body)).toEqual([
      "berlin: count",
      "rest: count",
      "berlin: take",
    ]);
    const [berlin, rest] = servers;
    expect(berlin?.messages.map(({ tags }) => tags)).toEqual([
      { item: "berlin/lamp", lane: "fast" },
      { item: "berlin/lamp", lane: "fast" },
    ]);
    expect(rest?.messages.map(({ tags }) => tags)).toEqual([{ item: "paris/lamp" }]);
  });

  test("answers with the protocol's own error, and pings itself; one-way messages pass", async () => {
    const client = await connect();
    const [lost, pong] = await client.ask({ method: "take" }, { kind: DepotKind.Ping });
    expect(lost).toMatchObject({ kind: DepotKind.Response, status: DepotStatus.NotFound });
    expect(lost?.body).toBe(`metaproto: no route of ${HOST}_${String(port)} matches this request`);
    expect(pong).toMatchObject({ kind: DepotKind.Pong, status: DepotStatus.Ok, body: "" });
    await client.ask({ kind: DepotKind.Oneway, method: "put", tags: { item: "berlin/x" } });
    await waitUntil("the one-way message", () =>
      servers[0]?.messages.some(
        ({ kind, method }) => kind === DepotKind.Oneway && method === "put",
      ),
    );
  });
});
