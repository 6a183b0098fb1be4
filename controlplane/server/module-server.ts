// Hands modules out by their digest, to whoever knows it: proxies, or the agents beside them. Read-only.
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { closeNow, listenOn } from "../runtime/http-listener.js";
import type { SocketAddress } from "./socket-address.js";

/** By SHA-256, hexadecimal; undefined: it is not at hand. */
export type FindModule = (sha256: string) => Promise<Uint8Array | undefined>;

const PATH = /^\/modules\/([0-9a-f]{64})\.wasm$/;
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 1_000;

export class ModuleServer {
  private readonly server: Server;

  constructor(private readonly find: FindModule) {
    this.server = createServer((request, response) => {
      this.handle(request, response).catch(() => response.destroy());
    });
    this.server.requestTimeout = REQUEST_TIMEOUT_MS;
    this.server.maxConnections = MAX_CONNECTIONS;
  }

  /** Returns the port. @throws Error when it cannot listen. */
  listen({ host, port }: SocketAddress): Promise<number> {
    return listenOn(this.server, host, port);
  }

  stop(): Promise<void> {
    return closeNow(this.server);
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "" } = request;
    const [, sha256] = PATH.exec(url) ?? [];
    if (method !== "GET" && method !== "HEAD") {
      response.writeHead(405, { allow: "GET, HEAD", "content-length": 0 }).end();
      return;
    }
    const code = sha256 === undefined ? undefined : await this.find(sha256);
    if (code === undefined) {
      // Another replica may have been faster to see it: agents ask again upon 503, and not upon 404.
      const status = sha256 === undefined ? 404 : 503;
      response.writeHead(status, { "content-length": 0 }).end();
      return;
    }
    response.writeHead(200, {
      "content-type": "application/wasm",
      "content-length": code.length,
      "cache-control": "public, max-age=31536000, immutable",
    });
    response.end(method === "HEAD" ? undefined : code);
  }
}
