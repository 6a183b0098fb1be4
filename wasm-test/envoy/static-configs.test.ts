// The files of envoy-configs as they are, but for ports: no control plane, only `envoy -c`.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { buildWasm } from "../../scripts/build-wasm.mjs";
import { CertificateAuthority, writeCertificate } from "./support/certificates.js";
import {
  type DubboHeader,
  type DubboRequest,
  ResponseTag,
  Status,
  dubboFrameLength,
  dubboRequest,
  dubboResponse,
  hessianString,
  parseDubboFrame,
  valueBody,
} from "./support/dubbo-wire.js";
import { envoyBinary } from "./support/envoy-binary.js";
import { Envoy } from "./support/envoy.js";
import { assertFollowsWeights } from "./support/statistics.js";
import { TcpConnection } from "./support/tcp-connection.js";
import { TcpServer } from "./support/tcp-server.js";
import {
  MessageType,
  stringStruct,
  parseThriftFrame,
  thriftFrame,
  thriftFrameLength,
  type ThriftWire,
} from "./support/thrift-wire.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CONFIGS = join(ROOT, "envoy-configs");
const EXAMPLES = readdirSync(CONFIGS, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

interface SocketAddress {
  address: string;
  port_value: number;
}

let folder: string;
let envoy: Envoy | undefined;
const servers: { stop: () => Promise<void> }[] = [];
const connections: TcpConnection[] = [];

/** Every socket address below `value`. */
function socketAddresses(value: unknown): SocketAddress[] {
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, child]): SocketAddress[] =>
    key === "socket_address" ? [child as SocketAddress] : socketAddresses(child),
  );
}

interface Bootstrap {
  readonly static_resources: { readonly listeners: object[]; readonly clusters: object[] };
}

function read(example: string): Bootstrap {
  const text = readFileSync(join(CONFIGS, example, "envoy.yaml"), "utf8");
  // Certificates are the test's own.
  return parse(text.replaceAll("build/certificates/", `${folder}/`)) as Bootstrap;
}

/**
 * Starts an example with its listeners on free ports.
 * @param ports documented port of an endpoint -> the one that the test's server has.
 */
async function start(example: string, ports: Readonly<Record<number, number>>): Promise<Envoy> {
  const bootstrap = read(example);
  for (const address of socketAddresses(bootstrap.static_resources.listeners)) {
    expect(address.address).toBe("127.0.0.1");
    address.port_value = 0;
  }
  for (const address of socketAddresses(bootstrap.static_resources.clusters)) {
    const port = ports[address.port_value];
    if (port === undefined) throw new Error(`no server for port ${String(address.port_value)}`);
    address.port_value = port;
  }
  envoy = await Envoy.start({ bootstrap, cwd: ROOT });
  return envoy;
}

/** A Dubbo provider that answers every request with its label, or what `answer` makes of it. */
async function startProvider(
  label: string,
  answer: (request: Buffer) => Buffer | undefined = (request) =>
    dubboResponse(parseDubboFrame(request).id, valueBody(label)),
): Promise<TcpServer> {
  const server = await TcpServer.start(async (connection) => {
    for (;;) {
      const response = answer(await connection.readFrame(dubboFrameLength, 60_000));
      if (response !== undefined) connection.write(response);
    }
  });
  servers.push(server);
  return server;
}

async function connect(proxy: Envoy, listener: string): Promise<TcpConnection> {
  const connection = await TcpConnection.connect(await proxy.listenerPort(listener));
  connections.push(connection);
  return connection;
}

let lastId = 0n;

/** Label of the provider that answered, or `error` with the status or the exception of a local reply. */
function outcome({ status, body }: DubboHeader): string {
  if (status !== Status.Ok) return `error ${String(status)}`;
  const tag = body.readUInt8(0) - 0x90;
  if (tag === ResponseTag.Exception || tag === ResponseTag.ExceptionWithAttachments) {
    return `error ${body.toString("latin1").replaceAll(/[^ -~]+/g, " ")}`;
  }
  // A short string: its length and its text.
  return body.subarray(2, 2 + body.readUInt8(1)).toString();
}

