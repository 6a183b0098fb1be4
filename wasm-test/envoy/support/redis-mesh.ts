// The usual composition of a Redis test: servers, and services of one mesh in front of them.
import { Redis, type RedisOptions } from "ioredis";
import { Mesh, type MeshEnvoyOptions } from "./mesh.js";
import { freePorts } from "./ports.js";
import { RedisServer } from "./redis-server.js";
import type { EndpointOptions, ServiceOptions } from "./resources.js";

/** What varies. `servers`: by name, with the arguments of each. */
export interface RedisMeshOptions<Server extends string, Service extends string> {
  readonly servers: Readonly<Record<Server, readonly string[]>>;
  /** By name: the servers behind it, each a subset of its own name, and what else is said of it. */
  readonly services: Readonly<
    Record<
      Service,
      { readonly servers: readonly Server[]; readonly more?: Partial<ServiceOptions> }
    >
  >;
  readonly envoy?: MeshEnvoyOptions;
}

/** Call `stop` in the test's clean-up, always. */
export class RedisMesh<Server extends string, Service extends string> {
  private readonly clients: Redis[] = [];

  private constructor(
    private readonly servers: ReadonlyMap<Server, RedisServer>,
    private readonly services: ReadonlyMap<Service, ServiceOptions>,
    readonly mesh: Mesh,
  ) {}

  static async start<Server extends string, Service extends string>(
    options: RedisMeshOptions<Server, Service>,
  ): Promise<RedisMesh<Server, Service>> {
    const servers = new Map<Server, RedisServer>();
    const services = new Map<Service, ServiceOptions>();
    try {
      for (const [name, args] of entries(options.servers))
        servers.set(name, await RedisServer.start(...args));
      const described = entries(options.services);
      const ports = await freePorts(described.length);
      for (const [index, [name, service]] of described.entries()) {
        const endpoints = service.servers.map((server) => endpointOf(servers, server));
        const [host, port] = [`${name}.redis`, ports[index] ?? 0];
        services.set(name, { protocol: "redis", host, port, endpoints, ...service.more });
      }
      const mesh = await Mesh.start([...services.values()], options.envoy);
      return new RedisMesh(servers, services, mesh);
    } catch (error) {
      await Promise.all([...servers.values()].map((server) => server.stop()));
      throw error;
    }
  }

  server(name: Server): RedisServer {
    return known(this.servers.get(name), name);
  }

  service(name: Service): ServiceOptions {
    return known(this.services.get(name), name);
  }

  port(name: Service): number {
    return this.service(name).port;
  }

  /** A client through Envoy, of RESP2 unless it is told otherwise; it is closed with the mesh. */
  client(name: Service, options: Omit<RedisOptions, "replyMapping"> = {}): Redis {
    const at = { host: "127.0.0.1", port: this.port(name) };
    const client = new Redis({ ...at, protocol: 2, ...options });
    // Whoever waits for an answer is told; an error of the connection alone is nobody's.
    client.on("error", () => undefined);
    this.clients.push(client);
    return client;
  }

  /** A counter or gauge of the module. It is at most a second old. */
  stat(name: string): Promise<number> {
    return this.mesh.envoy.stat(`wasmcustom.metaproto.redis.${name}`);
  }

  closeClients(): void {
    for (const client of this.clients.splice(0)) client.disconnect();
  }

  async stop(): Promise<void> {
    this.closeClients();
    try {
      await this.mesh.stop();
    } finally {
      await Promise.all([...this.servers.values()].map((server) => server.stop()));
    }
  }
}

function entries<Key extends string, Value>(record: Readonly<Record<Key, Value>>): [Key, Value][] {
  return Object.entries(record) as [Key, Value][];
}

function endpointOf<Server extends string>(
  servers: ReadonlyMap<Server, RedisServer>,
  name: Server,
): EndpointOptions {
  return { port: known(servers.get(name), name).port, version: name };
}

function known<Value>(value: Value | undefined, name: string): Value {
  if (value === undefined) throw new Error(`no ${name}`);
  return value;
}
