// A control plane for tests: it serves route configurations on the emulator's gRPC streams.
import type { DiscoveryRequest } from "../../controlplane/gen/envoy/service/discovery/v3/discovery_pb.js";
import { GrpcServer, type GrpcServerStream } from "../host/index.js";
import {
  discoveryResponse,
  parseDiscoveryRequest,
  type Publication,
} from "./scenarios/discovery-messages.js";

export class RouteControl {
  readonly grpc: GrpcServer;
  /** What modules have sent, in order. */
  readonly requests: DiscoveryRequest[] = [];
  #version = 0;

  constructor() {
    this.grpc = new GrpcServer({
      onMessage: (_, message) => {
        this.requests.push(parseDiscoveryRequest(message));
      },
    });
  }

  /** The one open stream. */
  get stream(): GrpcServerStream {
    const [stream, second] = this.grpc.openStreams;
    if (stream === undefined || second !== undefined) throw new Error("not exactly one stream");
    return stream;
  }

  get lastRequest(): DiscoveryRequest {
    const last = this.requests.at(-1);
    if (last === undefined) throw new Error("no request yet");
    return last;
  }

  /** Sends route configurations, as JSON, on every open stream. */
  publish(configurations: readonly object[], overrides: Partial<Publication> = {}): void {
    const version = String(++this.#version);
    const publication = { version, nonce: `n${version}`, configurations, ...overrides };
    for (const stream of this.grpc.openStreams) stream.send(discoveryResponse(publication));
  }
}