async function call(connection: TcpConnection, request: Omit<DubboRequest, "id">): Promise<string> {
  const id = ++lastId;
  connection.write(dubboRequest({ ...request, id }));
  const response = parseDubboFrame(await connection.readFrame(dubboFrameLength));
  expect(response.id).toBe(id);
  return outcome(response);
}

beforeAll(async () => {
  await buildWasm("dubbo");
  await buildWasm("thrift");
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "metaproto-static-"));
});

afterEach(async () => {
  for (const connection of connections.splice(0)) connection.destroy();
  const running = envoy;
  envoy = undefined;
  try {
    await running?.stop();
  } finally {
    for (const server of servers.splice(0)) await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

function writeCertificates(): CertificateAuthority {
  const authority = new CertificateAuthority();
  writeFileSync(join(folder, "ca.pem"), authority.certificate);
  for (const name of ["proxy", "greeter.demo", "client"]) {
    writeCertificate(folder, name, authority.issue({ dns: [name, "localhost"] }));
  }
  return authority;
}

describe("every example", () => {
  test("is listed, with its port", () => {
    const readme = readFileSync(join(CONFIGS, "README.md"), "utf8");
    const listed = [...readme.matchAll(/^\| \[([\w-]+)\]/gm)].map(([, name]) => name);
    expect(listed.sort()).toEqual([...EXAMPLES].sort());
    for (const example of EXAMPLES) {
      const [address] = socketAddresses(read(example).static_resources.listeners);
      expect(readme).toContain(`127.0.0.1:${String(address?.port_value)}`);
    }
  });

  test.each(EXAMPLES)("%s is valid as it stands", (example) => {
    writeCertificates();
    const file = join(folder, "envoy.yaml");
    const text = readFileSync(join(CONFIGS, example, "envoy.yaml"), "utf8");
    writeFileSync(file, text.replaceAll("build/certificates/", `${folder}/`));
    const { status, stderr } = spawnSync(
      envoyBinary(),
      ["--mode", "validate", "-c", file, "-l", "warn"],
      { cwd: ROOT, encoding: "utf8" },
    );
    expect(stderr).not.toMatch(/\[(error|critical)\]/);
    expect(status).toBe(0);
  });
});

test("dubbo-routing", async () => {
  const [v1a, v1b, v2] = [
    await startProvider("v1a"),
    await startProvider("v1b"),
    await startProvider("v2"),
  ];
  const proxy = await start("dubbo-routing", {
    20881: v1a.port,
    20882: v1b.port,
    20883: v2.port,
  });
  const client = await connect(proxy, "dubbo");

  const tester = { method: "sayHello", attachments: { "user-group": "tester" } };
  for (let i = 0; i < 20; i++) expect(await call(client, tester)).toBe("v2");
  for (let i = 0; i < 20; i++) {
    expect(await call(client, { method: "placeOrder" })).toMatch(/^v1/);
  }
  const counts = new Map<string, number>();
  for (let i = 0; i < 1000; i++) {
    const label = (await call(client, { method: "sayHello" })).slice(0, 2);
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  assertFollowsWeights(counts, { v1: 80, v2: 20 });
  // One client connection reaches both endpoints of v1.
  expect(v1a.connections.length).toBeGreaterThan(0);
  expect(v1b.connections.length).toBeGreaterThan(0);
  expect(await call(client, { method: "sayHello", path: "demo.Other" })).toMatch(/^error /);
});

test("dubbo-routing adds the attachment", async () => {
  const v1 = await startProvider("v1", (request) => {
    const isMarked = request.includes("routed-by") && request.includes("metaproto");
    return dubboResponse(parseDubboFrame(request).id, valueBody(isMarked ? "marked" : "plain"));
  });
  const proxy = await start("dubbo-routing", { 20881: v1.port, 20882: v1.port, 20883: v1.port });
  const client = await connect(proxy, "dubbo");
  expect(await call(client, { method: "placeOrder" })).toBe("marked");
  expect(await call(client, { method: "sayHello" })).toBe("plain");
});

test("thrift-routing", async () => {
  const wire: ThriftWire = { transport: "header", protocol: "binary" };
  const startServer = async (label: string): Promise<TcpServer> => {
    const server = await TcpServer.start(async (connection) => {
      for (;;) {
        const call = parseThriftFrame(wire, await connection.readFrame(thriftFrameLength, 60_000));
        const body = stringStruct(wire.protocol, 0, label);
        const { name, seqid } = call;
        connection.write(thriftFrame(wire, { type: MessageType.Reply, name, seqid, body }));
      }
    });
    servers.push(server);
    return server;
  };
  const [v1, v2] = [await startServer("v1"), await startServer("v2")];
  const proxy = await start("thrift-routing", { 19091: v1.port, 19092: v2.port });
  const client = await connect(proxy, "thrift");
  let seqid = 0;
  const callThrift = async (
    name: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<string> => {
    seqid++;
    const body = stringStruct(wire.protocol, 1, "x");
    client.write(thriftFrame(wire, { type: MessageType.Call, name, seqid, body, headers }));
    const reply = parseThriftFrame(wire, await client.readFrame(thriftFrameLength));
    expect(reply).toMatchObject({ type: MessageType.Reply, name, seqid });
    // The string field of the result: type, id, length, then its text.
    return reply.body.subarray(7, -1).toString();
  };
  expect(await callThrift("add")).toBe("v1");
  expect(await callThrift("newAdd")).toBe("v2");
  expect(await callThrift("add", { "X-Canary": "yes" })).toBe("v2");
  expect(await callThrift("add", { "x-other": "yes" })).toBe("v1");
});

describe("tls", () => {
  interface Tls {
    readonly ca: string;
    readonly cert: string;
    readonly key: string;
  }

  const files = (name: string): Tls => ({
    ca: readFileSync(join(folder, "ca.pem"), "utf8"),
    cert: readFileSync(join(folder, `${name}.pem`), "utf8"),
    key: readFileSync(join(folder, `${name}.key`), "utf8"),
  });

  /** A provider behind TLS that asks the proxy for its certificate. */
  async function startTlsProvider(name: string): Promise<number> {
    const server = createServer({ ...files(name), requestCert: true, rejectUnauthorized: true });
    server.on("secureConnection", (socket) => {
      const connection = new TcpConnection(socket);
      connections.push(connection);
      void (async () => {
        const request = await connection.readFrame(dubboFrameLength, 60_000);
        connection.write(dubboResponse(parseDubboFrame(request).id, valueBody("over TLS")));
      })().catch(() => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    servers.push({
      stop: () =>
        new Promise((resolve) => {
          server.close(() => {
            resolve();
          });
        }),
    });
    const address = server.address();
    return address === null || typeof address === "string" ? 0 : address.port;
  }

  /** @param identity undefined: no certificate. */
  async function connectClient(proxy: Envoy, identity?: string): Promise<TcpConnection> {
    const { ca, cert, key } = files(identity ?? "client");
    const port = await proxy.listenerPort("dubbo-tls");
    const options = { host: "127.0.0.1", port, ca, servername: "proxy" };
    return new Promise((resolve, reject) => {
      const socket = connectTls(
        identity === undefined ? options : { ...options, cert, key },
        () => {
          const connection = new TcpConnection(socket);
          connections.push(connection);
          resolve(connection);
        },
      );
      socket.on("error", reject);
    });
  }

  test("clients with a certificate reach an endpoint with the right name", async () => {
    writeCertificates();
    const proxy = await start("tls", { 20444: await startTlsProvider("greeter.demo") });
    expect(await call(await connectClient(proxy, "client"), { method: "sayHello" })).toBe(
      "over TLS",
    );
  });

  test("clients without a certificate are refused", async () => {
    writeCertificates();
    const proxy = await start("tls", { 20444: await startTlsProvider("greeter.demo") });
    // TLS 1.3 tells the client after its own handshake is done.
    const refused = await connectClient(proxy).then(
      async (connection) => {
        await connection.closed;
        return connection.pending.length === 0;
      },
      () => true,
    );
    expect(refused).toBe(true);
    expect(await proxy.stat("listener.127.0.0.1_0.ssl.fail_verify_no_cert")).toBe(1);
  });

  test("an endpoint with another name is not trusted, and the client is told", async () => {
    writeCertificates();
    const proxy = await start("tls", { 20444: await startTlsProvider("client") });
    const answer = await call(await connectClient(proxy, "client"), { method: "sayHello" });
    expect(answer).toMatch(/^error /);
    await proxy.waitForStat("cluster.greeter-tls.ssl.fail_verify_san", (count) => count > 0);
  });

  test.skipIf(spawnSync("openssl", ["version"]).status !== 0)(
    "the script of the example makes certificates that Envoy takes",
    () => {
      execFileSync(join(CONFIGS, "tls/make-certificates.sh"), { stdio: "pipe" });
      const args = ["--mode", "validate", "-c", "envoy-configs/tls/envoy.yaml", "-l", "warn"];
      const { status, stderr } = spawnSync(envoyBinary(), args, { cwd: ROOT, encoding: "utf8" });
      expect(stderr).not.toMatch(/\[(error|critical)\]/);
      expect(status).toBe(0);
    },
  );
});

describe("bounds", () => {
  test("what is beyond them gets the protocol's error, what is within them passes", async () => {
    const waiting: Buffer[] = [];
    const provider = await startProvider("", (request) => {
      const { id } = parseDubboFrame(request);
      if (!request.includes("hold")) return dubboResponse(id, valueBody("ok"));
      waiting.push(request);
      return undefined;
    });
    const proxy = await start("bounds", { 20901: provider.port });
    const client = await connect(proxy, "dubbo");
    expect(await call(client, { method: "sayHello" })).toBe("ok");

    // Six requests of the cluster may be outstanding: of nine, three are refused at once.
    for (let i = 0; i < 9; i++) {
      client.write(dubboRequest({ id: ++lastId, method: "hold" }));
    }
    for (let i = 0; i < 3; i++) {
      expect(outcome(parseDubboFrame(await client.readFrame(dubboFrameLength)))).toMatch(/^error /);
    }
    expect(waiting.length).toBeLessThanOrEqual(6);
    // The rest gets a timeout after the 2 s of this file.
    for (let i = 0; i < 6; i++) {
      expect(outcome(parseDubboFrame(await client.readFrame(dubboFrameLength)))).toMatch(/^error /);
    }
    expect(await call(client, { method: "sayHello" })).toBe("ok");
    const counted = (flag: string): Promise<number> =>
      proxy.waitForStat(`wasmcustom.metaproto.dubbo.local_reply_${flag}`, (count) => count > 0);
    expect(await counted("uo")).toBe(3);
    expect(await counted("ut")).toBe(6);
    // At most two connections of one worker, with four requests each.
    expect(provider.connections.length).toBeLessThanOrEqual(2);
  });

  test("a frame beyond 64 KiB is answered, and its connection closed", async () => {
    const provider = await startProvider("ok");
    const proxy = await start("bounds", { 20901: provider.port });
    const client = await connect(proxy, "dubbo");
    const huge = { method: "sayHello", args: [hessianString("x".repeat(100_000))] };
    expect(await call(client, huge)).toMatch(/^error /);
    await client.readUntilEnd();
    const next = await connect(proxy, "dubbo");
    expect(await call(next, { method: "sayHello" })).toBe("ok");
  });
});
