// A scripted server at the other end of tcp_proxy: what an endpoint of a cluster is.

import type { EventLoop } from "./event-loop.js";

/** How the server treats a connection attempt. */
export type AcceptBehaviour = "accept" | "refuse" | "never-answer";

export interface TcpServerOptions {
  /** "ip:port". Default: 10.0.0.N:8080, N counted up. */
  readonly address?: string;
  /** Called with what came in one read; `connection.received` keeps everything that was not taken. */
  readonly onData?: (connection: ServerConnection, bytes: Uint8Array) => void;
  readonly onConnection?: (connection: ServerConnection) => void;
  readonly onClose?: (connection: ServerConnection) => void;
  /** Default: accept. */
  readonly accept?: AcceptBehaviour;
  /** Milliseconds until a connection is accepted or refused. Default: 0, the next turn. */
  readonly acceptDelayMs?: number;
}

/** Envoy's end of a server's connection, as the server's writes reach it. */
export interface ServerSide {
  onServerBytes(bytes: Uint8Array): void;
  onServerEnd(): void;
  onServerReset(): void;
}

let servers = 0;

/** Change its fields at any time: they hold for later connection attempts. */
export class TcpServer {
  readonly address: string;
  /** Every connection it has accepted, closed ones included. */
  readonly connections: ServerConnection[] = [];
  accept: AcceptBehaviour;
  acceptDelayMs: number;
  /** What Envoy's health checks and outlier detection think of it. */
  healthy = true;
  onData: (connection: ServerConnection, bytes: Uint8Array) => void;
  readonly #onConnection: (connection: ServerConnection) => void;
  readonly #onClose: (connection: ServerConnection) => void;

  constructor(options: TcpServerOptions = {}) {
    this.address = options.address ?? `10.0.0.${String((servers++ % 250) + 1)}:8080`;
    this.accept = options.accept ?? "accept";
    this.acceptDelayMs = options.acceptDelayMs ?? 0;
    this.onData = options.onData ?? (() => undefined);
    this.#onConnection = options.onConnection ?? (() => undefined);
    this.#onClose = options.onClose ?? (() => undefined);
  }

  get openConnections(): ServerConnection[] {
    return this.connections.filter((connection) => connection.isOpen);
  }

  /** Resets every open connection and refuses new ones, as a killed process does. */
  kill(): void {
    this.accept = "refuse";
    for (const connection of this.openConnections) connection.reset();
  }

  /** @internal Called by tcp_proxy when the attempt succeeds. */
  acceptConnection(loop: EventLoop, envoy: ServerSide): ServerConnection {
    const connection = new ServerConnection(this, loop, envoy, this.#onClose);
    this.connections.push(connection);
    loop.post(() => {
      this.#onConnection(connection);
    });
    return connection;
  }
}

/** One accepted connection, seen from the server. */
export class ServerConnection {
  readonly server: TcpServer;
  readonly #loop: EventLoop;
  readonly #envoy: ServerSide;
  readonly #onClose: (connection: ServerConnection) => void;
  readonly #received: Uint8Array[] = [];
  #open = true;
  /** True once Envoy has sent its end of stream. */
  ended = false;

  constructor(
    server: TcpServer,
    loop: EventLoop,
    envoy: ServerSide,
    onClose: (connection: ServerConnection) => void,
  ) {
    this.server = server;
    this.#loop = loop;
    this.#envoy = envoy;
    this.#onClose = onClose;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** All bytes received and not yet taken. */
  get received(): Uint8Array {
    return Buffer.concat(this.#received);
  }

  /** Returns and forgets all bytes received. */
  take(): Uint8Array {
    const bytes = this.received;
    this.#received.length = 0;
    return bytes;
  }

  write(bytes: Uint8Array): void {
    if (!this.#open) return;
    this.#loop.post(() => {
      this.#envoy.onServerBytes(bytes);
    });
  }

  /** FIN after everything written so far. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#loop.post(() => {
      this.#envoy.onServerEnd();
    });
  }

  /** RST. */
  reset(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#loop.post(() => {
      this.#envoy.onServerReset();
    });
  }

  /** @internal Bytes from Envoy. */
  onBytes(bytes: Uint8Array): void {
    if (!this.#open) return;
    this.#received.push(bytes);
    this.server.onData(this, bytes);
  }

  /** @internal Envoy has sent its end of stream, and may still receive. */
  onEnvoyEnd(): void {
    this.ended = true;
  }

  /** @internal Envoy has closed its end. */
  onEnvoyClosed(): void {
    this.ended = true;
    if (!this.#open) return;
    this.#open = false;
    this.#onClose(this);
  }
}
