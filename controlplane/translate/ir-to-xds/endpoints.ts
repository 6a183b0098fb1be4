import { type MessageInitShape, create } from "@bufbuild/protobuf";
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from "../../gen/envoy/config/endpoint/v3/endpoint_pb.js";
import type {
  LbEndpointSchema,
  LocalityLbEndpointsSchema,
} from "../../gen/envoy/config/endpoint/v3/endpoint_components_pb.js";
import type { Cluster, Endpoint } from "../../ir/cluster.js";

function lbEndpoint(endpoint: Endpoint): MessageInitShape<typeof LbEndpointSchema> {
  const { address, port, weight } = endpoint;
  return {
    hostIdentifier: {
      case: "endpoint",
      value: {
        address: {
          address: {
            case: "socketAddress",
            value: { address, portSpecifier: { case: "portValue", value: port } },
          },
        },
      },
    },
    loadBalancingWeight: weight,
  };
}

/** All endpoints of a cluster by locality, localities in the order in which they first appear. */
export function clusterLoadAssignment(cluster: Cluster): ClusterLoadAssignment {
  const localities = new Map<string, Endpoint[]>();
  for (const endpoint of cluster.endpoints) {
    const { region, zone, subZone } = endpoint.locality;
    const key = JSON.stringify([region, zone, subZone]);
    const members = localities.get(key);
    if (members === undefined) localities.set(key, [endpoint]);
    else members.push(endpoint);
  }
  const endpoints = [...localities.values()].map(
    (members): MessageInitShape<typeof LocalityLbEndpointsSchema> => {
      const { region, zone, subZone } = members[0]?.locality ?? {};
      const isNamed = [region, zone, subZone].some((part) => part !== undefined && part !== "");
      return {
        ...(isNamed
          ? { locality: { region: region ?? "", zone: zone ?? "", subZone: subZone ?? "" } }
          : {}),
        lbEndpoints: members.map(lbEndpoint),
      };
    },
  );
  return create(ClusterLoadAssignmentSchema, { clusterName: cluster.name, endpoints });
}
