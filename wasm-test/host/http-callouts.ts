// http_call: to the internal listener it dials a connection of our own; to any other cluster it asks a
// scripted HTTP server. Source: Envoy context.cc httpCall, onHttpCallSuccess, onHttpCallFailure.

import { WasmResult } from "./abi-values.js";
import type { Connection, Peer } from "./connection.js";
import type { EventLoop, TimerHandle } from "./event-loop.js";
import { HeaderMap, type HeaderPair } from "./pairs.js";
import type { CalloutResponse, RootContext } from "./root-context.js";
import { HostRuleViolation } from "./rules.js";
import type { Vm } from "./vm.js";

export interface HttpRequest {
  readonly cluster: string;
  readonly headers: HeaderMap;
  readonly body: Uint8Array;
  readonly trailers: readonly HeaderPair[];
  readonly timeoutMs: number;
}

export interface HttpResponse {
  readonly headers: readonly HeaderPair[];
  readonly body?: Uint8Array;
  readonly trailers?: readonly HeaderPair[];
}

/** Answers one request: a response, the connection's end, or "never" (then the timeout ends it). */
export type HttpHandler = (request: HttpRequest) => HttpResponse | "reset" | "refused" | "never";

/** What an http_call can go to. */
export type HttpTarget =
  | { readonly kind: "internal-listener"; readonly dial: (peer: Peer) => Connection }
  | { readonly kind: "http"; readonly handler: HttpHandler }
  | { readonly kind: "no-endpoints" };

interface Callout {
  readonly token: number;
  readonly root: RootContext;
  timer: TimerHandle | undefined;
  connection: Connection | undefined;
  /** True once the request was written to the internal connection. */
  connected: boolean;
}

const ID_STEP = 4;
const encoder = new TextEncoder();

export class HttpCallouts {
  readonly #vm: Vm;
  readonly #loop: EventLoop;
  readonly #leavesHalfOpen: boolean;
  readonly #pending = new Map<number, Callout>();
  #lastToken = 0;

  /** `leavesHalfOpen`: Envoy 1.36 only ends its side of a connection whose call timed out or failed. */
  constructor(vm: Vm, loop: EventLoop, leavesHalfOpen: boolean) {
    this.#vm = vm;
    this.#loop = loop;
    this.#leavesHalfOpen = leavesHalfOpen;
  }

