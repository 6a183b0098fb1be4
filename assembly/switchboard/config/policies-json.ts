// Decodes metaproto.v1.RetryPolicy, Mirror, HashPolicy, StickySession, EndpointWeight and OutlierDetection in the
// JSON mapping of protobuf.
// Source: proto/metaproto/v1/route.proto
// Allocates: cold path only.

import { ClusterBuilder } from "./cluster-builder";
import { JsonFields } from "./json-fields";
import { PolicyBuilder } from "./policy-builder";

const RETRY_FIELDS: StaticArray<string> = [
  "attempts",
  "perTryTimeout",
  "retryOn",
  "baseInterval",
  "maxInterval",
  "retryOneway",
  "maxRequestBytes",
  "budgetPercent",
  "minRetries",
];
const RETRY_ON: StaticArray<string> = [
  "RETRY_ON_UNSPECIFIED",
  "CONNECT_FAILURE",
  "RESET",
  "PER_TRY_TIMEOUT",
  "OVERLOADED",
  "SERVER_ERROR",
  "BUSINESS_ERROR",
  "BAD_RESPONSE",
];
const MIRROR_FIELDS: StaticArray<string> = ["cluster", "perMillion"];
const HASH_FIELDS: StaticArray<string> = ["attribute", "sourceAddress", "sourceConnection"];
const SESSION_FIELDS: StaticArray<string> = ["attribute", "ttl", "strict"];
const WEIGHT_FIELDS: StaticArray<string> = ["address", "weight"];
const OUTLIER_FIELDS: StaticArray<string> = [
  "consecutiveErrors",
  "interval",
  "baseEjectionTime",
  "maxEjectionTime",
  "maxEjectionPercent",
  "panicThresholdPercent",
  "successRateStdevFactor",
  "successRateMinimumHosts",
  "successRateRequestVolume",
  "countBusinessErrors",
];

function count(fields: JsonFields): u32 {
  return <u32>max<i64>(fields.number(), 0);
}

function duration(fields: JsonFields): u32 {
  return <u32>max<i64>(fields.duration(), 0);
}

/** Number + 1 of the policy, 0: there is none. */
export function decodeRetryPolicyJson(fields: JsonFields, builder: PolicyBuilder): u32 {
  if (!fields.begin()) return 0;
  const retry = builder.beginRetry();
  while (fields.next(RETRY_FIELDS)) {
    if (fields.field == 0) retry.attempts = count(fields);
    else if (fields.field == 1) retry.perTryTimeoutMs = duration(fields);
    else if (fields.field == 2) decodeRetryOn(fields, builder);
    else if (fields.field == 3) retry.baseIntervalMs = duration(fields);
    else if (fields.field == 4) retry.maxIntervalMs = duration(fields);
    else if (fields.field == 5) retry.retryOneway = fields.boolean() == 1;
    else if (fields.field == 6) retry.maxRequestBytes = count(fields);
    else if (fields.field == 7) retry.budgetPercent = count(fields);
    else retry.minRetries = count(fields);
  }
  return fields.reader.hasFailed ? 0 : builder.endRetry();
}

function decodeRetryOn(fields: JsonFields, builder: PolicyBuilder): void {
  if (!fields.beginElements()) return;
  while (fields.nextElement()) {
    const reason = fields.enumeration(RETRY_ON);
    if (reason >= 0) builder.setRetryOn(reason);
  }
}

export function decodeMirrorJson(fields: JsonFields, builder: PolicyBuilder): void {
  if (!fields.begin()) return;
  builder.beginMirror();
  while (fields.next(MIRROR_FIELDS)) {
    if (fields.field == 1) builder.perMillion = count(fields);
    else if (fields.text()) builder.setMirrorCluster(fields.reader.ptr, fields.reader.len);
  }
  if (!fields.reader.hasFailed) builder.endMirror();
}

/** Number + 1 of the policy, 0: there is none. */
export function decodeHashPolicyJson(fields: JsonFields, builder: PolicyBuilder): u32 {
  if (!fields.begin()) return 0;
  builder.beginHash();
  while (fields.next(HASH_FIELDS)) {
    if (fields.field == 1) builder.setHashSourceAddress(fields.boolean() == 1);
    else if (fields.field == 2) builder.setHashSourceConnection(fields.boolean() == 1);
    else if (fields.text()) builder.setHashAttribute(fields.reader.ptr, fields.reader.len);
  }
  return fields.reader.hasFailed ? 0 : builder.endHash();
}

/** Number + 1 of it, 0: there is none. */
export function decodeStickySessionJson(fields: JsonFields, builder: PolicyBuilder): u32 {
  if (!fields.begin()) return 0;
  builder.beginSession();
  while (fields.next(SESSION_FIELDS)) {
    if (fields.field == 1) builder.setSessionTtl(<i64>duration(fields));
    else if (fields.field == 2) builder.isSessionStrict = fields.boolean() == 1;
    else if (fields.text()) builder.setSessionAttribute(fields.reader.ptr, fields.reader.len);
  }
  return fields.reader.hasFailed ? 0 : builder.endSession();
}

export function decodeEndpointWeightJson(fields: JsonFields, builder: ClusterBuilder): void {
  if (!fields.begin()) return;
  builder.beginWeight();
  while (fields.next(WEIGHT_FIELDS)) {
    if (fields.field == 1) builder.setWeight(count(fields));
    else if (fields.text()) builder.setWeightAddress(fields.reader.ptr, fields.reader.len);
  }
  if (!fields.reader.hasFailed) builder.endWeight();
}

/** Number + 1 of it, 0: there is none. */
export function decodeOutlierDetectionJson(fields: JsonFields, builder: PolicyBuilder): u32 {
  if (!fields.begin()) return 0;
  const outlier = builder.beginOutlier();
  while (fields.next(OUTLIER_FIELDS)) {
    if (fields.field == 0) outlier.consecutiveErrors = count(fields);
    else if (fields.field == 1) outlier.intervalMs = duration(fields);
    else if (fields.field == 2) outlier.baseEjectionMs = duration(fields);
    else if (fields.field == 3) outlier.maxEjectionMs = duration(fields);
    else if (fields.field == 4) outlier.maxEjectionPercent = count(fields);
    else if (fields.field == 5) outlier.panicPercent = count(fields);
    else if (fields.field == 6) outlier.stdevFactor = count(fields);
    else if (fields.field == 7) outlier.minimumHosts = count(fields);
    else if (fields.field == 8) outlier.requestVolume = count(fields);
    else outlier.countBusinessErrors = fields.boolean() == 1;
  }
  return fields.reader.hasFailed ? 0 : builder.endOutlier();
}
