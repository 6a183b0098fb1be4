// The routes of all listeners, serialized.
import { toBinary } from "@bufbuild/protobuf";
import { RouteConfigurationSchema } from "../gen/metaproto/v1/route_pb.js";
import type { Cluster } from "../ir/cluster.js";
import type { Listener, Mesh } from "../ir/mesh.js";
import { hasSameItems } from "../runtime/same-items.js";
import type { CompileRegex } from "../translate/ir-to-routes/matches.js";
import { translateToRoutes } from "../translate/ir-to-routes/translate-to-routes.js";
import type { ResourceInput } from "../xds/snapshot.js";

interface Made extends ResourceInput {
  /** What it was made from; undefined: an earlier listener of the name, this one's routes are refused. */
  readonly listener: Listener | undefined;
  /** In the order in which the listener names them. */
  readonly clusters: readonly (Cluster | undefined)[];
}

/** One mesh after the other: what listener and clusters of the last one are in the next as well is not made again. */
export class RouteConfigurations {
  private made: ReadonlyMap<string, Made> = new Map();

  constructor(private readonly compileRegex: CompileRegex) {}

  /**
   * Routes that are refused stay as they were.
   * @param faults is added to.
   */
  of(mesh: Mesh, faults: string[]): readonly ResourceInput[] {
    const byName = new Map(mesh.clusters.map((cluster) => [cluster.name, cluster]));
    const made = new Map<string, Made>();
    for (const listener of mesh.listeners) {
      const { name, clusterNames } = listener;
      const before = this.made.get(name);
      const clusters = clusterNames.map((cluster) => byName.get(cluster));
      if (before?.listener === listener && hasSameItems(before.clusters, clusters)) {
        made.set(name, before);
        continue;
      }
      const result = translateToRoutes(listener, byName, this.compileRegex);
      if (result.kind === "routes") {
        const value = toBinary(RouteConfigurationSchema, result.routes);
        made.set(name, { name, value, listener, clusters });
      } else {
        faults.push(...result.faults);
        // Tried again the next time, since its fault is to be told as long as it is there.
        if (before !== undefined) made.set(name, { ...before, listener: undefined });
      }
    }
    this.made = made;
    return [...made.values()].map(({ name, value }) => ({ name, value }));
  }
}
