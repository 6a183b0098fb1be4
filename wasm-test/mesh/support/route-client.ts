// Asks our control plane for routes as modules do, with a certificate that the caller chooses.
import { fromBinary } from "@bufbuild/protobuf";
import { credentials } from "@grpc/grpc-js";
import { RouteConfigurationSchema } from "../../../controlplane/gen/metaproto/v1/route_pb.js";
import { discover } from "./discover.js";
import type { Sidecar } from "./sidecar.js";

/** Names of those that it gets. @throws Error with the reason of the control plane. */
export async function routesFor(
  address: string,
  identity: ReturnType<Sidecar["identity"]>,
  nodeId: string,
  names: readonly string[],
): Promise<readonly string[]> {
  const { root, key, certificate } = identity;
  // By its SPIFFE identity, which is no name of a host.
  const options = { checkServerIdentity: (): undefined => undefined };
  const { resources } = await discover(
    {
      target: address,
      credentials: credentials.createSsl(root, key, certificate, options),
      options: { "grpc.ssl_target_name_override": "metaproto" },
    },
    {
      node: { id: nodeId },
      typeUrl: `type.googleapis.com/${RouteConfigurationSchema.typeName}`,
      resourceNames: [...names],
    },
  );
  return resources.map(({ value }) => fromBinary(RouteConfigurationSchema, value).name);
}
