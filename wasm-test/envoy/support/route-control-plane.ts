// A control plane that serves nothing but route configurations, as bytes on a gRPC stream.
import { type ServerDuplexStream, Server, ServerCredentials } from "@grpc/grpc-js";

const METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";

export type DiscoveryStream = ServerDuplexStream<Buffer, Buffer>;

export class RouteControlPlane {
  readonly streams = new Set<DiscoveryStream>();
  private readonly server = new Server();
  port = 0;

  private constructor(onMessage: (stream: DiscoveryStream, message: Buffer) => void) {
    const pass = (bytes: Buffer): Buffer => bytes;
    this.server.addService(
      {
        stream: {
          path: METHOD,
          requestStream: true,
          responseStream: true,
          requestSerialize: pass,
          requestDeserialize: pass,
          responseSerialize: pass,
          responseDeserialize: pass,
        },
      },
      {
        stream: (stream: DiscoveryStream) => {
          this.streams.add(stream);
          stream.on("data", (message: Buffer) => {
            onMessage(stream, message);
          });
          stream.on("end", () => {
            stream.end();
          });
          stream.on("close", () => this.streams.delete(stream));
          stream.on("error", () => this.streams.delete(stream));
        },
      },
    );
  }

  /** Listens on 127.0.0.1; `port` 0 lets the system choose. */
  static async start(
    onMessage: (stream: DiscoveryStream, message: Buffer) => void,
    port = 0,
  ): Promise<RouteControlPlane> {
    const plane = new RouteControlPlane(onMessage);
    plane.port = await new Promise<number>((resolve, reject) => {
      const address = `127.0.0.1:${String(port)}`;
      plane.server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    return plane;
  }

  /** Ends all streams and connections at once. */
  stop(): void {
    this.server.forceShutdown();
  }
}
