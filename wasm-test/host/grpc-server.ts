// A scripted gRPC server: the test's end of grpc_stream and grpc_call.

import type { EventLoop } from "./event-loop.js";
import type { HeaderPair } from "./pairs.js";

/** Envoy's end of a stream, as the server's doings reach it. */
export interface GrpcClientSide {
  onInitialMetadata(metadata: readonly HeaderPair[]): void;
  onMessage(message: Uint8Array): void;
  onTrailers(metadata: readonly HeaderPair[]): void;
  onClosed(status: number, message: string): void;
}

export interface GrpcTarget {
  readonly cluster: string;
  readonly service: string;
  readonly method: string;
  readonly metadata: readonly HeaderPair[];
}

/**
 * up: answers. refused: the connection fails, the stream ends with 14 (Unavailable) in a later turn.
 * no-endpoints: the cluster has no healthy host, the host call itself fails.
 */
export type GrpcReachability = "up" | "refused" | "no-endpoints";

export interface GrpcServerOptions {
  readonly onStream?: (stream: GrpcServerStream) => void;
  readonly onMessage?: (stream: GrpcServerStream, message: Uint8Array) => void;
}

export class GrpcServer {
  /** Every stream and call so far, ended ones included. */
  readonly streams: GrpcServerStream[] = [];
  reachability: GrpcReachability = "up";
  readonly #options: GrpcServerOptions;

  constructor(options: GrpcServerOptions = {}) {
    this.#options = options;
  }

  get openStreams(): GrpcServerStream[] {
    return this.streams.filter((stream) => stream.isOpen);
  }

  /** Ends every open stream with Unavailable and accepts no new one, as a killed process does. */
  kill(): void {
    this.reachability = "refused";
    for (const stream of this.openStreams) stream.close(14, "connection reset");
  }

  /** @internal */
  accept(target: GrpcTarget, loop: EventLoop, envoy: GrpcClientSide): GrpcServerStream {
    const stream = new GrpcServerStream(target, loop, envoy, (message) => {
      this.#options.onMessage?.(stream, message);
    });
    if (this.reachability !== "up") {
      stream.refuse();
      return stream;
    }
    this.streams.push(stream);
    loop.post(() => {
      this.#options.onStream?.(stream);
    });
    return stream;
  }
}

export class GrpcServerStream {
  readonly target: GrpcTarget;
  readonly #loop: EventLoop;
  readonly #envoy: GrpcClientSide;
  readonly #onMessage: (message: Uint8Array) => void;
  #messages: Uint8Array[] = [];
  #metadataSent = false;
  #open = true;
  /** True once the module has ended its side: grpc_close, or grpc_send with end of stream. */
  halfClosed = false;
  /** True once the module has cancelled the stream. */
  cancelled = false;

  constructor(
    target: GrpcTarget,
    loop: EventLoop,
    envoy: GrpcClientSide,
    onMessage: (message: Uint8Array) => void,
  ) {
    this.target = target;
    this.#loop = loop;
    this.#envoy = envoy;
    this.#onMessage = onMessage;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Messages of the module that were not taken yet. */
  get messages(): readonly Uint8Array[] {
    return this.#messages;
  }

  takeMessages(): Uint8Array[] {
    const taken = this.#messages;
    this.#messages = [];
    return taken;
  }

  /** Sent before the first message in any case; call it to send it earlier or with content. */
  sendInitialMetadata(metadata: readonly HeaderPair[] = []): void {
    if (!this.#open || this.#metadataSent) return;
    this.#metadataSent = true;
    this.#post(() => {
      const status: HeaderPair = [":status", "200"];
      const contentType: HeaderPair = ["content-type", "application/grpc"];
      this.#envoy.onInitialMetadata([status, contentType, ...metadata]);
    });
  }

  send(message: Uint8Array): void {
    if (!this.#open) return;
    this.sendInitialMetadata();
    this.#post(() => {
      this.#envoy.onMessage(message);
    });
  }

  /** Ends the stream with a status; 0 is Ok. */
  close(status: number, message = "", trailers: readonly HeaderPair[] = []): void {
    if (!this.#open) return;
    this.sendInitialMetadata();
    this.#open = false;
    this.#loop.post(() => {
      if (this.cancelled) return;
      this.#envoy.onTrailers([["grpc-status", String(status)], ...trailers]);
      this.#envoy.onClosed(status, message);
    });
  }

  /** @internal Ends the stream as Envoy does when it cannot connect. */
  refuse(): void {
    this.#open = false;
    this.#post(() => {
      this.#envoy.onInitialMetadata([]);
      this.#envoy.onTrailers(UNAVAILABLE_TRAILERS);
      this.#envoy.onClosed(14, `${CONNECT_ERROR}{upstream_reset_before_response_started}`);
    });
  }

  /** @internal A message of the module, in a turn of its own. */
  receive(message: Uint8Array, endStream: boolean): void {
    this.#post(() => {
      this.#messages.push(message);
      if (endStream) this.halfClosed = true;
      this.#onMessage(message);
    });
  }

  /** @internal */
  receiveEnd(): void {
    this.#post(() => {
      this.halfClosed = true;
    });
  }

  /** @internal */
  receiveReset(): void {
    this.cancelled = true;
    this.#open = false;
  }

  #post(turn: () => void): void {
    this.#loop.post(() => {
      if (!this.cancelled) turn();
    });
  }
}

const CONNECT_ERROR =
  "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure";

/** What Envoy's own reply to a gRPC request carries. */
export const UNAVAILABLE_TRAILERS: readonly HeaderPair[] = [
  [":status", "200"],
  ["content-type", "application/grpc"],
  ["grpc-status", "14"],
  ["grpc-message", CONNECT_ERROR],
];
