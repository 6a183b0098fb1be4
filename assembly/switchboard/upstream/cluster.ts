// An Envoy cluster as this worker uses it: its bounds, and a pool for each dialect that is spoken; of a
// cluster of original destinations one for each of these as well.
// Allocates: when a cluster, a dialect or a destination is first used.
import { collectGarbageAfterTick } from "../../proxy-wasm-as/memory/collect";
import { equalBytes } from "../../wire/bytes";
import { Limits } from "../config/plugin-configuration";
import { RouteCluster } from "../route/cluster";
import { ClusterBounds } from "./cluster-bounds";
import { Pool } from "./pool";
import { PoolHost } from "./pool-host";

/** Message.dialect is below this. */
const DIALECTS: u32 = 16;
/** A sidecar has as many as its workload has addresses. Those that nobody uses any more make room. */
const MAX_DESTINATIONS: i32 = 64;

const noAddress = new ArrayBuffer(0);

export class Cluster {
  readonly bounds: ClusterBounds;
  /** A table in force leads here. */
  isReferenced: bool = true;
  /** Requests that will come to it although no table in force may lead here any more. */
  held: u32 = 0;
  private readonly byDialect: StaticArray<Pool | null> = new StaticArray<Pool | null>(DIALECTS);
  /** All of them, those of `byDialect` too. */
  private readonly pools: Array<Pool> = new Array<Pool>();

  constructor(
    name: ArrayBuffer,
    limits: Limits,
    private readonly host: PoolHost,
  ) {
    this.bounds = new ClusterBounds(name, limits);
  }

  update(route: RouteCluster): void {
    const isChanged = this.bounds.update(route);
    for (let i = 0; i < this.pools.length; i++) unchecked(this.pools[i]).onSettingsChanged();
    if (!isChanged) return;
    for (let i = 0; i < this.pools.length; i++) unchecked(this.pools[i]).onEndpointsChanged();
  }

  pool(dialect: u32): Pool {
    const index = dialect & (DIALECTS - 1);
    const pool = unchecked(this.byDialect[index]);
    if (pool !== null) return pool;
    const created = this.add(noAddress, index);
    unchecked((this.byDialect[index] = created));
    return created;
  }

  /** The pool of one original destination, `ip:port`; null: there are too many. */
  poolTo(ptr: usize, len: u32, dialect: u32): Pool | null {
    const index = dialect & (DIALECTS - 1);
    for (let i = 0; i < this.pools.length; i++) {
      const pool = unchecked(this.pools[i]);
      const address = pool.destination;
      if (pool.dialect != index || <u32>address.byteLength != len) continue;
      if (equalBytes(changetype<usize>(address), ptr, len)) return pool;
    }
    if (this.pools.length >= MAX_DESTINATIONS || len == 0) return null;
    // eslint-disable-next-line no-restricted-syntax -- once for each destination of a cluster
    const address = new ArrayBuffer(<i32>len);
    memory.copy(changetype<usize>(address), ptr, len);
    return this.add(address, index);
  }

  private add(address: ArrayBuffer, dialect: u32): Pool {
    // eslint-disable-next-line no-restricted-syntax -- once for each dialect and destination of a cluster
    const pool = new Pool(this.bounds, this.host, address, dialect);
    this.pools.push(pool);
    return pool;
  }

  private forget(index: i32): void {
    unchecked(this.pools[index]).free();
    this.pools.splice(index, 1);
    collectGarbageAfterTick();
  }

  /** Gives back what the garbage collector does not know of, when nothing is left of the cluster. */
  free(): void {
    for (let i = 0; i < this.pools.length; i++) unchecked(this.pools[i]).free();
    this.bounds.free();
  }

  /** Once a second; false: nothing is left of it and no table leads here. */
  maintain(): bool {
    const isIdle = this.held == 0 && this.bounds.outstanding == 0 && this.bounds.shadows == 0;
    let isEmpty = isIdle;
    // Backwards: what is left goes.
    for (let i = this.pools.length - 1; i >= 0; i--) {
      const pool = unchecked(this.pools[i]);
      pool.maintain(this.isReferenced);
      if (!pool.isEmpty) isEmpty = false;
      else if (isIdle && pool.destination.byteLength > 0) this.forget(i);
    }
    return this.isReferenced || !isEmpty;
  }
}
