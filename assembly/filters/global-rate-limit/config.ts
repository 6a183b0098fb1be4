// What is to be limited: metaproto.filters.v1.GlobalRateLimit, decoded.
// Source: proto/metaproto/filters/v1/global_rate_limit.proto
// Allocates: at configuration.
import { Call } from "../../filter/call";
import { Counter, counterOf } from "../../filter/counter";
import { FilterConfig } from "../../filter/filter";
import { Conditions, FilterSetup } from "../../filter/filter-setup";
import { ProtobufReader, ProtobufWriter, WireType } from "../../wire/protobuf";
import { readDurationNs } from "../../wire/protobuf-duration";
import { Descriptor, Entry, EntrySource } from "./descriptor";
import { RateLimitMethod, rateLimitMethod } from "./rate-limit-method";
import { makeLowerCase } from "../../wire/bytes";

const DOMAIN: u32 = 1;
const MATCH: u32 = 2;
const CLUSTER: u32 = 3;
const TIMEOUT: u32 = 4;
const DENY_ON_FAIL: u32 = 5;
const DESCRIPTORS: u32 = 6;
const DESCRIPTOR_ENTRIES: u32 = 1;
const ENTRY_KEY: u32 = 1;
const ENTRY_ATTRIBUTE: u32 = 2;
const ENTRY_VALUE: u32 = 3;
const ENTRY_SOURCE_ADDRESS: u32 = 4;

// Of envoy.service.ratelimit.v3.RateLimitRequest.
const REQUEST_DOMAIN: u32 = 1;
const REQUEST_DESCRIPTORS: u32 = 2;

const MAX_DESCRIPTORS: u32 = 32;
const MAX_DESCRIPTOR_ENTRIES: u32 = 16;
/** A domain, a key, a value, a name. */
const MAX_RATE_LIMIT_TEXT_BYTES: u32 = 4096;
const DEFAULT_TIMEOUT_MS: u32 = 20;
const NANOS_PER_MILLI: i64 = 1000000;
const REFUSAL_TEXT = "global rate limit exceeded: ";
const FAILURE_TEXT = "the rate limit service did not answer, cluster ";

export class GlobalRateLimit extends FilterConfig {
  domain: ArrayBuffer = new ArrayBuffer(0);
  conditions: Conditions | null = null;
  method: RateLimitMethod | null = null;
  timeoutMs: u32 = DEFAULT_TIMEOUT_MS;
  denyOnFail: bool = false;
  readonly descriptors: Array<Descriptor> = new Array<Descriptor>();
  // What users are told.
  overLimitText: ArrayBuffer = new ArrayBuffer(0);
  failureText: ArrayBuffer = new ArrayBuffer(0);
  readonly ok: Counter = counterOf("rate_limit_ok");
  readonly overLimit: Counter = counterOf("rate_limit_over_limit");
  readonly error: Counter = counterOf("rate_limit_error");
  readonly overflow: Counter = counterOf("rate_limit_overflow");
  readonly allowed: Counter = counterOf("rate_limit_failure_mode_allowed");

  /** An upper bound of the request to the service, in bytes. */
  get bound(): u32 {
    let bytes: u32 = <u32>this.domain.byteLength + 16;
    for (let i = 0; i < this.descriptors.length; i++) bytes += this.descriptors[i].bound;
    return bytes;
  }

  limits(call: Call): bool {
    const conditions = this.conditions;
    return conditions === null || conditions.hold(call.codec, call.message);
  }

  /** The request to the service; false: there is nothing to ask about. */
  write(call: Call, writer: ProtobufWriter): bool {
    const domain = this.domain;
    writer.writeBytes(REQUEST_DOMAIN, changetype<usize>(domain), <u32>domain.byteLength);
    let isAny: bool = false;
    for (let i = 0; i < this.descriptors.length; i++) {
      if (unchecked(this.descriptors[i]).write(call, writer, REQUEST_DESCRIPTORS)) isAny = true;
    }
    return isAny;
  }
}

/** Null: there was a fault, and `setup` was told. */
export function decodeGlobalRateLimit(
  ptr: usize,
  len: u32,
  setup: FilterSetup,
): GlobalRateLimit | null {
  return new Decoder(setup).decode(ptr, len);
}

class Decoder {
  private readonly reader: ProtobufReader = new ProtobufReader();
  private readonly config: GlobalRateLimit = new GlobalRateLimit();
  private cluster: ArrayBuffer = new ArrayBuffer(0);
  private matches: i32 = 0;
  private isFaulty: bool = false;

  constructor(private readonly setup: FilterSetup) {}

