// A Dubbo mesh in one process: the built module in the host emulator, scripted providers, and
// clients that speak in frames.
import { TcpServer, type Client, type ServerConnection } from "../host/index.js";
import type { TcpServerOptions } from "../host/tcp-server.js";
import {
  dubboHeartbeat,
  dubboRequest,
  dubboResponse,
  valueBody,
  type DubboHeader,
  type DubboRequest,
} from "../envoy/support/dubbo-wire.js";
import { builtModule } from "../modules/built-module.js";
import { DubboReader } from "./dubbo-stream.js";
import { Mesh, type MeshOptions } from "./mesh.js";

export interface ProviderRequest {
  readonly connection: ServerConnection;
  readonly frame: DubboHeader;
  /** Answers with a value; `id` overrides the request's. */
  reply(value: string, id?: bigint): void;
}

const MODULE = await builtModule("dubbo");

/** A provider that keeps what it gets, and answers with its name unless told otherwise. */
export class Provider {
  readonly server: TcpServer;
  readonly requests: ProviderRequest[] = [];
  /** False: requests are kept for the test to answer. */
  answers = true;
  /** False: it is silent when it is probed. */
  answersHeartbeats = true;
  /** What came in one read is answered in one write, which Envoy reads at once. */
  answersTogether = false;
  readonly #readers = new Map<ServerConnection, DubboReader>();

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

  #receive(connection: ServerConnection, bytes: Uint8Array): void {
    let reader = this.#readers.get(connection);
    if (reader === undefined) {
      reader = new DubboReader();
      this.#readers.set(connection, reader);
    }
    const frames = reader.push(bytes);
    for (const frame of frames) this.#handle(connection, frame);
    if (!this.answersTogether) return;
    const asked = frames.filter((frame) => frame.isTwoWay && !frame.isEvent);
    connection.write(
      Buffer.concat(asked.map((frame) => dubboResponse(frame.id, valueBody(this.name)))),
    );
  }

  #handle(connection: ServerConnection, frame: DubboHeader): void {
    const request: ProviderRequest = {
      connection,
      frame,
      reply: (value, id = frame.id) => {
        connection.write(dubboResponse(id, valueBody(value)));
      },
    };
    this.requests.push(request);
    if (frame.isEvent && frame.isTwoWay && this.answersHeartbeats) {
      connection.write(dubboHeartbeat(frame.id, false));
    }
    if (this.answersTogether) return;
    if (this.answers && frame.isTwoWay && !frame.isEvent) request.reply(this.name);
  }
}

/** A client that sends requests and collects responses by id. */
export class DubboClient {
  readonly responses = new Map<bigint, DubboHeader[]>();
  readonly #reader = new DubboReader();

  constructor(readonly socket: Client) {
    socket.onData = (bytes) => {
      for (const frame of this.#reader.push(bytes)) {
        const list = this.responses.get(frame.id) ?? [];
        list.push(frame);
        this.responses.set(frame.id, list);
      }
    };
  }

  request(request: DubboRequest, sizes?: readonly number[]): void {
    this.socket.send(dubboRequest(request), sizes);
  }

  /** The one response to `id`; an error when there is none or more than one. */
  response(id: bigint): DubboHeader {
    const list = this.responses.get(id) ?? [];
    const [first] = list;
    if (first === undefined || list.length !== 1) {
      throw new Error(`${String(list.length)} responses to request ${String(id)}`);
    }
    return first;
  }
}

export class DubboMesh extends Mesh {
  constructor(options: MeshOptions) {
    super(MODULE, options);
  }

  connect(routes?: string, worker = 0): DubboClient {
    return new DubboClient(this.connectSocket(routes, worker));
  }
}
