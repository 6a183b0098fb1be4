// The span of a request that is over.
//
// Attributes: rpc.* as OpenTelemetry's conventions for RPC have them; the others are named as Envoy names its
// tags and fields of access logs.
// Source: https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/ (1.37); Envoy's source/common/tracing.
// Allocates: when its batch grows.

import { Slice } from "../../codec/message";
import { Call } from "../../filter/call";
import { ResponseFlag, flagText } from "../../filter/response-flag";
import { detailsOf, isFailure, statusOf } from "../../format/outcome";
import { SpanBatch, SpanStatus } from "../../telemetry/span-batch";
import { StaticText } from "../../wire/static-text";
import { TracingConfig } from "./config";
import { SpanRecord } from "./span-record";

const RPC_SYSTEM = new StaticText("rpc.system");
const RPC_SERVICE = new StaticText("rpc.service");
const RPC_METHOD = new StaticText("rpc.method");
const UPSTREAM_CLUSTER = new StaticText("upstream_cluster");
const UPSTREAM_ADDRESS = new StaticText("upstream_address");
const ROUTE_NAME = new StaticText("route_name");
const PEER_ADDRESS = new StaticText("peer.address");
const RESPONSE_FLAGS = new StaticText("response_flags");
const REQUEST_SIZE = new StaticText("request_size");
const RESPONSE_SIZE = new StaticText("response_size");
const NO_STATUS = new StaticText("");

const value: Slice = changetype<Slice>(heap.alloc(offsetof<Slice>()));

/** False: it does not fit into the batch. */
export function writeSpan(
  batch: SpanBatch,
  call: Call,
  tracing: TracingConfig,
  record: SpanRecord,
): bool {
  batch.begin(record.traceIdHigh, record.traceIdLow, record.spanId, record.parentSpanId);
  batch.traceState(record.flags, record.statePtr, record.stateLen);
  batch.kind(tracing.kind);
  batch.times(call.startNs, call.endNs);
  writeNames(batch, call, tracing, record);
  text(batch, PEER_ADDRESS, record.addressPtr, record.addressLen);
  slice(batch, ROUTE_NAME, call.routeName);
  slice(batch, UPSTREAM_CLUSTER, call.clusterName);
  if (call.upstreamAddress(value)) slice(batch, UPSTREAM_ADDRESS, value);
  const flag = flagText(call.flag);
  text(batch, RESPONSE_FLAGS, flag.ptr, flag.len);
  batch.intAttribute(REQUEST_SIZE.ptr, REQUEST_SIZE.len, call.requestBytes);
  batch.intAttribute(RESPONSE_SIZE.ptr, RESPONSE_SIZE.len, call.responseBytes);
  const tags = tracing.tags;
  if (tags !== null) tags.write(batch, call, record.capture);
  if (isFailure(call)) writeError(batch, call);
  return batch.end();
}

/** Of the span and of what was called: the protocol's, or at least which route it went. */
function writeNames(
  batch: SpanBatch,
  call: Call,
  tracing: TracingConfig,
  record: SpanRecord,
): void {
  const system = changetype<usize>(tracing.rpcSystem);
  const systemLen = <u32>tracing.rpcSystem.byteLength;
  if (record.nameLen > 0) batch.name(record.namePtr, record.nameLen);
  else if (call.routeName.len > 0) batch.name(call.routeName.ptr, call.routeName.len);
  else batch.name(system, systemLen);
  text(batch, RPC_SYSTEM, system, systemLen);
  text(batch, RPC_SERVICE, record.namePtr, record.serviceLen);
  text(batch, RPC_METHOD, record.methodPtr, record.methodLen);
}

/** Why the client got no result: what the proxy did, or what kind of error the server answered. */
function writeError(batch: SpanBatch, call: Call): void {
  let message = NO_STATUS;
  if (call.flag != ResponseFlag.None) {
    message = detailsOf(call);
  } else {
    const status = statusOf(call);
    if (status !== null) message = status;
  }
  batch.status(SpanStatus.Error, message.ptr, message.len);
}

function slice(batch: SpanBatch, key: StaticText, from: Slice): void {
  text(batch, key, from.ptr, from.len);
}

/** Left out when it is empty. */
function text(batch: SpanBatch, key: StaticText, ptr: usize, len: u32): void {
  if (len > 0) batch.stringAttribute(key.ptr, key.len, ptr, len);
}