  /** Calls that have not been answered yet. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Starts the call. Returns its token, or why there is none. */
  start(
    root: RootContext,
    request: HttpRequest,
    target: HttpTarget,
  ): { token: number } | WasmResult {
    const { headers } = request;
    for (const name of [":path", ":method", ":authority"]) {
      if (headers.get(name) === undefined) return WasmResult.BadArgument;
    }
    this.#lastToken += ID_STEP;
    if (target.kind === "no-endpoints") return this.#failAtOnce();
    const callout: Callout = {
      token: this.#lastToken,
      root,
      timer: undefined,
      connection: undefined,
      connected: false,
    };
    this.#pending.set(callout.token, callout);
    if (request.timeoutMs > 0) {
      callout.timer = this.#loop.setTimer(request.timeoutMs, () => {
        this.#timeOut(callout);
      });
    }
    if (target.kind === "http") this.#ask(callout, request, target.handler);
    else this.#dial(callout, request, target.dial);
    return { token: callout.token };
  }

  /** A root context is gone: its calls are reset, and nobody hears of them. */
  cancelAll(root: RootContext): void {
    for (const callout of this.#pending.values()) {
      if (callout.root !== root) continue;
      this.#pending.delete(callout.token);
      callout.timer?.cancel();
      callout.connection?.receiveReset();
    }
  }

  /** Envoy's reply comes while the host call runs: it fails, and there is no callback. */
  #failAtOnce(): WasmResult {
    // The host puts the callback behind the VM call that runs now, again and again while there is one.
    if (this.#vm.frames.length > 1) {
      const detail = `http_call in ${this.#vm.describeStack()}`;
      throw this.#vm.fail(new HostRuleViolation("endless-callback", detail));
    }
    return WasmResult.InternalFailure;
  }

  #ask(callout: Callout, request: HttpRequest, handler: HttpHandler): void {
    this.#loop.post(() => {
      const answer = handler(request);
      if (answer === "never") return;
      this.#loop.post(() => {
        this.#finish(callout, asCalloutResponse(answer));
      });
    });
  }

  #dial(callout: Callout, request: HttpRequest, dial: (peer: Peer) => Connection): void {
    const connection = dial({
      // No HTTP comes from there: whatever does is a protocol error to the HTTP client.
      onBytes: () => {
        this.#abandon(callout, localReply(502, CONNECT_ERROR + "protocol error"));
      },
      onEnd: () => {
        this.#loop.post(() => {
          this.#finish(callout, localReply(503, CONNECT_ERROR + "connection termination"));
          connection.receiveEnd();
        });
      },
      onClosed: () => {
        callout.connection = undefined;
        const reason = callout.connected ? "connection termination" : "remote connection failure";
        this.#loop.post(() => {
          this.#finish(callout, localReply(503, CONNECT_ERROR + reason));
        });
      },
    });
    if (connection.isClosed) return;
    callout.connection = connection;
    this.#loop.post(() => {
      callout.connected = true;
      connection.receive(requestHead(request));
    });
  }

  #timeOut(callout: Callout): void {
    this.#abandon(callout, localReply(504, "upstream request timeout"));
  }

  /** The HTTP client gives the connection up: the module hears of the response first, then of the close. */
  #abandon(callout: Callout, response: CalloutResponse): void {
    const { connection } = callout;
    callout.connection = undefined;
    this.#finish(callout, response);
    if (this.#leavesHalfOpen) connection?.receiveEnd();
    else connection?.receiveReset();
  }

  #finish(callout: Callout, response: CalloutResponse): void {
    if (!this.#pending.has(callout.token)) return;
    this.#pending.delete(callout.token);
    callout.timer?.cancel();
    const { root } = callout;
    root.httpResponse = response;
    const { headers, body, trailers } = response;
    this.#vm.callback(
      "proxy_on_http_call_response",
      root,
      callout.token,
      headers.size,
      body.length,
      trailers?.size ?? 0,
    );
    root.httpResponse = undefined;
  }
}

const CONNECT_ERROR = "upstream connect error or disconnect/reset before headers. reset reason: ";

function localReply(status: number, text: string): CalloutResponse {
  const body = encoder.encode(text);
  const headers = new HeaderMap([
    [":status", String(status)],
    ["content-length", String(body.length)],
    ["content-type", "text/plain"],
  ]);
  return { headers, body, trailers: undefined };
}

function asCalloutResponse(response: HttpResponse | "reset" | "refused"): CalloutResponse {
  if (response === "reset") return localReply(503, CONNECT_ERROR + "connection termination");
  if (response === "refused") return localReply(503, CONNECT_ERROR + "remote connection failure");
  return {
    headers: new HeaderMap(response.headers),
    body: response.body ?? new Uint8Array(0),
    trailers: response.trailers && new HeaderMap(response.trailers),
  };
}

function requestHead({ headers, timeoutMs }: HttpRequest): Uint8Array {
  const method = headers.get(":method") ?? "";
  const path = headers.get(":path") ?? "";
  let text = `${method} ${path} HTTP/1.1\r\nhost: ${headers.get(":authority") ?? ""}\r\n`;
  for (const [name, value] of headers) if (!name.startsWith(":")) text += `${name}: ${value}\r\n`;
  text += "x-envoy-internal: true\r\n";
  if (timeoutMs > 0) text += `x-envoy-expected-rq-timeout-ms: ${String(timeoutMs)}\r\n`;
  return encoder.encode(`${text}\r\n`);
}
