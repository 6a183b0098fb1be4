// What one configuration of the filter says.
// Source: proto/metaproto/filters/v1/tracing.proto
// Allocates: cold path only.

import { FilterConfig } from "../../filter/filter";
import { protocolName } from "../../filter/filter-host";
import { FilterSetup } from "../../filter/filter-setup";
import { Style } from "../../format/format";
import { FormatParser } from "../../format/format-parser";
import { Known } from "../../format/operator";
import { FormattedAttributes } from "../../otlp-export/formatted-attributes";
import { OtlpExporter } from "../../otlp-export/otlp-exporter";
import { OtlpOutput } from "../../otlp-export/otlp-output";
import { SpanKind } from "../../telemetry/span-batch";
import { ProtobufReader, WireType } from "../../wire/protobuf";
import { readDurationNs } from "../../wire/protobuf-duration";
import { copyBytes } from "../../wire/owned-bytes";

const CLUSTER: u32 = 1;
const SERVICE_NAME: u32 = 2;
const KIND: u32 = 3;
const PER_MILLION: u32 = 4;
const TAGS: u32 = 5;
const B3: u32 = 6;
const FLUSH_INTERVAL: u32 = 7;
const ENTRY_KEY: u32 = 1;
const ENTRY_VALUE: u32 = 2;
const KIND_SERVER: u64 = 0;
const KIND_CLIENT: u64 = 1;

const MILLION: u64 = 1_000_000;
/** The module looks at the time once in 10 ms. */
const LEAST_FLUSH_NS: i64 = 10_000_000;

export class TracingConfig extends FilterConfig {
  exporter: OtlpExporter | null = null;
  /** See `OtlpExporter.beginRecord`. */
  generation: u32 = 0;
  kind: SpanKind = SpanKind.Server;
  /** Of a million traces that begin here. */
  perMillion: u32 = 0;
  /** Null: there are none. */
  tags: FormattedAttributes | null = null;
  isB3: bool = false;
  /** As OpenTelemetry's conventions name the protocol. */
  readonly rpcSystem: ArrayBuffer;

  constructor() {
    super();
    const protocol = protocolName();
    this.rpcSystem = String.UTF8.encode(protocol == "dubbo" ? "apache_dubbo" : protocol);
  }
}

/** Reads one configuration. */
export class ConfigReader {
  readonly output: OtlpOutput = new OtlpOutput();
  private readonly config: TracingConfig = new TracingConfig();
  private readonly reader: ProtobufReader = new ProtobufReader();
  private readonly parser: FormatParser;
  private readonly tags: FormattedAttributes = new FormattedAttributes();
  private serviceName: string = "";
  private faults: u32 = 0;

  constructor(private readonly setup: FilterSetup) {
    this.parser = new FormatParser(setup.codec, Known.End);
  }

  /** Null: there is a fault, which `setup` was told. The caller sets the exporter, of `output`. */
  read(ptr: usize, len: u32): TracingConfig | null {
    const reader = this.reader;
    reader.reset(ptr, len);
    while (reader.next()) {
      if (reader.wireType == WireType.Varint) this.readNumber();
      else if (reader.wireType == WireType.Bytes) this.readBytes();
    }
    if (reader.isMalformed) this.fault("config", "malformed protobuf");
    if (this.output.cluster.length == 0) this.fault("cluster", "missing");
    if (this.serviceName.length == 0) this.fault("serviceName", "missing");
    this.output.resource.push("service.name");
    this.output.resource.push(this.serviceName);
    if (this.tags.length > 0) {
      this.tags.finish(this.parser.finish());
      this.config.tags = this.tags;
    }
    return this.faults > 0 ? null : this.config;
  }

  private fault(field: string, text: string): void {
    this.faults++;
    this.setup.fault(field, text);
  }

  private readNumber(): void {
    const value = this.reader.value;
    switch (this.reader.field) {
      case KIND: {
        if (value == KIND_CLIENT) this.config.kind = SpanKind.Client;
        else if (value == KIND_SERVER) this.config.kind = SpanKind.Server;
        else this.fault("kind", "neither SERVER nor CLIENT");
        break;
      }
      case PER_MILLION: {
        if (value > MILLION) this.fault("perMillion", "over 1000000");
        else this.config.perMillion = <u32>value;
        break;
      }
      case B3:
        this.config.isB3 = value != 0;
        break;
      default:
    }
  }

  private readBytes(): void {
    const reader = this.reader;
    switch (reader.field) {
      case CLUSTER:
        this.output.cluster = String.UTF8.decodeUnsafe(reader.ptr, reader.len);
        break;
      case SERVICE_NAME:
        this.serviceName = String.UTF8.decodeUnsafe(reader.ptr, reader.len);
        break;
      case TAGS:
        this.readTag();
        break;
      case FLUSH_INTERVAL: {
        this.output.flushNs = readDurationNs(reader);
        if (this.output.flushNs < LEAST_FLUSH_NS) {
          this.fault("flushInterval", "not from 0.01s to 2147483.647s");
        }
        break;
      }
      default:
    }
  }

  /** An entry of a map: what is absent is empty. */
  private readTag(): void {
    const reader = this.reader;
    let key = new ArrayBuffer(0);
    let value = new ArrayBuffer(0);
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType != WireType.Bytes) continue;
      if (reader.field == ENTRY_KEY) key = copyBytes(reader.ptr, reader.len);
      else if (reader.field == ENTRY_VALUE) value = copyBytes(reader.ptr, reader.len);
    }
    reader.leave(end);
    const parser = this.parser;
    if (key.byteLength == 0) this.fault("tags", "a key is empty");
    if (!parser.text(changetype<usize>(value), <u32>value.byteLength, Style.Plain)) {
      this.fault("tags[" + String.UTF8.decode(key) + "]", parser.fault);
    }
    this.tags.add(key, parser.endPart());
  }
}
