// Writes what routes and clusters say of retries, mirrors, hashing and outliers into a table's block; part of
// RouteTableWriter.
// Allocates: never.

import { Codec } from "../../codec/codec";
import { HashPolicy } from "../route/hash-policy";
import { Mirror } from "../route/mirror";
import { OutlierDetection } from "../route/outlier-detection";
import { RetryPolicy } from "../route/retry-policy";
import { HashPolicyRecord, MirrorRecord, RouteRecord, RouteRecords } from "./route-records";
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
    policy.isSourceAddress = record.isSourceAddress;
    policy.namePtr = this.at.bytes + record.name;
    policy.nameLen = record.nameLen;
    if (record.isSourceAddress) return policy;
    policy.attribute = this.codec.attributeId(policy.namePtr, policy.nameLen);
    return policy;
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
