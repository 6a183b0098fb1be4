// Packets of the example protocol of docs/protocol-owners/frames/parcel.yaml: a client and a server of it, on sockets.
import { TcpConnection } from "./tcp-connection.js";
import { TcpServer } from "./tcp-server.js";

const STX = 0x26;
const ETX = 0x28;
const HEAD_BYTES = 18;
const LENGTH_AT = 1;
const IDLE_MS = 120_000;

export interface Parcel {
  readonly command: number;
  readonly user: bigint;
  readonly tags: Readonly<Record<string, string>>;
  readonly body: string;
}

export function parcelFrame({ command, user, tags, body }: Parcel): Buffer {
  const texts = Object.entries(tags)
    .flat()
    .map((text) => Buffer.from(text));
  const pairs = Buffer.concat(texts.flatMap((text) => [Buffer.of(text.length), text]));
  const head = Buffer.alloc(HEAD_BYTES);
  const content = Buffer.from(body);
  head.writeUInt8(STX, 0);
  head.writeUInt32BE(HEAD_BYTES + pairs.length + content.length + 1, LENGTH_AT);
  head.writeUInt8(1, 5);
  head.writeUInt16BE(command, 6);
  head.writeBigUInt64BE(user, 8);
  head.writeUInt16BE(pairs.length, 16);
  return Buffer.concat([head, pairs, content, Buffer.of(ETX)]);
}

function parcelLength(bytes: Buffer): number | undefined {
  return bytes.length < LENGTH_AT + 4 ? undefined : bytes.readUInt32BE(LENGTH_AT);
}

/** @throws Error where it is no packet. */
function parseParcel(frame: Buffer): Parcel {
  if (frame[0] !== STX || frame.at(-1) !== ETX) throw new Error("a packet in no envelope");
  const bodyAt = HEAD_BYTES + frame.readUInt16BE(16);
  const texts: string[] = [];
  for (let at = HEAD_BYTES; at < bodyAt;) {
    const end = at + 1 + frame.readUInt8(at);
    texts.push(frame.toString("utf8", at + 1, end));
    at = end;
  }
  const tags: Record<string, string> = {};
  for (let i = 0; i < texts.length; i += 2) tags[texts[i] ?? ""] = texts[i + 1] ?? "";
  return {
    command: frame.readUInt16BE(6),
    user: frame.readBigUInt64BE(8),
    tags,
    body: frame.toString("utf8", bodyAt, frame.length - 1),
  };
}

/** Takes packets, and says nothing. */
export class ParcelServer {
  /** In the order of their arrival. */
  readonly received: Parcel[] = [];
  /** What came and was no packet. */
  readonly faults: unknown[] = [];

  private constructor(private server: TcpServer | undefined) {}

  static async start(): Promise<ParcelServer> {
    const started = new ParcelServer(undefined);
    started.server = await TcpServer.start((connection) => started.take(connection));
    return started;
  }

  get port(): number {
    return this.server?.port ?? 0;
  }

  /** Ends it with all its connections; returns where `restart` can bring it back. */
  async stop(): Promise<number> {
    const { server, port } = this;
    this.server = undefined;
    await server?.stop();
    return port;
  }

  async restart(port: number): Promise<void> {
    this.server = await TcpServer.start((connection) => this.take(connection), port);
  }

  private async take(connection: TcpConnection): Promise<void> {
    for (;;) {
      const frame = await connection.readFrame(parcelLength, IDLE_MS);
      try {
        this.received.push(parseParcel(frame));
      } catch (fault) {
        this.faults.push(fault);
      }
    }
  }
}

/** Sends packets on one connection. */
export class ParcelClient {
  private constructor(private readonly connection: TcpConnection) {}

  static async connect(port: number): Promise<ParcelClient> {
    return new ParcelClient(await TcpConnection.connect(port));
  }

  send(...parcels: readonly Parcel[]): void {
    this.connection.write(Buffer.concat(parcels.map(parcelFrame)));
  }

  /** Whether its connection is open, and nothing came on it. */
  get isUndisturbed(): boolean {
    return !this.connection.ended && this.connection.pending.length === 0;
  }

  close(): void {
    this.connection.destroy();
  }
}
