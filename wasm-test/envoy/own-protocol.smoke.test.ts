// A protocol of somebody's own, from its module's file and a few lines of YAML to a stock Envoy; and its settings,
// changed while requests are on their way.
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ServeProcess, runCommand } from "../../controlplane/cli/testing/run-command.js";
import { buildWasm } from "../../scripts/build-wasm.mjs";
import { waitUntil } from "./support/deadline.js";
import { Envoy } from "./support/envoy.js";
import { LineServer, exchange } from "./support/line-server.js";
import { freePort } from "./support/ports.js";
import { TcpConnection } from "./support/tcp-connection.js";

const LISTENER = "keys.acme";

let folder: string;
let port: number;
let serve: ServeProcess | undefined;
let envoy: Envoy | undefined;
const servers: LineServer[] = [];
const connections: TcpConnection[] = [];

function write(name: string, content: string): void {
  const file = join(folder, "config", name);
  writeFileSync(`${file}.partial`, content);
  renameSync(`${file}.partial`, file);
}

function writeProtocol(settings: string): void {
  write(
    "protocol.yaml",
    `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata: { name: acme }
spec:
  protocol: acme
  codec: com.example.codecs.keys
  ${settings}
`,
  );
}

function writeService(users: LineServer, rest: LineServer): void {
  const endpoint = (server: LineServer, version: string): string =>
    `{ address: 127.0.0.1, ports: { tcp-metaprotocol-acme: ${String(server.port)} }, labels: { version: ${version} } }`;
  write(
    "service.yaml",
    `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: keys }
spec:
  hosts: [${LISTENER}]
  addresses: [127.0.0.1]
  ports: [{ number: ${String(port)}, name: tcp-metaprotocol-acme }]
  resolution: STATIC
  endpoints:
    - ${endpoint(users, "users")}
    - ${endpoint(rest, "rest")}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: keys }
spec:
  host: ${LISTENER}
  subsets: [{ name: users, labels: { version: users } }, { name: rest, labels: { version: rest } }]
---
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: keys }
spec:
  hosts: [${LISTENER}]
  routes:
    - match: { attributes: { verb: { exact: GET }, key: { prefix: "user:" } } }
      route: [{ destination: { host: ${LISTENER}, subset: users } }]
    - route: [{ destination: { host: ${LISTENER}, subset: rest } }]
`,
  );
}

const moduleFile = (): string => join(folder, "modules", "keys.wasm");

/** The example module under a name of its own: nothing knows it but by its file. */
async function putModule(): Promise<void> {
  copyFileSync(await buildWasm("line"), `${moduleFile()}.partial`);
  renameSync(`${moduleFile()}.partial`, moduleFile());
}

async function startServer(name: string, delayMs?: number): Promise<LineServer> {
  const server = await LineServer.start(name, delayMs);
  servers.push(server);
  return server;
}

async function start(concurrency = 2): Promise<{ control: ServeProcess; proxy: Envoy }> {
  const control = await ServeProcess.start(join(folder, "config"), join(folder, "modules"));
  serve = control;
  const { stdout: bootstrap } = await runCommand(
    ...["bootstrap", "--node-id", "own-protocol"],
    ...["--xds-address", `127.0.0.1:${String(control.xdsPort)}`],
  );
  const proxy = await Envoy.start({ bootstrap, concurrency });
  envoy = proxy;
  return { control, proxy };
}

async function connect(): Promise<TcpConnection> {
  const connection = await TcpConnection.connect(port);
  connections.push(connection);
  return connection;
}

/** Answers to `lines` on a connection of their own. */
async function ask(...lines: readonly string[]): Promise<string[]> {
  const connection = await connect();
  const answers = await exchange(connection, lines);
  connection.destroy();
  return answers;
}

/** Requests without end, on connections that stay and on new ones; every answer that is none of a server is kept. */
class Traffic {
  readonly failures: string[] = [];
  answers = 0;
  private isRunning = true;
  private areConnectionsMade = true;
  private readonly loops: Promise<void>[];

  private constructor(lasting: readonly TcpConnection[]) {
    this.loops = [
      ...lasting.map((connection) =>
        this.repeat(
          () => this.isRunning,
          (lines) => exchange(connection, lines),
        ),
      ),
      this.repeat(
        () => this.isRunning && this.areConnectionsMade,
        (lines) => ask(...lines),
      ),
    ];
  }

  static async start(lasting: number): Promise<Traffic> {
    return new Traffic(await Promise.all(Array.from({ length: lasting }, connect)));
  }

  /** From now on only the connections of the beginning ask. */
  async makeNoMoreConnections(): Promise<void> {
    this.areConnectionsMade = false;
    await this.loops.at(-1);
  }

