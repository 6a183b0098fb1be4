// HTTP for operators: health, metrics and a look inside. Read-only.
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { errorMessage } from "../runtime/error-message.js";
import { closeNow, listenOn } from "../runtime/http-listener.js";
import type { SocketAddress } from "./socket-address.js";

export interface AdminResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Answers GET (and HEAD) of one path. */
export type AdminHandler = (query: URLSearchParams) => AdminResponse | Promise<AdminResponse>;

export function textResponse(body: string, status = 200): AdminResponse {
  return { status, contentType: "text/plain; charset=utf-8", body: `${body}\n` };
}

export function jsonResponse(value: unknown): AdminResponse {
  return {
    status: 200,
    contentType: "application/json",
    body: `${JSON.stringify(value, undefined, 2)}\n`,
  };
}

export class AdminServer {
  private readonly server: Server;

  /** @param handlers by path. */
  constructor(private readonly handlers: ReadonlyMap<string, AdminHandler>) {
    this.server = createServer((request, response) => {
      void this.handle(request, response);
    });
  }

  /** Returns the port. @throws Error when it cannot listen. */
  listen({ host, port }: SocketAddress): Promise<number> {
    return listenOn(this.server, host, port);
  }

  stop(): Promise<void> {
    return closeNow(this.server);
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, contentType, body } = await this.answer(request);
    response.writeHead(status, {
      "content-type": contentType,
      "content-length": Buffer.byteLength(body),
      ...(status === 405 ? { allow: "GET, HEAD" } : {}),
    });
    response.end(request.method === "HEAD" ? undefined : body);
  }

  private async answer(request: IncomingMessage): Promise<AdminResponse> {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return textResponse("only GET and HEAD", 405);
    }
    // A request target may be anything; only its path and query count.
    const [path = "", query = ""] = (request.url ?? "").split("?", 2);
    if (path === "/") return textResponse([...this.handlers.keys()].join("\n"));
    const handler = this.handlers.get(path);
    if (handler === undefined) return textResponse("no such path; / lists all", 404);
    try {
      return await handler(new URLSearchParams(query));
    } catch (error) {
      return textResponse(errorMessage(error), 500);
    }
  }
}
