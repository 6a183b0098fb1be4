// A mesh for the example protocol: scripted servers that answer line by line, and clients that pipeline.
import { TcpServer, type Client, type ServerConnection } from "../host/index.js";
import { builtModule } from "../modules/built-module.js";
import { Mesh, type MeshOptions } from "./mesh.js";

/** Cuts bytes into lines, without their ends. */
class LineReader {
  #rest = "";

  push(bytes: Uint8Array): string[] {
    const lines = (this.#rest + Buffer.from(bytes).toString("latin1")).split("\n");
    this.#rest = lines.pop() ?? "";
    return lines;
  }
}

export interface LineRequest {
  readonly connection: ServerConnection;
  readonly text: string;
}

/** A server that answers each line with `<its name>: <line>`, in order, unless told to wait. */
export class LineServer {
  readonly server: TcpServer;
  readonly requests: LineRequest[] = [];
  /** False: lines are kept until `answer`. */
  answers = true;
  readonly #readers = new Map<ServerConnection, LineReader>();
  readonly #waiting: LineRequest[] = [];

  constructor(readonly name: string) {
    this.server = new TcpServer({
      onData: (connection, bytes) => {
        this.#receive(connection, bytes);
      },
    });
  }

  /** Lines that it got, in the order in which they came. */
  get texts(): string[] {
    return this.requests.map(({ text }) => text);
  }

  /** Answers the oldest `count` lines that wait, in order; all of them by default. */
  answer(count = this.#waiting.length): void {
    for (const { connection, text } of this.#waiting.splice(0, count)) {
      connection.write(Buffer.from(`${this.name}: ${text}\n`));
    }
  }

  #receive(connection: ServerConnection, bytes: Uint8Array): void {
    const reader = this.#readers.get(connection) ?? new LineReader();
    this.#readers.set(connection, reader);
    for (const text of reader.push(bytes)) {
      this.requests.push({ connection, text });
      this.#waiting.push({ connection, text });
    }
    if (this.answers) this.answer();
  }
}

/** A client that may send any number of lines before it reads. */
export class LineClient {
  readonly answers: string[] = [];
  readonly #reader = new LineReader();

  constructor(readonly socket: Client) {
    socket.onData = (bytes) => this.answers.push(...this.#reader.push(bytes));
  }

  /** Sends lines in one write. */
  send(...lines: readonly string[]): void {
    this.socket.send(Buffer.from(lines.map((line) => `${line}\n`).join("")));
  }
}

const MODULE = await builtModule("line");

export class LineMesh extends Mesh {
  constructor(options: MeshOptions) {
    super(MODULE, options);
  }

  connect(routes?: string, worker = 0): LineClient {
    return new LineClient(this.connectSocket(routes, worker));
  }
}
