// One route of a table, as the engine sees it.
// Lives in the table's memory block, as long as the table is referenced.
// Allocates: never.

import { Mutation } from "../../codec/mutation";
import { pickWeightedCluster } from "./weighted-cluster";

/** `RouteEntry.timeoutMs` of a route that has no timeout of its own. */
export const ROUTE_TIMEOUT_DEFAULT: u32 = 0xffffffff;

@unmanaged
export class RouteEntry {
  /** UTF-8; may be empty. */
  namePtr: usize;
  nameLen: u32;
  /** Position in the configuration, from 0. */
  order: u32;
  /** Milliseconds; 0: none; ROUTE_TIMEOUT_DEFAULT: the plugin's default. */
  timeoutMs: u32;
  /** Null when the route changes nothing. */
  requestMutation: Mutation | null;
  responseMutation: Mutation | null;
  /** Address of `destinationCount` WeightedCluster records. */
  destinations: usize;
  destinationCount: u32;
  totalWeight: u32;
  /** Address of `matchCount` AttributeMatch records: what finding the route does not prove. */
  matches: usize;
  matchCount: u32;

  /** The index (for `RouteTable.cluster`) of the cluster that a request with this random number goes to. */
  pick(random: u32): u32 {
    return pickWeightedCluster(this.destinations, this.destinationCount, this.totalWeight, random);
  }
}
