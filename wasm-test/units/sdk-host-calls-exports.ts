// AssemblyScript: the wrappers behind the exports of sdk-host-calls.ts. Each returns the status it got.

import {
  BufferType,
  LogLevel,
  MapType,
  MetricType,
  StreamType,
} from "../../assembly/proxy-wasm-as/abi/enums";
import * as buffers from "../../assembly/proxy-wasm-as/host/buffers";
import * as clock from "../../assembly/proxy-wasm-as/host/clock";
import * as foreign from "../../assembly/proxy-wasm-as/host/foreign-function";
import * as grpc from "../../assembly/proxy-wasm-as/host/grpc";
import { HeaderPairs, HeaderPairsReader } from "../../assembly/proxy-wasm-as/host/header-pairs";
import * as headers from "../../assembly/proxy-wasm-as/host/headers";
import * as httpCall from "../../assembly/proxy-wasm-as/host/http-call";
import * as response from "../../assembly/proxy-wasm-as/host/http-response";
import * as logging from "../../assembly/proxy-wasm-as/host/log";
import * as metrics from "../../assembly/proxy-wasm-as/host/metrics";
import * as properties from "../../assembly/proxy-wasm-as/host/properties";
import * as random from "../../assembly/proxy-wasm-as/host/random";
import * as data from "../../assembly/proxy-wasm-as/host/shared-data";
import * as queue from "../../assembly/proxy-wasm-as/host/shared-queue";
import * as stream from "../../assembly/proxy-wasm-as/host/stream";
import * as timer from "../../assembly/proxy-wasm-as/host/timer";
import * as arena from "../../assembly/proxy-wasm-as/memory/arena";
import * as hostBytes from "../../assembly/proxy-wasm-as/memory/host-bytes";
import { StaticBytes } from "../../assembly/proxy-wasm-as/memory/static-bytes";

const INPUT: usize = memory.data(65536, 8);
const OUTPUT: usize = memory.data(64, 8);
const reader = new HeaderPairsReader();
const metric = new metrics.Metric();
let readerPairs: string = "";

/** Where a test puts text and bytes for the next call. */
export function input(context: u32): usize {
  return INPUT;
}

/** Where a call leaves numbers: u64 at 0, u32 at 8. */
export function output(context: u32): usize {
  return OUTPUT;
}

export function bytesPtr(context: u32): usize {
  return hostBytes.bytesPtr;
}

export function bytesLen(context: u32): u32 {
  return hostBytes.bytesLen;
}

export function arenaMark(context: u32): usize {
  return arena.mark();
}

export function setArenaCeiling(context: u32, bytes: usize): void {
  arena.setArenaLimits(bytes, 1 << 20);
}

export function directNext(context: u32, ptr: usize, capacity: u32): void {
  arena.directNextAllocation(ptr, capacity);
}

function text(offset: usize, len: u32): string {
  return String.UTF8.decodeUnsafe(INPUT + offset, <usize>len);
}

function put(value: u64, extra: u32): void {
  store<u64>(OUTPUT, value);
  store<u32>(OUTPUT, extra, 8);
}

/** Text of the input split at newlines. */
function lines(len: u32): string[] {
  return len == 0 ? [] : text(0, len).split("\n");
}

// Buffers

export function getBuffer(context: u32, type: u32, start: u32, len: u32): u32 {
  return buffers.getBuffer(<BufferType>type, start, len);
}

export function getBufferSize(context: u32, type: u32): u32 {
  const status = buffers.getBufferSize(<BufferType>type);
  put(0, buffers.bufferSize);
  return status;
}

export function setBuffer(context: u32, type: u32, start: u32, len: u32, size: u32): u32 {
  return buffers.setBuffer(<BufferType>type, start, len, INPUT, size);
}

export function replaceBuffer(context: u32, type: u32, size: u32): u32 {
  return buffers.replaceBuffer(<BufferType>type, INPUT, size);
}

export function appendBuffer(context: u32, type: u32, size: u32): u32 {
  return buffers.appendBuffer(<BufferType>type, INPUT, size);
}

export function prependBuffer(context: u32, type: u32, size: u32): u32 {
  return buffers.prependBuffer(<BufferType>type, INPUT, size);
}

export function appendOutsideMemory(context: u32, type: u32): u32 {
  return buffers.appendBuffer(<BufferType>type, 0xfffffff0, 8);
}

// Streams

export function setEffectiveContext(context: u32, id: u32): u32 {
  return stream.setEffectiveContext(id);
}

export function continueStream(context: u32, type: u32): u32 {
  return stream.continueStream(<StreamType>type);
}

