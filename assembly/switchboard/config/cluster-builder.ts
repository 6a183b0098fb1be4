// One Cluster of a route configuration while it is decoded; part of RouteTableBuilder.
// Allocates: on growth; cold path only.

import { LoadBalancer } from "../route/cluster";
import { RouteRecorder } from "./route-recorder";
import { EndpointWeightRecord } from "./route-records";

export class ClusterBuilder {
  endpoints: u32 = 0;
  maxConnections: u32 = 0;
  maxRequests: u32 = 0;
  maxPendingRequests: u32 = 0;
  endpointsVersion: u64 = 0;
  isOriginalDestination: bool = false;
  /** Number + 1 among the policies, 0: none. */
  hashPolicy: u32 = 0;
  outlier: u32 = 0;
  stickySession: u32 = 0;
  /** A number of LoadBalancer; checked at the end. */
  loadBalancer: i32 = 0;
  private recorder: RouteRecorder;
  private name: u32 = 0;
  private nameLen: u32 = 0;
  private isNameSet: bool = false;
  private hasName: bool = false;
  private firstWeight: u32 = 0;
  private address: u32 = 0;
  private addressLen: u32 = 0;
  private weight: u32 = 0;

  constructor(recorder: RouteRecorder) {
    this.recorder = recorder;
  }

  begin(): void {
    this.endpoints = 0;
    this.maxConnections = 0;
    this.maxRequests = 0;
    this.maxPendingRequests = 0;
    this.endpointsVersion = 0;
    this.isOriginalDestination = false;
    this.loadBalancer = 0;
    this.hashPolicy = 0;
    this.outlier = 0;
    this.stickySession = 0;
    this.firstWeight = this.recorder.records.endpointWeights.count;
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

  beginWeight(): void {
    this.addressLen = 0;
    this.weight = 0;
  }

  setWeightAddress(ptr: usize, len: u32): void {
    if (!this.recorder.takeSome("address", ptr, len)) return;
    this.address = this.recorder.taken;
    this.addressLen = len;
  }

  setWeight(weight: u32): void {
    this.weight = weight;
  }

  endWeight(): void {
    const faults = this.recorder.faults;
    if (this.addressLen == 0) faults.addAt("address", "missing");
    if (this.weight == 0) faults.addAt("weight", "must be at least 1");
    if (!this.recorder.spendRecord()) return;
    const weights = this.recorder.records.endpointWeights;
    const record = changetype<EndpointWeightRecord>(weights.add());
    record.address = this.address;
    record.addressLen = this.addressLen;
    record.weight = this.weight;
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
    cluster.isOriginalDestination = this.isOriginalDestination;
    cluster.loadBalancer = this.loadBalancer;
    cluster.hashPolicy = this.hashPolicy;
    cluster.outlier = this.outlier;
    cluster.stickySession = this.stickySession;
    cluster.firstWeight = this.firstWeight;
    cluster.weightCount = records.endpointWeights.count - this.firstWeight;
  }
}
