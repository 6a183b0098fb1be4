// A mesh with a service that works, and with others of which each fails in its own way; the listener of each is a
// port of its own.
import { Mesh, type MeshEnvoyOptions } from "./mesh.js";
import { freePort, freePorts } from "./ports.js";
import type { ManagedProtocol, RouteOptions, ServiceOptions } from "./resources.js";

/**
 * No route for most requests, a route to a cluster without endpoints, an endpoint that nobody listens at, one request
 * in an hour, and a timeout that is short.
 */
export type Failure = "strict" | "empty" | "refused" | "limited" | "patient";

export interface FailingOptions<More extends string> extends MeshEnvoyOptions {
  readonly protocol: ManagedProtocol;
  /** The first one is the version v1, the second one v2. */
  readonly servers: readonly { readonly port: number }[];
  /** What `strict` has a route for. */
  readonly strict: NonNullable<RouteOptions["match"]>;
  /** Of `patient`; default 300ms. */
  readonly timeout?: string;
  /** Further services, by name. */
  readonly more?: Readonly<Record<More, Partial<ServiceOptions>>>;
}

export class FailingServices<More extends string = never> {
  private constructor(
    readonly mesh: Mesh,
    /** The one that works. */
    readonly service: ServiceOptions,
    private readonly ports: ReadonlyMap<string, number>,
  ) {}

  static async start<More extends string = never>(
    options: FailingOptions<More>,
  ): Promise<FailingServices<More>> {
    const { protocol, servers, strict, timeout = "300ms", more, ...rest } = options;
    const endpoints = servers.map(({ port }, i) => ({ port, version: `v${String(i + 1)}` }));
    const to = { v1: 100 };
    const tokenBucket = { maxTokens: 1, tokensPerFill: 1, fillInterval: "3600s" };
    const own: Record<Failure, Partial<ServiceOptions>> = {
      strict: { routes: [{ match: strict, to }] },
      empty: { emptySubsets: ["none"], routes: [{ to: { none: 100 } }] },
      refused: { endpoints: [{ port: await freePort(), version: "v1" }] },
      limited: { router: { localRateLimit: { tokenBucket } } },
      patient: { routes: [{ to, timeout }] },
    };
    const kinds = Object.entries<Partial<ServiceOptions>>({ ...own, ...more });
    const [port = 0, ...free] = await freePorts(kinds.length + 1);
    const failing = kinds.map(([name, one], index) => ({
      ...{ protocol, host: `${name}.${protocol}`, port: free[index] ?? 0, endpoints },
      ...one,
    }));
    const service = { protocol, port, endpoints };
    const mesh = await Mesh.start([service, ...failing], rest);
    const ports = kinds.map(([name], index) => [name, free[index] ?? 0] as const);
    return new FailingServices<More>(mesh, service, new Map(ports));
  }

  port(kind: Failure | More): number {
    return this.ports.get(kind) ?? 0;
  }
}
