// Two Dubbo servers that answer with their version, and a client that asks through Envoy all the time and
// notes when the version changes.
import { type Socket, connect } from "node:net";
import {
  dubboFrameLength,
  dubboRequest,
  dubboResponse,
  parseDubboFrame,
  valueBody,
} from "../../envoy/support/dubbo-wire.js";
import { TcpServer } from "../../envoy/support/tcp-server.js";

export const VERSIONS = ["v1", "v2"] as const;
export type Version = (typeof VERSIONS)[number];

/** Between two requests, in milliseconds: the resolution of what is seen. */
const PACE_MS = 2;

/** Answers every request with `version`. */
export function startVersionedServer(version: Version): Promise<TcpServer> {
  const body = valueBody(version);
  return TcpServer.start(async (connection) => {
    for (;;) {
      const frame = await connection.readFrame(dubboFrameLength, 3_600_000);
      const { id, isEvent } = parseDubboFrame(frame);
      if (!isEvent) connection.write(dubboResponse(id, body));
    }
  });
}

/** One connection, one request after the other. */
export class VersionWatcher {
  /** Answers that were no version. */
  faults = 0;
  answers = 0;
  isClosed = false;
  private lastVersion: Version | undefined;
  private id = 0n;
  private buffered: Buffer = Buffer.alloc(0);
  private wake: (() => void)[] = [];

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      this.onData(chunk);
    });
    socket.on("error", () => undefined);
    socket.on("close", () => (this.isClosed = true));
  }

  static connect(port: number): Promise<VersionWatcher> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("error", reject);
      socket.once("connect", () => {
        resolve(new VersionWatcher(socket));
      });
    });
  }

  /** Begins to ask. */
  start(): void {
    this.ask();
  }

  /** Resolves with the time (performance.now) of the first answer of `version`, once there was one. */
  async sees(version: Version, deadlineMs: number): Promise<number> {
    while (this.lastVersion !== version) {
      if (performance.now() > deadlineMs) throw new Error(`no answer of ${version} in time`);
      await new Promise<void>((resolve) => this.wake.push(resolve));
    }
    return performance.now();
  }

  close(): void {
    this.socket.destroy();
  }

  private ask(): void {
    if (this.isClosed) return;
    this.socket.write(dubboRequest({ id: ++this.id, method: "sayHello" }));
  }

  private onData(chunk: Buffer): void {
    this.buffered = Buffer.concat([this.buffered, chunk]);
    for (;;) {
      const length = dubboFrameLength(this.buffered);
      if (length === undefined || this.buffered.length < length) return;
      this.onAnswer(this.buffered.subarray(0, length).toString("latin1"));
      this.buffered = this.buffered.subarray(length);
      setTimeout(() => {
        this.ask();
      }, PACE_MS);
    }
  }

  private onAnswer(text: string): void {
    this.answers++;
    const version = VERSIONS.find((candidate) => text.includes(candidate));
    if (version === undefined) this.faults++;
    this.lastVersion = version;
    for (const wake of this.wake.splice(0)) wake();
  }
}
