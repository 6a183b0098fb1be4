// AssemblyScript: trace contexts, OTLP batches and log text as flat wasm exports.

import * as b3 from "../../assembly/telemetry/b3";
import { BoundedBuffer } from "../../assembly/telemetry/bounded-buffer";
import * as json from "../../assembly/telemetry/json-string";
import { LogBatch, Severity } from "../../assembly/telemetry/log-batch";
import * as text from "../../assembly/telemetry/number-text";
import { OtlpBatch } from "../../assembly/telemetry/otlp-batch";
import { SpanBatch, SpanKind, SpanStatus } from "../../assembly/telemetry/span-batch";
import * as w3c from "../../assembly/telemetry/trace-context";
import * as utf8 from "../../assembly/telemetry/utf8";
import { writeHex64 } from "../../assembly/telemetry/hex";
import { usedHeapBytes } from "./heap-usage";

export { usedHeapBytes };

export function allocate(size: u32): usize {
  return heap.alloc(size);
}

// ---- The trace context

const context = new w3c.TraceContext();
const copy = new w3c.TraceContext();

export function traceIdHigh(): u64 {
  return context.traceIdHigh;
}

export function traceIdLow(): u64 {
  return context.traceIdLow;
}

export function spanId(): u64 {
  return context.spanId;
}

export function sampling(): u32 {
  return context.sampling;
}

export function isRandom(): bool {
  return context.isTraceIdRandom;
}

export function isSampled(): bool {
  return context.isSampled;
}

export function hasIds(): bool {
  return context.hasIds;
}

export function setContext(high: u64, low: u64, span: u64, decision: u32, random: bool): void {
  copy.traceIdHigh = high;
  copy.traceIdLow = low;
  copy.spanId = span;
  copy.sampling = <w3c.Sampling>decision;
  copy.isTraceIdRandom = random;
  context.copyFrom(copy);
}

export function readTraceparent(ptr: usize, len: u32): bool {
  return w3c.readTraceparent(ptr, len, context);
}

export function writeTraceparent(out: usize): u32 {
  w3c.writeTraceparent(out, context);
  return w3c.TRACEPARENT_BYTES;
}

export function traceFlags(): u32 {
  return w3c.traceFlags(context);
}

export function tracestateBytes(ptr: usize, len: u32): u32 {
  return w3c.tracestateBytes(ptr, len);
}

export function readB3(ptr: usize, len: u32): bool {
  return b3.readB3(ptr, len, context);
}

export function writeB3(out: usize): u32 {
  return b3.writeB3(out, context);
}

export function maxB3Bytes(): u32 {
  return b3.MAX_B3_BYTES;
}

export function maxB3TraceIdBytes(): u32 {
  return b3.MAX_B3_TRACE_ID_BYTES;
}

export function clearContext(): void {
  context.clear();
}

export function readB3TraceId(ptr: usize, len: u32): bool {
  return b3.readB3TraceId(ptr, len, context);
}

export function readB3SpanId(ptr: usize, len: u32): bool {
  return b3.readB3SpanId(ptr, len, context);
}

export function readB3Sampled(ptr: usize, len: u32): bool {
  return b3.readB3Sampled(ptr, len, context);
}

export function readB3Flags(ptr: usize, len: u32): bool {
  return b3.readB3Flags(ptr, len, context);
}

export function completeB3(): bool {
  return b3.completeB3(context);
}

export function writeB3TraceId(out: usize): u32 {
  return b3.writeB3TraceId(out, context);
}

export function writeSpanId(out: usize): u32 {
  writeHex64(out, context.spanId);
  return 16;
}

export function b3SampledDigit(): u32 {
  return b3.b3SampledDigit(context.sampling);
}

// ---- Text in a buffer

let buffer = new BoundedBuffer(16, 1 << 20);

export function bufferReset(firstBytes: u32, maxBytes: u32): void {
  buffer = new BoundedBuffer(firstBytes, maxBytes);
}

