// HTTPS for API servers: what they are about to write is judged here. It keeps nothing and changes nothing, so whoever
// asks may.
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { Identity } from "../identity/identity.js";
import { errorMessage } from "../runtime/error-message.js";
import { listenOn } from "../runtime/http-listener.js";
import {
  admissionAnswer,
  type AdmissionRequest,
  type AdmissionVerdict,
  readAdmissionReview,
} from "./admission-review.js";

export const WEBHOOK_PATH = "/validate";

/** An object has 3 MiB at most on its way into an API server, and a review of an update has it twice. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;
/** API servers wait for 30 s at most. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Longer than Go's clients keep idle connections (90 s): they close first, and no request meets a closed one. */
const KEEP_ALIVE_MS = 120_000;
const STOP_TIMEOUT_MS = 2_000;

export type AdmissionResult = "allowed" | "warned" | "refused" | "error";

export interface WebhookServerOptions {
  readonly judge: (request: AdmissionRequest) => AdmissionVerdict;
  /** Told of each answer. `kind` is empty where the request does not say. */
  readonly onAnswer: (kind: string, result: AdmissionResult, seconds: number) => void;
  /** Told what is wrong with a request. */
  readonly onBroken: (message: string) => void;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly kind: string;
  readonly result: AdmissionResult;
}

class BrokenRequest extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export class WebhookServer {
  private server: Server | undefined;

  constructor(private readonly options: WebhookServerOptions) {}

  /** Returns the port. @throws Error when it cannot listen. */
  listen(host: string, port: number, identity: Identity): Promise<number> {
    const server = createServer(
      {
        ...secureContextOf(identity),
        requestTimeout: REQUEST_TIMEOUT_MS,
        headersTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
      },
      (request, response) => {
        void this.handle(request, response);
      },
    );
    this.server = server;
    return listenOn(server, host, port);
  }

  /** For new connections; those that are open stay. */
  update(identity: Identity): void {
    this.server?.setSecureContext(secureContextOf(identity));
  }

  /** Requests that are under way get their answers. */
  async stop(): Promise<void> {
    const { server } = this;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections();
    const timer = setTimeout(() => server.closeAllConnections(), STOP_TIMEOUT_MS);
    await closed;
    clearTimeout(timer);
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    const { status, body, kind, result } = await this.answer(request);
    response.writeHead(status, {
      "content-type": result === "error" ? "text/plain; charset=utf-8" : "application/json",
      "content-length": Buffer.byteLength(body),
      // What was not read of a request cannot be told from the next one.
      ...(request.complete ? {} : { connection: "close" }),
    });
    response.end(body);
    this.options.onAnswer(kind, result, (performance.now() - startedAt) / 1000);
  }

  private async answer(request: IncomingMessage): Promise<Answer> {
    try {
      const document = parse(await bodyOf(request));
      const admission = readRequest(document);
      const verdict = this.options.judge(admission);
      const { faults, warnings } = verdict;
      const body = JSON.stringify(admissionAnswer(admission, verdict));
      const result =
        faults.length > 0 ? "refused" : warnings.length > 0 ? "warned" : ("allowed" as const);
      return { status: 200, body, kind: admission.kind.kind, result };
    } catch (error) {
      const message = errorMessage(error);
      this.options.onBroken(message);
      const status = error instanceof BrokenRequest ? error.status : 500;
      return { status, body: `${message}\n`, kind: "", result: "error" };
    }
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const [path] = (request.url ?? "").split("?", 1);
  if (path !== WEBHOOK_PATH) throw new BrokenRequest(404, `there is only ${WEBHOOK_PATH}`);
  if (request.method !== "POST") throw new BrokenRequest(405, "only POST");
  const [type = ""] = (request.headers["content-type"] ?? "").split(";", 1);
  if (type.trim().toLowerCase() !== "application/json")
    throw new BrokenRequest(415, "the body must be application/json");
  const tooLarge = new BrokenRequest(413, `the body has more than ${MAX_BODY_BYTES} bytes`);
  if (Number(request.headers["content-length"] ?? 0) > MAX_BODY_BYTES) throw tooLarge;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw tooLarge;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch (error) {
    throw new BrokenRequest(400, `the body is no JSON: ${errorMessage(error)}`);
  }
}

function readRequest(document: unknown): AdmissionRequest {
  try {
    return readAdmissionReview(document);
  } catch (error) {
    throw new BrokenRequest(400, errorMessage(error));
  }
}

function secureContextOf({ certificateChain, privateKey }: Identity) {
  return { cert: certificateChain, key: privateKey, minVersion: "TLSv1.2" as const };
}
