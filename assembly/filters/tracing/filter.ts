// `metaproto.filters.tracing`: a span for each request of a trace that is recorded, and its context for the server.
//
// A request that comes with a context belongs to that trace, which says whether it is recorded. For any other a
// trace begins here, of which `per_million` decides; what was decided goes on to the server in either case, so
// that nobody behind decides anew. A trace that came and is not recorded passes untouched.
//
// Host calls: none for a request; the address of a connection, once; two for each batch of spans.
// Allocates: one record of the memory budget for a request whose span is recorded.
// Next: filters/tracing/propagation.ts

import { Call } from "../../filter/call";
import { Filter, FilterConfig, FilterStatus } from "../../filter/filter";
import { filterHost } from "../../filter/filter-host";
import { FilterSetup } from "../../filter/filter-setup";
import { releaseCapture } from "../../format/format";
import { MAX_BATCH_BYTES } from "../../otlp-export/otlp-exporter";
import { OtlpExporters } from "../../otlp-export/otlp-exporters";
import { OtlpBatch } from "../../telemetry/otlp-batch";
import { SpanBatch } from "../../telemetry/span-batch";
import { Sampling, TraceContext, traceFlags } from "../../telemetry/trace-context";
import { ConfigReader, TracingConfig } from "./config";
import { ContextForm, readContext, resolveContextAttributes, writeContext } from "./propagation";
import { SpanRecord, freeRecord, keepRecord, resolveNames } from "./span-record";
import { writeSpan } from "./span-writer";

const MILLION: u64 = 1_000_000;

class SpanExporters extends OtlpExporters {
  constructor() {
    super("opentelemetry.proto.collector.trace.v1.TraceService", "tracing");
  }

  override createBatch(): OtlpBatch {
    return new SpanBatch(MAX_BATCH_BYTES);
  }
}

/** At `call.slot`: the address of the request's SpanRecord, or 0. */
export class TracingFilter extends Filter {
  private readonly exporters: SpanExporters = new SpanExporters();
  private readonly context: TraceContext = new TraceContext();

  constructor() {
    super("metaproto.filters.tracing");
  }

  override configure(ptr: usize, len: u32, setup: FilterSetup): FilterConfig | null {
    const reader = new ConfigReader(setup);
    const config = reader.read(ptr, len);
    if (config === null) return null;
    const exporter = this.exporters.obtain(reader.output, setup);
    if (exporter === null) return null;
    config.exporter = exporter;
    config.generation = exporter.generation;
    resolveContextAttributes(setup.codec);
    resolveNames(setup.codec);
    return config;
  }

  override onRequest(call: Call, config: FilterConfig): FilterStatus {
    const tracing = changetype<TracingConfig>(config);
    const context = this.context;
    const form = readContext(call, context);
    const isDecided = context.sampling != Sampling.Deferred;
    if (isDecided && !context.isSampled) {
      if (context.hasIds) tell(call, context);
      return FilterStatus.Continue;
    }
    if (!isDecided) {
      context.sampling = isChosen(tracing.perMillion) ? Sampling.Sampled : Sampling.Dropped;
    }
    const parentSpanId = context.spanId;
    if (!context.hasIds) {
      context.traceIdHigh = randomId();
      context.traceIdLow = randomId();
    }
    context.spanId = randomId();
    tell(call, context);
    writeContext(call, context, parentSpanId, form, tracing.isB3);
    if (context.isSampled) this.record(call, tracing, parentSpanId, form);
    return FilterStatus.Continue;
  }

  private record(call: Call, tracing: TracingConfig, parentSpanId: u64, form: ContextForm): void {
    const record = keepRecord(call, this.context, parentSpanId, form);
    if (record === null) {
      tracing.exporter!.loseRecord();
      return;
    }
    const tags = tracing.tags;
    if (tags !== null) record.capture = tags.capture(call);
    store<u64>(call.slot, <u64>changetype<usize>(record));
  }

  override onEnd(call: Call, config: FilterConfig): void {
    const address = <usize>load<u64>(call.slot);
    if (address == 0) return;
    store<u64>(call.slot, 0);
    const record = changetype<SpanRecord>(address);
    call.traceIdHigh = record.traceIdHigh;
    call.traceIdLow = record.traceIdLow;
    call.spanId = record.spanId;
    call.traceFlags = record.flags;
    const tracing = changetype<TracingConfig>(config);
    const exporter = tracing.exporter!;
    if (exporter.beginRecord(tracing.generation)) {
      const batch = changetype<SpanBatch>(exporter.batch);
      exporter.endRecord(writeSpan(batch, call, tracing, record));
    }
    releaseCapture(record.capture);
    freeRecord(record);
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

/** For filters behind this one, such as the access log. */
function tell(call: Call, context: TraceContext): void {
  call.traceIdHigh = context.traceIdHigh;
  call.traceIdLow = context.traceIdLow;
  call.spanId = context.spanId;
  call.traceFlags = traceFlags(context);
}

function isChosen(perMillion: u32): bool {
  return <u32>((<u64>filterHost().random() * MILLION) >> 32) < perMillion;
}

/** Never 0, which stands for no id. */
function randomId(): u64 {
  const host = filterHost();
  const id = ((<u64>host.random()) << 32) | (<u64>host.random());
  return id == 0 ? 1 : id;
}
