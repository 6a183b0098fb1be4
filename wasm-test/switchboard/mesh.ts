// A mesh in one process, whatever the protocol: a built module in the host emulator, the plugin
// configuration that an operator would write, and scripted endpoints.
import { TestHost, type Client, type TcpServer, type TestHostOptions } from "../host/index.js";

export interface FilterOptions {
  readonly name: string;
  /** The filter's own configuration, in base64. */
  readonly config?: string;
  readonly disabled?: boolean;
}

export interface RouteOptions {
  readonly name?: string;
  readonly match?: readonly object[];
  readonly destinations: readonly { readonly cluster: string; readonly weight?: number }[];
  readonly timeout?: string;
  readonly requestMutation?: readonly object[];
  readonly responseMutation?: readonly object[];
  readonly filters?: readonly FilterOptions[];
  readonly retryPolicy?: Readonly<Record<string, unknown>>;
  readonly mirrors?: readonly object[];
  readonly hashPolicy?: Readonly<Record<string, unknown>>;
  readonly stickySession?: object;
}

/** Something with a server: an endpoint of a cluster. */
export interface Backend {
  readonly server: TcpServer;
}

export interface MeshOptions {
  /** Endpoints by cluster. */
  readonly clusters: Readonly<Record<string, readonly Backend[]>>;
  /** Default: everything to the first cluster. */
  readonly routes?: readonly RouteOptions[];
  /** Of all routes, and of requests that none matches. */
  readonly filters?: readonly FilterOptions[];
  /** What the route configuration says of clusters besides the number of their endpoints. */
  readonly clusterSettings?: Readonly<Record<string, object>>;
  /** Laid over the plugin configuration. */
  readonly plugin?: Readonly<Record<string, unknown>>;
  readonly host?: Partial<TestHostOptions>;
  readonly module?: WebAssembly.Module;
}

/** The route configuration of a mesh as the plugin's JSON has it. */
export function routeConfiguration(options: MeshOptions, name = "demo_20880"): object {
  const clusters = Object.entries(options.clusters);
  return {
    name,
    routes: options.routes ?? [{ name: "default", destinations: [{ cluster: clusters[0]?.[0] }] }],
    filters: options.filters ?? [],
    clusters: clusters.map(([cluster, backends]) => ({
      name: cluster,
      endpoints: backends.length,
      ...options.clusterSettings?.[cluster],
    })),
  };
}

/** The plugin configuration of a mesh, as an operator would write it. */
export function pluginConfiguration(options: MeshOptions): string {
  return JSON.stringify({
    dialCluster: "carrier",
    routeConfigurations: [routeConfiguration(options)],
    ...options.plugin,
  });
}

export class Mesh {
  readonly host: TestHost;

  constructor(module: WebAssembly.Module, options: MeshOptions) {
    const clusters = Object.entries(options.clusters).map(([name, backends]) => [
      name,
      { endpoints: backends.map((backend) => backend.server) },
    ]);
    this.host = new TestHost({
      module: options.module ?? module,
      pluginConfiguration: pluginConfiguration(options),
      ...options.host,
      clusters: {
        carrier: { internalListener: true },
        ...(Object.fromEntries(clusters) as NonNullable<TestHostOptions["clusters"]>),
        ...options.host?.clusters,
      },
    });
  }

  /** A client's connection to a listener, whose metadata may name a route configuration. */
  connectSocket(routes?: string, worker = 0): Client {
    const metadata = { metaproto: { route_configuration: routes ?? "" } };
    const socket = this.host.connect({
      worker,
      ...(routes === undefined ? {} : { listenerMetadata: metadata }),
    });
    this.host.runUntilIdle();
    return socket;
  }

  run(): void {
    this.host.runUntilIdle();
  }

  /** A counter or gauge of the module, as /stats shows it once the module has handed it over. */
  stat(name: string): number {
    this.host.advance(1100);
    const { counters, gauges } = this.host.metrics;
    for (const [metric, value] of [...counters, ...gauges]) {
      if (metric.endsWith(`.${name}`)) return Number(BigInt.asIntN(64, value));
    }
    throw new Error(`no metric ${name}`);
  }
}
