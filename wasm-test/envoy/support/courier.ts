// The protocol of docs/protocol-owners/frames/courier.yaml, as a client and a server in Node speak it.
import { TcpConnection } from "./tcp-connection.js";
import { TcpServer } from "./tcp-server.js";

const HEADER_BYTES = 22;
const ETX = 3;
export const CourierFlag = { Response: 1, Oneway: 2, Heartbeat: 4 } as const;

export interface CourierMessage {
  readonly flags: number;
  readonly sequence: number;
  readonly cmd: number;
  readonly subCmd: number;
  /** Of a request its timeout in milliseconds, of a response its result. */
  readonly code: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly body: string;
}

function pair(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

export function courierFrame(message: Partial<CourierMessage>): Buffer {
  const { flags = 0, sequence = 0, cmd = 0, subCmd = 0, code = 0, tags = {}, body = "" } = message;
  const entries = Object.entries(tags).flatMap(([key, value]) => [pair(key), pair(value)]);
  const tagBytes = Buffer.concat(entries);
  const content = Buffer.from(body);
  const header = Buffer.alloc(HEADER_BYTES);
  header.write("CR", "latin1");
  header.writeUInt8(1, 2);
  header.writeUInt8(flags, 3);
  header.writeUInt32BE(HEADER_BYTES + tagBytes.length + content.length + 1, 4);
  header.writeUInt32BE(sequence, 8);
  header.writeUInt16BE(cmd, 12);
  header.writeUInt16BE(subCmd, 14);
  header.writeInt32BE(code, 16);
  header.writeUInt16BE(tagBytes.length, 20);
  return Buffer.concat([header, tagBytes, content, Buffer.of(ETX)]);
}

export function courierFrameLength(bytes: Buffer): number | undefined {
  if (bytes.length < 8) return undefined;
  const length = bytes.readUInt32BE(4);
  return bytes.length < length ? undefined : length;
}

export function readCourierFrame(frame: Buffer): CourierMessage {
  const tags: Record<string, string> = {};
  const tagEnd = HEADER_BYTES + frame.readUInt16BE(20);
  const texts: string[] = [];
  for (let at = HEADER_BYTES; at < tagEnd;) {
    const end = at + 2 + frame.readUInt16BE(at);
    texts.push(frame.toString("utf8", at + 2, end));
    at = end;
  }
  for (let index = 0; index + 1 < texts.length; index += 2)
    tags[texts[index] ?? ""] = texts[index + 1] ?? "";
  return {
    flags: frame.readUInt8(3),
    sequence: frame.readUInt32BE(8),
    cmd: frame.readUInt16BE(12),
    subCmd: frame.readUInt16BE(14),
    code: frame.readInt32BE(16),
    tags,
    body: frame.toString("utf8", tagEnd, frame.length - 1),
  };
}

/** Answers requests with its name, in no particular order. */
export class CourierServer {
  private constructor(
    private readonly server: TcpServer,
    /** All that came, in its order. */
    readonly requests: readonly CourierMessage[],
  ) {}

  static async start(name: string): Promise<CourierServer> {
    const requests: CourierMessage[] = [];
    const server = await TcpServer.start(async (connection) => {
      for (;;) {
        const message = readCourierFrame(await connection.readFrame(courierFrameLength, 60_000));
        requests.push(message);
        const { flags, sequence, cmd, subCmd } = message;
        if ((flags & CourierFlag.Oneway) !== 0) continue;
        const isHeartbeat = (flags & CourierFlag.Heartbeat) !== 0;
        const answer = courierFrame({
          flags: CourierFlag.Response | (isHeartbeat ? CourierFlag.Heartbeat : 0),
          ...{ sequence, cmd, subCmd },
          body: `${name}: ${message.body}`,
        });
        const delayMs = (sequence * 7) % 5;
        setTimeout(() => {
          connection.write(answer);
        }, delayMs);
      }
    });
    return new CourierServer(server, requests);
  }

  get port(): number {
    return this.server.port;
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}

/** One connection with many requests in flight. */
export class CourierClient {
  private sequence = 0;

  private constructor(private readonly connection: TcpConnection) {}

  static async connect(port: number): Promise<CourierClient> {
    return new CourierClient(await TcpConnection.connect(port));
  }

  /** The answers in the order of the requests, by their sequence numbers. */
  async ask(requests: readonly Partial<CourierMessage>[]): Promise<CourierMessage[]> {
    const first = this.sequence;
    for (const request of requests)
      this.connection.write(courierFrame({ ...request, sequence: this.sequence++ }));
    const answers = new Map<number, CourierMessage>();
    const awaited = requests.filter(({ flags = 0 }) => (flags & CourierFlag.Oneway) === 0).length;
    while (answers.size < awaited) {
      const answer = readCourierFrame(await this.connection.readFrame(courierFrameLength, 30_000));
      answers.set(answer.sequence, answer);
    }
    return requests.flatMap((_, index) => answers.get(first + index) ?? []);
  }

  close(): void {
    this.connection.destroy();
  }
}
