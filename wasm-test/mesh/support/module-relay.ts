// Stands between proxies and where they fetch modules from: it can be away for them, or change what they are sent, while
// the control plane, which asks there too, notices nothing.
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** Of what is sent to proxies. */
export type RelayMode = "open" | "away" | "corrupting";

export interface RelayOptions {
  /** IP address where it listens; who connects from there is no proxy. */
  readonly host: string;
  /** Of 127.0.0.1, or of `host` if that is where the other one listens. */
  readonly port: number;
  readonly targetHost?: string;
}

/** What is that long is code. */
const CODE_BYTES = 4_096;

/** Call `stop` in the test's clean-up, always. */
export class ModuleRelay {
  /** What happens to proxies' requests with `onlyFor` in their path. */
  mode: RelayMode = "open";
  onlyFor = "";
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;

  private constructor(private readonly options: RelayOptions) {
    this.server = createServer((socket) => {
      this.relay(socket);
    });
  }

  static async start(options: RelayOptions): Promise<ModuleRelay> {
    const relay = new ModuleRelay(options);
    await new Promise<void>((resolve, reject) => {
      relay.server.once("error", reject);
      relay.server.listen(0, options.host, resolve);
    });
    return relay;
  }

  /** `<host>:<port>`. */
  get address(): string {
    return `${this.options.host}:${String((this.server.address() as AddressInfo).port)}`;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private relay(near: Socket): void {
    const { host, port, targetHost = "127.0.0.1" } = this.options;
    const isProxy = near.remoteAddress !== host;
    let mode: RelayMode = "open";
    const far = connect(port, targetHost);
    for (const socket of [near, far]) {
      this.sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        this.sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.on("data", (chunk) => {
      if (isProxy && requestLine(chunk).includes(this.onlyFor)) mode = this.mode;
      if (mode === "away") near.resetAndDestroy();
      else far.write(chunk);
    });
    far.on("data", (chunk) => {
      const isChanged = mode === "corrupting" && chunk.length > CODE_BYTES;
      near.write(isChanged ? withOtherEnd(chunk) : chunk);
    });
  }
}

function requestLine(chunk: Buffer): string {
  return chunk.toString("latin1", 0, Math.max(0, chunk.indexOf("\r\n")));
}

function withOtherEnd(chunk: Buffer): Buffer {
  const last = chunk.length - 1;
  const copy = Buffer.from(chunk);
  copy.writeUInt8(copy.readUInt8(last) ^ 1, last);
  return copy;
}
