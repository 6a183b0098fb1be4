// An Envoy cluster as this worker uses it: its bounds, and a pool for each dialect that is spoken.
// Allocates: when a cluster or a dialect is first used.
import { Limits } from "../config/plugin-configuration";
import { RouteCluster } from "../route/cluster";
import { ClusterBounds } from "./cluster-bounds";
import { Pool } from "./pool";
import { PoolHost } from "./pool-host";

/** Message.dialect is below this. */
const DIALECTS: u32 = 16;

export class Cluster {
  readonly bounds: ClusterBounds;
  /** A table in force leads here. */
  isReferenced: bool = true;
  /** Requests that will come to it although no table in force may lead here any more. */
  held: u32 = 0;
  private readonly pools: StaticArray<Pool | null> = new StaticArray<Pool | null>(DIALECTS);

  constructor(
    name: ArrayBuffer,
    limits: Limits,
    private readonly host: PoolHost,
  ) {
    this.bounds = new ClusterBounds(name, limits);
  }

  update(route: RouteCluster): void {
    const isChanged = this.bounds.update(route);
    for (let i: u32 = 0; i < DIALECTS; i++) {
      const pool = unchecked(this.pools[i]);
      if (pool !== null) pool.onSettingsChanged();
    }
    if (!isChanged) return;
    for (let i: u32 = 0; i < DIALECTS; i++) {
      const pool = unchecked(this.pools[i]);
      if (pool !== null) pool.onEndpointsChanged();
    }
  }

  pool(dialect: u32): Pool {
    const index = dialect & (DIALECTS - 1);
    const pool = unchecked(this.pools[index]);
    if (pool !== null) return pool;
    // eslint-disable-next-line no-restricted-syntax -- once for each dialect of a cluster
    const created = new Pool(this.bounds, this.host);
    unchecked((this.pools[index] = created));
    return created;
  }

  /** Gives back what the garbage collector does not know of, when nothing is left of the cluster. */
  free(): void {
    for (let i: u32 = 0; i < DIALECTS; i++) {
      const pool = unchecked(this.pools[i]);
      if (pool !== null) pool.free();
    }
    this.bounds.free();
  }

  /** Once a second; false: nothing is left of it and no table leads here. */
  maintain(): bool {
    let isEmpty = this.held == 0 && this.bounds.outstanding == 0 && this.bounds.shadows == 0;
    for (let i: u32 = 0; i < DIALECTS; i++) {
      const pool = unchecked(this.pools[i]);
      if (pool === null) continue;
      pool.maintain(this.isReferenced);
      if (!pool.isEmpty) isEmpty = false;
    }
    return this.isReferenced || !isEmpty;
  }
}
