// What one configuration of the filter says.
// Source: proto/metaproto/filters/v1/access_log.proto
// Allocates: cold path only.

import { FilterConfig } from "../../filter/filter";
import { FilterSetup } from "../../filter/filter-setup";
import { Format, Style } from "../../format/format";
import { FormatParser } from "../../format/format-parser";
import { Known } from "../../format/operator";
import { FormattedAttributes } from "../../otlp-export/formatted-attributes";
import { OtlpExporter } from "../../otlp-export/otlp-exporter";
import { OtlpOutput } from "../../otlp-export/otlp-output";
import { ProtobufReader, WireType } from "../../wire/protobuf";
import { copyBytes } from "../../wire/owned-bytes";

const TEXT: u32 = 1;
const JSON: u32 = 2;
const LOG: u32 = 3;
const OTLP: u32 = 4;
const FILTER: u32 = 5;
const JSON_MEMBERS: u32 = 1;
const ENTRY_KEY: u32 = 1;
const ENTRY_VALUE: u32 = 2;
const OTLP_CLUSTER: u32 = 1;
const OTLP_FLUSH_INTERVAL: u32 = 2;
const OTLP_RESOURCE_ATTRIBUTES: u32 = 3;
const FILTER_ERRORS_ONLY: u32 = 1;
const FILTER_MIN_DURATION: u32 = 2;
const FILTER_PER_MILLION: u32 = 3;
const DURATION_SECONDS: u32 = 1;
const DURATION_NANOS: u32 = 2;

const MILLION: u32 = 1_000_000;
const NS_PER_SECOND: u64 = 1_000_000_000;
const MAX_SECONDS: u64 = 24 * 3600;
const MIN_FLUSH_NS: i64 = 10_000_000;
const NEWLINE: u32 = 0x0a;

export class AccessLogConfig extends FilterConfig {
  /** Of the line, of the record's body, or of all of its attributes. */
  format: Format | null = null;
  /** Of the record; null: it has a body. */
  attributes: FormattedAttributes | null = null;
  /** Null: lines go to the host's log. */
  exporter: OtlpExporter | null = null;
  /** See `OtlpExporter.beginRecord`. */
  generation: u32 = 0;
  errorsOnly: bool = false;
  minDurationNs: u64 = 0;
  /** Of a million requests. */
  perMillion: u32 = MILLION;
  /** A line that lacks its end is no JSON any more. */
  isJson: bool = false;
}

/** Reads one configuration. */
export class ConfigReader {
  /** Null: the host's log. */
  otlp: OtlpOutput | null = null;
  private readonly config: AccessLogConfig = new AccessLogConfig();
  private readonly reader: ProtobufReader = new ProtobufReader();
  private readonly parser: FormatParser;
  private text: ArrayBuffer | null = null;
  private readonly keys: Array<ArrayBuffer> = new Array<ArrayBuffer>();
  private readonly values: Array<ArrayBuffer> = new Array<ArrayBuffer>();
  private key: ArrayBuffer = new ArrayBuffer(0);
  private value: ArrayBuffer = new ArrayBuffer(0);
  private hasOutput: bool = false;
  private faults: u32 = 0;

  constructor(private readonly setup: FilterSetup) {
    this.parser = new FormatParser(setup.codec, Known.End);
  }

  /** Null: there is a fault, which `setup` was told. The caller sets `exporter` if there is an `otlp`. */
  read(ptr: usize, len: u32): AccessLogConfig | null {
    const reader = this.reader;
    reader.reset(ptr, len);
    while (reader.next()) this.readField();
    if (reader.isMalformed) this.fault("config", "malformed protobuf");
    if (!this.hasOutput) this.fault("output", "needs one of log, otlp");
    this.buildFormat();
    return this.faults > 0 ? null : this.config;
  }

  private fault(field: string, text: string): void {
    this.faults++;
    this.setup.fault(field, text);
  }

  private readField(): void {
    const reader = this.reader;
    const field = reader.field;
    if (field == LOG && reader.wireType == WireType.Varint) {
      this.hasOutput = reader.value != 0;
      this.otlp = null;
    }
    if (reader.wireType != WireType.Bytes) return;
    if (field == TEXT) {
      this.config.isJson = false;
      this.text = copyBytes(reader.ptr, reader.len);
      return;
    }
    if (field != JSON && field != OTLP && field != FILTER) return;
    const end = reader.enter();
    if (field == JSON) this.readMembers();
    else if (field == OTLP) this.readOtlp();
    else this.readFilter();
    reader.leave(end);
  }

  private readMembers(): void {
    const reader = this.reader;
    this.config.isJson = true;
    this.text = null;
    while (reader.next()) {
      if (reader.field != JSON_MEMBERS || reader.wireType != WireType.Bytes) continue;
      this.readEntry();
      this.keys.push(this.key);
      this.values.push(this.value);
    }
  }

