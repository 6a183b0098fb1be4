import { ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { blackholeCluster } from "../ir-to-xds/dial-cluster.js";
import { resourceJson } from "../ir-to-xds/type-registry.js";
import { type ControlPlaneAddress, controlPlaneCluster } from "./control-plane-cluster.js";
import type { ConfigPatch, PatchContext } from "./envoy-filter.js";

/** Clusters that each proxy with modules has once: one that comes twice is refused. */
export function controlPlanePatches(
  controlPlane: ControlPlaneAddress,
  context: PatchContext,
): readonly ConfigPatch[] {
  return [controlPlaneCluster(controlPlane), blackholeCluster()].map((cluster) => ({
    applyTo: "CLUSTER",
    context,
    operation: "ADD",
    value: resourceJson(ClusterSchema, cluster),
  }));
}
