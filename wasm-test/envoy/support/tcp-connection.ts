// One end of a TCP connection for wire-level tests: reads what the test asks for, writes raw bytes.
import { type Socket, connect } from "node:net";

/** A frame cut off the front of `bytes`, or undefined while it is incomplete; length in bytes. */
export type FrameLength = (bytes: Buffer) => number | undefined;

const DEFAULT_TIMEOUT_MS = 30_000;

/** Wraps a connected socket. All waiting has a deadline; a closed connection ends it at once. */
export class TcpConnection {
  /** Resolves when both directions are closed; true when the peer reset the connection. */
  readonly closed: Promise<boolean>;
  private buffered = Buffer.alloc(0);
  private hasEnded = false;
  private wasReset = false;
  private wake: (() => void)[] = [];

  constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      this.buffered = Buffer.concat([this.buffered, chunk]);
      this.notify();
    });
    socket.on("end", () => {
      this.hasEnded = true;
      this.notify();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.wasReset ||= error.code === "ECONNRESET";
    });
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        this.hasEnded = true;
        this.notify();
        resolve(this.wasReset);
      });
    });
  }

  /** Connects to a port of 127.0.0.1. */
  static connect(port: number): Promise<TcpConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new TcpConnection(socket));
      });
    });
  }

  /** Bytes that arrived and were not read yet. */
  get pending(): Buffer {
    return this.buffered;
  }

  /** True once the peer has sent its FIN or the connection is gone. */
  get ended(): boolean {
    return this.hasEnded;
  }

  /** Own TCP port, by which the peer knows this connection. */
  get localPort(): number {
    return this.socket.localPort ?? 0;
  }

  write(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Writes `bytes` in pieces of `size` bytes, each in a TCP segment of its own. */
  async writeInPieces(bytes: Uint8Array, size: number): Promise<void> {
    for (let at = 0; at < bytes.length; at += size) {
      await new Promise<void>((resolve, reject) => {
        this.socket.write(bytes.subarray(at, at + size), (error) => {
          if (error) reject(error);
          // The next turn of the event loop lets the peer read this piece before the next one.
          else setImmediate(resolve);
        });
      });
    }
  }

  /** Exactly `length` bytes. @throws Error when the connection ends or the deadline passes first. */
  async read(length: number, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<Buffer> {
    await this.until(() => this.buffered.length >= length, `${String(length)} bytes`, timeoutMs);
    const bytes = this.buffered.subarray(0, length);
    this.buffered = this.buffered.subarray(length);
    return bytes;
  }

  /** One frame, cut by `frameLength`. */
  async readFrame(frameLength: FrameLength, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<Buffer> {
    const complete = (): boolean => {
      const length = frameLength(this.buffered);
      return length !== undefined && this.buffered.length >= length;
    };
    await this.until(complete, "a frame", timeoutMs);
    return this.read(frameLength(this.buffered) ?? 0);
  }

  /** Everything the peer sends until it closes. */
  async readUntilEnd(timeoutMs = DEFAULT_TIMEOUT_MS): Promise<Buffer> {
    await this.until(() => this.hasEnded, "the end", timeoutMs);
    const bytes = this.buffered;
    this.buffered = Buffer.alloc(0);
    return bytes;
  }

  /** Sends FIN after what was written. */
  end(): void {
    this.socket.end();
  }

  /** Sends RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Closes without waiting for anything. */
  destroy(): void {
    this.socket.destroy();
  }

  /** Stops or resumes reading from the socket, as a peer that does not drain its buffer would. */
  setReading(isReading: boolean): void {
    if (isReading) this.socket.resume();
    else this.socket.pause();
  }

  private notify(): void {
    const wake = this.wake;
    this.wake = [];
    for (const resume of wake) resume();
  }

  private async until(done: () => boolean, what: string, timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!done()) {
      const got = `got ${String(this.buffered.length)} bytes: ${this.buffered.subarray(0, 64).toString("hex")}`;
      if (this.hasEnded) throw new Error(`connection ended before ${what}; ${got}`);
      const remaining = deadline - Date.now();
      if (remaining <= 0) throw new Error(`no ${what} within ${String(timeoutMs)} ms; ${got}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, remaining);
        this.wake.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }
}
