// Scenarios in a stock Envoy, with raw sockets on both sides.
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import {
  discoveryResponse,
  parseDiscoveryRequest,
} from "../../switchboard/scenarios/discovery-messages.js";
import type {
  Endpoint,
  Network,
  NetworkOptions,
  OnBytes,
  RouteConfigurationJson,
  Wire,
  World,
} from "../../switchboard/scenarios/network.js";
import { buildWasm } from "../../../scripts/build-wasm.mjs";
import { pause, waitUntil } from "./deadline.js";
import { Envoy } from "./envoy.js";
import { freePort } from "./ports.js";
import { RouteControlPlane, type DiscoveryStream } from "./route-control-plane.js";
import { LISTENER, switchboardBootstrap } from "./switchboard-bootstrap.js";

const PATIENCE_MS = 30_000;

class SocketWire implements Wire {
  isClosed = false;

  constructor(
    private readonly socket: Socket,
    onBytes: OnBytes,
  ) {
    socket.setNoDelay(true);
    socket.on("data", (bytes: Buffer) => {
      onBytes(this, bytes);
    });
    const markClosed = (): void => {
      this.isClosed = true;
    };
    socket.on("end", markClosed);
    socket.on("close", markClosed);
    // A reset is one way for a connection to end.
    socket.on("error", markClosed);
  }

  write(bytes: Uint8Array): void {
    if (!this.isClosed) this.socket.write(bytes);
  }

  async writeInPieces(bytes: Uint8Array, size: number): Promise<void> {
    for (let at = 0; at < bytes.length && !this.isClosed; at += size) {
      await new Promise<void>((resolve) => {
        this.socket.write(bytes.subarray(at, at + size), () => setImmediate(resolve));
      });
    }
  }

  close(): void {
    this.isClosed = true;
    this.socket.end();
  }

  reset(): void {
    this.isClosed = true;
    this.socket.resetAndDestroy();
  }
}

class SocketEndpoint implements Endpoint {
  readonly wires: SocketWire[] = [];
  port = 0;
  private server: Server | undefined;

  constructor(private readonly onBytes: OnBytes) {}

  async start(): Promise<void> {
    const server = createServer((socket) => {
      this.wires.push(new SocketWire(socket, this.onBytes));
    });
    this.server = server;
    const port = this.port === 0 ? await freePort() : this.port;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", resolve);
    });
    this.port = (server.address() as AddressInfo).port;
  }

  async kill(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const wire of this.wires) if (!wire.isClosed) wire.reset();
    await closed;
  }

  restart(): Promise<void> {
    return this.start();
  }
}

class EnvoyNetwork implements Network {
  readonly rejections: string[] = [];
  readonly clients: SocketWire[] = [];
  private envoy: Envoy | undefined;
  private control: RouteControlPlane | undefined;
  private port = 0;
  private published: readonly RouteConfigurationJson[] | undefined;
  private version = 0;
  private nonce = 0;

  async start(options: NetworkOptions, version: string | undefined): Promise<void> {
    await buildWasm(options.protocol);
    if (options.isDiscovered === true) this.control = await this.newControlPlane(await freePort());
    const clusters = Object.fromEntries(
      Object.entries(options.clusters).map(([name, endpoints]) => [
        name,
        endpoints.map((endpoint) => (endpoint as SocketEndpoint).port),
      ]),
    );
    const control = this.control === undefined ? {} : { controlPort: this.control.port };
    const { protocol, plugin } = options;
    this.envoy = await Envoy.start({
      bootstrap: switchboardBootstrap({ protocol, plugin, clusters, ...control }),
      concurrency: options.workers ?? 1,
      ...(version === undefined ? {} : { version }),
    });
    this.port = await this.envoy.listenerPort(LISTENER);
  }

  async connect(onBytes: OnBytes): Promise<Wire> {
    const socket = await new Promise<Socket>((resolve, reject) => {
      const connecting = connect(this.port, "127.0.0.1");
      connecting.once("error", reject);
      connecting.once("connect", () => {
        connecting.off("error", reject);
        resolve(connecting);
      });
    });
    const wire = new SocketWire(socket, onBytes);
    this.clients.push(wire);
    return wire;
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    await waitUntil(what, condition, { timeoutMs: PATIENCE_MS, intervalMs: 5 });
  }

  pass(ms: number): Promise<void> {
    return pause(ms);
  }

  async stat(name: string): Promise<number> {
    // The module hands its counters over once a second.
    await pause(1100);
    for (const [stat, value] of (await this.envoy?.stats("wasmcustom")) ?? []) {
      if (stat.endsWith(`.${name}`)) return value;
    }
    throw new Error(`no stat ${name}`);
  }

  publish(configurations: readonly RouteConfigurationJson[]): void {
    this.published = configurations;
    this.version++;
    for (const stream of this.control?.streams ?? []) this.send(stream, configurations);
  }

  async stopControlPlane(): Promise<void> {
    this.control?.stop();
    await pause(0);
  }

  async startControlPlane(): Promise<void> {
    this.control = await this.newControlPlane(this.control?.port ?? 0);
  }

  private newControlPlane(port: number): Promise<RouteControlPlane> {
    return RouteControlPlane.start((stream, message) => {
      this.onRequest(stream, message);
    }, port);
  }

  private onRequest(stream: DiscoveryStream, message: Buffer): void {
    const request = parseDiscoveryRequest(message);
    if (request.errorDetail !== undefined) this.rejections.push(request.errorDetail.message);
    const isSubscription = request.responseNonce === "";
    if (isSubscription && this.published !== undefined) this.send(stream, this.published);
  }

  private send(stream: DiscoveryStream, configurations: readonly RouteConfigurationJson[]): void {
    const nonce = String(++this.nonce);
    const version = String(this.version);
    stream.write(Buffer.from(discoveryResponse({ version, nonce, configurations })));
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.reset();
    this.control?.stop();
    const { envoy } = this;
    this.envoy = undefined;
    await envoy?.stop();
  }
}

export class EnvoyWorld implements World {
  readonly name: string;
  private readonly networks: EnvoyNetwork[] = [];
  private readonly endpoints: SocketEndpoint[] = [];

  /** @param version of Envoy; default: the one under test. */
  constructor(private readonly version?: string) {
    this.name = version ?? process.env["METAPROTO_ENVOY_VERSION"] ?? "default";
  }

  async endpoint(onBytes: OnBytes): Promise<Endpoint> {
    const endpoint = new SocketEndpoint(onBytes);
    this.endpoints.push(endpoint);
    await endpoint.start();
    return endpoint;
  }

  async open(options: NetworkOptions): Promise<Network> {
    const network = new EnvoyNetwork();
    this.networks.push(network);
    await network.start(options, this.version);
    return network;
  }

  async close(): Promise<void> {
    const networks = this.networks.splice(0);
    const endpoints = this.endpoints.splice(0);
    try {
      for (const network of networks) await network.stop();
    } finally {
      for (const endpoint of endpoints) await endpoint.kill();
    }
  }
}
