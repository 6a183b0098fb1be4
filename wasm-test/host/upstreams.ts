// Everything a module can reach by a cluster's name.

import { TcpCluster, type TcpClusterOptions } from "./cluster.js";
import type { GrpcServer } from "./grpc-server.js";
import type { HttpHandler } from "./http-callouts.js";

/** The cluster whose endpoint is the internal listener: an http_call to it dials. */
export interface InternalListenerCluster {
  readonly internalListener: true;
  /** The `cluster` of the tcp_proxy behind it, used when the filter state names none. Default: "". */
  readonly defaultCluster?: string;
}

export type ClusterOptions =
  | TcpClusterOptions
  | InternalListenerCluster
  | { readonly http: HttpHandler | "no-endpoints" }
  | { readonly grpc: GrpcServer };

export class Upstreams {
  readonly #clusters = new Map<string, TcpCluster>();
  readonly #others = new Map<string, Exclude<ClusterOptions, TcpClusterOptions>>();

  constructor(clusters: Readonly<Record<string, ClusterOptions>>) {
    for (const [name, options] of Object.entries(clusters)) this.set(name, options);
  }

  /** Adds or replaces a cluster: CDS. */
  set(name: string, options: ClusterOptions): void {
    this.remove(name);
    if ("endpoints" in options) this.#clusters.set(name, new TcpCluster(name, options));
    else this.#others.set(name, options);
  }

  remove(name: string): void {
    this.#clusters.delete(name);
    this.#others.delete(name);
  }

  tcp(name: string): TcpCluster | undefined {
    return this.#clusters.get(name);
  }

  grpcServer(name: string): GrpcServer | undefined {
    const other = this.#others.get(name);
    return other !== undefined && "grpc" in other ? other.grpc : undefined;
  }

  httpHandler(name: string): HttpHandler | "no-endpoints" | undefined {
    const other = this.#others.get(name);
    return other !== undefined && "http" in other ? other.http : undefined;
  }

  internalListener(name: string): InternalListenerCluster | undefined {
    const other = this.#others.get(name);
    return other !== undefined && "internalListener" in other ? other : undefined;
  }
}
