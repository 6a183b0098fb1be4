// envoy.filters.network.tcp_proxy behind the wasm filter of the internal listener.
// Source: Envoy source/common/tcp_proxy/tcp_proxy.cc, upstream.cc.

import { FilterStatus, ResponseFlag } from "./abi-values.js";
import { ByteBuffer } from "./byte-buffer.js";
import type { Splitter } from "./chunking.js";
import type { TcpCluster } from "./cluster.js";
import type { Connection, NetworkFilter } from "./connection.js";
import type { EventLoop, TimerHandle } from "./event-loop.js";
import { HostRuleViolation, type Permit } from "./rules.js";
import type { ServerConnection, ServerSide, TcpServer } from "./tcp-server.js";

export interface TcpProxyOptions {
  readonly connection: Connection;
  readonly loop: EventLoop;
  /** Its own `cluster` setting, used when the filter state names none. */
  readonly defaultCluster: string;
  readonly findCluster: (name: string) => TcpCluster | undefined;
  /** Set when the server resets the connection: Envoy 1.36 sets none. */
  readonly resetFlag: number;
  readonly permit: Permit;
  /** How the server's bytes are cut into reads. */
  readonly newSplitter: () => Splitter;
}

const decoder = new TextDecoder();

export class TcpProxy implements NetworkFilter, ServerSide {
  readonly #options: TcpProxyOptions;
  #cluster: TcpCluster | undefined;
  #server: ServerConnection | undefined;
  #connecting: TimerHandle | undefined;
  readonly #toServer: Uint8Array[] = [];
  #closed = false;

  constructor(options: TcpProxyOptions) {
    this.#options = options;
    options.connection.disableReads();
  }

  onNewConnection(): FilterStatus {
    const { findCluster, defaultCluster } = this.#options;
    const cluster = findCluster(this.#filterState("envoy.tcp_proxy.cluster") ?? defaultCluster);
    if (cluster === undefined) return this.#refuse(ResponseFlag.NoClusterFound);
    if (cluster.activeConnections >= cluster.maxConnections) {
      return this.#refuse(ResponseFlag.UpstreamOverflow);
    }
    const endpoint = cluster.choose({
      hashKey: this.#filterState("envoy.hashable_string"),
      originalDestination: this.#filterState("envoy.network.transport_socket.original_dst_address"),
    });
    if (endpoint === undefined) return this.#refuse(ResponseFlag.NoHealthyUpstream);
    this.#connect(cluster, endpoint);
    return FilterStatus.StopIteration;
  }

  onData(buffer: ByteBuffer, endStream: boolean): FilterStatus {
    if (buffer.holdsPeerBytes && !this.#options.permit.has("request-head-sent")) {
      const detail = `connection ${String(this.#options.connection.id)}`;
      throw new HostRuleViolation("request-head-sent", detail);
    }
    if (this.#toServer.length === 0) {
      this.#options.loop.post(() => {
        this.#flush();
      });
    }
    if (buffer.length > 0) this.#toServer.push(buffer.take());
    if (endStream) {
      this.#options.loop.post(() => {
        this.#server?.onEnvoyEnd();
      });
    }
    return FilterStatus.StopIteration;
  }

  onClose(): void {
    this.#closed = true;
    this.#connecting?.cancel();
    if (this.#cluster !== undefined) this.#cluster.activeConnections--;
    this.#cluster = undefined;
    // Whoever closes, Envoy still tries to write what is left.
    this.#flush();
    const server = this.#server;
    this.#options.loop.post(() => {
      server?.onEnvoyClosed();
    });
  }

  onServerBytes(bytes: Uint8Array, end: boolean): void {
    if (this.#closed) return;
    const data = new ByteBuffer();
    data.append(bytes);
    this.#options.connection.write(data, end);
  }

  onServerReset(): void {
    if (this.#closed) return;
    this.#options.connection.responseFlags |= this.#options.resetFlag;
    this.#options.connection.close("flush");
  }

  #filterState(key: string): string | undefined {
    const value = this.#options.connection.filterState.get(key);
    return value === undefined ? undefined : decoder.decode(value);
  }

  #refuse(flag: number): FilterStatus {
    this.#options.connection.responseFlags |= flag;
    this.#options.connection.close("no-flush");
    return FilterStatus.StopIteration;
  }

  #connect(cluster: TcpCluster, endpoint: TcpServer): void {
    const { loop } = this.#options;
    cluster.activeConnections++;
    this.#cluster = cluster;
    if (endpoint.accept === "never-answer") {
      this.#connecting = loop.setTimer(cluster.connectTimeoutMs, () => {
        this.#fail(endpoint);
      });
      return;
    }
    const attempt = () => {
      if (this.#closed) return;
      if (endpoint.accept === "accept") this.#onConnected(endpoint);
      else this.#fail(endpoint);
    };
    if (endpoint.acceptDelayMs === 0) loop.post(attempt);
    else this.#connecting = loop.setTimer(endpoint.acceptDelayMs, attempt);
  }

  #fail(endpoint: TcpServer): void {
    const { connection } = this.#options;
    connection.upstreamAddress = endpoint.address;
    connection.responseFlags |=
      ResponseFlag.UpstreamConnectionFailure | ResponseFlag.UpstreamRetryLimitExceeded;
    connection.close("no-flush");
  }

  #onConnected(endpoint: TcpServer): void {
    const { connection, loop } = this.#options;
    connection.upstreamAddress = endpoint.address;
    connection.enableReads();
    this.#server = endpoint.acceptConnection(loop, this, this.#options.newSplitter());
  }

  #flush(): void {
    const server = this.#server;
    if (server === undefined || this.#toServer.length === 0) return;
    const bytes = this.#toServer.length === 1 ? this.#toServer[0] : Buffer.concat(this.#toServer);
    this.#toServer.length = 0;
    if (bytes !== undefined) server.onBytes(bytes);
  }
}
