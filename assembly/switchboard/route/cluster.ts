// What a route table says of one Envoy cluster that its routes name.
// Lives in the table's memory block, as long as the table is referenced.
// Allocates: never.

import { HashPolicy } from "./hash-policy";
import { OutlierDetection } from "./outlier-detection";
import { StickySession } from "./sticky-session";

/** How a pool picks among its endpoints; the numbers of metaproto.v1.Cluster.LoadBalancer. */
export enum LoadBalancer {
  LeastRequest = 0,
  RoundRobin = 1,
  Random = 2,
}

/** One per distinct name among the destinations of a table, in the order of first mention. */
@unmanaged
export class RouteCluster {
  /** UTF-8. */
  namePtr: usize;
  nameLen: u32;
  /** Healthy endpoints as far as the control plane knows. 0: unknown. */
  endpoints: u32;
  /** Bounds per worker thread. 0: the plugin's default. */
  maxConnections: u32;
  maxRequests: u32;
  maxPendingRequests: u32;
  loadBalancer: LoadBalancer;
  /** Differs whenever the set of endpoints differs. */
  endpointsVersion: u64;
  /** Null: requests may go to any endpoint. */
  hashPolicy: HashPolicy | null;
  outlierDetection: OutlierDetection | null;
  stickySession: StickySession | null;
  /** Address of `weightCount` EndpointWeight records; endpoints that are not among them weigh 1. */
  weights: usize;
  weightCount: u32;
  /** Requests go to the address that their client connected to. */
  isOriginalDestination: bool;
  /** The engine's: its pool for this cluster. 0 when the table is built. */
  userData: usize;
}
