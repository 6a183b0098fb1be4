// What a route or a cluster says of retries, mirrors, hashing and outliers while it is decoded; part of
// RouteTableBuilder.
// Allocates: on growth; cold path only.

import { HashKey } from "../route/hash-policy";
import { OutlierDetection } from "../route/outlier-detection";
import { RetryPolicy } from "../route/retry-policy";
import { durationFault } from "./duration";
import { RouteRecorder } from "./route-recorder";
import { HashPolicyRecord, MirrorRecord, StickySessionRecord } from "./route-records";

const MILLION: u32 = 1000000;
const HUNDRED: u32 = 100;
const DEFAULT_BASE_INTERVAL_MS: u32 = 25;
const DEFAULT_INTERVALS: u32 = 10;
const DEFAULT_KEPT_BYTES: u32 = 65536;
const DEFAULT_BUDGET_PERCENT: u32 = 20;
const DEFAULT_MIN_RETRIES: u32 = 3;
const DEFAULT_INTERVAL_MS: u32 = 10000;
const DEFAULT_BASE_EJECTION_MS: u32 = 30000;
const DEFAULT_LONGEST_EJECTION_MS: u32 = 300000;
const DEFAULT_EJECTION_PERCENT: u32 = 10;
const DEFAULT_MINIMUM_HOSTS: u32 = 5;
const DEFAULT_REQUEST_VOLUME: u32 = 100;
const LAST_RETRY_ON: u32 = 7;

export class PolicyBuilder {
  private retry: RetryPolicy = changetype<RetryPolicy>(0);
  private outlier: OutlierDetection = changetype<OutlierDetection>(0);
  private cluster: u32 = 0;
  private clusterLen: u32 = 0;
  perMillion: u32 = 0;
  private attribute: u32 = 0;
  private attributeLen: u32 = 0;
  private hashKey: HashKey = HashKey.Attribute;
  private isHashed: bool = false;
  private sessionKey: u32 = 0;
  private sessionTtlMs: u32 = 0;
  isSessionStrict: bool = false;
  private hasFault: bool = false;

  constructor(private readonly recorder: RouteRecorder) {}

  // ---- RetryPolicy

  /** The record that the decoder fills in; valid until the next one is begun. */
  beginRetry(): RetryPolicy {
    const policies = this.recorder.records.retryPolicies;
    this.recorder.spendRecord();
    this.retry = changetype<RetryPolicy>(policies.add());
    return this.retry;
  }

  setRetryOn(reason: u32): void {
    if (reason == 0 || reason > LAST_RETRY_ON) {
      this.recorder.faults.addAt("retryOn", "unknown number " + reason.toString());
    } else {
      this.retry.retryOn |= 1 << reason;
    }
  }

  /** Number + 1 of the policy. */
  endRetry(): u32 {
    const retry = this.retry;
    if (retry.baseIntervalMs == 0) retry.baseIntervalMs = DEFAULT_BASE_INTERVAL_MS;
    if (retry.maxIntervalMs == 0) {
      const longest = <u64>retry.baseIntervalMs * DEFAULT_INTERVALS;
      retry.maxIntervalMs = <u32>min<u64>(longest, i32.MAX_VALUE);
    }
    if (retry.maxIntervalMs < retry.baseIntervalMs) {
      this.recorder.faults.addAt("maxInterval", "shorter than baseInterval");
    }
    if (retry.maxRequestBytes == 0) retry.maxRequestBytes = DEFAULT_KEPT_BYTES;
    if (retry.budgetPercent == 0) retry.budgetPercent = DEFAULT_BUDGET_PERCENT;
    this.checkPercent("budgetPercent", retry.budgetPercent);
    if (retry.minRetries == 0) retry.minRetries = DEFAULT_MIN_RETRIES;
    return this.recorder.records.retryPolicies.count;
  }

  private checkPercent(field: string, percent: u32): void {
    if (percent <= HUNDRED) return;
    this.recorder.faults.addAt(field, percent.toString() + ", at most 100");
  }

  // ---- Mirror

  beginMirror(): void {
    this.clusterLen = 0;
    this.perMillion = 0;
    this.hasFault = false;
  }

  setMirrorCluster(ptr: usize, len: u32): void {
    this.hasFault = !this.recorder.takeSome("cluster", ptr, len);
    this.cluster = this.recorder.taken;
    this.clusterLen = len;
  }

  endMirror(): void {
    const faults = this.recorder.faults;
    if (this.clusterLen == 0 && !this.hasFault) faults.addAt("cluster", "missing");
    if (this.perMillion == 0 || this.perMillion > MILLION) {
      faults.addAt("perMillion", this.perMillion.toString() + ", from 1 to 1000000");
    }
    if (this.clusterLen == 0 || this.hasFault || !this.recorder.spendRecord()) return;
    const records = this.recorder.records;
    const index = this.recorder.cluster(this.cluster, this.clusterLen);
    const cluster = records.cluster(index);
    if (cluster.number == 0) cluster.number = ++records.namedClusters;
    const mirror = changetype<MirrorRecord>(records.mirrors.add());
    mirror.cluster = index;
    mirror.perMillion = this.perMillion;
  }

