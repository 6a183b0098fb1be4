// A raw TCP server whose behaviour the test writes: what a broken or unusual server would do.
import { type AddressInfo, createServer } from "node:net";
import { waitUntil } from "./deadline.js";
import { TcpConnection } from "./tcp-connection.js";

/** Serves one accepted connection. What it throws is kept in `failures`. */
export type ConnectionScript = (connection: TcpConnection) => Promise<void> | void;

/** Listens on a free port of 127.0.0.1 (or on the given one, to come back after a restart). */
export class TcpServer {
  /** Every connection accepted so far, in order. */
  readonly connections: TcpConnection[] = [];
  /** What the scripts threw. Errors of a connection that ended while read are expected in some tests. */
  readonly failures: unknown[] = [];
  private readonly server = createServer({ allowHalfOpen: true });

  private constructor(script: ConnectionScript) {
    this.server.on("connection", (socket) => {
      const connection = new TcpConnection(socket);
      this.connections.push(connection);
      Promise.resolve()
        .then(() => script(connection))
        .catch((error: unknown) => this.failures.push(error));
    });
  }

  static async start(script: ConnectionScript, port = 0): Promise<TcpServer> {
    const server = new TcpServer(script);
    await new Promise<void>((resolve, reject) => {
      server.server.once("error", reject);
      server.server.listen(port, "127.0.0.1", resolve);
    });
    return server;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Waits until the connection number `index` (from 0) was accepted. */
  connection(index: number): Promise<TcpConnection> {
    return waitUntil(`connection ${String(index)} accepted`, () => this.connections[index]);
  }

  /** Stops listening and closes every connection. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const connection of this.connections) connection.destroy();
    await closed;
  }
}