  decode(ptr: usize, len: u32): GlobalRateLimit | null {
    const reader = this.reader;
    const config = this.config;
    reader.reset(ptr, len);
    while (reader.next()) {
      if (reader.wireType == WireType.Bytes) this.bytesField();
      else if (reader.wireType == WireType.Varint && reader.field == DENY_ON_FAIL) {
        config.denyOnFail = reader.value != 0;
      }
    }
    if (reader.isMalformed) this.fault("", "malformed protobuf");
    if (config.domain.byteLength == 0) this.fault("domain", "missing");
    if (this.cluster.byteLength == 0) this.fault("cluster", "missing");
    if (config.descriptors.length == 0) this.fault("descriptors", "missing");
    if (this.isFaulty) return null;
    const cluster = String.UTF8.decode(this.cluster);
    config.method = rateLimitMethod(cluster);
    config.overLimitText = String.UTF8.encode(REFUSAL_TEXT + String.UTF8.decode(config.domain));
    config.failureText = String.UTF8.encode(FAILURE_TEXT + cluster);
    return config;
  }

  private bytesField(): void {
    const config = this.config;
    switch (this.reader.field) {
      case DOMAIN:
        config.domain = this.text("domain");
        break;
      case MATCH:
        this.match();
        break;
      case CLUSTER:
        this.cluster = this.text("cluster");
        break;
      case TIMEOUT:
        this.timeout();
        break;
      case DESCRIPTORS:
        this.descriptor();
    }
  }

  private fault(field: string, text: string): void {
    this.setup.fault(field, text);
    this.isFaulty = true;
  }

  private text(field: string): ArrayBuffer {
    const reader = this.reader;
    if (reader.len > MAX_RATE_LIMIT_TEXT_BYTES) {
      this.fault(field, "longer than " + MAX_RATE_LIMIT_TEXT_BYTES.toString() + " bytes");
      // It is there: no other fault follows.
      return new ArrayBuffer(1);
    }
    const bytes = new ArrayBuffer(<i32>reader.len);
    memory.copy(changetype<usize>(bytes), reader.ptr, reader.len);
    return bytes;
  }

  private match(): void {
    const config = this.config;
    const conditions =
      config.conditions === null ? this.setup.createConditions() : config.conditions!;
    config.conditions = conditions;
    this.setup.enter("match", this.matches++);
    if (!conditions.add(this.reader.ptr, this.reader.len)) this.isFaulty = true;
    this.setup.leave();
  }

  private timeout(): void {
    const ns = readDurationNs(this.reader);
    if (ns < 0) this.fault("timeout", "negative, or longer than 2147483.647s");
    if (ns > 0) this.config.timeoutMs = <u32>((ns + NANOS_PER_MILLI - 1) / NANOS_PER_MILLI);
  }

  private descriptor(): void {
    const reader = this.reader;
    const setup = this.setup;
    const index = this.config.descriptors.length;
    if (<u32>index == MAX_DESCRIPTORS) {
      this.fault("descriptors", "more than " + MAX_DESCRIPTORS.toString());
      return;
    }
    setup.enter("descriptors", index);
    const descriptor = new Descriptor();
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType != WireType.Bytes || reader.field != DESCRIPTOR_ENTRIES) continue;
      if (<u32>descriptor.entries.length == MAX_DESCRIPTOR_ENTRIES) {
        this.fault("entries", "more than " + MAX_DESCRIPTOR_ENTRIES.toString());
        break;
      }
      setup.enter("entries", descriptor.entries.length);
      descriptor.entries.push(this.entry());
      setup.leave();
    }
    reader.leave(end);
    if (descriptor.entries.length == 0) this.fault("entries", "missing");
    setup.leave();
    this.config.descriptors.push(descriptor);
  }

  private entry(): Entry {
    const reader = this.reader;
    const entry = new Entry();
    const end = reader.enter();
    while (reader.next()) this.entryField(entry);
    reader.leave(end);
    if (entry.key.byteLength == 0) this.fault("key", "missing");
    if (entry.source == EntrySource.None) {
      this.fault("", "needs one of attribute, value, sourceAddress");
    }
    return entry;
  }

  private entryField(entry: Entry): void {
    const reader = this.reader;
    if (reader.wireType == WireType.Varint && reader.field == ENTRY_SOURCE_ADDRESS) {
      entry.source = EntrySource.SourceAddress;
      if (reader.value == 0) this.fault("sourceAddress", "must be true");
    }
    if (reader.wireType != WireType.Bytes) return;
    if (reader.field == ENTRY_KEY) {
      entry.key = this.text("key");
    } else if (reader.field == ENTRY_VALUE) {
      entry.source = EntrySource.Value;
      entry.text = this.text("value");
      if (entry.text.byteLength == 0) this.fault("value", "missing");
    } else if (reader.field == ENTRY_ATTRIBUTE) {
      entry.source = EntrySource.Attribute;
      entry.text = this.text("attribute");
      if (entry.text.byteLength == 0) this.fault("attribute", "missing");
      const name = changetype<usize>(entry.text);
      makeLowerCase(name, <u32>entry.text.byteLength);
      entry.attribute = this.setup.codec.attributeId(name, <u32>entry.text.byteLength);
    }
  }
}
