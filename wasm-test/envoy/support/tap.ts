// A tap between a client and a listener: passes on both directions and keeps what the client sends. For what
// libraries do of their own accord and neither tell nor count.
import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net";

export class Tap {
  private readonly sockets: Socket[] = [];
  private readonly sent: Buffer[] = [];
  private accepted = 0;
  private readonly server: Server;

  private constructor(target: number) {
    this.server = createServer((client) => {
      this.accepted++;
      const listener = connect(target, "127.0.0.1");
      this.sockets.push(client, listener);
      client.on("data", (bytes: Buffer) => this.sent.push(bytes));
      client.pipe(listener).pipe(client);
      for (const end of [client, listener]) {
        end.on("error", () => {
          client.destroy();
          listener.destroy();
        });
      }
    });
  }

  /** @param target Port of 127.0.0.1. */
  static async start(target: number): Promise<Tap> {
    const tap = new Tap(target);
    await new Promise<void>((resolve, reject) => {
      tap.server.once("error", reject);
      tap.server.listen(0, "127.0.0.1", resolve);
    });
    return tap;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Connections so far. */
  get connections(): number {
    return this.accepted;
  }

  /** How often clients have sent this text. */
  count(text: string): number {
    return Buffer.concat(this.sent).toString("latin1").split(text).length - 1;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}
