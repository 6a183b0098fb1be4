// A client's connection through a proxy that leaves ids as they are, and what is said on it.
import type { Client } from "../../host/index.js";
import type { CapturedFrame } from "./captures.js";
import { expectBytes, fail, shown } from "./failure.js";
import type { Proxy, ProxyOptions } from "./proxy.js";
import type { Mode, Subject } from "./subject.js";

/** A request, what its server answers, and what its client has to get then. */
export interface Exchange {
  readonly request: CapturedFrame;
  readonly response: CapturedFrame;
  /** The response, under the request's id. */
  readonly answer: Uint8Array;
}

/** Options of a proxy in which a request reaches the server byte for byte. */
export function unchangedIds(mode: Mode): ProxyOptions {
  return mode === "shared" ? { mode: "IN_ORDER" } : {};
}

export class Conversation {
  #client: Client;

  constructor(readonly proxy: Proxy) {
    this.#client = proxy.connect();
  }

  get client(): Client {
    return this.#client;
  }

  /** A new connection, if the protocol has ended the last one. */
  reopen(): void {
    if (this.#client.closed) this.#client = this.proxy.connect();
  }

  /** Sends bytes; what the client and the server get of them. */
  send(bytes: Uint8Array, sizes?: readonly number[]): Visible {
    this.proxy.send(this.#client, bytes, sizes);
    return this.visible();
  }

  /** Bytes of the server on the connection that was used last. */
  answer(bytes: Uint8Array, size?: number): Visible {
    this.proxy.write(this.proxy.service.latest, bytes, size);
    return this.visible();
  }

  visible(): Visible {
    return {
      server: this.proxy.service.take(),
      client: this.#client.take(),
      isClosed: this.#client.closed,
    };
  }

  /** A whole exchange; with `size`, in reads of so many bytes on both sides. */
  exchange({ request, response, answer }: Exchange, size?: number): void {
    const sent = this.send(request.bytes, size === undefined ? undefined : [size]);
    expectBytes(request.name, "the server gets the request", request.bytes, sent.server);
    expectBytes(request.name, "the client gets nothing yet", NOTHING, sent.client);
    const answered = this.answer(response.bytes, size);
    expectBytes(response.name, "the client gets the response", answer, answered.client);
  }
}

/** What has come out on either side. */
export interface Visible {
  readonly server: Uint8Array;
  readonly client: Uint8Array;
  readonly isClosed: boolean;
}

export const NOTHING = new Uint8Array(0);

/** @throws CheckFailure when anything has come out, or the connection is closed. */
export function expectNothing(frame: string, when: string, visible: Visible, at: number): void {
  if (visible.server.length > 0)
    fail(frame, `the server gets nothing ${when}`, shown(visible.server), at);
  if (visible.client.length > 0)
    fail(frame, `the client gets nothing ${when}`, shown(visible.client), at);
  if (visible.isClosed) fail(frame, `the connection stays open ${when}`, "it is closed", at);
}

/** @throws CheckFailure when two clients cannot have their answers. */
export function expectAlive(subject: Proxy, exchange: Exchange): void {
  for (let client = 0; client < 2; client++) new Conversation(subject).exchange(exchange);
}

/** How responses find their requests, as two clients with the same request see it. */
export function detectMode(
  subject: Subject,
  request: CapturedFrame,
  response: CapturedFrame,
): Mode {
  const proxy = subject.start();
  const clients = [proxy.connect(), proxy.connect()];
  for (const client of clients) proxy.send(client, request.bytes);
  const arrivals = proxy.service.arrivals();
  const total = Buffer.concat(arrivals.map(({ bytes }) => bytes));
  if (total.length === 0) {
    const why = clients.some(({ closed }) => closed) ? "the client's connection closed" : "nothing";
    fail(request.name, "it reaches the server", why);
  }
  const connections = new Set(arrivals.map(({ connection }) => connection));
  if (connections.size === 1) {
    const twice = Buffer.concat([request.bytes, request.bytes]);
    return Buffer.compare(total, twice) === 0 ? "in order" : "shared";
  }
  const [first] = connections;
  if (first !== undefined) proxy.write(first, response.bytes);
  proxy.send(proxy.connect(), request.bytes);
  const later = proxy.service.arrivals();
  return later.some(({ connection }) => connections.has(connection)) ? "exclusive" : "dedicated";
}
