// The usual composition of a Dubbo test: one process of providers, one of consumers, a mesh in between.
import {
  type DubboConsumer,
  type DubboProviderOptions,
  startDubboConsumer,
  startDubboProvider,
} from "./dubbo-peer.js";
import { Mesh, type MeshEnvoyOptions } from "./mesh.js";
import type { PeerServer } from "./peer-client.js";
import { freePort } from "./ports.js";
import type { ServiceOptions } from "./resources.js";

/** What varies. */
export interface DubboMeshOptions {
  /** Version (subset) of each endpoint, by its label. */
  readonly endpoints: Readonly<Record<string, string>>;
  readonly provider?: Omit<DubboProviderOptions, "endpoints">;
  /** Laid over the service. */
  readonly service?: Partial<ServiceOptions>;
  /** Further services of the same mesh, which may have the same provider. */
  readonly others?: (provider: PeerServer) => readonly ServiceOptions[];
  readonly envoy?: MeshEnvoyOptions;
}

/** Call `stop` in the test's clean-up, always. */
export class DubboMesh {
  private constructor(
    readonly provider: PeerServer,
    readonly consumer: DubboConsumer,
    readonly mesh: Mesh,
    readonly service: ServiceOptions,
  ) {}

  static async start(options: DubboMeshOptions): Promise<DubboMesh> {
    const labels = Object.keys(options.endpoints);
    const port = await freePort();
    const [provider, consumer] = await Promise.all([
      startDubboProvider({ ...options.provider, endpoints: labels.map((label) => ({ label })) }),
      startDubboConsumer(),
    ]);
    const endpoints = Object.entries(options.endpoints).map(([label, version]) => ({
      port: provider.port(label),
      version,
    }));
    const service = { protocol: "dubbo", port, endpoints, ...options.service } as const;
    try {
      const mesh = await Mesh.start(
        [service, ...(options.others?.(provider) ?? [])],
        options.envoy,
      );
      return new DubboMesh(provider, consumer, mesh, service);
    } catch (error) {
      await Promise.all([provider.stop(), consumer.stop()]);
      throw error;
    }
  }

  /** Where the consumer connects. */
  get port(): number {
    return this.service.port;
  }

  /** A counter or gauge of the module. It is at most a second old. */
  stat(name: string): Promise<number> {
    return this.mesh.envoy.stat(`wasmcustom.metaproto.dubbo.${name}`);
  }

  async stop(): Promise<void> {
    await Promise.all([this.provider.stop(), this.consumer.stop()]);
    await this.mesh.stop();
  }
}
