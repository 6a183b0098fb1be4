// Scenarios in the host emulator: milliseconds, and a failure wherever Envoy would crash.
import { GrpcServer, TcpServer, type Client, type ServerConnection } from "../../host/index.js";
import { builtModule } from "../../modules/built-module.js";
import { Mesh } from "../mesh.js";
import { discoveryResponse, parseDiscoveryRequest } from "./discovery-messages.js";
import type {
  Endpoint,
  Network,
  NetworkOptions,
  OnBytes,
  RouteConfigurationJson,
  Wire,
  World,
} from "./network.js";

/** Simulated time after which a condition will not come true any more. */
const PATIENCE_MS = 20_000;
const STEP_MS = 10;

class ClientWire implements Wire {
  constructor(private readonly socket: Client) {}

  write(bytes: Uint8Array): void {
    this.socket.send(bytes);
  }

  writeInPieces(bytes: Uint8Array, size: number): Promise<void> {
    this.socket.send(bytes, [size]);
    return Promise.resolve();
  }

  close(): void {
    this.socket.close();
  }

  reset(): void {
    this.socket.reset();
  }

  get isClosed(): boolean {
    return this.socket.closed;
  }
}

class ServerWire implements Wire {
  constructor(private readonly connection: ServerConnection) {}

  write(bytes: Uint8Array): void {
    this.connection.write(bytes);
  }

  writeInPieces(bytes: Uint8Array, size: number): Promise<void> {
    for (let at = 0; at < bytes.length; at += size) this.write(bytes.subarray(at, at + size));
    return Promise.resolve();
  }

  close(): void {
    this.connection.close();
  }

  reset(): void {
    this.connection.reset();
  }

  get isClosed(): boolean {
    return !this.connection.isOpen || this.connection.ended;
  }
}

class EmulatedEndpoint implements Endpoint {
  readonly server: TcpServer;
  readonly #wires = new Map<ServerConnection, ServerWire>();

  constructor(onBytes: OnBytes) {
    this.server = new TcpServer({
      onConnection: (connection) => this.#wires.set(connection, new ServerWire(connection)),
      onData: (connection, bytes) => {
        const wire = this.#wires.get(connection);
        if (wire !== undefined) onBytes(wire, Buffer.from(bytes));
      },
    });
  }

  get wires(): readonly Wire[] {
    return [...this.#wires.values()];
  }

  kill(): Promise<void> {
    this.server.kill();
    return Promise.resolve();
  }

  restart(): Promise<void> {
    this.server.accept = "accept";
    return Promise.resolve();
  }
}

class EmulatedNetwork implements Network {
  readonly rejections: string[] = [];
  readonly mesh: Mesh;
  readonly #control: GrpcServer;
  readonly #workers: number;
  #published: readonly RouteConfigurationJson[] | undefined;
  #connections = 0;
  #version = 0;
  #nonce = 0;

  constructor(module: WebAssembly.Module, options: NetworkOptions) {
    this.#workers = options.workers ?? 1;
    this.#control = new GrpcServer({
      onMessage: (stream, message) => {
        const request = parseDiscoveryRequest(message);
        if (request.errorDetail !== undefined) this.rejections.push(request.errorDetail.message);
        const isSubscription = request.responseNonce === "";
        if (isSubscription && this.#published !== undefined) this.#send(stream, this.#published);
      },
    });
    const isDiscovered = options.isDiscovered ?? false;
    this.mesh = new Mesh(module, {
      clusters: Object.fromEntries(
        Object.entries(options.clusters).map(([name, endpoints]) => [
          name,
          endpoints.map((endpoint) => endpoint as EmulatedEndpoint),
        ]),
      ),
      plugin: {
        ...(isDiscovered ? { routeConfigurations: [], discoveryCluster: "control" } : {}),
        ...options.plugin,
      },
      host: { workers: this.#workers, clusters: { control: { grpc: this.#control } } },
    });
  }

  connect(onBytes: OnBytes): Promise<Wire> {
    const socket = this.mesh.connectSocket(undefined, this.#connections++ % this.#workers);
    const wire = new ClientWire(socket);
    socket.onData = (bytes) => {
      onBytes(wire, Buffer.from(bytes));
    };
    return Promise.resolve(wire);
  }

  until(what: string, condition: () => boolean): Promise<void> {
    this.mesh.run();
    for (let waited = 0; !condition(); waited += STEP_MS) {
      if (waited > PATIENCE_MS) return Promise.reject(new Error(`does not come true: ${what}`));
      this.mesh.host.advance(STEP_MS);
    }
    return Promise.resolve();
  }

  pass(ms: number): Promise<void> {
    this.mesh.host.advance(ms);
    return Promise.resolve();
  }

  stat(name: string): Promise<number> {
    return Promise.resolve(this.mesh.stat(name));
  }

  publish(configurations: readonly RouteConfigurationJson[]): void {
    this.#published = configurations;
    this.#version++;
    for (const stream of this.#control.openStreams) this.#send(stream, configurations);
  }

  stopControlPlane(): Promise<void> {
    this.#control.kill();
    return Promise.resolve();
  }

  startControlPlane(): Promise<void> {
    this.#control.reachability = "up";
    return Promise.resolve();
  }

  #send(
    stream: { send(message: Uint8Array): void },
    configurations: readonly RouteConfigurationJson[],
  ): void {
    const nonce = String(++this.#nonce);
    stream.send(discoveryResponse({ version: String(this.#version), nonce, configurations }));
  }
}

const MODULES = { dubbo: await builtModule("dubbo"), thrift: await builtModule("thrift") };

export class EmulatedWorld implements World {
  readonly name = "emulator";
  readonly #networks: EmulatedNetwork[] = [];

  endpoint(onBytes: OnBytes): Promise<Endpoint> {
    return Promise.resolve(new EmulatedEndpoint(onBytes));
  }

  open(options: NetworkOptions): Promise<Network> {
    const network = new EmulatedNetwork(MODULES[options.protocol], options);
    this.#networks.push(network);
    return Promise.resolve(network);
  }

  close(): Promise<void> {
    const networks = this.#networks.splice(0);
    for (const { mesh } of networks) {
      mesh.run();
      for (const { vm } of mesh.host.workers) if (vm.failure) return Promise.reject(vm.failure);
      const { warnings } = mesh.host;
      if (warnings.length > 0) return Promise.reject(new Error(warnings.join("\n")));
    }
    return Promise.resolve();
  }
}
