// Records (spans, log records) on their way to one collector, in batches.
//
// A record is encoded when it comes, and sent on a tick: when the oldest has waited for the flush interval, or
// half of the room is used. While a batch is on its way the next one fills; what does not fit is dropped. A
// batch that the collector did not take is not sent again.
//
// Host calls: two for each batch, none for a record.
// Allocates: at configuration, and when the batch grows, up to MAX_BATCH_BYTES.
// Spec: https://opentelemetry.io/docs/specs/otlp/ (1.x), "OTLP/gRPC"

import { Counter } from "../filter/counter";
import { filterHost } from "../filter/filter-host";
import { Status } from "../proxy-wasm-as/abi/enums";
import { GrpcMethod, grpcToken } from "../proxy-wasm-as/host/grpc";
import { setEffectiveContext } from "../proxy-wasm-as/host/stream";
import { canHeapAllocate } from "../proxy-wasm-as/memory/heap-limit";
import { OtlpBatch } from "../telemetry/otlp-batch";
import { StaticText } from "../wire/static-text";
import { OtlpOutput } from "./otlp-output";

/** Of the records that wait for one collector, encoded. Collectors take 4 MiB unless told otherwise. */
export const MAX_BATCH_BYTES: u32 = 1 << 20;
/** What writing one record takes at most besides the room in its batch. */
const SPARE_BYTES: u32 = 256 * 1024;
const CALL_TIMEOUT_MS: u32 = 5_000;
/** After so long without an end that the host tells, a call is given up. */
const LOST_CALL_MS: u64 = 10_000;
const NO_TOKEN: u32 = 0;
const NS_PER_MS: i64 = 1_000_000;

const SCOPE = new StaticText("metaproto");

/** What became of the records of all exporters of a kind. */
export class ExportCounters {
  constructor(
    /** All of them. */
    readonly written: Counter,
    /** Those of them that found no room, or that the collector did not take. */
    readonly dropped: Counter,
    /** Calls that the collector did not answer with success. */
    readonly failed: Counter,
  ) {}
}

export class OtlpExporter {
  /** Of the output that it serves. */
  key: string = "";
  /** Another one for each output that it has served. */
  generation: u32 = 0;
  private method: GrpcMethod | null = null;
  private flushMs: u64 = 0;
  /** When the oldest record that waits came; 0: none waits. */
  private oldestMs: u64 = 0;
  private lastUseMs: u64 = 0;
  /** Of the call that is under way. */
  private token: u32 = NO_TOKEN;
  private sentMs: u64 = 0;
  private sentRecords: u32 = 0;

  constructor(
    /** Whose bound is MAX_BATCH_BYTES. */
    readonly batch: OtlpBatch,
    private readonly counters: ExportCounters,
  ) {}

  /** `service`: of the collector, the full name. False: the resource does not fit. */
  serve(output: OtlpOutput, service: string): bool {
    this.key = output.key;
    this.generation++;
    this.flushMs = <u64>(output.flushNs / NS_PER_MS);
    this.lastUseMs = 0;
    // eslint-disable-next-line no-restricted-syntax -- at configuration
    this.method = new GrpcMethod(output.cluster, service, "Export");
    const batch = this.batch;
    batch.beginResource();
    for (let i = 0; i + 1 < output.resource.length; i += 2) {
      const key = String.UTF8.encode(output.resource[i]);
      const value = String.UTF8.encode(output.resource[i + 1]);
      batch.stringAttribute(
        changetype<usize>(key),
        <u32>key.byteLength,
        changetype<usize>(value),
        <u32>value.byteLength,
      );
    }
    return batch.endResource(SCOPE.ptr, SCOPE.len, 0, 0);
  }

  /** It may serve another output: nothing waits or is on its way, and nothing came for `idleMs`. */
  isIdle(idleMs: u64): bool {
    const isEmpty = this.oldestMs == 0 && this.token == NO_TOKEN;
    // Before the first tick nobody knows how long that is.
    return isEmpty && this.lastUseMs > 0 && filterHost().nowMs - this.lastUseMs >= idleMs;
  }

  /**
   * Before a record is written to `batch`, for an output that the exporter served when its `generation` was this.
   * False: there is no room for it.
   */
  beginRecord(generation: u32): bool {
    if (generation == this.generation && canHeapAllocate(MAX_BATCH_BYTES + SPARE_BYTES)) {
      this.counters.written.value++;
      return true;
    }
    this.loseRecord();
    return false;
  }

  /** Instead of `beginRecord`: what it needs is not there. */
  loseRecord(): void {
    this.counters.written.value++;
    this.counters.dropped.value++;
  }

  /** After `beginRecord` was true; `isWritten`: what the batch said at its end. */
  endRecord(isWritten: bool): void {
    if (!isWritten) {
      this.counters.dropped.value++;
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
      this.onFailure();
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
    this.sentRecords = batch.count;
    this.sentMs = nowMs;
    setEffectiveContext(filterHost().pluginContextId);
    const status = method.call(batch.buffer.ptr, batch.buffer.len, CALL_TIMEOUT_MS);
    if (status == Status.Ok) this.token = grpcToken;
    else this.onFailure();
    batch.clear();
  }

  isWaitingFor(token: u32): bool {
    return this.token != NO_TOKEN && this.token == token;
  }

  /** The collector has taken the batch but for so many records. */
  onSuccess(rejected: u64): void {
    this.token = NO_TOKEN;
    this.counters.dropped.value += rejected < this.sentRecords ? rejected : this.sentRecords;
  }

  /** The collector has not taken the batch. */
  onFailure(): void {
    this.token = NO_TOKEN;
    this.counters.failed.value++;
    this.counters.dropped.value += this.sentRecords;
  }
}
