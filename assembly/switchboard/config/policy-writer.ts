// Writes what routes and clusters say of retries, mirrors, hashing and outliers into a table's block; part of
// RouteTableWriter.
// Allocates: never.

import { Codec } from "../../codec/codec";
import { EndpointWeight } from "../route/endpoint-weight";
import { HashKey, HashPolicy } from "../route/hash-policy";
import { Mirror } from "../route/mirror";
import { OutlierDetection } from "../route/outlier-detection";
import { RetryPolicy } from "../route/retry-policy";
import { StickySession } from "../route/sticky-session";
import {
  ClusterRecord,
  EndpointWeightRecord,
  HashPolicyRecord,
  MirrorRecord,
  RouteRecord,
  RouteRecords,
  StickySessionRecord,
} from "./route-records";
import { RouteTableLayout } from "./route-table-layout";

export class PolicyWriter {
  constructor(
    private readonly records: RouteRecords,
    private readonly at: RouteTableLayout,
    private readonly codec: Codec,
  ) {}

  writeRetryPolicy(number: u32): RetryPolicy | null {
    if (number == 0) return null;
    const address = this.at.retryPolicies + <usize>(number - 1) * offsetof<RetryPolicy>();
    memory.copy(address, this.records.retryPolicies.at(number - 1), offsetof<RetryPolicy>());
    return changetype<RetryPolicy>(address);
  }

  writeOutlier(number: u32): OutlierDetection | null {
    if (number == 0) return null;
    const address = this.at.outliers + <usize>(number - 1) * offsetof<OutlierDetection>();
    memory.copy(address, this.records.outliers.at(number - 1), offsetof<OutlierDetection>());
    return changetype<OutlierDetection>(address);
  }

  writeHashPolicy(number: u32): HashPolicy | null {
    if (number == 0) return null;
    const record = changetype<HashPolicyRecord>(this.records.hashPolicies.at(number - 1));
    const offset = <usize>(number - 1) * offsetof<HashPolicy>();
    const policy = changetype<HashPolicy>(this.at.hashPolicies + offset);
    policy.key = record.key;
    policy.namePtr = this.at.bytes + record.name;
    policy.nameLen = record.nameLen;
    if (record.key != HashKey.Attribute) return policy;
    policy.attribute = this.codec.attributeId(policy.namePtr, policy.nameLen);
    return policy;
  }

  writeStickySession(number: u32): StickySession | null {
    if (number == 0) return null;
    const record = changetype<StickySessionRecord>(this.records.stickySessions.at(number - 1));
    const offset = <usize>(number - 1) * offsetof<StickySession>();
    const session = changetype<StickySession>(this.at.stickySessions + offset);
    session.namePtr = this.at.bytes + record.name;
    session.keyPtr = this.at.bytes + record.key;
    session.nameLen = record.nameLen;
    session.ttlMs = record.ttlMs;
    session.isStrict = record.isStrict;
    session.attribute = this.codec.attributeId(session.namePtr, session.nameLen);
    return session;
  }

  writeWeights(cluster: ClusterRecord): usize {
    const first = this.at.endpointWeights + <usize>cluster.firstWeight * offsetof<EndpointWeight>();
    for (let i: u32 = 0; i < cluster.weightCount; i++) {
      const list = this.records.endpointWeights;
      const record = changetype<EndpointWeightRecord>(list.at(cluster.firstWeight + i));
      const weight = changetype<EndpointWeight>(first + <usize>i * offsetof<EndpointWeight>());
      weight.addressPtr = this.at.bytes + record.address;
      weight.addressLen = record.addressLen;
      weight.weight = record.weight;
    }
    return first;
  }

  writeMirrors(route: RouteRecord): usize {
    const first = this.at.mirrors + <usize>route.firstMirror * offsetof<Mirror>();
    for (let i: u32 = 0; i < route.mirrorCount; i++) {
      const record = changetype<MirrorRecord>(this.records.mirrors.at(route.firstMirror + i));
      const mirror = changetype<Mirror>(first + <usize>i * offsetof<Mirror>());
      mirror.cluster = this.records.cluster(record.cluster).number - 1;
      mirror.perMillion = record.perMillion;
    }
    return first;
  }
}