export function closeStream(context: u32, type: u32): u32 {
  return stream.closeStream(<StreamType>type);
}

export function done(context: u32): u32 {
  return stream.done();
}

// Properties: the path's segments are the lines of the input.

export function getProperty(context: u32, len: u32): u32 {
  return properties.getProperty(new properties.PropertyPath(lines(len)));
}

export function logPropertyString(context: u32, len: u32): void {
  const value = properties.getPropertyString(new properties.PropertyPath(lines(len)));
  logging.log(LogLevel.Info, value == null ? "null" : `"${value}"`);
}

export function getPropertyU64(context: u32, len: u32, fallback: u32): void {
  put(properties.getPropertyU64(new properties.PropertyPath(lines(len)), fallback), 0);
}

export function setProperty(context: u32, pathLen: u32, valueLen: u32): u32 {
  const path = new properties.PropertyPath(lines(pathLen));
  return properties.setProperty(path, INPUT + pathLen, valueLen);
}

// Headers: the name comes first in the input, then the value.

export function getHeader(context: u32, map: u32, nameLen: u32): u32 {
  return headers.getHeader(<MapType>map, new headers.HeaderName(text(0, nameLen)));
}

export function addHeader(context: u32, map: u32, nameLen: u32, valueLen: u32): u32 {
  const name = new headers.HeaderName(text(0, nameLen));
  return headers.addHeader(<MapType>map, name, INPUT + nameLen, valueLen);
}

export function replaceHeader(context: u32, map: u32, nameLen: u32, valueLen: u32): u32 {
  const name = new headers.HeaderName(text(0, nameLen));
  return headers.replaceHeader(<MapType>map, name, INPUT + nameLen, valueLen);
}

export function removeHeader(context: u32, map: u32, nameLen: u32): u32 {
  return headers.removeHeader(<MapType>map, new headers.HeaderName(text(0, nameLen)));
}

export function logHeaderText(context: u32, map: u32, nameLen: u32): void {
  const value = headers.getHeaderText(<MapType>map, text(0, nameLen));
  logging.log(LogLevel.Info, value == null ? "null" : `"${value}"`);
}

export function addHeaderText(context: u32, map: u32, nameLen: u32, valueLen: u32): u32 {
  return headers.addHeaderText(<MapType>map, text(0, nameLen), text(nameLen, valueLen));
}

export function replaceHeaderText(context: u32, map: u32, nameLen: u32, valueLen: u32): u32 {
  return headers.replaceHeaderText(<MapType>map, text(0, nameLen), text(nameLen, valueLen));
}

export function removeHeaderText(context: u32, map: u32, nameLen: u32): u32 {
  return headers.removeHeaderText(<MapType>map, text(0, nameLen));
}

export function getHeaderMapSize(context: u32, map: u32): u32 {
  const status = headers.getHeaderMapSize(<MapType>map);
  put(0, headers.headerMapSize);
  return status;
}

function logPairs(): void {
  readerPairs = "";
  while (reader.next()) {
    const name = String.UTF8.decodeUnsafe(reader.namePtr, reader.nameLen);
    const value = String.UTF8.decodeUnsafe(reader.valuePtr, reader.valueLen);
    readerPairs += `${name}=${value};`;
  }
  logging.log(LogLevel.Info, readerPairs);
}

export function logHeaderPairs(context: u32, map: u32): u32 {
  const status = headers.readHeaderPairs(<MapType>map, reader);
  logPairs();
  return status;
}

export function setHeaderPairs(context: u32, map: u32, len: u32): u32 {
  return headers.setHeaderPairs(<MapType>map, new HeaderPairs(lines(len)));
}

/** Walks over the input as if the host had written it; false when it is no map. */
export function logInputPairs(context: u32, len: u32): bool {
  const isMap = reader.start(INPUT, len);
  logPairs();
  return isMap;
}

// HTTP calls and responses: the lines of the input are header names and values.

export function sendHttpCall(context: u32, clusterLen: u32, headersLen: u32, bodyLen: u32): u32 {
  const cluster = text(0, clusterLen);
  const pairs = text(clusterLen, headersLen).split("\n");
  const body = text(clusterLen + headersLen, bodyLen);
  const status = new httpCall.HttpCallRequest(cluster, pairs, body).send(1000);
  put(0, httpCall.httpCallToken);
  return status;
}

export function sendLocalResponse(context: u32, statusCode: u32, bodyLen: u32): u32 {
  const body = text(0, bodyLen);
  return new response.LocalResponse(statusCode, "by_test", ["x-by", "sdk"], body).send();
}

export function getCallStatus(context: u32): u32 {
  const status = response.getCallStatus();
  put(0, response.callStatusCode);
  return status;
}

