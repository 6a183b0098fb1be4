// A Dubbo mesh in one process: the built module in the host emulator, scripted providers, and
// clients that speak in frames.
import { readFileSync } from "node:fs";
import {
  TcpServer,
  TestHost,
  type Client,
  type ServerConnection,
  type TcpServerOptions,
  type TestHostOptions,
} from "../host/index.js";
import {
  dubboFrameLength,
  dubboRequest,
  dubboResponse,
  parseDubboFrame,
  valueBody,
  type DubboHeader,
  type DubboRequest,
} from "../envoy/support/dubbo-wire.js";

const MODULE = new URL("../../build/dubbo.wasm", import.meta.url);
let compiled: WebAssembly.Module | undefined;

export function dubboModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(MODULE));
  return compiled;
}

/** Cuts a stream of bytes into Dubbo frames. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  push(bytes: Uint8Array): DubboHeader[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const frames: DubboHeader[] = [];
    for (;;) {
      const length = dubboFrameLength(this.#rest);
      if (length === undefined || this.#rest.length < length) return frames;
      frames.push(parseDubboFrame(this.#rest.subarray(0, length)));
      this.#rest = this.#rest.subarray(length);
    }
  }

  get pendingBytes(): number {
    return this.#rest.length;
  }
}

export interface ProviderRequest {
  readonly connection: ServerConnection;
  readonly frame: DubboHeader;
  /** Answers with a value; `id` overrides the request's. */
  reply(value: string, id?: bigint): void;
}

/** A provider that keeps what it gets, and answers with its name unless told otherwise. */
export class Provider {
  readonly server: TcpServer;
  readonly requests: ProviderRequest[] = [];
  /** False: requests are kept for the test to answer. */
  answers = true;
  readonly #readers = new Map<ServerConnection, FrameReader>();

  constructor(
    readonly name: string,
    options: TcpServerOptions = {},
  ) {
    this.server = new TcpServer({
      ...options,
      onData: (connection, bytes) => {
        this.#receive(connection, bytes);
      },
    });
  }

  #receive(connection: ServerConnection, bytes: Uint8Array): void {
    let reader = this.#readers.get(connection);
    if (reader === undefined) {
      reader = new FrameReader();
      this.#readers.set(connection, reader);
    }
    for (const frame of reader.push(bytes)) this.#handle(connection, frame);
  }

  #handle(connection: ServerConnection, frame: DubboHeader): void {
    const request: ProviderRequest = {
      connection,
      frame,
      reply: (value, id = frame.id) => {
        connection.write(dubboResponse(id, valueBody(value)));
      },
    };
    this.requests.push(request);
    if (this.answers && frame.isTwoWay && !frame.isEvent) request.reply(this.name);
  }
}

/** A client that sends requests and collects responses by id. */
export class DubboClient {
  readonly responses = new Map<bigint, DubboHeader[]>();
  readonly #reader = new FrameReader();

  constructor(readonly socket: Client) {
    socket.onData = (bytes) => {
      for (const frame of this.#reader.push(bytes)) {
        const list = this.responses.get(frame.id) ?? [];
        list.push(frame);
        this.responses.set(frame.id, list);
      }
    };
  }

  request(request: DubboRequest, sizes?: readonly number[]): void {
    this.socket.send(dubboRequest(request), sizes);
  }

  /** The one response to `id`; an error when there is none or more than one. */
  response(id: bigint): DubboHeader {
    const list = this.responses.get(id) ?? [];
    const [first] = list;
    if (first === undefined || list.length !== 1) {
      throw new Error(`${String(list.length)} responses to request ${String(id)}`);
    }
    return first;
  }
}

export interface RouteOptions {
  readonly name?: string;
  readonly match?: readonly object[];
  readonly destinations: readonly { readonly cluster: string; readonly weight?: number }[];
  readonly timeout?: string;
  readonly requestMutation?: readonly object[];
  readonly responseMutation?: readonly object[];
}

export interface MeshOptions {
  /** Endpoints by cluster. */
  readonly clusters: Readonly<Record<string, readonly Provider[]>>;
  /** Default: everything to the first cluster. */
  readonly routes?: readonly RouteOptions[];
  /** Laid over the plugin configuration. */
  readonly plugin?: Readonly<Record<string, unknown>>;
  readonly host?: Partial<TestHostOptions>;
  readonly module?: WebAssembly.Module;
}

/** The plugin configuration of a mesh, as an operator would write it. */
export function pluginConfiguration(options: MeshOptions): string {
  const names = Object.keys(options.clusters);
  const routes = options.routes ?? [{ name: "default", destinations: [{ cluster: names[0] }] }];
  return JSON.stringify({
    dialCluster: "carrier",
    routeConfigurations: [
      {
        name: "demo_20880",
        routes,
        clusters: names.map((name) => ({ name, endpoints: options.clusters[name]?.length ?? 0 })),
      },
    ],
    ...options.plugin,
  });
}

export class DubboMesh {
  readonly host: TestHost;

  constructor(options: MeshOptions) {
    const clusters = Object.entries(options.clusters).map(([name, providers]) => [
      name,
      { endpoints: providers.map((provider) => provider.server) },
    ]);
    this.host = new TestHost({
      module: options.module ?? dubboModule(),
      pluginConfiguration: pluginConfiguration(options),
      ...options.host,
      clusters: {
        carrier: { internalListener: true },
        ...(Object.fromEntries(clusters) as NonNullable<TestHostOptions["clusters"]>),
        ...options.host?.clusters,
      },
    });
  }

  connect(routeConfiguration?: string): DubboClient {
    const client = this.host.connect(
      routeConfiguration === undefined
        ? {}
        : { listenerMetadata: { metaproto: { route_configuration: routeConfiguration } } },
    );
    this.host.runUntilIdle();
    return new DubboClient(client);
  }

  run(): void {
    this.host.runUntilIdle();
  }
}
