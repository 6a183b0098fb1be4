// Meshes for the protocol of wasm-test/units/sessions-codec.ts: scripted servers and clients that see every
// frame.
import { TcpServer, type Client, type ServerConnection } from "../host/index.js";
import { builtModule } from "../modules/built-module.js";
import { Mesh, type MeshOptions } from "./mesh.js";

export type Kind = "Q" | "A" | "O" | "S" | "P" | "G";

export const OPENS = 1;
export const HALF = 2;
export const WHOLE = 4;
export const OWN = 8;
export const UNTIMED = 16;
export const ERROR = 32;
export const UNANSWERABLE = 64;

export interface Frame {
  readonly kind: Kind;
  readonly id: number;
  readonly text: string;
  readonly flags: number;
}

const HEAD = 8;

export function encode({ kind, id, text, flags }: Frame): Buffer {
  const head = Buffer.alloc(HEAD);
  head.write(kind, 0, "latin1");
  head.writeUInt8(flags, 1);
  head.writeUInt16BE(text.length, 2);
  head.writeUInt32BE(id, 4);
  return Buffer.concat([head, Buffer.from(text, "latin1")]);
}

/** Cuts bytes into frames. */
class FrameReader {
  #rest = Buffer.alloc(0);

  push(bytes: Uint8Array): Frame[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const frames: Frame[] = [];
    while (this.#rest.length >= HEAD) {
      const end = HEAD + this.#rest.readUInt16BE(2);
      if (this.#rest.length < end) break;
      const kind = this.#rest.toString("latin1", 0, 1) as Kind;
      const flags = this.#rest.readUInt8(1);
      const id = this.#rest.readUInt32BE(4);
      frames.push({ kind, flags, id, text: this.#rest.toString("latin1", HEAD, end) });
      this.#rest = this.#rest.subarray(end);
    }
    return frames;
  }
}

/** As `<kind> <text>`, which is what most tests compare. */
export function told(frames: readonly Frame[]): string[] {
  return frames.map(({ kind, text }) => `${kind} ${text}`);
}

export interface Received extends Frame {
  readonly connection: ServerConnection;
}

/** A server that keeps what it gets; `answers`: it answers requests with `<its name>: <text>`. */
export class SessionsServer {
  readonly server: TcpServer;
  readonly received: Received[] = [];
  answers = true;
  readonly #readers = new Map<ServerConnection, FrameReader>();

  constructor(readonly name: string) {
    this.server = new TcpServer({
      onData: (connection, bytes) => {
        this.#receive(connection, bytes);
      },
    });
  }

  /** The frame with this text. */
  frame(text: string): Received {
    const found = this.received.find((frame) => frame.text === text);
    if (found === undefined) throw new Error(`${this.name} has no frame ${text}`);
    return found;
  }

  /** Sends a frame with the id, and on the connection, of one that it got. */
  reply(to: Received, kind: Kind, text: string, flags = 0): void {
    to.connection.write(encode({ kind, id: to.id, text, flags }));
  }

  #receive(connection: ServerConnection, bytes: Uint8Array): void {
    const reader = this.#readers.get(connection) ?? new FrameReader();
    this.#readers.set(connection, reader);
    for (const frame of reader.push(bytes)) {
      const received = { ...frame, connection };
      this.received.push(received);
      if (this.answers && frame.kind === "Q") {
        this.reply(received, "A", `${this.name}: ${frame.text}`);
      }
    }
  }
}

export class SessionsClient {
  readonly received: Frame[] = [];
  readonly #reader = new FrameReader();

  constructor(readonly socket: Client) {
    socket.onData = (bytes) => this.received.push(...this.#reader.push(bytes));
  }

  send(...frames: readonly Frame[]): void {
    this.socket.send(Buffer.concat(frames.map(encode)));
  }

  ask(text: string, flags = 0, id = 0): void {
    this.send({ kind: "Q", id, text, flags });
  }
}

const BY_ID = await builtModule("test/sessions-by-id");
const IN_ORDER = await builtModule("test/sessions-in-order");

export class SessionsMesh extends Mesh {
  constructor(isById: boolean, options: MeshOptions) {
    super(isById ? BY_ID : IN_ORDER, options);
  }

  connect(): SessionsClient {
    return new SessionsClient(this.connectSocket());
  }
}
