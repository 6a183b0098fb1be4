// Decodes the bytes of metaproto.v1.RetryPolicy, Mirror, HashPolicy, StickySession, EndpointWeight and OutlierDetection.
// Source: proto/metaproto/v1/route.proto
// Allocates: cold path only.

import { ProtobufReader, WireType } from "../../wire/protobuf";
import { ClusterBuilder } from "./cluster-builder";
import { durationMs } from "./duration";
import { PolicyBuilder } from "./policy-builder";

const RETRY_ATTEMPTS: u32 = 1;
const RETRY_PER_TRY_TIMEOUT: u32 = 2;
const RETRY_RETRY_ON: u32 = 3;
const RETRY_BASE_INTERVAL: u32 = 4;
const RETRY_LONGEST_INTERVAL: u32 = 5;
const RETRY_ONEWAY: u32 = 6;
const RETRY_REQUEST_BYTES: u32 = 7;
const RETRY_BUDGET_PERCENT: u32 = 8;
const RETRY_MIN_RETRIES: u32 = 9;
const MIRROR_CLUSTER: u32 = 1;
const MIRROR_PER_MILLION: u32 = 2;
const HASH_ATTRIBUTE: u32 = 1;
const HASH_SOURCE_ADDRESS: u32 = 2;
const HASH_SOURCE_CONNECTION: u32 = 3;
const SESSION_ATTRIBUTE: u32 = 1;
const SESSION_TTL: u32 = 2;
const SESSION_STRICT: u32 = 3;
const WEIGHT_ADDRESS: u32 = 1;
const WEIGHT_WEIGHT: u32 = 2;
const OUTLIER_CONSECUTIVE_ERRORS: u32 = 1;
const OUTLIER_INTERVAL: u32 = 2;
const OUTLIER_BASE_EJECTION_TIME: u32 = 3;
const OUTLIER_EJECTION_TIME: u32 = 4;
const OUTLIER_EJECTION_PERCENT: u32 = 5;
const OUTLIER_PANIC_PERCENT: u32 = 6;
const OUTLIER_STDEV_FACTOR: u32 = 7;
const OUTLIER_MINIMUM_HOSTS: u32 = 8;
const OUTLIER_REQUEST_VOLUME: u32 = 9;
const OUTLIER_BUSINESS_ERRORS: u32 = 10;
const DURATION_SECONDS: u32 = 1;
const DURATION_NANOS: u32 = 2;

/** The Duration that `reader` is at, in milliseconds, or a negative code. */
function decodeDuration(reader: ProtobufReader): i64 {
  let seconds: i64 = 0;
  let nanos: i32 = 0;
  const end = reader.enter();
  while (reader.next()) {
    if (reader.wireType != WireType.Varint) continue;
    if (reader.field == DURATION_SECONDS) seconds = <i64>reader.value;
    else if (reader.field == DURATION_NANOS) nanos = <i32>reader.value;
  }
  reader.leave(end);
  return durationMs(seconds, nanos);
}

/** The message that `reader` is at; number + 1 of the policy, 0: it is malformed. */
export function decodeRetryPolicy(reader: ProtobufReader, builder: PolicyBuilder): u32 {
  const retry = builder.beginRetry();
  const end = reader.enter();
  while (reader.next()) {
    const value = <u32>reader.value;
    if (reader.wireType == WireType.Bytes) {
      const field = reader.field;
      if (field == RETRY_RETRY_ON) {
        const listEnd = reader.enter();
        while (reader.nextPacked()) builder.setRetryOn(<u32>reader.value);
        reader.leave(listEnd);
      } else if (field == RETRY_PER_TRY_TIMEOUT) {
        retry.perTryTimeoutMs = builder.duration("perTryTimeout", decodeDuration(reader));
      } else if (field == RETRY_BASE_INTERVAL) {
        retry.baseIntervalMs = builder.duration("baseInterval", decodeDuration(reader));
      } else if (field == RETRY_LONGEST_INTERVAL) {
        retry.maxIntervalMs = builder.duration("maxInterval", decodeDuration(reader));
      }
      continue;
    }
    if (reader.wireType != WireType.Varint) continue;
    if (reader.field == RETRY_ATTEMPTS) retry.attempts = value;
    else if (reader.field == RETRY_RETRY_ON) builder.setRetryOn(value);
    else if (reader.field == RETRY_ONEWAY) retry.retryOneway = reader.value != 0;
    else if (reader.field == RETRY_REQUEST_BYTES) retry.maxRequestBytes = value;
    else if (reader.field == RETRY_BUDGET_PERCENT) retry.budgetPercent = value;
    else if (reader.field == RETRY_MIN_RETRIES) retry.minRetries = value;
  }
  reader.leave(end);
  return reader.isMalformed ? 0 : builder.endRetry();
}

