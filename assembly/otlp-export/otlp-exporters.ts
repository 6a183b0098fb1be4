// The collectors that a filter sends to. An exporter outlives the configuration that asked for it: equal outputs
// of all route tables share one, and records that wait when routes change are sent all the same.
// Allocates: at configuration.

import { counterOf } from "../filter/counter";
import { FilterSetup } from "../filter/filter-setup";
import { BufferType, Status } from "../proxy-wasm-as/abi/enums";
import { getBuffer } from "../proxy-wasm-as/host/buffers";
import { bytesLen, bytesPtr } from "../proxy-wasm-as/memory/host-bytes";
import { OtlpBatch } from "../telemetry/otlp-batch";
import { rejectedRecords } from "./export-response";
import { ExportCounters, OtlpExporter } from "./otlp-exporter";
import { OtlpOutput } from "./otlp-output";

/** Collectors of a filter; with another resource or flush interval one counts as another. */
const MAX_COLLECTORS: i32 = 16;
/** After so long without a record a collector's place is another's. */
const COLLECTOR_IDLE_MS: u64 = 60_000;

export abstract class OtlpExporters {
  private readonly list: Array<OtlpExporter> = new Array<OtlpExporter>();
  private counters: ExportCounters | null = null;

  constructor(
    /** Of the collector, the full name. */
    private readonly service: string,
    /** Of the counters `<prefix>_written`, `<prefix>_dropped` and `<prefix>_export_failed`. */
    private readonly prefix: string,
  ) {}

  /** Empty, with MAX_BATCH_BYTES. */
  abstract createBatch(): OtlpBatch;

  /** For `Filter.configure`. Null: there was a fault, and `setup` was told. */
  obtain(output: OtlpOutput, setup: FilterSetup): OtlpExporter | null {
    const exporter = this.find(output);
    if (exporter === null) {
      setup.fault("", "more than " + MAX_COLLECTORS.toString() + " collectors are in use");
      return null;
    }
    if (exporter.key == output.key || exporter.serve(output, this.service)) return exporter;
    setup.fault("resourceAttributes", "too large");
    return null;
  }

  /** One that serves this output already, or may. */
  private find(output: OtlpOutput): OtlpExporter | null {
    const list = this.list;
    const key = output.key;
    for (let i = 0; i < list.length; i++) if (list[i].key == key) return list[i];
    for (let i = 0; i < list.length; i++) {
      if (list[i].isIdle(COLLECTOR_IDLE_MS)) return list[i];
    }
    if (list.length == MAX_COLLECTORS) return null;
    const exporter = new OtlpExporter(this.createBatch(), this.obtainCounters());
    list.push(exporter);
    return exporter;
  }

  private obtainCounters(): ExportCounters {
    const known = this.counters;
    if (known !== null) return known;
    const prefix = this.prefix;
    const counters = new ExportCounters(
      counterOf(prefix + "_written"),
      counterOf(prefix + "_dropped"),
      counterOf(prefix + "_export_failed"),
    );
    this.counters = counters;
    return counters;
  }

  onTick(nowMs: u64): void {
    for (let i = 0; i < this.list.length; i++) unchecked(this.list[i]).onTick(nowMs);
  }

  /** False: the call is not one of these. */
  onGrpcReceive(token: u32, size: u32): bool {
    const exporter = this.waitingFor(token);
    if (exporter === null) return false;
    const isRead = size > 0 && getBuffer(BufferType.GrpcCallMessage, 0, size) == Status.Ok;
    exporter.onSuccess(isRead ? rejectedRecords(bytesPtr, bytesLen) : 0);
    return true;
  }

  /** Likewise; a call that succeeded has been received before. */
  onGrpcClose(token: u32): bool {
    const exporter = this.waitingFor(token);
    if (exporter === null) return false;
    exporter.onFailure();
    return true;
  }

  private waitingFor(token: u32): OtlpExporter | null {
    for (let i = 0; i < this.list.length; i++) {
      if (unchecked(this.list[i]).isWaitingFor(token)) return this.list[i];
    }
    return null;
  }
}
