// A server that answers every request with a recorded frame.
import { TcpServer, type ServerConnection, type TcpServerOptions } from "../host/tcp-server.js";
import type { FrameFormat } from "./frames.js";

/** An endpoint of a mesh. */
export class RecordedServer {
  readonly server: TcpServer;
  /** Frames of requests that it got, in order. */
  readonly requests: Uint8Array[] = [];
  /** False: requests get no answer. */
  answers = true;
  readonly #format: FrameFormat;
  readonly #responses: readonly Uint8Array[];
  readonly #rest = new Map<ServerConnection, Uint8Array>();

  /**
   * @param response a frame, sent with the id of the request that it answers; of several, the first one answers the
   * first request, and so on, the last one all others.
   */
  constructor(
    format: FrameFormat,
    response: Uint8Array | readonly Uint8Array[],
    options: TcpServerOptions = {},
  ) {
    this.#format = format;
    const responses = response instanceof Uint8Array ? [response] : response;
    // Copies, also of Buffers, whose `slice` makes none.
    this.#responses = responses.map((bytes) => new Uint8Array(bytes));
    this.server = new TcpServer({
      ...options,
      onData: (connection, bytes) => {
        this.#receive(connection, bytes);
      },
    });
  }

  #receive(connection: ServerConnection, bytes: Uint8Array): void {
    let rest = new Uint8Array(
      Buffer.concat([this.#rest.get(connection) ?? new Uint8Array(), bytes]),
    );
    for (;;) {
      const length = this.#format.lengthOf(rest);
      if (length === undefined || length > rest.length) break;
      const request = rest.slice(0, length);
      rest = rest.slice(length);
      this.requests.push(request);
      if (this.answers) connection.write(this.#answerTo(request));
    }
    this.#rest.set(connection, rest);
  }

  #answerTo(request: Uint8Array): Uint8Array {
    const index = Math.min(this.requests.length, this.#responses.length) - 1;
    const response = new Uint8Array(this.#responses[index] ?? []);
    this.#format.idOf(response).set(this.#format.idOf(request));
    return response;
  }
}
