// A scripted server at the other end of tcp_proxy: what an endpoint of a cluster is.

import type { Splitter } from "./chunking.js";
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
  /** One read of Envoy: bytes, the end of the stream, or both at once. */
  onServerBytes(bytes: Uint8Array, end: boolean): void;
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
  acceptConnection(loop: EventLoop, envoy: ServerSide, split: Splitter): ServerConnection {
    const connection = new ServerConnection({
      server: this,
      loop,
      envoy,
      split,
      onClose: this.#onClose,
    });
    this.connections.push(connection);
    loop.post(() => {
      this.#onConnection(connection);
    });
    return connection;
  }
}

interface ServerConnectionOptions {
  readonly server: TcpServer;
  readonly loop: EventLoop;
  readonly envoy: ServerSide;
  readonly split: Splitter;
  readonly onClose: (connection: ServerConnection) => void;
}

const NOTHING = new Uint8Array(0);

/** One accepted connection, seen from the server. */
export class ServerConnection {
  readonly server: TcpServer;
  readonly #options: ServerConnectionOptions;
  readonly #received: Uint8Array[] = [];
  readonly #toEnvoy: Uint8Array[] = [];
  #open = true;
  #ending = false;
  #turnPosted = false;
  /** True once Envoy has sent its end of stream. */
  ended = false;

  constructor(options: ServerConnectionOptions) {
    this.server = options.server;
    this.#options = options;
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

  /** Sends bytes; each write, or each chunk of it, is one read of Envoy. */
  write(bytes: Uint8Array): void {
    if (!this.#open) return;
    this.#toEnvoy.push(...this.#options.split(bytes));
    this.#postTurn();
  }

  /** FIN after everything written so far. Envoy reads it together with the last bytes, unless these have gone. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#ending = true;
    this.#postTurn();
  }

  /** RST. */
  reset(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#options.loop.post(() => {
      this.#options.envoy.onServerReset();
    });
  }

  #postTurn(): void {
    if (this.#turnPosted) return;
    this.#turnPosted = true;
    this.#options.loop.post(() => {
      this.#turnPosted = false;
      this.#sendNext();
    });
  }

  #sendNext(): void {
    const bytes = this.#toEnvoy.shift();
    const end = this.#ending && this.#toEnvoy.length === 0;
    if (this.#toEnvoy.length > 0) this.#postTurn();
    if (bytes !== undefined || end) this.#options.envoy.onServerBytes(bytes ?? NOTHING, end);
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
    this.#options.onClose(this);
  }
}
