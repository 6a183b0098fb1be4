import type { JsonValue } from "@bufbuild/protobuf";
import type { GatewayPlacement } from "../../ir/placement.js";
import type { Listener } from "../../ir/mesh.js";
import { COMPONENT_LABEL, type KubernetesObject, MANAGED_BY } from "./kubernetes-object.js";

/** Istio's name of a cluster. */
const CLUSTER = /^outbound\|(\d+)\|([^|]*)\|(.+)$/;

/**
 * Makes Istio open the port of a gateway, and give the gateway's proxies all clusters that its routes lead to, also
 * where they only get those of VirtualServices.
 */
export function gatewayVirtualService(
  name: string,
  listener: Listener,
  { namespace, gateway, hosts }: GatewayPlacement,
): KubernetesObject {
  const route = listener.clusterNames.flatMap(destinationOf).map((destination, index) => ({
    destination,
    // The filter that would go by it is replaced.
    weight: index === 0 ? 100 : 0,
  }));
  const gatewayName = `${namespace}/${gateway}`;
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name, namespace, labels: { ...MANAGED_BY, [COMPONENT_LABEL]: "gateway" } },
    spec: {
      hosts: [...hosts],
      gateways: [gatewayName],
      tcp: [{ match: [{ port: listener.port, gateways: [gatewayName] }], route }],
    },
  };
}

function destinationOf(cluster: string): JsonValue[] {
  const match = CLUSTER.exec(cluster);
  if (match === null) return [];
  const [, port, subset = "", host = ""] = match;
  return [{ host, ...(subset !== "" && { subset }), port: { number: Number(port) } }];
}
