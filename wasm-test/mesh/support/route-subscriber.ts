// Asks a control plane without TLS for routes as a module does, and stays: what it says of each version is the caller's.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import {
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from "../../../controlplane/gen/envoy/service/discovery/v3/discovery_pb.js";
import { RouteConfigurationSchema } from "../../../controlplane/gen/metaproto/v1/route_pb.js";

const PATH = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";

/** Call `vanish` in the test's clean-up, always. */
export class RouteSubscriber {
  /** Undefined: it does not answer yet; empty: it accepts; else why it refuses. */
  private verdict: string | undefined;
  private unanswered: DiscoveryResponse | undefined;
  private readonly client: Client;
  private readonly stream: ClientDuplexStream<Uint8Array, DiscoveryResponse>;

  constructor(
    port: number,
    node: string,
    private readonly names: readonly string[],
    verdict: string | undefined = "",
  ) {
    this.verdict = verdict;
    this.client = new Client(`127.0.0.1:${String(port)}`, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
    });
    this.stream = this.client.makeBidiStreamRequest(
      PATH,
      (bytes: Uint8Array) => Buffer.from(bytes),
      (bytes: Buffer) => fromBinary(DiscoveryResponseSchema, bytes),
    );
    // It is over, and the test says what then.
    this.stream.on("error", () => undefined);
    this.stream.on("data", (response: DiscoveryResponse) => {
      this.unanswered = response;
      this.answer();
    });
    this.send({ id: node, userAgentName: "metaproto" });
  }

  /** From now on, of what is unanswered too; for the values see `verdict`. */
  judge(verdict: string | undefined): void {
    this.verdict = verdict;
    this.answer();
  }

  vanish(): void {
    this.stream.cancel();
    this.client.close();
  }

  private answer(): void {
    const { unanswered, verdict } = this;
    if (unanswered === undefined || verdict === undefined) return;
    this.unanswered = undefined;
    this.send(undefined, unanswered, verdict);
  }

  private send(
    node: { readonly id: string; readonly userAgentName: string } | undefined,
    response?: DiscoveryResponse,
    error = "",
  ): void {
    const request = create(DiscoveryRequestSchema, {
      typeUrl: `type.googleapis.com/${RouteConfigurationSchema.typeName}`,
      resourceNames: [...this.names],
      responseNonce: response?.nonce ?? "",
      versionInfo: error === "" ? (response?.versionInfo ?? "") : "",
      ...(node && { node }),
      ...(error !== "" && { errorDetail: { code: 13, message: error } }),
    });
    this.stream.write(toBinary(DiscoveryRequestSchema, request));
  }
}
