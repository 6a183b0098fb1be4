// One HTTP request through the filter chain [wasm, router], and its response.
// Source: Envoy filter_manager.cc (sendLocalReply), conn_manager_impl.cc (doDeferredStreamDestroy).

import type { LocalResponse } from "./context.js";
import type { EventLoop } from "./event-loop.js";
import { HttpContext, REQUEST, RESPONSE } from "./http-context.js";
import { MessageFlow, type HttpMessage, type PassedMessage } from "./http-message.js";
import type { HeaderMap, HeaderPair } from "./pairs.js";
import type { PropertyMap } from "./property-tree.js";
import type { RootContext } from "./root-context.js";
import type { Vm } from "./vm.js";

/** What stands behind the router: answers the request as the module has let it pass. */
export type HttpUpstream = (request: PassedMessage) => HttpMessage;

export interface HttpExchangeOptions {
  readonly contextId: number;
  readonly vm: Vm;
  readonly loop: EventLoop;
  readonly root: RootContext;
  readonly request: HttpMessage;
  readonly upstream: HttpUpstream;
  readonly properties: PropertyMap;
  readonly onDeleted: () => void;
}

const NOT_ANSWERED: HttpMessage = { headers: [[":status", "200"]] };

export const OK_UPSTREAM: HttpUpstream = () => NOT_ANSWERED;

export class HttpExchange {
  readonly context: HttpContext;
  /** The request as the upstream got it; undefined while it is paused, or when it never got there. */
  request: PassedMessage | undefined;
  /** The response as the client got it. */
  response: PassedMessage | undefined;
  /** Details of the module's own response, if that is what the client got. */
  localResponseDetails: string | undefined;
  /** True when the stream was reset: the client got nothing. */
  wasReset = false;
  readonly #options: HttpExchangeOptions;
  readonly #requestFlow: MessageFlow;
  readonly #responseFlow: MessageFlow;
  #responding = false;
  #finished = false;

  constructor(options: HttpExchangeOptions) {
    this.#options = options;
    this.context = new HttpContext({
      id: options.contextId,
      vm: options.vm,
      root: options.root,
      properties: () => this.#properties(),
      actions: {
        continueRequest: () => {
          this.#requestFlow.continue();
        },
        continueResponse: () => {
          this.#responseFlow.continue();
        },
        reset: () => {
          this.#reset();
        },
        reply: (response) => {
          this.#reply(response);
        },
      },
    });
    this.#requestFlow = new MessageFlow(this.context, REQUEST, (request) => {
      this.#onRequest(request);
    });
    this.#responseFlow = new MessageFlow(this.context, RESPONSE, (response) => {
      this.response = response;
      this.#finishLater();
    });
  }

  /** @internal Called in a turn of the event loop. */
  start(): void {
    this.context.create();
    this.#requestFlow.start(this.#options.request);
  }

  #onRequest(request: PassedMessage): void {
    this.request = request;
    this.#options.loop.post(() => {
      if (!this.#responding && !this.#finished) this.#respond(this.#options.upstream(request));
    });
  }

  #respond(message: HttpMessage): void {
    this.#responding = true;
    this.#responseFlow.start(message);
  }

  #reply({ status, details, body, headers }: LocalResponse): void {
    if (this.#responding || this.#finished) return;
    this.#requestFlow.stop();
    this.localResponseDetails = details;
    const bodyHeaders: HeaderPair[] = [
      ["content-length", String(body.length)],
      ["content-type", "text/plain"],
    ];
    this.#respond({
      headers: [[":status", String(status)], ...(body.length > 0 ? bodyHeaders : []), ...headers],
      ...(body.length > 0 && { body, endsWithBody: true }),
    });
  }

  #reset(): void {
    if (this.#finished) return;
    this.wasReset = true;
    this.#requestFlow.stop();
    this.#responseFlow.stop();
    this.#finishLater();
  }

  #finishLater(): void {
    this.#options.loop.post(() => {
      if (this.#finished) return;
      this.#finished = true;
      const maps = new Map<number, HeaderMap>();
      const add = (type: number, map: HeaderMap | undefined) => map && maps.set(type, map);
      add(REQUEST.headersType, this.#requestFlow.headers);
      add(RESPONSE.headersType, this.#responseFlow.headers);
      add(RESPONSE.trailersType, this.#responseFlow.trailers);
      this.context.finish(maps);
      this.#options.onDeleted();
    });
  }

  #properties(): PropertyMap {
    const headers = this.#requestFlow.headers;
    const request: Record<string, string> = {};
    for (const name of ["path", "method", "scheme"]) {
      const value = headers?.get(`:${name}`);
      if (value !== undefined) request[name] = value;
    }
    const host = headers?.get(":authority");
    if (host !== undefined) request["host"] = host;
    const status = this.#responseFlow.headers?.get(":status");
    const response: PropertyMap = status === undefined ? {} : { code: BigInt(status) };
    return { ...this.#options.properties, request, response };
  }
}
