// One service behind one proxy, in one process: a module, its filters as a MetaRouter names them, servers and
// clients.
import { readFileSync } from "node:fs";
import {
  TestHost,
  type Client,
  type ConnectOptions,
  type TcpServer,
  type TestHostOptions,
} from "../host/index.js";

/** An element of a MetaRouter's `filters`. */
export interface NamedFilter {
  readonly name: string;
  /** A text as it is, anything else as JSON. */
  readonly config?: unknown;
  readonly disabled?: boolean;
}

/** A route to the service. */
export interface TestRoute {
  readonly name?: string;
  /** By attribute, all of which must hold; default: every request. */
  readonly match?: Readonly<
    Record<string, { readonly exact: string } | { readonly prefix: string }>
  >;
  /** Only for this route, or different here. */
  readonly filters?: readonly NamedFilter[];
  /** What it changes in requests: default operation `SET`. */
  readonly requestMutation?: readonly NamedMutation[];
}

/** An element of a route's `requestMutation`. */
export interface NamedMutation {
  readonly key: string;
  readonly value?: string;
  readonly operation?: "SET" | "ADD_IF_ABSENT" | "REMOVE";
}

export interface TestMeshOptions {
  /** Path of a built `.wasm`, or the compiled module. */
  readonly module: string | URL | WebAssembly.Module;
  /** Endpoints of the service. */
  readonly servers: readonly { readonly server: TcpServer }[];
  /** Of all routes. */
  readonly filters?: readonly NamedFilter[];
  /** Default: one, for everything. */
  readonly routes?: readonly TestRoute[];
  /** Worker threads. Default: 1. */
  readonly workers?: number;
  /** Laid over the plugin configuration, proto/metaproto/v1/plugin.proto as JSON: `connectionMode`, `limits`, ... */
  readonly plugin?: Readonly<Record<string, unknown>>;
  /** Laid over what the emulator is started with. */
  readonly host?: Partial<TestHostOptions>;
}

const SERVICE = "service";
const DIAL_CLUSTER = "dial";
const FLUSH_MS = 1_100;

const modules = new Map<string, WebAssembly.Module>();

export class TestMesh {
  /** For what is not offered here: see the emulator's documentation. */
  readonly host: TestHost;

  /** @throws Error with all that the module says is wrong with the configuration. */
  constructor(options: TestMeshOptions) {
    this.host = startHost(options);
    const configuration = configurationOf(options);
    try {
      this.host.reconfigure(configuration);
    } catch (error) {
      const said = this.host.logs.map(({ message }) => message).join("\n");
      throw new Error(said, { cause: error });
    }
  }

  /** A client's connection to the service's listener. */
  connect(options?: ConnectOptions): Client {
    const client = this.host.connect(options);
    this.run();
    return client;
  }

  /** Until nothing is left to do at this moment. */
  run(): void {
    this.host.runUntilIdle();
  }

  /** Moves the clock. */
  advance(ms: number): void {
    this.host.advance(ms);
  }

  /**
   * A counter or gauge of the module, `wasmcustom.metaproto.<protocol>.<name>` in Envoy; the clock is moved until it
   * has been handed over.
   */
  stat(name: string): number {
    this.advance(FLUSH_MS);
    const { counters, gauges } = this.host.metrics;
    for (const [metric, value] of [...counters, ...gauges]) {
      if (metric.endsWith(`.${name}`)) return Number(BigInt.asIntN(64, value));
    }
    throw new Error(`the module has no metric ${name}`);
  }
}

/** Without filters, so that what is wrong with them is told to somebody. */
function startHost({ module, servers, workers = 1, plugin, host }: TestMeshOptions): TestHost {
  return new TestHost({
    module: moduleOf(module),
    pluginConfiguration: configurationOf({ module, servers, ...(plugin && { plugin }) }),
    workers,
    ...host,
    clusters: {
      [DIAL_CLUSTER]: { internalListener: true },
      [SERVICE]: { endpoints: servers.map(({ server }) => server) },
      ...host?.clusters,
    },
  });
}

function moduleOf(module: TestMeshOptions["module"]): WebAssembly.Module {
  if (module instanceof WebAssembly.Module) return module;
  const known = modules.get(String(module));
  if (known !== undefined) return known;
  const compiled = new WebAssembly.Module(readFileSync(module));
  modules.set(String(module), compiled);
  return compiled;
}

/** The plugin configuration, proto/metaproto/v1/plugin.proto as JSON. */
function configurationOf(options: TestMeshOptions): string {
  const { servers, filters = [], routes = [{}], plugin } = options;
  return JSON.stringify({
    ...plugin,
    dialCluster: DIAL_CLUSTER,
    routeConfigurations: [
      {
        name: SERVICE,
        filters: filters.map(filterOf),
        routes: routes.map(({ name, match = {}, filters: own = [], requestMutation }) => ({
          name,
          match: Object.entries(match).map(([attribute, value]) => ({ name: attribute, ...value })),
          destinations: [{ cluster: SERVICE }],
          filters: own.map(filterOf),
          requestMutation,
        })),
        clusters: [{ name: SERVICE, endpoints: servers.length }],
      },
    ],
  });
}

function filterOf({ name, config, disabled }: NamedFilter): object {
  if (config === undefined) return { name, disabled };
  const text = typeof config === "string" ? config : JSON.stringify(config);
  return { name, disabled, config: Buffer.from(text).toString("base64") };
}
