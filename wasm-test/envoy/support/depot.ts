// The protocol of templates/codec, as a client and a server in Node speak it.
import { TcpConnection } from "./tcp-connection.js";
import { TcpServer } from "./tcp-server.js";

const MAGIC = 0xca11;
const HEAD_BYTES = 12;
export const DepotKind = { Request: 0, Response: 1, Oneway: 2, Ping: 3, Pong: 4 } as const;
export const DepotStatus = { Ok: 0, NotFound: 3 } as const;

export interface DepotMessage {
  readonly kind: number;
  readonly status: number;
  readonly id: number;
  readonly method: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly body: string;
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.of(Buffer.byteLength(value)), Buffer.from(value)]);
}

export function depotFrame(message: Partial<DepotMessage>): Buffer {
  const { kind = 0, status = 0, id = 0, method = "", tags = {}, body = "" } = message;
  const tagBytes = Buffer.concat(Object.entries(tags).flat().map(text));
  const tagsLength = Buffer.alloc(2);
  tagsLength.writeUInt16BE(tagBytes.length);
  const rest = Buffer.concat([text(method), tagsLength, tagBytes, Buffer.from(body)]);
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt16BE(MAGIC);
  head.writeUInt8(kind, 2);
  head.writeUInt8(status, 3);
  head.writeUInt32BE(HEAD_BYTES + rest.length, 4);
  head.writeUInt32BE(id, 8);
  return Buffer.concat([head, rest]);
}

function frameLength(bytes: Buffer): number | undefined {
  return bytes.length < HEAD_BYTES ? undefined : bytes.readUInt32BE(4);
}

function readFrame(frame: Buffer): DepotMessage {
  let at = HEAD_BYTES;
  const next = (): string => {
    const from = at + 1;
    at = from + frame.readUInt8(at);
    return frame.toString("utf8", from, at);
  };
  const method = next();
  const end = at + 2 + frame.readUInt16BE(at);
  at += 2;
  const tags: Record<string, string> = {};
  while (at < end) {
    const key = next();
    tags[key] = next();
  }
  return {
    kind: frame.readUInt8(2),
    status: frame.readUInt8(3),
    id: frame.readUInt32BE(8),
    ...{ method, tags, body: frame.toString("utf8", end) },
  };
}

/** Answers requests with its name, and pings. */
export class DepotServer {
  private constructor(
    private readonly server: TcpServer,
    /** All that came, in its order. */
    readonly messages: readonly DepotMessage[],
  ) {}

  static async start(name: string): Promise<DepotServer> {
    const messages: DepotMessage[] = [];
    const server = await TcpServer.start(async (connection) => {
      for (;;) {
        const message = readFrame(await connection.readFrame(frameLength, 60_000));
        messages.push(message);
        const { kind, id, method } = message;
        if (kind === DepotKind.Ping) connection.write(depotFrame({ kind: DepotKind.Pong, id }));
        if (kind !== DepotKind.Request) continue;
        connection.write(depotFrame({ kind: DepotKind.Response, id, body: `${name}: ${method}` }));
      }
    });
    return new DepotServer(server, messages);
  }

  get port(): number {
    return this.server.port;
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}

/** One connection with many requests in flight. */
export class DepotClient {
  private id = 0;

  private constructor(private readonly connection: TcpConnection) {}

  static async connect(port: number): Promise<DepotClient> {
    return new DepotClient(await TcpConnection.connect(port));
  }

  /** The answers in the order of the messages, by their ids; of what nobody answers there is none. */
  async ask(...messages: readonly Partial<DepotMessage>[]): Promise<DepotMessage[]> {
    const sent = messages.map((message) => ({ ...message, id: this.id++ }));
    this.connection.write(Buffer.concat(sent.map(depotFrame)));
    const awaited = sent.filter(({ kind }) => kind !== DepotKind.Oneway);
    const answers = new Map<number, DepotMessage>();
    while (answers.size < awaited.length) {
      const answer = readFrame(await this.connection.readFrame(frameLength, 30_000));
      answers.set(answer.id, answer);
    }
    return awaited.flatMap(({ id }) => answers.get(id) ?? []);
  }

  close(): void {
    this.connection.destroy();
  }
}
