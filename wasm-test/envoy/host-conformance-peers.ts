// The client and the servers of the conformance scenarios, on real sockets.

import { createServer as createHttpServer, request, type IncomingMessage } from "node:http";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

import {
  clientLine,
  PATH,
  serverBody,
  serverLine,
  type HttpScenario,
} from "../host/conformance/http-scenarios.js";
import { serverAction, type Step } from "../host/conformance/scenarios.js";
import { pause } from "./support/deadline.js";

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** The scripted server of the scenarios. */
export class ProbeServer {
  seen: string[] = [];
  /** Grows with everything that happens to it. */
  activity = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#accept(socket);
    });
  }

  listen(): Promise<number> {
    return listen(this.#server);
  }

  /** Ends what a scenario has left open, so that the next one starts with nothing. */
  reset(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.seen = [];
  }

  close(): void {
    this.reset();
    this.#server.close();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    this.activity++;
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.activity++;
    });
    socket.on("error", () => undefined);
    socket.on("end", () => socket.end());
    socket.on("data", (bytes) => {
      this.#answer(socket, bytes.toString());
    });
  }

  #answer(socket: Socket, text: string): void {
    this.seen.push(`received ${text}`);
    this.activity++;
    const action = serverAction(text);
    if (action === "echo") socket.write(`echo:${text}`);
    if (action === "end") socket.end();
    if (action === "reset") socket.resetAndDestroy();
  }
}

/** A client of the listener, and what it has seen. */
export class ProbeClient {
  received = "";
  closed = false;
  readonly #socket: Socket;

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.on("data", (bytes) => (this.received += bytes.toString()));
    this.#socket.on("close", () => (this.closed = true));
    this.#socket.on("error", () => undefined);
  }

  async apply(step: Step): Promise<void> {
    if ("send" in step) this.#socket.write(step.send);
    else if ("sendZeros" in step) this.#socket.write(Buffer.alloc(step.sendZeros, "0"));
    else if ("waitMs" in step) await pause(step.waitMs);
    else if ("end" in step) this.#socket.end();
    else this.#socket.resetAndDestroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** Answers every request with what it got. */
export class ProbeHttpServer {
  seen: string[] = [];
  readonly #server = createHttpServer((incoming, outgoing) => {
    textOf(incoming).then(
      (body) => {
        this.seen.push(serverLine(tagOf(incoming), body));
        // In two steps, for a body without content-length: the probe may change its size.
        outgoing.write(serverBody(body));
        outgoing.end();
      },
      // The module has answered or reset the request itself.
      () => undefined,
    );
  });

  listen(): Promise<number> {
    return listen(this.#server);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** Sends the scenario's request, its pieces `pauseMs` apart, and says what came back. */
export async function sendHttp(
  port: number,
  scenario: HttpScenario,
  pauseMs: number,
): Promise<string> {
  const { body = [] } = scenario;
  const method = body.length > 0 ? "POST" : "GET";
  // Without content-length: the probe may change the size of the body.
  const chunked = body.length > 0 ? { "transfer-encoding": "chunked" } : {};
  const headers = { ...scenario.commands, ...chunked };
  const outgoing = request({ port, host: "127.0.0.1", path: PATH, method, headers });
  const answer = new Promise<string>((resolve) => {
    outgoing.on("error", () => {
      resolve("reset");
    });
    outgoing.on("response", (incoming) => {
      textOf(incoming).then(
        (text) => {
          resolve(clientLine(incoming.statusCode ?? 0, tagOf(incoming), text));
        },
        () => {
          resolve("reset");
        },
      );
    });
  });
  for (const piece of body.slice(0, -1)) {
    outgoing.write(piece);
    await pause(pauseMs);
  }
  outgoing.end(body.at(-1));
  return answer;
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of incoming) text += String(piece);
  return text;
}

function tagOf(incoming: IncomingMessage): string | undefined {
  const tag = incoming.headers["x-tag"];
  return typeof tag === "string" ? tag : undefined;
}
