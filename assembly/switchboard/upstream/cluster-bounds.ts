// What all pools of one cluster share: its name, its bounds and what counts against them.
// Allocates: never after construction.
import { Limits } from "../config/plugin-configuration";
import { OutlierDetection } from "../route/outlier-detection";
import { LoadBalancer, RouteCluster } from "../route/cluster";
import { EndpointWeights } from "./endpoint-weights";

export class ClusterBounds {
  /** Healthy endpoints as far as known. 0: unknown. */
  endpoints: u32 = 0;
  endpointsVersion: u64 = 0;
  /** Each pool has one endpoint: an address that clients connected to. */
  isOriginalDestination: bool = false;
  loadBalancer: LoadBalancer = LoadBalancer.LeastRequest;
  maxConnections: u32;
  maxRequests: u32;
  maxPendingRequests: u32;
  /** Requests that are pending or in flight. */
  outstanding: u32 = 0;
  /** Copies of requests that are pending or in flight, for mirrors. */
  shadows: u32 = 0;
  /** Requests that are sent again, or will be. */
  retries: u32 = 0;
  /** Requests that wait for a connection. */
  pending: u32 = 0;
  /** Of the endpoints that the control plane knows; a copy. */
  readonly weights: EndpointWeights = new EndpointWeights();
  readonly outlier: OutlierDetection;
  isWatched: bool = false;
  /** Connections that are dialled, ready or draining. */
  connections: u32 = 0;

  constructor(
    readonly name: ArrayBuffer,
    private readonly limits: Limits,
  ) {
    this.maxConnections = limits.maxConnections;
    this.maxRequests = limits.maxRequests;
    this.maxPendingRequests = limits.maxPendingRequests;
    this.outlier = changetype<OutlierDetection>(heap.alloc(offsetof<OutlierDetection>()));
  }

  /** Takes over what a table says of the cluster; true when the endpoints are others. */
  update(route: RouteCluster): bool {
    const limits = this.limits;
    this.maxConnections = route.maxConnections > 0 ? route.maxConnections : limits.maxConnections;
    this.maxRequests = route.maxRequests > 0 ? route.maxRequests : limits.maxRequests;
    this.maxPendingRequests =
      route.maxPendingRequests > 0 ? route.maxPendingRequests : limits.maxPendingRequests;
    this.loadBalancer = route.loadBalancer;
    this.weights.copy(route);
    const outlier = route.outlierDetection;
    this.isWatched = outlier !== null;
    if (outlier !== null) {
      const bytes = offsetof<OutlierDetection>();
      memory.copy(changetype<usize>(this.outlier), changetype<usize>(outlier), bytes);
    }
    const endpoints = route.isOriginalDestination ? 1 : route.endpoints;
    const isChanged =
      this.endpoints != endpoints || this.endpointsVersion != route.endpointsVersion;
    this.isOriginalDestination = route.isOriginalDestination;
    this.endpoints = endpoints;
    this.endpointsVersion = route.endpointsVersion;
    return isChanged;
  }

  /** Gives back what the garbage collector does not know of. */
  free(): void {
    heap.free(changetype<usize>(this.outlier));
    this.weights.free();
  }
}