  async moreAnswers(count: number): Promise<void> {
    const wanted = this.answers + count;
    await waitUntil("more answers", () => this.answers >= wanted || this.failures.length > 0);
  }

  async stop(): Promise<void> {
    this.isRunning = false;
    await Promise.all(this.loops);
  }

  private async repeat(
    isWanted: () => boolean,
    request: (lines: readonly string[]) => Promise<string[]>,
  ): Promise<void> {
    const lines = ["GET user:1", "GET a", "PUT b 1", "GET user:2"];
    const expected = ["users: GET user:1", "rest: GET a", "rest: PUT b 1", "users: GET user:2"];
    while (isWanted()) {
      try {
        const answers = await request(lines);
        this.answers += answers.length;
        this.failures.push(...answers.filter((answer, index) => answer !== expected[index]));
      } catch (error) {
        this.failures.push(String(error));
        return;
      }
    }
  }
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "metaproto-own-protocol-"));
  mkdirSync(join(folder, "config"));
  mkdirSync(join(folder, "modules"));
  port = await freePort();
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

describe("a protocol of somebody's own", () => {
  test("is served once its module is in the folder of modules, and while it is replaced", async () => {
    writeProtocol("");
    writeService(await startServer("users"), await startServer("rest"));
    const { control, proxy } = await start();
    // Before: the reason, with file, field and what there is instead.
    expect(control.log.join("\n")).toMatch(
      /error \S*protocol\.yaml:6: ApplicationProtocol\/acme: spec\.codec: unknown codec `com\.example\.codecs\.keys`.* there are (\w+, )*dubbo(, \w+)*$/m,
    );
    await putModule();
    await proxy.listenerPort(`${LISTENER}_${String(port)}`);
    const expected = ["users: GET user:1", "rest: PUT user:1", "rest: GET a"];
    expect(await ask("GET user:1", "PUT user:1", "GET a")).toEqual(expected);
    // A build that removes its output first.
    rmSync(moduleFile());
    await waitUntil("that it is gone told", () =>
      control.log.some((line) => line.includes("keys.wasm: is gone")),
    );
    expect(await ask("GET user:1", "PUT user:1", "GET a")).toEqual(expected);
    await putModule();
    await waitUntil("that it is back told", () =>
      control.log.some((line) => line.includes("faults and warnings are gone")),
    );
    expect(await ask("GET user:1", "PUT user:1", "GET a")).toEqual(expected);
    expect(await proxy.stat("listener_manager.listener_modified")).toBe(0);
    expect(readFileSync(moduleFile()).length).toBeGreaterThan(0);
  });

  test("has settings, which are changed under load without a failed request", async () => {
    await putModule();
    writeProtocol("connectionMode: EXCLUSIVE");
    const users = await startServer("users", 5);
    const rest = await startServer("rest", 5);
    writeService(users, rest);
    const { proxy } = await start(1);
    await proxy.listenerPort(`${LISTENER}_${String(port)}`);
    const traffic = await Traffic.start(3);
    await traffic.moreAnswers(400);
    expect([users.mostInFlight, rest.mostInFlight]).toEqual([1, 1]);

    writeProtocol("connectionMode: IN_ORDER");
    await waitUntil("a connection with several requests in flight", () => rest.mostInFlight > 1);
    await traffic.moreAnswers(400);
    expect(traffic.failures).toEqual([]);

    // A bound that the lasting connections of before do not have, and that a new one meets at once.
    await traffic.makeNoMoreConnections();
    writeProtocol("limits: { maxRequests: 2 }");
    const lines = Array.from({ length: 8 }, (_, index) => `GET ${String(index)}`);
    const overloaded = await waitUntil("an overload error", async () => {
      const answers = await ask(...lines);
      return answers.some((answer) => answer.startsWith("ERR")) && answers;
    });
    expect(overloaded).toEqual([
      ...["rest: GET 0", "rest: GET 1"],
      ...Array.from(
        { length: 6 },
        () =>
          `ERR metaproto: too many requests are outstanding for cluster outbound|${String(port)}|rest|${LISTENER}`,
      ),
    ]);
    await traffic.moreAnswers(400);
    writeProtocol("limits: { maxRequests: 8 }");
    await waitUntil("room for all", async () =>
      (await ask(...lines)).every((answer) => answer.startsWith("rest: ")),
    );
    await traffic.moreAnswers(400);
    await traffic.stop();
    expect(traffic.failures).toEqual([]);
    expect(await proxy.stat("listener_manager.listener_modified")).toBe(0);
  });
});