export function decodeMirror(reader: ProtobufReader, builder: PolicyBuilder): void {
  builder.beginMirror();
  const end = reader.enter();
  while (reader.next()) {
    if (reader.wireType == WireType.Bytes) {
      if (reader.field == MIRROR_CLUSTER) builder.setMirrorCluster(reader.ptr, reader.len);
    } else if (reader.wireType == WireType.Varint) {
      if (reader.field == MIRROR_PER_MILLION) builder.perMillion = <u32>reader.value;
    }
  }
  reader.leave(end);
  if (!reader.isMalformed) builder.endMirror();
}

/** Number + 1 of the policy, 0: it is malformed. */
export function decodeHashPolicy(reader: ProtobufReader, builder: PolicyBuilder): u32 {
  builder.beginHash();
  const end = reader.enter();
  while (reader.next()) {
    if (reader.wireType == WireType.Bytes) {
      if (reader.field == HASH_ATTRIBUTE) builder.setHashAttribute(reader.ptr, reader.len);
    } else if (reader.wireType == WireType.Varint) {
      const value = reader.value != 0;
      if (reader.field == HASH_SOURCE_ADDRESS) builder.setHashSourceAddress(value);
      else if (reader.field == HASH_SOURCE_CONNECTION) builder.setHashSourceConnection(value);
    }
  }
  reader.leave(end);
  return reader.isMalformed ? 0 : builder.endHash();
}

/** Number + 1 of it, 0: it is malformed. */
export function decodeStickySession(reader: ProtobufReader, builder: PolicyBuilder): u32 {
  builder.beginSession();
  const end = reader.enter();
  while (reader.next()) {
    if (reader.wireType == WireType.Bytes) {
      if (reader.field == SESSION_ATTRIBUTE) builder.setSessionAttribute(reader.ptr, reader.len);
      else if (reader.field == SESSION_TTL) builder.setSessionTtl(decodeDuration(reader));
    } else if (reader.wireType == WireType.Varint) {
      if (reader.field == SESSION_STRICT) builder.isSessionStrict = reader.value != 0;
    }
  }
  reader.leave(end);
  return reader.isMalformed ? 0 : builder.endSession();
}

export function decodeEndpointWeight(reader: ProtobufReader, builder: ClusterBuilder): void {
  builder.beginWeight();
  const end = reader.enter();
  while (reader.next()) {
    if (reader.wireType == WireType.Bytes) {
      if (reader.field == WEIGHT_ADDRESS) builder.setWeightAddress(reader.ptr, reader.len);
    } else if (reader.wireType == WireType.Varint) {
      if (reader.field == WEIGHT_WEIGHT) builder.setWeight(<u32>reader.value);
    }
  }
  reader.leave(end);
  if (!reader.isMalformed) builder.endWeight();
}

/** Number + 1 of it, 0: it is malformed. */
export function decodeOutlierDetection(reader: ProtobufReader, builder: PolicyBuilder): u32 {
  const outlier = builder.beginOutlier();
  const end = reader.enter();
  while (reader.next()) {
    const value = <u32>reader.value;
    if (reader.wireType == WireType.Bytes) {
      const field = reader.field;
      if (field == OUTLIER_INTERVAL) {
        outlier.intervalMs = builder.duration("interval", decodeDuration(reader));
      } else if (field == OUTLIER_BASE_EJECTION_TIME) {
        outlier.baseEjectionMs = builder.duration("baseEjectionTime", decodeDuration(reader));
      } else if (field == OUTLIER_EJECTION_TIME) {
        outlier.maxEjectionMs = builder.duration("maxEjectionTime", decodeDuration(reader));
      }
      continue;
    }
    if (reader.wireType != WireType.Varint) continue;
    if (reader.field == OUTLIER_CONSECUTIVE_ERRORS) outlier.consecutiveErrors = value;
    else if (reader.field == OUTLIER_EJECTION_PERCENT) outlier.maxEjectionPercent = value;
    else if (reader.field == OUTLIER_PANIC_PERCENT) outlier.panicPercent = value;
    else if (reader.field == OUTLIER_STDEV_FACTOR) outlier.stdevFactor = value;
    else if (reader.field == OUTLIER_MINIMUM_HOSTS) outlier.minimumHosts = value;
    else if (reader.field == OUTLIER_REQUEST_VOLUME) outlier.requestVolume = value;
    else if (reader.field == OUTLIER_BUSINESS_ERRORS) outlier.countBusinessErrors = value != 0;
  }
  reader.leave(end);
  return reader.isMalformed ? 0 : builder.endOutlier();
}
