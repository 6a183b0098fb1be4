// One connection of a hostile client: does what it likes, and remembers what became of it.
import { type Socket, connect } from "node:net";

/** What is kept of what the proxy sends; the rest is only counted. */
const KEPT_BYTES = 4096;

export class HostileConnection {
  /** The proxy has closed it, in whatever way. */
  isClosed = false;
  receivedBytes = 0;
  private kept = Buffer.alloc(0);
  private readonly timers: NodeJS.Timeout[] = [];

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on("data", (bytes: Buffer) => {
      this.receivedBytes += bytes.length;
      if (this.kept.length < KEPT_BYTES) this.kept = Buffer.concat([this.kept, bytes]);
    });
    const markClosed = (): void => {
      this.isClosed = true;
    };
    socket.on("end", markClosed);
    socket.on("error", markClosed);
    socket.on("close", markClosed);
  }

  static open(port: number): Promise<HostileConnection> {
    return new Promise((resolve, reject) => {
      // With a half of its own: what the proxy closes is closed by it.
      const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new HostileConnection(socket));
      });
    });
  }

  /** The texts of the proxy's own errors among the first bytes that came. */
  get errorText(): string {
    return /metaproto: [ -~]*/.exec(this.kept.toString("latin1"))?.[0] ?? "";
  }

  send(bytes: Uint8Array): void {
    if (!this.isClosed) this.socket.write(bytes);
  }

  /** One piece after the other, a pause of `intervalMs` before each, for as long as it is open. */
  trickle(piece: (index: number) => Uint8Array, intervalMs: number): void {
    let index = 0;
    const timer = setInterval(() => {
      if (this.isClosed) clearInterval(timer);
      else this.socket.write(piece(index++));
    }, intervalMs);
    this.timers.push(timer);
  }

  stopReading(): void {
    this.socket.pause();
  }

  finish(): void {
    this.socket.end();
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  end(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.socket.destroy();
  }
}