  // ---- HashPolicy

  beginHash(): void {
    this.attributeLen = 0;
    this.isHashed = false;
    this.hasFault = false;
  }

  setHashAttribute(ptr: usize, len: u32): void {
    this.isHashed = true;
    this.hashKey = HashKey.Attribute;
    this.hasFault = !this.recorder.takeSome("attribute", ptr, len);
    this.attribute = this.recorder.taken;
    this.attributeLen = len;
  }

  setHashSourceAddress(isSourceAddress: bool): void {
    this.setHashSource("sourceAddress", HashKey.SourceAddress, isSourceAddress);
  }

  setHashSourceConnection(isSourceConnection: bool): void {
    this.setHashSource("sourceConnection", HashKey.SourceConnection, isSourceConnection);
  }

  private setHashSource(field: string, key: HashKey, isTrue: bool): void {
    this.isHashed = true;
    this.attributeLen = 0;
    this.hashKey = key;
    if (!isTrue) this.recorder.faults.addAt(field, "must be true");
  }

  /** Number + 1 of the policy. */
  endHash(): u32 {
    if (!this.isHashed) {
      this.recorder.faults.add("needs one of attribute, sourceAddress, sourceConnection");
    }
    if (!this.isHashed || this.hasFault || !this.recorder.spendRecord()) return 0;
    const records = this.recorder.records;
    const policy = changetype<HashPolicyRecord>(records.hashPolicies.add());
    policy.key = this.hashKey;
    // The recorder makes names lower case.
    if (this.attributeLen > 0) this.recorder.attribute(this.attribute, this.attributeLen);
    policy.name = this.attribute;
    policy.nameLen = this.attributeLen;
    return records.hashPolicies.count;
  }

  // ---- StickySession

  beginSession(): void {
    this.attributeLen = 0;
    this.sessionTtlMs = 0;
    this.isSessionStrict = false;
    this.hasFault = false;
  }

  setSessionAttribute(ptr: usize, len: u32): void {
    this.hasFault = !this.recorder.takeSome("attribute", ptr, len);
    this.sessionKey = this.recorder.taken;
    if (!this.hasFault) this.hasFault = !this.recorder.take("attribute", ptr, len);
    this.attribute = this.recorder.taken;
    this.attributeLen = len;
  }

  /** What `durationMs` or `parseDurationMs` returned. */
  setSessionTtl(ms: i64): void {
    this.sessionTtlMs = this.duration("ttl", ms);
  }

  /** Number + 1 of it. */
  endSession(): u32 {
    if (this.attributeLen == 0 && !this.hasFault) {
      this.recorder.faults.addAt("attribute", "missing");
      return 0;
    }
    if (this.hasFault || !this.recorder.spendRecord()) return 0;
    const sessions = this.recorder.records.stickySessions;
    const session = changetype<StickySessionRecord>(sessions.add());
    // The recorder makes names lower case.
    this.recorder.attribute(this.attribute, this.attributeLen);
    session.key = this.sessionKey;
    session.name = this.attribute;
    session.nameLen = this.attributeLen;
    session.ttlMs = this.sessionTtlMs;
    session.isStrict = this.isSessionStrict;
    return sessions.count;
  }

  // ---- OutlierDetection

  /** The record that the decoder fills in; valid until the next one is begun. */
  beginOutlier(): OutlierDetection {
    this.recorder.spendRecord();
    this.outlier = changetype<OutlierDetection>(this.recorder.records.outliers.add());
    return this.outlier;
  }

  /** Number + 1 of it. */
  endOutlier(): u32 {
    const outlier = this.outlier;
    if (outlier.intervalMs == 0) outlier.intervalMs = DEFAULT_INTERVAL_MS;
    if (outlier.baseEjectionMs == 0) outlier.baseEjectionMs = DEFAULT_BASE_EJECTION_MS;
    if (outlier.maxEjectionMs == 0) {
      outlier.maxEjectionMs = max(outlier.baseEjectionMs, DEFAULT_LONGEST_EJECTION_MS);
    }
    if (outlier.maxEjectionPercent == 0) outlier.maxEjectionPercent = DEFAULT_EJECTION_PERCENT;
    this.checkPercent("maxEjectionPercent", outlier.maxEjectionPercent);
    this.checkPercent("panicThresholdPercent", outlier.panicPercent);
    if (outlier.minimumHosts == 0) outlier.minimumHosts = DEFAULT_MINIMUM_HOSTS;
    if (outlier.requestVolume == 0) outlier.requestVolume = DEFAULT_REQUEST_VOLUME;
    return this.recorder.records.outliers.count;
  }

  /** What `durationMs` or `parseDurationMs` returned, as milliseconds; 0 where that is a fault. */
  duration(field: string, ms: i64): u32 {
    if (ms >= 0) return <u32>ms;
    this.recorder.faults.addAt(field, durationFault(ms));
    return 0;
  }
}
