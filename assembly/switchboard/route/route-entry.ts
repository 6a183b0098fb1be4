// One route of a table, as the engine sees it.
// Lives in the table's memory block, as long as the table is referenced.
// Allocates: never.

import { Codec } from "../../codec/codec";
import { Message } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { HashPolicy } from "./hash-policy";
import { AttributeMatch } from "./match";
import { RetryPolicy } from "./retry-policy";
import { StickySession } from "./sticky-session";
import { pickWeightedCluster } from "./weighted-cluster";

/** `RouteEntry.timeoutMs` of a route that has no timeout of its own. */
export const ROUTE_TIMEOUT_DEFAULT: u32 = 0xffffffff;

@unmanaged
export class RouteEntry {
  /** Position in the configuration, from 0. */
  order: u32;
  /** The table's: what finding the route does not prove, `matchCount` AttributeMatch records. */
  matches: usize;
  matchCount: u32;
  /** The table's: the next RouteEntry found with the same key, or 0. */
  next: usize;
  /** Address of `destinationCount` WeightedCluster records. */
  destinations: usize;
  destinationCount: u32;
  totalWeight: u32;
  /** Milliseconds; 0: none; ROUTE_TIMEOUT_DEFAULT: the plugin's default. */
  timeoutMs: u32;
  /** Null when the route changes nothing. */
  requestMutation: Mutation | null;
  responseMutation: Mutation | null;
  /** The table's: a MutationFormat for values with operators, or 0. */
  requestFormat: usize;
  responseFormat: usize;
  /** The table's: one FilterConfig or 0 for each installed filter; 0: there are none. */
  filters: usize;
  retryPolicy: RetryPolicy | null;
  /** Null: the cluster's. */
  hashPolicy: HashPolicy | null;
  stickySession: StickySession | null;
  /** Address of `mirrorCount` Mirror records. */
  mirrors: usize;
  mirrorCount: u32;
  /** UTF-8; may be empty. */
  namePtr: usize;
  nameLen: u32;

  /** Values of its mutations depend on the request. */
  get hasFormats(): bool {
    return (this.requestFormat | this.responseFormat) != 0;
  }

  /** The index (for `RouteTable.cluster`) of the cluster for a request with this random number. */
  pick(random: u32): u32 {
    return pickWeightedCluster(this.destinations, this.destinationCount, this.totalWeight, random);
  }

  /** Whether the matches that finding the route does not prove hold. */
  holds(codec: Codec, message: Message, lookup: u32): bool {
    let match = this.matches;
    const end = match + <usize>this.matchCount * offsetof<AttributeMatch>();
    while (match < end) {
      if (!changetype<AttributeMatch>(match).holds(codec, message, lookup)) return false;
      match += offsetof<AttributeMatch>();
    }
    return true;
  }
}
