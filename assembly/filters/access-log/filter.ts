// `metaproto.filters.access_log`: a line for each request, whatever became of it.
//
// Host calls: one for each line; for the addresses of a connection one each, when they are first asked for;
// none for a record of OTLP.
// Allocates: one capture of the memory budget for a request whose line has attributes.
// Next: filters/access-log/config.ts

import { Call } from "../../filter/call";
import { Filter, FilterConfig, FilterStatus } from "../../filter/filter";
import { filterHost } from "../../filter/filter-host";
import { FilterSetup } from "../../filter/filter-setup";
import { NO_CAPTURE, recallTrace, releaseCapture } from "../../format/format";
import { isFailure } from "../../format/outcome";
import { MAX_BATCH_BYTES, OtlpExporter } from "../../otlp-export/otlp-exporter";
import { OtlpExporters } from "../../otlp-export/otlp-exporters";
import { LogLevel } from "../../proxy-wasm-as/abi/enums";
import { logBytes, logEnabled } from "../../proxy-wasm-as/host/log";
import { canHeapAllocate } from "../../proxy-wasm-as/memory/heap-limit";
import { BoundedBuffer } from "../../telemetry/bounded-buffer";
import { LogBatch, Severity } from "../../telemetry/log-batch";
import { OtlpBatch } from "../../telemetry/otlp-batch";
import { StaticText } from "../../wire/static-text";
import { AccessLogConfig, ConfigReader } from "./config";
import { counts } from "./counts";

/** Of one line; a longer one lacks its end, and in JSON it is dropped. */
const MAX_LINE_BYTES: u32 = 64 * 1024;

// What is at a request's slot besides captures: 0, when the filter has not seen the request.
const SEEN: u64 = 2;
const NOT_SAMPLED: u64 = 1;
const FIRST_CAPTURE: u64 = 16;

const INFO = new StaticText("INFO");
const ERROR = new StaticText("ERROR");

class LogExporters extends OtlpExporters {
  constructor() {
    super("opentelemetry.proto.collector.logs.v1.LogsService", "access_log");
  }

  override createBatch(): OtlpBatch {
    return new LogBatch(MAX_BATCH_BYTES);
  }
}

export class AccessLogFilter extends Filter {
  private readonly line: BoundedBuffer = new BoundedBuffer(MAX_LINE_BYTES, MAX_LINE_BYTES);
  private readonly exporters: LogExporters = new LogExporters();

  constructor() {
    super("metaproto.filters.access_log");
  }

  override configure(ptr: usize, len: u32, setup: FilterSetup): FilterConfig | null {
    const reader = new ConfigReader(setup);
    const config = reader.read(ptr, len);
    if (config === null) return null;
    counts.define();
    const otlp = reader.otlp;
    if (otlp === null) return config;
    setup.enter("otlp", -1);
    const exporter = this.exporters.obtain(otlp, setup);
    setup.leave();
    if (exporter === null) return null;
    config.exporter = exporter;
    config.generation = exporter.generation;
    return config;
  }

  override onRequest(call: Call, config: FilterConfig): FilterStatus {
    const log = changetype<AccessLogConfig>(config);
    if (!isSampled(log)) {
      store<u64>(call.slot, NOT_SAMPLED);
      return FilterStatus.Continue;
    }
    const capture = isWanted(log) ? log.format!.capture(call) : NO_CAPTURE;
    store<u64>(call.slot, capture == NO_CAPTURE ? SEEN : <u64>capture);
    return FilterStatus.Continue;
  }

  override onEnd(call: Call, config: FilterConfig): void {
    const log = changetype<AccessLogConfig>(config);
    const slot = load<u64>(call.slot);
    if (slot == NOT_SAMPLED || (slot == 0 && !isSampled(log))) return;
    const capture = slot < FIRST_CAPTURE ? NO_CAPTURE : <usize>slot;
    if (this.passes(log, call)) {
      recallTrace(call, capture);
      this.write(log, call, capture);
    }
    releaseCapture(capture);
    store<u64>(call.slot, NOT_SAMPLED);
  }

  private passes(log: AccessLogConfig, call: Call): bool {
    if (log.errorsOnly && !isFailure(call)) return false;
    return call.endNs - call.startNs >= log.minDurationNs;
  }

  private write(log: AccessLogConfig, call: Call, capture: usize): void {
    const exporter = log.exporter;
    const hasLine = this.hasLine();
    if (exporter !== null) {
      if (!hasLine) exporter.loseRecord();
      else if (exporter.beginRecord(log.generation)) this.writeRecord(log, exporter, call, capture);
      return;
    }
    counts.write();
    if (hasLine) this.writeLine(log, call, capture);
    else counts.drop();
  }

  /** All that a line will ever need, taken with the first one: growing must not fail later. */
  private hasLine(): bool {
    const line = this.line;
    line.truncate(0);
    if (line.ptr != 0) return true;
    return canHeapAllocate(MAX_LINE_BYTES) && line.reserve(MAX_LINE_BYTES) != 0;
  }

  private writeLine(log: AccessLogConfig, call: Call, capture: usize): void {
    if (!logEnabled(LogLevel.Info)) return;
    const line = this.line;
    log.format!.write(call, capture, line);
    if (log.isJson && line.isOverflown) counts.drop();
    else logBytes(LogLevel.Info, line.ptr, line.len);
  }

  private writeRecord(
    log: AccessLogConfig,
    exporter: OtlpExporter,
    call: Call,
    capture: usize,
  ): void {
    const batch = changetype<LogBatch>(exporter.batch);
    const isError = isFailure(call);
    batch.begin(call.startNs, call.endNs);
    if (call.spanId != 0) {
      batch.span(call.traceIdHigh, call.traceIdLow, call.spanId, call.traceFlags);
    }
    if (isError) batch.severity(Severity.Error, ERROR.ptr, ERROR.len);
    else batch.severity(Severity.Info, INFO.ptr, INFO.len);
    const attributes = log.attributes;
    if (attributes !== null) {
      attributes.write(batch, call, capture);
    } else {
      const line = this.line;
      log.format!.write(call, capture, line);
      batch.body(line.ptr, line.len);
    }
    exporter.endRecord(batch.end());
  }

  override onTick(nowMs: u64): void {
    this.exporters.onTick(nowMs);
  }

  override onGrpcReceive(token: u32, size: u32): bool {
    return this.exporters.onGrpcReceive(token, size);
  }

  override onGrpcClose(token: u32, status: u32): bool {
    return this.exporters.onGrpcClose(token);
  }
}

function isSampled(log: AccessLogConfig): bool {
  if (log.perMillion == 1_000_000) return true;
  return <u32>((<u64>filterHost().random() * 1_000_000) >> 32) < log.perMillion;
}

/** Somebody reads what is written. */
function isWanted(log: AccessLogConfig): bool {
  return log.exporter !== null || logEnabled(LogLevel.Info);
}