// gRPC: the first line is the cluster, then service and method; the message comes last.

export function grpcStream(context: u32, len: u32): u32 {
  const target = lines(len);
  const status = grpc.grpcStream(target[0], target[1], target[2]);
  put(0, grpc.grpcToken);
  return status;
}

export function grpcCall(context: u32, len: u32, messageLen: u32, timeoutMs: u32): u32 {
  const target = lines(len);
  const method = new grpc.GrpcMethod(target[0], target[1], target[2], ["x-meta", "1"]);
  const status = grpc.grpcCall(method, INPUT + len, messageLen, timeoutMs);
  put(0, grpc.grpcToken);
  return status;
}

export function grpcOpen(context: u32, len: u32): u32 {
  const target = lines(len);
  const method = new grpc.GrpcMethod(target[0], target[1], target[2], ["x-meta", "2"]);
  const status = method.openStream();
  put(0, grpc.grpcToken);
  return status;
}

export function grpcSend(context: u32, token: u32, len: u32, endOfStream: bool): u32 {
  return grpc.grpcSend(token, INPUT, len, endOfStream);
}

export function grpcClose(context: u32, token: u32): u32 {
  return grpc.grpcClose(token);
}

export function grpcCancel(context: u32, token: u32): u32 {
  return grpc.grpcCancel(token);
}

// Foreign functions

export function callForeign(context: u32, nameLen: u32, argsLen: u32): u32 {
  const name = new foreign.ForeignName(text(0, nameLen));
  return foreign.callForeignFunction(name, INPUT + nameLen, argsLen);
}

export function setFilterState(context: u32, keyLen: u32, valueLen: u32): u32 {
  return foreign.setEnvoyFilterState(INPUT, keyLen, INPUT + keyLen, valueLen);
}

// Shared data and queues

export function getSharedData(context: u32, keyLen: u32): u32 {
  const status = data.getSharedData(new StaticBytes(text(0, keyLen)));
  put(0, data.sharedDataCas);
  return status;
}

export function setSharedData(context: u32, keyLen: u32, valueLen: u32, cas: u32): u32 {
  return data.setSharedData(new StaticBytes(text(0, keyLen)), INPUT + keyLen, valueLen, cas);
}

export function registerQueue(context: u32, nameLen: u32): u32 {
  put(0, queue.registerSharedQueue(text(0, nameLen)));
  return queue.sharedQueueStatus;
}

export function resolveQueue(context: u32, vmIdLen: u32, nameLen: u32): u32 {
  put(0, queue.resolveSharedQueue(text(0, vmIdLen), text(vmIdLen, nameLen)));
  return queue.sharedQueueStatus;
}

export function enqueue(context: u32, token: u32, len: u32): u32 {
  return queue.enqueueSharedQueue(token, INPUT, len);
}

export function dequeue(context: u32, token: u32): u32 {
  return queue.dequeueSharedQueue(token);
}

// Metrics: one, defined anew by each defineMetric.

export function defineMetric(context: u32, type: u32, nameLen: u32): u32 {
  return metric.define(<MetricType>type, text(0, nameLen));
}

export function incrementMetric(context: u32, delta: i32): u32 {
  return metric.increment(delta);
}

export function recordMetric(context: u32, value: u32): u32 {
  return metric.record(value);
}

export function getMetric(context: u32): u32 {
  const status = metric.get();
  put(metrics.metricValue, 0);
  return status;
}

// Clock, timer, randomness, log

export function now(context: u32): void {
  put(clock.nowNanoseconds(), 0);
}

export function monotonicNow(context: u32): void {
  put(clock.monotonicNanoseconds(), 0);
}

export function setTickPeriod(context: u32, periodMs: u32): u32 {
  return timer.setTickPeriod(periodMs);
}

export function fillRandom(context: u32, len: u32): u32 {
  return random.fillRandom(INPUT, len);
}

export function fillRandomOutside(context: u32): u32 {
  return random.fillRandom(0xfffffff0, 8);
}

export function randomU64(context: u32): void {
  put(random.randomU64(), 0);
}

export function logText(context: u32, level: u32, len: u32): u32 {
  return logging.log(<LogLevel>level, text(0, len));
}

export function logBytes(context: u32, level: u32, len: u32): u32 {
  return logging.logBytes(<LogLevel>level, INPUT, len);
}

export function logEnabled(context: u32, level: u32): bool {
  return logging.logEnabled(<LogLevel>level);
}

// Traps

/** Reads an element that no array has: the AssemblyScript runtime aborts. */
export function indexOutOfRange(context: u32, index: i32): u32 {
  return lines(0)[index].length;
}