export function bufferPtr(): usize {
  return buffer.ptr;
}

export function bufferLen(): u32 {
  return buffer.len;
}

export function bufferIsOverflown(): bool {
  return buffer.isOverflown;
}

export function bufferTruncate(len: u32): void {
  buffer.truncate(len);
}

export function appendBytes(ptr: usize, len: u32): void {
  buffer.append(ptr, len);
}

export function appendJsonString(ptr: usize, len: u32): void {
  json.appendJsonString(buffer, ptr, len);
}

export function appendUtf8(ptr: usize, len: u32): void {
  utf8.appendUtf8(buffer, ptr, len);
}

export function utf8Bytes(ptr: usize, len: u32): u32 {
  return utf8.utf8Bytes(ptr, len);
}

export function utf8Prefix(ptr: usize, len: u32, maxBytes: u32): u32 {
  return utf8.utf8Prefix(ptr, len, maxBytes);
}

export function appendDecimal(value: u64): void {
  text.appendDecimal(buffer, value);
}

export function appendSignedDecimal(value: i64): void {
  text.appendSignedDecimal(buffer, value);
}

export function appendHex64(value: u64): void {
  text.appendHex64(buffer, value);
}

export function appendTimestamp(unixNs: u64): void {
  text.appendTimestamp(buffer, unixNs);
}

// ---- OTLP: one batch at hand, of spans or of logs

let spans = new SpanBatch(1 << 20);
let logs = new LogBatch(1 << 20);
let batch: OtlpBatch = spans;

export function useSpans(maxBytes: u32): void {
  spans = new SpanBatch(maxBytes);
  batch = spans;
}

export function useLogs(maxBytes: u32): void {
  logs = new LogBatch(maxBytes);
  batch = logs;
}

export function batchPtr(): usize {
  return batch.buffer.ptr;
}

export function batchLen(): u32 {
  return batch.buffer.len;
}

export function batchCount(): u32 {
  return batch.count;
}

export function beginResource(): void {
  batch.beginResource();
}

export function endResource(name: usize, nameLen: u32, version: usize, versionLen: u32): bool {
  return batch.endResource(name, nameLen, version, versionLen);
}

export function stringAttribute(key: usize, keyLen: u32, value: usize, valueLen: u32): void {
  batch.stringAttribute(key, keyLen, value, valueLen);
}

export function intAttribute(key: usize, keyLen: u32, value: i64): void {
  batch.intAttribute(key, keyLen, value);
}

export function finish(): bool {
  return batch.finish();
}

export function clearBatch(): void {
  batch.clear();
}

export function spanBegin(high: u64, low: u64, span: u64, parent: u64): void {
  spans.begin(high, low, span, parent);
}

export function spanName(ptr: usize, len: u32): void {
  spans.name(ptr, len);
}

export function spanKind(kind: u32): void {
  spans.kind(<SpanKind>kind);
}

export function spanTimes(startNs: u64, endNs: u64): void {
  spans.times(startNs, endNs);
}

export function spanTraceState(flags: u32, ptr: usize, len: u32): void {
  spans.traceState(flags, ptr, len);
}

export function spanStatus(status: u32, ptr: usize, len: u32): void {
  spans.status(<SpanStatus>status, ptr, len);
}

export function spanEnd(): bool {
  return spans.end();
}

export function logBegin(timeNs: u64, observedNs: u64): void {
  logs.begin(timeNs, observedNs);
}

export function logSeverity(number: u32, ptr: usize, len: u32): void {
  logs.severity(<Severity>number, ptr, len);
}

export function logBody(ptr: usize, len: u32): void {
  logs.body(ptr, len);
}

export function logSpan(high: u64, low: u64, span: u64, flags: u32): void {
  logs.span(high, low, span, flags);
}

export function logEnd(): bool {
  return logs.end();
}
