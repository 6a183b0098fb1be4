// Records on their way to a collector, in batches.
//
// Records are encoded when they come and sent on a tick: when the oldest has waited for the flush interval, or
// half of the room is used. While a batch is on its way the next one fills; what does not fit is dropped. A
// batch that the collector did not take is not sent again.
//
// Host calls: one for each batch, none for a record.
// Allocates: at configuration, and when the batch grows, up to MAX_BATCH_BYTES.
// Source: opentelemetry/proto/collector/logs/v1/logs_service.proto

import { Status } from "../../proxy-wasm-as/abi/enums";
import { GrpcMethod, grpcToken } from "../../proxy-wasm-as/host/grpc";
import { setEffectiveContext } from "../../proxy-wasm-as/host/stream";
import { canHeapAllocate } from "../../proxy-wasm-as/memory/heap-limit";
import { filterHost } from "../../filter/filter-host";
import { LogBatch } from "../../telemetry/log-batch";
import { StaticText } from "../../wire/static-text";
import { counts } from "./counts";

/** Of encoded records that wait for one collector. */
const MAX_BATCH_BYTES: u32 = 1 << 20;
const CALL_TIMEOUT_MS: u32 = 5_000;
/** After so long without any answer of the host the call is given up. */
const LOST_CALL_MS: u64 = 10_000;
const NO_TOKEN: u32 = 0;
const NS_PER_MS: u64 = 1_000_000;
const DEFAULT_FLUSH_NS: u64 = 1_000_000_000;

const SCOPE = new StaticText("metaproto");

/** Where records go, as a configuration says it. */
export class OtlpOutput {
  cluster: string = "";
  flushNs: u64 = DEFAULT_FLUSH_NS;
  /** Keys and values in turn. */
  readonly resource: Array<string> = new Array<string>();
}

export class LogExporter {
  readonly batch: LogBatch = new LogBatch(MAX_BATCH_BYTES);
  /** Which output it serves; another one when it is reused. */
  key: string = "";
  /** Differs between outputs that it has served. */
  generation: u32 = 0;
  private method: GrpcMethod | null = null;
  private flushMs: u64 = 0;
  /** Of the oldest record that waits; 0: there is none. */
  private oldestMs: u64 = 0;
  /** 0: before the first tick, when there is no time yet. */
  private lastUseMs: u64 = 0;
  /** Of the call that is under way. */
  private token: u32 = NO_TOKEN;
  private sentMs: u64 = 0;
  private sentRecords: u32 = 0;

  /** False: the resource does not fit. */
  serve(output: OtlpOutput, key: string): bool {
    this.key = key;
    this.generation++;
    this.flushMs = output.flushNs / NS_PER_MS;
    this.lastUseMs = filterHost().nowMs;
    const service = "opentelemetry.proto.collector.logs.v1.LogsService";
    this.method = new GrpcMethod(output.cluster, service, "Export");
    const batch = this.batch;
    batch.beginResource();
    const resource = output.resource;
    for (let i = 0; i + 1 < resource.length; i += 2) {
      const name = String.UTF8.encode(resource[i]);
      const value = String.UTF8.encode(resource[i + 1]);
      batch.stringAttribute(
        changetype<usize>(name),
        <u32>name.byteLength,
        changetype<usize>(value),
        <u32>value.byteLength,
      );
    }
    return batch.endResource(SCOPE.ptr, SCOPE.len, 0, 0);
  }

  /** Nothing waits in it or is on its way: it may serve another output after `idleMs`. */
  isIdle(idleMs: u64): bool {
    const isEmpty = this.oldestMs == 0 && this.token == NO_TOKEN;
    return isEmpty && this.lastUseMs != 0 && filterHost().nowMs - this.lastUseMs >= idleMs;
  }

  /** Whether memory is left for the record that is about to be written to `batch`. */
  get hasRoom(): bool {
    return canHeapAllocate(MAX_BATCH_BYTES);
  }

  /** After each record. */
  onRecord(isWritten: bool): void {
    if (!isWritten) {
      counts.drop(1);
      return;
    }
    const now = filterHost().nowMs;
    this.lastUseMs = now;
    if (this.oldestMs == 0) this.oldestMs = now;
  }

  onTick(nowMs: u64): void {
    if (this.lastUseMs == 0) this.lastUseMs = nowMs;
    if (this.token != NO_TOKEN) {
      if (nowMs - this.sentMs < LOST_CALL_MS) return;
      this.end(false);
    }
    if (this.oldestMs == 0) return;
    const isDue = nowMs - this.oldestMs >= this.flushMs;
    if (isDue || this.batch.buffer.len >= MAX_BATCH_BYTES / 2) this.send(nowMs);
  }

  private send(nowMs: u64): void {
    const method = this.method;
    const batch = this.batch;
    this.oldestMs = 0;
    if (method === null || !batch.finish()) return;
    setEffectiveContext(filterHost().pluginContextId);
    const status = method.call(batch.buffer.ptr, batch.buffer.len, CALL_TIMEOUT_MS);
    if (status == Status.Ok) {
      this.token = grpcToken;
      this.sentMs = nowMs;
      this.sentRecords = batch.count;
    } else {
      counts.drop(batch.count);
    }
    batch.clear();
  }

  isWaitingFor(token: u32): bool {
    return this.token != NO_TOKEN && this.token == token;
  }

  /** The call is over. */
  end(isTaken: bool): void {
    this.token = NO_TOKEN;
    if (!isTaken) counts.drop(this.sentRecords);
    this.sentRecords = 0;
  }

  /** The collector has taken the batch but for so many records. */
  endPartly(rejected: u64): void {
    counts.drop(rejected < this.sentRecords ? <u32>rejected : this.sentRecords);
    this.end(true);
  }
}
