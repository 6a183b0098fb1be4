// Control plane, Envoy and the services between clients and servers of a test, in a few lines.
import { ControlPlane } from "./control-plane.js";
import { Envoy, type EnvoyOptions } from "./envoy.js";
import { type RouteOptions, type ServiceOptions, listenerOf, serviceYaml } from "./resources.js";

/** Node of the mesh's Envoy. */
const NODE = "envoy-under-test";

/** What of Envoy varies. */
export type MeshEnvoyOptions = Pick<
  EnvoyOptions,
  "args" | "concurrency" | "logLevel" | "expectedFailures"
> & {
  /** Further arguments of `metaproto serve`. */
  readonly serveArgs?: readonly string[];
  /** Further files of its directory, by name. */
  readonly files?: Readonly<Record<string, string>>;
};

/** One control plane and one Envoy. Call `stop` in the test's clean-up, always. */
export class Mesh {
  private readonly services = new Map<string, ServiceOptions>();

  private constructor(
    readonly controlPlane: ControlPlane,
    readonly envoy: Envoy,
    services: readonly ServiceOptions[],
  ) {
    for (const service of services) this.services.set(fileOf(service), service);
  }

  /** Starts both; every listener is bound when this returns. */
  static async start(
    services: readonly ServiceOptions[],
    { serveArgs, files: more = {}, ...options }: MeshEnvoyOptions = {},
  ): Promise<Mesh> {
    const files = services.map((service) => [fileOf(service), serviceYaml(service)] as const);
    const controlPlane = await ControlPlane.start(
      { ...Object.fromEntries(files), ...more },
      serveArgs,
    );
    let envoy: Envoy | undefined;
    try {
      const bootstrap = await controlPlane.bootstrap(NODE);
      envoy = await Envoy.start({ ...options, bootstrap });
      for (const service of services) await envoy.listenerPort(listenerOf(service));
      return new Mesh(controlPlane, envoy, services);
    } catch (error) {
      await envoy?.kill();
      await controlPlane.stop();
      throw error;
    }
  }

  /** Replaces the file of a service and waits until Envoy has it. */
  async edit(service: ServiceOptions): Promise<void> {
    const file = fileOf(service);
    const before = this.services.get(file);
    this.services.set(file, service);
    if (before !== undefined && serviceYaml(before) === serviceYaml(service)) return;
    await this.controlPlane.edit(file, serviceYaml(service));
  }

  /** Other routes for a service; the rest stays as it is. */
  async route(service: ServiceOptions, ...routes: readonly RouteOptions[]): Promise<void> {
    await this.edit({ ...(this.services.get(fileOf(service)) ?? service), routes });
  }

  /** @throws Error when Envoy had ended by itself, or logged a failure that was not expected. */
  async stop(): Promise<void> {
    try {
      await this.envoy.stop();
    } finally {
      await this.controlPlane.stop();
    }
  }
}

function fileOf(service: ServiceOptions): string {
  return `${listenerOf(service)}.yaml`;
}