  /** An entry of a map, of which key and value may be absent: they are empty then. */
  private readEntry(): void {
    const reader = this.reader;
    this.key = new ArrayBuffer(0);
    this.value = new ArrayBuffer(0);
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType != WireType.Bytes) continue;
      if (reader.field == ENTRY_KEY) this.key = copyBytes(reader.ptr, reader.len);
      else if (reader.field == ENTRY_VALUE) this.value = copyBytes(reader.ptr, reader.len);
    }
    reader.leave(end);
  }

  private readOtlp(): void {
    const reader = this.reader;
    const otlp = new OtlpOutput();
    this.hasOutput = true;
    this.otlp = otlp;
    while (reader.next()) {
      if (reader.wireType != WireType.Bytes) continue;
      if (reader.field == OTLP_CLUSTER) {
        otlp.cluster = String.UTF8.decodeUnsafe(reader.ptr, reader.len);
      } else if (reader.field == OTLP_FLUSH_INTERVAL) {
        otlp.flushNs = <i64>this.readDuration("otlp.flushInterval");
        if (otlp.flushNs < MIN_FLUSH_NS) this.fault("otlp.flushInterval", "less than 0.01s");
      } else if (reader.field == OTLP_RESOURCE_ATTRIBUTES) {
        this.readEntry();
        otlp.resource.push(String.UTF8.decode(this.key));
        otlp.resource.push(String.UTF8.decode(this.value));
      }
    }
    if (otlp.cluster.length == 0) this.fault("otlp.cluster", "missing");
  }

  private readFilter(): void {
    const reader = this.reader;
    const config = this.config;
    while (reader.next()) {
      if (reader.wireType == WireType.Bytes && reader.field == FILTER_MIN_DURATION) {
        config.minDurationNs = this.readDuration("filter.minDuration");
      }
      if (reader.wireType != WireType.Varint) continue;
      if (reader.field == FILTER_ERRORS_ONLY) config.errorsOnly = reader.value != 0;
      if (reader.field != FILTER_PER_MILLION || reader.value == 0) continue;
      if (reader.value > MILLION) this.fault("filter.perMillion", "over 1000000");
      else config.perMillion = <u32>reader.value;
    }
  }

  /** In nanoseconds. */
  private readDuration(field: string): u64 {
    const reader = this.reader;
    let seconds: u64 = 0;
    let nanos: u64 = 0;
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType != WireType.Varint) continue;
      if (reader.field == DURATION_SECONDS) seconds = reader.value;
      else if (reader.field == DURATION_NANOS) nanos = reader.value;
    }
    reader.leave(end);
    if (seconds <= MAX_SECONDS && nanos < NS_PER_SECOND) return seconds * NS_PER_SECOND + nanos;
    // A negative number is a large one.
    this.fault(field, "not from 0s to 86400s");
    return NS_PER_SECOND;
  }

  private buildFormat(): void {
    const text = this.text;
    if (text !== null) this.buildText(text);
    else if (!this.config.isJson) this.fault("format", "needs one of text, json");
    else if (this.keys.length == 0) this.fault("json.members", "empty");
    else this.buildMembers();
    const format = this.parser.finish();
    const attributes = this.config.attributes;
    // A record says which span it belongs to, whatever its texts are.
    if (this.otlp !== null) format.keepsTrace = true;
    this.config.format = format;
    if (attributes !== null) attributes.finish(format);
  }

  private buildText(text: ArrayBuffer): void {
    const ptr = changetype<usize>(text);
    let len = <u32>text.byteLength;
    // Envoy's own formats end with their line break; the host's log adds it.
    if (len > 0 && load<u8>(ptr + len - 1) == NEWLINE) len--;
    if (len == 0) this.fault("text", "empty");
    for (let i: u32 = 0; i < len; i++) {
      if (load<u8>(ptr + i) >= 0x20) continue;
      this.fault("text", "a control character, such as a line break, within the line");
      return;
    }
    const style = this.otlp === null ? Style.Text : Style.Plain;
    if (!this.parser.text(ptr, len, style)) this.fault("text", this.parser.fault);
  }

  /** A JSON object, or for a collector the attributes of a record. */
  private buildMembers(): void {
    const parser = this.parser;
    const isObject = this.otlp === null;
    const attributes = new FormattedAttributes();
    for (let i = 0; i < this.keys.length; i++) {
      const key = this.keys[i];
      const value = this.values[i];
      if (isObject) {
        parser.literal(i == 0 ? "{" : ",");
        parser.jsonString(changetype<usize>(key), <u32>key.byteLength);
        parser.literal(":");
      }
      const style = isObject ? Style.Json : Style.Plain;
      if (!parser.text(changetype<usize>(value), <u32>value.byteLength, style)) {
        this.fault("json.members[" + String.UTF8.decode(key) + "]", parser.fault);
      }
      if (!isObject) attributes.add(key, parser.endPart());
    }
    if (isObject) parser.literal("}");
    else this.config.attributes = attributes;
  }
}
