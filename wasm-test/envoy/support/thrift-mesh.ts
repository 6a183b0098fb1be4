// The usual composition of a Thrift test: servers and clients in Go and in Python, a mesh in between.
import { Mesh, type MeshEnvoyOptions } from "./mesh.js";
import type { PeerServer } from "./peer-client.js";
import { freePort } from "./ports.js";
import type { EndpointOptions, ServiceOptions } from "./resources.js";
import {
  type ThriftClient,
  type ThriftEndpoint,
  type ThriftLanguage,
  missingThriftPeer,
  startThriftClient,
  startThriftServer,
} from "./thrift-peer.js";

export const THRIFT_LANGUAGES: readonly ThriftLanguage[] = ["go", "python"];

/** What of it cannot be used here, for `describeWith`. */
export function missingThriftPeers(): (string | undefined)[] {
  return THRIFT_LANGUAGES.map(missingThriftPeer);
}

/** An endpoint, and the version (subset) it belongs to. */
export interface ThriftMeshEndpoint extends ThriftEndpoint {
  readonly language: ThriftLanguage;
  readonly version: string;
}

/** What varies. */
export interface ThriftMeshOptions {
  readonly endpoints: readonly ThriftMeshEndpoint[];
  /** Laid over the service. */
  readonly service?: Partial<ServiceOptions>;
  /** Further services of the same mesh, which may have the same endpoints. */
  readonly others?: (endpoints: readonly EndpointOptions[]) => readonly ServiceOptions[];
  readonly envoy?: MeshEnvoyOptions;
}

/** Call `stop` in the test's clean-up, always. */
export class ThriftMesh {
  private constructor(
    private readonly servers: ReadonlyMap<ThriftLanguage, PeerServer>,
    private readonly clients: ReadonlyMap<ThriftLanguage, ThriftClient>,
    readonly mesh: Mesh,
    readonly service: ServiceOptions,
  ) {}

  static async start(options: ThriftMeshOptions): Promise<ThriftMesh> {
    const port = await freePort();
    const servers = new Map<ThriftLanguage, PeerServer>();
    const clients = new Map<ThriftLanguage, ThriftClient>();
    for (const language of THRIFT_LANGUAGES) {
      const endpoints = options.endpoints.filter((endpoint) => endpoint.language === language);
      if (endpoints.length > 0) servers.set(language, await startThriftServer(language, endpoints));
      clients.set(language, await startThriftClient(language));
    }
    const endpoints = options.endpoints.map(({ language, label, version }) => ({
      port: servers.get(language)?.port(label) ?? 0,
      version,
    }));
    const service = { protocol: "thrift", port, endpoints, ...options.service } as const;
    try {
      const mesh = await Mesh.start(
        [service, ...(options.others?.(endpoints) ?? [])],
        options.envoy,
      );
      return new ThriftMesh(servers, clients, mesh, service);
    } catch (error) {
      await Promise.all([...servers.values(), ...clients.values()].map((peer) => peer.stop()));
      throw error;
    }
  }

  /** Where clients connect. */
  get port(): number {
    return this.service.port;
  }

  /** @throws Error when no endpoint is in that language. */
  server(language: ThriftLanguage): PeerServer {
    const server = this.servers.get(language);
    if (server === undefined) throw new Error(`no server in ${language}`);
    return server;
  }

  client(language: ThriftLanguage): ThriftClient {
    const client = this.clients.get(language);
    if (client === undefined) throw new Error(`no client in ${language}`);
    return client;
  }

  /** A counter or gauge of the module. It is at most a second old. */
  stat(name: string): Promise<number> {
    return this.mesh.envoy.stat(`wasmcustom.metaproto.thrift.${name}`);
  }

  async stop(): Promise<void> {
    const peers = [...this.servers.values(), ...this.clients.values()];
    await Promise.all(peers.map((peer) => peer.stop()));
    await this.mesh.stop();
  }
}
