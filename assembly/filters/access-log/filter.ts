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
import { Format, NO_CAPTURE, releaseCapture } from "../../format/format";
import { isFailure } from "../../format/outcome";
import { BufferType, LogLevel, Status } from "../../proxy-wasm-as/abi/enums";
import { getBuffer } from "../../proxy-wasm-as/host/buffers";
import { logBytes, logEnabled } from "../../proxy-wasm-as/host/log";
import { bytesLen, bytesPtr } from "../../proxy-wasm-as/memory/host-bytes";
import { canHeapAllocate } from "../../proxy-wasm-as/memory/heap-limit";
import { BoundedBuffer } from "../../telemetry/bounded-buffer";
import { Severity } from "../../telemetry/log-batch";
import { StaticText } from "../../wire/static-text";
import { AccessLogConfig, ConfigReader } from "./config";
import { counts } from "./counts";
import { rejectedRecords } from "./export-response";
import { LogExporter, OtlpOutput } from "./log-exporter";

/** Of one line; a longer one lacks its end, and in JSON it is dropped. */
const MAX_LINE_BYTES: u32 = 64 * 1024;
/** Collectors, with different resources or intervals counted as different ones. */
const MAX_COLLECTORS: i32 = 16;
/** After so long without a record a collector's place is another's. */
const COLLECTOR_IDLE_MS: u64 = 60_000;

// What is at a request's slot besides captures: 0, when the filter has not seen the request.
const SEEN: u64 = 2;
const NOT_SAMPLED: u64 = 1;
const FIRST_CAPTURE: u64 = 16;

const INFO = new StaticText("INFO");
const ERROR = new StaticText("ERROR");

export class AccessLogFilter extends Filter {
  private readonly line: BoundedBuffer = new BoundedBuffer(MAX_LINE_BYTES, MAX_LINE_BYTES);
  private readonly exporters: Array<LogExporter> = new Array<LogExporter>();

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
    const exporter = this.exporter(otlp, setup);
    if (exporter === null) return null;
    config.exporter = exporter;
    config.generation = exporter.generation;
    return config;
  }

  /** Records outlive the route table that they were written by: an exporter serves all tables. */
  private exporter(output: OtlpOutput, setup: FilterSetup): LogExporter | null {
    const key =
      output.cluster + "\0" + output.flushNs.toString() + "\0" + output.resource.join("\0");
    const exporters = this.exporters;
    for (let i = 0; i < exporters.length; i++) {
      if (exporters[i].key == key) return exporters[i];
    }
    let exporter: LogExporter | null = null;
    for (let i = 0; i < exporters.length && exporter === null; i++) {
      if (exporters[i].isIdle(COLLECTOR_IDLE_MS)) exporter = exporters[i];
    }
    if (exporter === null) {
      if (exporters.length == MAX_COLLECTORS) {
        setup.fault("otlp", "more than " + MAX_COLLECTORS.toString() + " collectors are in use");
        return null;
      }
      exporter = new LogExporter();
      exporters.push(exporter);
    }
    if (exporter.serve(output, key)) return exporter;
    setup.fault("otlp.resourceAttributes", "too large");
    return null;
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
    if (this.passes(log, call)) this.write(log, call, capture);
    releaseCapture(capture);
    store<u64>(call.slot, NOT_SAMPLED);
  }

  private passes(log: AccessLogConfig, call: Call): bool {
    if (log.errorsOnly && !isFailure(call)) return false;
    return call.endNs - call.startNs >= log.minDurationNs;
  }

  private write(log: AccessLogConfig, call: Call, capture: usize): void {
    const format = log.format!;
    const exporter = log.exporter;
    counts.write();
    if (!this.hasLine()) counts.drop(1);
    else if (exporter === null) this.writeLine(log, format, call, capture);
    else if (exporter.generation != log.generation || !exporter.hasRoom) counts.drop(1);
    else this.writeRecord(log, exporter, call, capture);
  }

  /** All that a line will ever need, taken with the first one: growing must not fail later. */
  private hasLine(): bool {
    const line = this.line;
    line.truncate(0);
    if (line.ptr != 0) return true;
    return canHeapAllocate(MAX_LINE_BYTES) && line.reserve(MAX_LINE_BYTES) != 0;
  }

  private writeLine(log: AccessLogConfig, format: Format, call: Call, capture: usize): void {
    if (!logEnabled(LogLevel.Info)) return;
    const line = this.line;
    format.write(call, capture, line);
    if (log.isJson && line.isOverflown) counts.drop(1);
    else logBytes(LogLevel.Info, line.ptr, line.len);
  }

  private writeRecord(
    log: AccessLogConfig,
    exporter: LogExporter,
    call: Call,
    capture: usize,
  ): void {
    const batch = exporter.batch;
    const isError = isFailure(call);
    batch.begin(call.startNs, call.endNs);
    if (isError) batch.severity(Severity.Error, ERROR.ptr, ERROR.len);
    else batch.severity(Severity.Info, INFO.ptr, INFO.len);
    if (log.keys.length > 0) {
      this.writeAttributes(log, exporter, call, capture);
    } else {
      const line = this.line;
      log.format!.write(call, capture, line);
      batch.body(line.ptr, line.len);
    }
    exporter.onRecord(batch.end());
  }

  private writeAttributes(
    log: AccessLogConfig,
    exporter: LogExporter,
    call: Call,
    capture: usize,
  ): void {
    const batch = exporter.batch;
    const format = log.format!;
    const line = this.line;
    format.begin(capture);
    let from = 0;
    for (let i = 0; i < log.keys.length; i++) {
      const to = unchecked(log.ends[i]);
      const key = unchecked(log.keys[i]);
      const keyPtr = changetype<usize>(key);
      const keyLen = <u32>key.byteLength;
      if (format.isNumber(from, to)) {
        batch.intAttribute(keyPtr, keyLen, format.readNumber(from, call));
      } else {
        line.truncate(0);
        const isPresent = format.writePart(from, to, call, line);
        if (isPresent || !format.isSingle(from, to)) {
          batch.stringAttribute(keyPtr, keyLen, line.ptr, line.len);
        }
      }
      from = to;
    }
  }

  override onTick(nowMs: u64): void {
    const exporters = this.exporters;
    for (let i = 0; i < exporters.length; i++) unchecked(exporters[i]).onTick(nowMs);
  }

  override onGrpcReceive(token: u32, size: u32): bool {
    const exporter = this.exporterOf(token);
    if (exporter === null) return false;
    const isRead = getBuffer(BufferType.GrpcCallMessage, 0, size) == Status.Ok;
    exporter.endPartly(isRead ? rejectedRecords(bytesPtr, bytesLen) : 0);
    return true;
  }

  override onGrpcClose(token: u32, status: u32): bool {
    const exporter = this.exporterOf(token);
    if (exporter === null) return false;
    exporter.end(status == 0);
    return true;
  }

  private exporterOf(token: u32): LogExporter | null {
    const exporters = this.exporters;
    for (let i = 0; i < exporters.length; i++) {
      if (unchecked(exporters[i]).isWaitingFor(token)) return exporters[i];
    }
    return null;
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
