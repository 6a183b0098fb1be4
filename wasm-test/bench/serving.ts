// From the delivery of a module by ECDS to the first request that it serves.
//
// The resource is a file that Envoy watches; each delivery brings a module of other bytes, whose routes
// lead to another server, so that an answer tells who served the request.
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  dubboFrameLength,
  dubboRequest,
  dubboResponse,
  parseDubboFrame,
  valueBody,
} from "../envoy/support/dubbo-wire.js";
import { Envoy } from "../envoy/support/envoy.js";
import { TcpConnection } from "../envoy/support/tcp-connection.js";
import { TcpServer } from "../envoy/support/tcp-server.js";
import { SERVING, servingBootstrap, wasmResource } from "./bootstrap.js";
import { spreadOf, type Spread } from "./summary.js";

const MODULE = fileURLToPath(new URL("../../build/dubbo.wasm", import.meta.url));
const CLUSTERS = ["even", "odd"] as const;
const LONGEST_MS = 20_000;

/** A server that answers every request with its name. */
function namedServer(name: string): Promise<TcpServer> {
  return TcpServer.start(async (connection) => {
    for (;;) {
      const { id, isEvent } = parseDubboFrame(await connection.readFrame(dubboFrameLength));
      if (!isEvent) connection.write(dubboResponse(id, valueBody(name)));
    }
  });
}

/** Who answers one request on a new connection. */
async function whoServes(port: number): Promise<string | undefined> {
  const connection = await TcpConnection.connect(port);
  connection.write(dubboRequest({ id: 1n, method: "hello" }));
  const frame = await connection.readFrame(dubboFrameLength);
  connection.end();
  const { body } = parseDubboFrame(frame);
  return CLUSTERS.find((name) => body.includes(name));
}

class Delivery {
  private count = 0;

  constructor(private readonly folder: string) {}

  get file(): string {
    return join(this.folder, "module.json");
  }

  /** Puts a new module in place; returns the name of the server that it leads to. */
  next(): string {
    const index = this.count++;
    const cluster = CLUSTERS[index % CLUSTERS.length] ?? "";
    const code = join(this.folder, `module-${index}.wasm`);
    // A custom section of its own: other bytes, another VM, equal behaviour.
    const section = Buffer.from([0, 3, 1, 0x6e, index & 0x7f]);
    writeFileSync(code, Buffer.concat([readFileSync(MODULE), section]));
    const partial = join(this.folder, "partial.json");
    writeFileSync(partial, JSON.stringify(wasmResource("dubbo", cluster, code, index)));
    renameSync(partial, this.file);
    return cluster;
  }
}

/** Milliseconds until a request on a new connection is served by the module that was delivered last. */
async function untilServedBy(port: number, cluster: string): Promise<number> {
  const begin = performance.now();
  while ((await whoServes(port)) !== cluster) {
    if (performance.now() - begin > LONGEST_MS) throw new Error(`${cluster} serves nothing`);
  }
  return performance.now() - begin;
}

/** @returns milliseconds, over several deliveries. */
export async function measureServing(deliveries: number): Promise<Spread> {
  const folder = mkdtempSync(join(tmpdir(), "metaproto-bench-"));
  const servers = await Promise.all(CLUSTERS.map(namedServer));
  const ports = Object.fromEntries(CLUSTERS.map((name, at) => [name, servers[at]?.port ?? 0]));
  const delivery = new Delivery(folder);
  let envoy: Envoy | undefined;
  try {
    const first = delivery.next();
    const bootstrap = servingBootstrap("dubbo", delivery.file, ports);
    envoy = await Envoy.start({ bootstrap, logLevel: "error" });
    const port = await envoy.listenerPort(SERVING);
    await untilServedBy(port, first);
    const times: number[] = [];
    for (let i = 0; i < deliveries; i++) {
      const cluster = delivery.next();
      times.push(await untilServedBy(port, cluster));
    }
    return spreadOf(times);
  } finally {
    await envoy?.stop();
    for (const server of servers) await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
