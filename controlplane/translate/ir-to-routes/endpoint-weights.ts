import type { MessageInitShape } from "@bufbuild/protobuf";
import type { EndpointWeightSchema } from "../../gen/metaproto/v1/route_pb.js";
import type { Cluster } from "../../ir/cluster.js";

/** Weights of endpoints whose addresses are known, where they are not all the same. */
export function endpointWeights({
  discovery,
  endpoints,
}: Pick<Cluster, "discovery" | "endpoints">): MessageInitShape<typeof EndpointWeightSchema>[] {
  const isEven = endpoints.every(({ weight }) => weight === endpoints[0]?.weight);
  if (discovery === "dns" || isEven) return [];
  return endpoints
    .filter(({ weight }) => weight !== 1)
    .map(({ address, port, weight }) => ({ address: `${hostPart(address)}:${port}`, weight }));
}

/** As Envoy writes an address. */
function hostPart(address: string): string {
  return address.includes(":") ? new URL(`http://[${address}]`).hostname : address;
}
