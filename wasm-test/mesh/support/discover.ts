// One question to a control plane and its first answer, as aggregated discovery has them.
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Client, type ChannelCredentials, type ClientOptions } from "@grpc/grpc-js";
import {
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from "../../../controlplane/gen/envoy/service/discovery/v3/discovery_pb.js";

export interface ControlPlane {
  /** Such as `127.0.0.1:15010` or `unix:/path`. */
  readonly target: string;
  readonly credentials: ChannelCredentials;
  readonly options?: ClientOptions;
}

const PATH = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";
const DEADLINE_MS = 20_000;

/** @throws Error with the reason of the control plane. */
export async function discover(
  { target, credentials, options }: ControlPlane,
  request: MessageInitShape<typeof DiscoveryRequestSchema>,
): Promise<DiscoveryResponse> {
  const client = new Client(target, credentials, {
    "grpc.max_receive_message_length": -1,
    ...options,
  });
  const stream = client.makeBidiStreamRequest(
    PATH,
    (bytes: Uint8Array) => Buffer.from(bytes),
    (bytes: Buffer) => fromBinary(DiscoveryResponseSchema, bytes),
    { deadline: Date.now() + DEADLINE_MS },
  );
  try {
    return await new Promise<DiscoveryResponse>((resolve, reject) => {
      stream.on("error", reject);
      stream.on("data", resolve);
      stream.write(toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, request)));
    });
  } finally {
    stream.cancel();
    client.close();
  }
}
