// All clusters that this worker's routes have led to.
// Allocates: when a cluster is first named.
import { collectGarbageAfterTick } from "../../proxy-wasm-as/memory/collect";
import { Limits } from "../config/plugin-configuration";
import { RouteTable } from "../route/table";
import { Cluster } from "./cluster";
import { PoolHost } from "./pool-host";

export class Clusters {
  private readonly byName: Map<string, Cluster> = new Map<string, Cluster>();
  private readonly all: Array<Cluster> = new Array<Cluster>();

  constructor(
    private readonly limits: Limits,
    private readonly host: PoolHost,
  ) {}

  /** Connects a table that comes into force with the clusters it names, and tells them of changes. */
  install(table: RouteTable): void {
    for (let i: u32 = 0; i < table.clusterCount; i++) {
      const route = table.cluster(i);
      const name = String.UTF8.decodeUnsafe(route.namePtr, route.nameLen);
      const cluster = this.named(name);
      cluster.isReferenced = true;
      cluster.update(route);
      route.userData = changetype<usize>(cluster);
    }
  }

  private named(name: string): Cluster {
    if (this.byName.has(name)) return this.byName.get(name);
    // eslint-disable-next-line no-restricted-syntax -- once for each cluster
    const cluster = new Cluster(String.UTF8.encode(name), this.limits, this.host);
    this.byName.set(name, cluster);
    this.all.push(cluster);
    return cluster;
  }

  unmarkAll(): void {
    for (let i = 0; i < this.all.length; i++) unchecked(this.all[i]).isReferenced = false;
  }

  /** `table` is in force. */
  mark(table: RouteTable): void {
    for (let i: u32 = 0; i < table.clusterCount; i++) {
      changetype<Cluster>(table.cluster(i).userData).isReferenced = true;
    }
  }

  /** Once a second. Clusters that no table and no request needs any more are forgotten. */
  maintain(): void {
    for (let i = this.all.length - 1; i >= 0; i--) {
      const cluster = unchecked(this.all[i]);
      if (cluster.maintain()) continue;
      this.all.splice(i, 1);
      this.byName.delete(String.UTF8.decode(cluster.bounds.name));
      cluster.free();
      collectGarbageAfterTick();
    }
  }
}
