// A worker of Envoy with the module in it, a service behind it, and nothing that a codec should know of.
import {
  HostRuleViolation,
  TcpServer,
  TestHost,
  type Client,
  type ServerConnection,
} from "../../host/index.js";
import { fail } from "./failure.js";

export interface ProxyOptions {
  /** `connectionMode` of the plugin configuration; left out: the codec's own. */
  readonly mode?: "IN_ORDER" | undefined;
  /** As metaproto.v1.Route in JSON; default: one, to the service. */
  readonly routes?: readonly object[];
  /** Of all requests, as metaproto.v1.FilterConfig in JSON. */
  readonly filters?: readonly object[];
  /** What the route configuration says of the service's cluster. */
  readonly cluster?: object;
  /** Laid over the plugin configuration. */
  readonly plugin?: object;
  /** How many steps the module may take whenever it is called until it has nothing left to do. */
  readonly steps?: number;
}

export const SERVICE = "service";
/** Another cluster, for requests that a route tells from others. */
export const OTHER = "other";
/** One without an endpoint. */
export const DESERTED = "deserted";
/** The module's count of steps: what it may still take. */
export const FUEL = "metaproto_steps_left";
const DIAL = "dial";
const ROUTES = "service_20880";
const MOST_STEPS = 500_000_000;
/** Counters and gauges are handed over once a second. */
const FLUSH_MS = 1_100;

/** What came in one read of a server. */
export interface Arrival {
  readonly connection: ServerConnection;
  readonly bytes: Uint8Array;
}

/** A service with one endpoint that does what it is told. */
export class Endpoint {
  readonly server: TcpServer;
  #arrivals: Arrival[] = [];
  #latest: ServerConnection | undefined;

  constructor() {
    this.server = new TcpServer({
      onData: (connection, bytes) => {
        this.#latest = connection;
        this.#arrivals.push({ connection, bytes: bytes.slice() });
      },
    });
  }

  /** What has come since it was last asked, in order, of all connections. */
  take(): Uint8Array {
    return Buffer.concat(this.arrivals().map(({ bytes }) => bytes));
  }

  /** Likewise, read by read. */
  arrivals(): readonly Arrival[] {
    const arrivals = this.#arrivals;
    this.#arrivals = [];
    for (const { connection } of arrivals) connection.take();
    return arrivals;
  }

  /** The connection on which something came last. */
  get latest(): ServerConnection {
    if (this.#latest === undefined) throw new Error("nothing has come to the server");
    return this.#latest;
  }
}

export class Proxy {
  readonly host: TestHost;
  readonly service = new Endpoint();
  readonly other = new Endpoint();
  readonly #steps: number;

  constructor(module: WebAssembly.Module, options: ProxyOptions) {
    this.#steps = options.steps ?? MOST_STEPS;
    const clusters = {
      [DIAL]: { internalListener: true },
      [SERVICE]: { endpoints: [this.service.server] },
      [OTHER]: { endpoints: [this.other.server] },
      [DESERTED]: { endpoints: [] },
    } as const;
    this.host = new TestHost({
      module,
      pluginConfiguration: configurationOf(options),
      clusters,
    });
  }

  connect(): Client {
    const client = this.host.connect();
    this.run();
    return client;
  }

  /** Until nothing is left to do at this moment. */
  run(): void {
    this.#guard(() => this.host.runUntilIdle());
  }

  advance(ms: number): void {
    this.#guard(() => {
      this.host.advance(ms);
    });
  }

  /** Sends bytes in one read, or in reads of these sizes, and lets everything happen that follows. */
  send(client: Client, bytes: Uint8Array, sizes?: readonly number[]): void {
    client.send(bytes, sizes);
    this.run();
  }

  /** A server's bytes, in one read or in reads of these sizes. */
  write(connection: ServerConnection, bytes: Uint8Array, size = bytes.length): void {
    for (let at = 0; at < bytes.length; at += size) {
      connection.write(bytes.subarray(at, at + size));
      this.run();
    }
  }

  /** A counter or gauge of the module's; undefined: it has none of this name. */
  stat(name: string): number | undefined {
    this.advance(FLUSH_MS);
    const { counters, gauges } = this.host.metrics;
    for (const [metric, value] of [...counters, ...gauges])
      if (metric.endsWith(`.${name}`)) return Number(BigInt.asIntN(64, value));
    return undefined;
  }

  get memoryBytes(): number {
    return this.host.vm.memory.sizeBytes;
  }

  /** Steps of the last call; undefined: they are not counted. */
  get stepsTaken(): number | undefined {
    const fuel = this.host.vm.global(FUEL);
    return fuel === undefined ? undefined : this.#steps - (fuel.value as number);
  }

  #refuel(): void {
    const fuel = this.host.vm.global(FUEL);
    if (fuel !== undefined) fuel.value = this.#steps;
  }

  #guard(run: () => void): void {
    this.#refuel();
    try {
      run();
    } catch (error) {
      const fuel = this.host.vm.global(FUEL);
      if (fuel?.value === 0)
        fail("the module", `no more than ${this.#steps} steps`, "more: it does not come to an end");
      if (!(error instanceof HostRuleViolation)) throw error;
      fail("the module", "nothing that ends its VM", error.message);
    }
  }
}

const DEFAULT_ROUTE = { destinations: [{ cluster: SERVICE }] };

/** metaproto.v1.PluginConfiguration in JSON. */
function configurationOf(options: ProxyOptions): string {
  const { mode, routes = [DEFAULT_ROUTE], filters = [], cluster, plugin } = options;
  return JSON.stringify({
    dialCluster: DIAL,
    routeConfigurations: [
      {
        name: ROUTES,
        routes,
        filters,
        clusters: [
          { name: SERVICE, endpoints: 1, ...cluster },
          { name: OTHER, endpoints: 1 },
        ],
      },
    ],
    ...(mode !== undefined && { connectionMode: mode }),
    ...plugin,
  });
}
