// An immutable table of routes in one block of memory outside of the garbage collector's reach.
//
// Calls in flight hold a reference, so that a table that was replaced lives as long as they do.
//
//   +--------+------------+--------+---------+--------+-------+------------------+
//   | table  | attributes | routes | buckets | slots  | bytes | scratch: cursors |
//   +--------+------------+--------+---------+--------+-------+------------------+
//   the exact sequence is the builder's business (config/route-table-writer.ts)
//
// Allocates: never.
// Next: switchboard/route/route-group.ts

import { Codec } from "../../codec/codec";
import { Message } from "../../codec/message";
import { TableAttribute } from "./attribute";
import { RouteCluster } from "./cluster";
import { LookupCost } from "./lookup-cost";
import { RouteEntry } from "./route-entry";
import { BucketIndex, RouteBucket, RouteGroup } from "./route-group";

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
  /** Address of `groupCount` RouteGroup records, sorted by their least order. */
  groups: usize;
  groupCount: u32;
  buckets: BucketIndex;
  /** Address of `attributeCount` TableAttribute records. */
  attributes: usize;
  attributeCount: u32;
  /** Room for the addresses of as many RouteEntry as buckets can be found in one lookup. */
  cursors: usize;
  /** As RouteEntry.filters, for requests that no route matches. */
  filters: usize;
  /** What its FilterConfigs belong to, pinned; 0: there are none. */
  pinnedFilters: usize;
  /** Number of the last lookup; never 0 during one. */
  lookups: u32;

  /**
   * The first route, in the order of the configuration, whose matches all hold, or null.
   *
   * The routes that the groups find are tried in order, across groups; a group is not even looked at
   * before all routes in front of its first one have been refused.
   */
  lookup(codec: Codec, message: Message): RouteEntry | null {
    const lookup = this.nextLookup();
    const cursors = this.cursors;
    const groupsEnd = this.groups + <usize>this.groupCount * offsetof<RouteGroup>();
    let group = this.groups;
    let cursorsEnd = cursors;
    while (true) {
      let least: u32 = u32.MAX_VALUE;
      let at: usize = 0;
      for (let cursor = cursors; cursor < cursorsEnd; cursor += sizeof<usize>()) {
        const order = load<RouteEntry>(cursor).order;
        if (order >= least) continue;
        least = order;
        at = cursor;
      }
      while (group < groupsEnd && changetype<RouteGroup>(group).leastOrder < least) {
        let bucket = changetype<RouteGroup>(group).find(codec, message, lookup, this.buckets);
        group += offsetof<RouteGroup>();
        // SAFETY: the builder made room for the longest chain of every group.
        while (bucket != 0) {
          const first = changetype<RouteBucket>(bucket).first;
          store<RouteEntry>(cursorsEnd, first);
          if (first.order < least) {
            least = first.order;
            at = cursorsEnd;
          }
          cursorsEnd += sizeof<usize>();
          bucket = changetype<RouteBucket>(bucket).shorter;
        }
      }
      if (at == 0) return null;
      LookupCost.steps++;
      const route = load<RouteEntry>(at);
      if (route.holds(codec, message, lookup)) return route;
      if (route.next != 0) {
        store<usize>(at, route.next);
      } else {
        cursorsEnd -= sizeof<usize>();
        store<usize>(at, load<usize>(cursorsEnd));
      }
    }
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
    if (this.pinnedFilters != 0) __unpin(this.pinnedFilters);
    heap.free(changetype<usize>(this));
    return true;
  }

  private nextLookup(): u32 {
    const lookup = this.lookups + 1;
    this.lookups = lookup;
    if (lookup != 0) return lookup;
    // The numbers start again: those of 4294967295 lookups ago must not look like this one's.
    for (let i: u32 = 0; i < this.attributeCount; i++) {
      changetype<TableAttribute>(this.attributes + <usize>i * offsetof<TableAttribute>()).forget();
    }
    this.lookups = 1;
    return 1;
  }
}
