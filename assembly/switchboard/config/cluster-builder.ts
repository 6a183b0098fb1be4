// One Cluster of a route configuration while it is decoded; part of RouteTableBuilder.
// Allocates: on growth; cold path only.

import { LoadBalancer } from "../route/cluster";
import { RouteRecorder } from "./route-recorder";

export class ClusterBuilder {
  endpoints: u32 = 0;
  maxConnections: u32 = 0;
  maxRequests: u32 = 0;
  maxPendingRequests: u32 = 0;
  endpointsVersion: u64 = 0;
  /** Number + 1 among the policies, 0: none. */
  hashPolicy: u32 = 0;
  outlier: u32 = 0;
  /** A number of LoadBalancer; checked at the end. */
  loadBalancer: i32 = 0;
  private recorder: RouteRecorder;
  private name: u32 = 0;
  private nameLen: u32 = 0;
  private isNameSet: bool = false;
  private hasName: bool = false;

  constructor(recorder: RouteRecorder) {
    this.recorder = recorder;
  }

  begin(): void {
    this.endpoints = 0;
    this.maxConnections = 0;
    this.maxRequests = 0;
    this.maxPendingRequests = 0;
    this.endpointsVersion = 0;
    this.loadBalancer = 0;
    this.hashPolicy = 0;
    this.outlier = 0;
    this.isNameSet = false;
    this.hasName = false;
  }

  setName(ptr: usize, len: u32): void {
    this.isNameSet = true;
    this.hasName = this.recorder.takeSome("name", ptr, len);
    this.name = this.recorder.taken;
    this.nameLen = len;
  }

  /** The decoder has found a fault in the name: no further ones follow from it. */
  refuse(): void {
    this.isNameSet = true;
  }

  end(): void {
    const faults = this.recorder.faults;
    if (!this.isNameSet) faults.addAt("name", "missing");
    if (this.loadBalancer < 0 || this.loadBalancer > LoadBalancer.Random) {
      faults.addAt("loadBalancer", "unknown number " + this.loadBalancer.toString());
    }
    if (!this.hasName || !this.recorder.spendRecord()) return;
    const records = this.recorder.records;
    const cluster = records.cluster(this.recorder.cluster(this.name, this.nameLen));
    if (cluster.isListed) faults.addAt("name", "listed twice");
    cluster.isListed = true;
    cluster.endpoints = this.endpoints;
    cluster.maxConnections = this.maxConnections;
    cluster.maxRequests = this.maxRequests;
    cluster.maxPendingRequests = this.maxPendingRequests;
    cluster.endpointsVersion = this.endpointsVersion;
    cluster.loadBalancer = this.loadBalancer;
    cluster.hashPolicy = this.hashPolicy;
    cluster.outlier = this.outlier;
  }
}
