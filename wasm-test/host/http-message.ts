// One message, request or response, on its way through the wasm HTTP filter.
// Source: Envoy filter_manager.cc (commonContinue, commonHandleAfterHeadersCallback, ...DataCallback).

import { ByteBuffer } from "./byte-buffer.js";
import type { DirectionNames, HttpContext } from "./http-context.js";
import { HeaderMap, type HeaderPair } from "./pairs.js";

export interface HttpMessage {
  readonly headers: readonly HeaderPair[];
  /**
   * One body, or the pieces in which it arrives. Default: none. As with HTTP/1 in Envoy, the end of the
   * stream then comes as an empty piece.
   */
  readonly body?: Uint8Array | readonly Uint8Array[];
  readonly trailers?: readonly HeaderPair[];
  /** The end comes with the last piece of the body, not as an empty piece of its own behind it. */
  readonly endsWithBody?: boolean;
}

/** A message as it has come out behind the filter. */
export interface PassedMessage {
  readonly headers: HeaderMap;
  readonly body: Uint8Array;
  readonly trailers: HeaderMap | undefined;
}

type Part =
  | { readonly kind: "headers"; readonly headers: HeaderMap; readonly end: boolean }
  | { readonly kind: "body"; readonly bytes: Uint8Array; readonly end: boolean }
  | { readonly kind: "trailers"; readonly trailers: HeaderMap };

export class MessageFlow {
  readonly #context: HttpContext;
  readonly #names: DirectionNames;
  readonly #onPassed: (message: PassedMessage) => void;
  readonly #parts: Part[] = [];
  readonly #body = new ByteBuffer();
  readonly #passedBody = new ByteBuffer();
  #headers: HeaderMap | undefined;
  #trailers: HeaderMap | undefined;
  /** A callback has stopped the message; nothing more is shown to the module before continue. */
  #paused = false;
  #bodyHeld = false;
  #endSeen = false;
  #done = false;

  constructor(
    context: HttpContext,
    names: DirectionNames,
    onPassed: (message: PassedMessage) => void,
  ) {
    this.#context = context;
    this.#names = names;
    this.#onPassed = onPassed;
  }

  get headers(): HeaderMap | undefined {
    return this.#headers;
  }

  get trailers(): HeaderMap | undefined {
    return this.#trailers;
  }

  /** Shows the module the message, part by part, until it stops it. */
  start(message: HttpMessage): void {
    this.#parts.push(...partsOf(message));
    this.#run();
  }

  /** continue_stream of this direction. */
  continue(): void {
    if (this.#done) return;
    this.#paused = false;
    this.#bodyHeld = false;
    this.#joinBody();
    this.#run();
  }

  /** Nothing more happens to the message: the stream is over or answered otherwise. */
  stop(): void {
    this.#done = true;
  }

  /** What has come while the message was paused is shown as one body. */
  #joinBody(): void {
    const bodies = this.#parts.filter((part) => part.kind === "body");
    if (bodies.length < 2) return;
    const bytes = Buffer.concat(bodies.map((part) => part.bytes));
    const end = bodies.some((part) => part.end);
    const rest = this.#parts.filter((part) => part.kind !== "body");
    this.#parts.splice(0, this.#parts.length, { kind: "body", bytes, end }, ...rest);
  }

  #run(): void {
    while (!this.#paused && !this.#done) {
      const part = this.#parts.shift();
      if (part === undefined) break;
      this.#show(part);
    }
    this.#passOn();
  }

  #show(part: Part): void {
    if (part.kind === "headers") {
      this.#headers = part.headers;
      this.#endSeen = part.end;
      const status = this.#context.onHeaders(this.#names, part.headers, part.end);
      this.#paused = status !== "continue";
    } else if (part.kind === "trailers") {
      this.#trailers = part.trailers;
      this.#endSeen = true;
      this.#paused = this.#context.onTrailers(this.#names, part.trailers) !== "continue";
    } else this.#showBody(part.bytes, part.end);
  }

  #showBody(bytes: Uint8Array, end: boolean): void {
    this.#endSeen = end;
    this.#body.append(bytes);
    const status = this.#context.onBody(this.#names, this.#body, end);
    if (status === "continue") this.#bodyHeld = false;
    else if (status === "stop-and-buffer") this.#bodyHeld = true;
    else {
      this.#body.clear();
      this.#paused = true;
    }
    if (!this.#bodyHeld) this.#passBody();
  }

  #passBody(): void {
    this.#passedBody.append(this.#body.view());
    this.#body.clear();
  }

  #passOn(): void {
    const complete = this.#endSeen && this.#parts.length === 0;
    if (this.#done || !complete || this.#paused || this.#bodyHeld) return;
    if (this.#headers === undefined) return;
    this.#done = true;
    this.#passBody();
    this.#onPassed({
      headers: this.#headers,
      body: this.#passedBody.take(),
      trailers: this.#trailers,
    });
  }
}

function partsOf({ headers, body, trailers, endsWithBody = false }: HttpMessage): Part[] {
  const pieces = body === undefined ? [] : body instanceof Uint8Array ? [body] : [...body];
  const hasTrailers = trailers !== undefined;
  const parts: Part[] = [
    { kind: "headers", headers: new HeaderMap(headers), end: pieces.length === 0 && !hasTrailers },
  ];
  pieces.forEach((bytes, index) => {
    const end = endsWithBody && index === pieces.length - 1 && !hasTrailers;
    parts.push({ kind: "body", bytes, end });
  });
  if (hasTrailers) parts.push({ kind: "trailers", trailers: new HeaderMap(trailers) });
  else if (pieces.length > 0 && !endsWithBody) {
    parts.push({ kind: "body", bytes: new Uint8Array(0), end: true });
  }
  return parts;
}
