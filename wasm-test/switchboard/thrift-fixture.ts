// A Thrift mesh in one process: the built module in the host emulator, scripted servers, and clients
// that speak in messages of any transport and protocol.
import {
  FRAMED,
  MessageType,
  type ThriftMessage,
  type ThriftWire,
} from "../envoy/support/thrift-wire.js";
import { TcpServer, type Client, type ServerConnection } from "../host/index.js";
import type { TcpServerOptions } from "../host/tcp-server.js";
import { builtModule } from "../modules/built-module.js";
import { Mesh, type MeshOptions } from "./mesh.js";
import { answerText, callFrame, replyFrame, type CallOptions } from "./thrift-messages.js";
import { detectWire, ThriftReader } from "./thrift-stream.js";

export interface CallRequest {
  readonly connection: ServerConnection;
  readonly wire: ThriftWire;
  readonly message: ThriftMessage;
  /** Answers with a string; `seqid` overrides the request's. */
  reply(value: string, seqid?: number): void;
}

interface ServerSideState {
  reader: ThriftReader | undefined;
  /** Calls that were not answered yet. */
  outstanding: number;
}

const MODULE = await builtModule("thrift");

/** A server that keeps what it gets, and answers with its name unless told otherwise. */
export class Service {
  readonly server: TcpServer;
  readonly requests: CallRequest[] = [];
  /** False: requests are kept for the test to answer. */
  answers = true;
  /** Most calls that waited for their answer on one connection at once. */
  peakOutstanding = 0;
  readonly #states = new Map<ServerConnection, ServerSideState>();

  constructor(
    readonly name: string,
    options: TcpServerOptions = {},
  ) {
    this.server = new TcpServer({
      ...options,
      onData: (connection, bytes) => {
        this.#receive(connection, bytes);
      },
    });
  }

  /** The calls and oneway calls that have this name. */
  called(name: string): CallRequest[] {
    return this.requests.filter((request) => request.message.name === name);
  }

  #receive(connection: ServerConnection, bytes: Uint8Array): void {
    let state = this.#states.get(connection);
    if (state === undefined) {
      state = { reader: undefined, outstanding: 0 };
      this.#states.set(connection, state);
    }
    // Frames are forwarded whole: the first bytes hold the head of a message.
    state.reader ??= new ThriftReader(detectWire(Buffer.from(bytes)));
    const { wire } = state.reader;
    for (const message of state.reader.push(bytes)) this.#handle(connection, state, wire, message);
  }

  #handle(
    connection: ServerConnection,
    state: ServerSideState,
    wire: ThriftWire,
    message: ThriftMessage,
  ): void {
    const isCall = message.type === MessageType.Call;
    const reply = (value: string, seqid = message.seqid): void => {
      state.outstanding--;
      connection.write(replyFrame(wire, { name: message.name, seqid, value }));
    };
    const request: CallRequest = { connection, wire, message, reply };
    this.requests.push(request);
    if (!isCall) return;
    state.outstanding++;
    this.peakOutstanding = Math.max(this.peakOutstanding, state.outstanding);
    if (this.answers) reply(this.name);
  }
}

/** A client that sends calls and collects answers in the order in which they come. */
export class ThriftClient {
  readonly replies: ThriftMessage[] = [];
  readonly #reader: ThriftReader;

  constructor(
    readonly socket: Client,
    readonly wire: ThriftWire,
  ) {
    this.#reader = new ThriftReader(wire);
    socket.onData = (bytes) => this.replies.push(...this.#reader.push(bytes));
  }

  call(name: string, options: CallOptions = {}): void {
    this.socket.send(callFrame(this.wire, name, options));
  }

  oneway(name: string, options: CallOptions = {}): void {
    this.socket.send(callFrame(this.wire, name, options, MessageType.Oneway));
  }

  /** What each answer says, in order: the value, or "type: message" of an exception. */
  get answers(): string[] {
    return this.replies.map((reply) => answerText(this.wire, reply));
  }
}

export class ThriftMesh extends Mesh {
  constructor(options: MeshOptions) {
    super(MODULE, options);
  }

  connect(wire: ThriftWire = FRAMED, routes?: string, worker = 0): ThriftClient {
    return new ThriftClient(this.connectSocket(routes, worker), wire);
  }
}
