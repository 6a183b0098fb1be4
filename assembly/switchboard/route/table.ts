// An immutable table of routes in one block of memory outside of the garbage collector's reach.
//
// Calls in flight hold a reference, so that a table that was replaced lives as long as they do.
// Allocates: never (tables are built in config/).

import { Codec } from "../../codec/codec";
import { Message } from "../../codec/message";
import { RouteCluster } from "./cluster";
import { RouteEntry } from "./route-entry";

@unmanaged
export class RouteTable {
  /** The route configuration's name, UTF-8. */
  namePtr: usize;
  nameLen: u32;
  /** Bytes of the block. */
  sizeBytes: u32;
  references: u32;
  routeCount: u32;
  clusterCount: u32;
  /** Address of `clusterCount` RouteCluster records. */
  clusters: usize;

  /** The first route, in the order of the configuration, whose matches all hold, or null. */
  lookup(codec: Codec, message: Message): RouteEntry | null {
    return null;
  }

  /** `index` < `clusterCount`, as `RouteEntry.pick` gives it. */
  cluster(index: u32): RouteCluster {
    return changetype<RouteCluster>(this.clusters + <usize>index * offsetof<RouteCluster>());
  }

  /**
   * True when `release` would free the table: what the engine hangs on its clusters has to be let
   * go first.
   */
  get isLastReference(): bool {
    return this.references == 1;
  }

  retain(): void {
    this.references++;
  }

  /** Returns true when that was the last reference and the table, with all its entries, is gone. */
  release(): bool {
    if (--this.references > 0) return false;
    heap.free(changetype<usize>(this));
    return true;
  }
}
