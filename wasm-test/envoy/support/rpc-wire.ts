// Clients and servers of small request-response protocols on raw sockets: what they say is built and read
// without any codec of a module.
import * as awesomerpc from "../../codecs/awesomerpc/frames.js";
import * as brpc from "../../codecs/brpc/frames.js";
import {
  bytesOf,
  message,
  numberOf,
  pair,
  pairsOf,
  textOf,
} from "../../codecs/harness/protobuf-message.js";
import * as tars from "../../codecs/tars/frames.js";
import { CourierFlag, courierFrame, courierFrameLength, readCourierFrame } from "./courier.js";
import { waitUntil } from "./deadline.js";
import { TcpConnection } from "./tcp-connection.js";
import { TcpServer } from "./tcp-server.js";

export interface RpcRequest {
  readonly id: number;
  readonly method: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface RpcResponse {
  readonly id: number;
  /** 0: well. */
  readonly code: number;
  /** What the server said, or the error's text. */
  readonly text: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A protocol's two messages. */
export interface RpcWire {
  /** Length of the frame that begins with these bytes; undefined: they are not enough. */
  frameLength(bytes: Buffer): number | undefined;
  writeRequest(request: RpcRequest): Uint8Array;
  readRequest(bytes: Uint8Array): RpcRequest;
  writeResponse(response: RpcResponse): Uint8Array;
  readResponse(bytes: Uint8Array): RpcResponse;
}

function u32At(offset: number, more: number): RpcWire["frameLength"] {
  return (bytes) => (bytes.length < offset + 4 ? undefined : bytes.readUInt32BE(offset) + more);
}

const { Meta } = brpc;

function userFields(metadata: Readonly<Record<string, string>>) {
  return Object.entries(metadata).map(
    ([key, value]) => [Meta.UserFields, pair(key, value)] as const,
  );
}

export const BRPC: RpcWire = {
  frameLength: u32At(4, 12),
  writeRequest: ({ id, method, metadata }) =>
    brpc.frame([
      [Meta.Request, message([1, "demo.Service"], [2, method])],
      [Meta.CorrelationId, id],
      ...userFields(metadata),
    ]),
  readRequest(bytes) {
    const { meta } = brpc.readFrame(bytes);
    const id = numberOf(meta, Meta.CorrelationId);
    const method = textOf(bytesOf(meta, Meta.Request), 2);
    return { id, method, metadata: pairsOf(meta, Meta.UserFields) };
  },
  writeResponse: ({ id, code, text, metadata }) =>
    brpc.frame(
      [[Meta.Response, message([1, code])], [Meta.CorrelationId, id], ...userFields(metadata)],
      text,
    ),
  readResponse(bytes) {
    const { meta, data } = brpc.readFrame(bytes);
    const response = bytesOf(meta, Meta.Response);
    return {
      id: numberOf(meta, Meta.CorrelationId),
      code: numberOf(response, 1),
      text: Buffer.from(data).toString() || textOf(response, 2),
      metadata: pairsOf(meta, Meta.UserFields),
    };
  },
};

export const TARS: RpcWire = {
  frameLength: u32At(0, 0),
  writeRequest: ({ id, method, metadata }) =>
    tars.requestFrame({ id, func: method, context: metadata, timeoutMs: 60_000 }),
  readRequest(bytes) {
    const fields = tars.readFrame(bytes);
    const metadata = fields.get(9) as Record<string, string>;
    return { id: Number(fields.get(4)), method: fields.get(6) as string, metadata };
  },
  writeResponse: ({ id, code, text, metadata }) =>
    tars.frame(
      [1, 1],
      [2, 0],
      [3, id],
      [4, 0],
      [5, code],
      [6, tars.bytesField(6, new Uint8Array(0))],
      [7, new Map()],
      [8, text],
      [9, new Map(Object.entries(metadata))],
    ),
  readResponse(bytes) {
    const fields = tars.readFrame(bytes);
    return {
      id: Number(fields.get(3)),
      code: Number(fields.get(5)),
      text: fields.get(8) as string,
      metadata: (fields.get(9) ?? {}) as Record<string, string>,
    };
  },
};

/** Methods are commands, which are numbers; there is no metadata. */
export const AWESOMERPC: RpcWire = {
  frameLength: u32At(5, 0),
  writeRequest: ({ id, method }) => awesomerpc.writeFrame({ flow: id, command: Number(method) }),
  readRequest(bytes) {
    const { flow, command } = awesomerpc.readFrame(bytes);
    return { id: flow, method: String(command), metadata: {} };
  },
  writeResponse: ({ id, code, text }) =>
    awesomerpc.writeFrame({ flow: id, command: 0, responseCode: code, body: text }),
  readResponse(bytes) {
    const { flow, responseCode, body } = awesomerpc.readFrame(bytes);
    return { id: flow, code: responseCode, text: body, metadata: {} };
  },
};

/** Methods are commands; metadata are tags. */
export const COURIER: RpcWire = {
  frameLength: courierFrameLength,
  writeRequest: ({ id, method, metadata }) =>
    courierFrame({ sequence: id, cmd: Number(method), tags: metadata }),
  readRequest(bytes) {
    const { sequence, cmd, tags } = readCourierFrame(Buffer.from(bytes));
    return { id: sequence, method: String(cmd), metadata: tags };
  },
  writeResponse: ({ id, code, text, metadata }) =>
    courierFrame({
      flags: CourierFlag.Response,
      ...{ sequence: id, code, body: text, tags: metadata },
    }),
  readResponse(bytes) {
    const { sequence, code, body, tags } = readCourierFrame(Buffer.from(bytes));
    return { id: sequence, code, text: body, metadata: tags };
  },
};

/** Answers each request with its own name, and with the metadata that it got. */
export class RpcServer {
  /** Requests received. */
  requests = 0;
  /** Of them, those that are not answered. */
  unanswered = 0;

  private constructor(
    readonly name: string,
    private readonly server: TcpServer,
  ) {}

  /** Requests of the method `silent` get no answer. */
  static async start(wire: RpcWire, name: string, silent: string, port = 0): Promise<RpcServer> {
    const server = await TcpServer.start(async (connection) => {
      for (;;) {
        const frame = await connection.readFrame((bytes) => wire.frameLength(bytes), 60_000);
        started.requests++;
        const { id, method, metadata } = wire.readRequest(frame);
        if (method === silent) started.unanswered++;
        else connection.write(wire.writeResponse({ id, code: 0, text: name, metadata }));
      }
    }, port);
    const started = new RpcServer(name, server);
    return started;
  }

  get port(): number {
    return this.server.port;
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}

/** One connection; calls may be in flight at the same time. */
export class RpcClient {
  private nextId = 1;

  private constructor(
    private readonly wire: RpcWire,
    private readonly connection: TcpConnection,
    private readonly waiting: Map<number, (response: RpcResponse) => void>,
  ) {}

  static async connect(wire: RpcWire, port: number): Promise<RpcClient> {
    const connection = await TcpConnection.connect(port);
    const waiting = new Map<number, (response: RpcResponse) => void>();
    void RpcClient.receive(wire, connection, waiting);
    return new RpcClient(wire, connection, waiting);
  }

  /** @throws Error when there is no response within 20 s. */
  async call(method: string, metadata: RpcRequest["metadata"] = {}): Promise<RpcResponse> {
    const id = this.nextId++;
    let response: RpcResponse | undefined;
    this.waiting.set(id, (received) => {
      response = received;
    });
    this.connection.write(this.wire.writeRequest({ id, method, metadata }));
    return waitUntil(`the response to ${method}`, () => response, {
      timeoutMs: 20_000,
      intervalMs: 2,
    });
  }

  close(): void {
    this.connection.destroy();
  }

  private static async receive(
    wire: RpcWire,
    connection: TcpConnection,
    waiting: Map<number, (response: RpcResponse) => void>,
  ): Promise<void> {
    try {
      for (;;) {
        const frame = await connection.readFrame((bytes) => wire.frameLength(bytes), 120_000);
        const response = wire.readResponse(frame);
        waiting.get(response.id)?.(response);
        waiting.delete(response.id);
      }
    } catch {
      // The connection has ended: calls that wait find out by their deadline.
    }
  }
}
