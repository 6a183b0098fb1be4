// One configuration of the filter: the message metaproto.filters.v1.Stats, and what has series of it.
// Allocates: cold path only.
import { FilterConfig } from "../../filter/filter";
import { FilterSetup } from "../../filter/filter-setup";
import { equalBytes } from "../../wire/bytes";
import { ProtobufReader, WireType } from "../../wire/protobuf";
import { DEFAULT_ENDS } from "./buckets";
import { IstioLabels } from "./istio-labels";

const DEFAULT_METHODS: u64 = 100;
const MAX_METHODS: u64 = 1000;
const MAX_BUCKETS: i32 = 64;
const MAX_ATTRIBUTE_BYTES: u32 = 256;
/** Of a boundary in milliseconds. */
const THOUSANDTHS: u64 = 1000;

const METHOD_ATTRIBUTE: u32 = 1;
const METHODS_FIELD: u32 = 2;
const DURATION_BUCKETS: u32 = 3;
const ISTIO: u32 = 4;

export class StatsConfig extends FilterConfig {
  /** The encoded message. */
  readonly bytes: StaticArray<u8>;
  /** The name in lower case, as codecs want it. */
  methodAttribute: StaticArray<u8> = [];
  methodId: i32 = 0;
  /** Of each route configuration. */
  maxMethods: u32 = <u32>DEFAULT_METHODS;
  /** Upper ends of the buckets of durations, in microseconds. */
  ends: StaticArray<u64> = DEFAULT_ENDS;
  istio: IstioLabels | null = null;
  /** Series that refer to it; the filter keeps it as long as there are some. */
  series: u32 = 0;
  isKept: bool = false;

  constructor(ptr: usize, len: u32) {
    super();
    this.bytes = copyOf(ptr, len);
  }

  isOf(ptr: usize, len: u32): bool {
    return <u32>this.bytes.length == len && equalBytes(changetype<usize>(this.bytes), ptr, len);
  }
}

function copyOf(ptr: usize, len: u32): StaticArray<u8> {
  const bytes = new StaticArray<u8>(<i32>len);
  memory.copy(changetype<usize>(bytes), ptr, len);
  return bytes;
}

function lowerCase(bytes: StaticArray<u8>): StaticArray<u8> {
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte >= 0x41 && byte <= 0x5a) bytes[i] = byte | 0x20;
  }
  return bytes;
}

/** Null: there were faults, and `setup` was told of all of them. */
export function decodeStatsConfig(ptr: usize, len: u32, setup: FilterSetup): StatsConfig | null {
  const decoder = new Decoder(setup);
  return decoder.decode(new StatsConfig(ptr, len), ptr, len);
}

class Decoder {
  private hasFault: bool = false;
  private readonly reader: ProtobufReader = new ProtobufReader();
  private readonly bounds: u64[] = [];
  private maxMethods: u64 = 0;

  constructor(private readonly setup: FilterSetup) {}

  decode(config: StatsConfig, ptr: usize, len: u32): StatsConfig | null {
    const reader = this.reader;
    reader.reset(ptr, len);
    while (reader.next()) this.readField(config);
    if (reader.isMalformed) {
      this.fault("", "malformed at byte " + reader.faultOffset.toString());
      return null;
    }
    this.checkBuckets();
    if (this.maxMethods > MAX_METHODS) {
      this.fault("maxMethods", "must not be more than " + MAX_METHODS.toString());
    }
    if (this.hasFault) return null;
    if (this.bounds.length > 0) config.ends = this.ends();
    if (this.maxMethods > 0) config.maxMethods = <u32>this.maxMethods;
    const name = config.methodAttribute;
    config.methodId = this.setup.codec.attributeId(changetype<usize>(name), <u32>name.length);
    return config;
  }

  private fault(field: string, text: string): void {
    this.hasFault = true;
    this.setup.fault(field, text);
  }

  private readField(config: StatsConfig): void {
    const reader = this.reader;
    const isBytes = reader.wireType == WireType.Bytes;
    const isNumber = reader.wireType == WireType.Varint;
    switch (reader.field) {
      case METHOD_ATTRIBUTE:
        if (isBytes) this.readMethodAttribute(config);
        break;
      case METHODS_FIELD:
        if (isNumber) this.maxMethods = reader.value;
        break;
      case DURATION_BUCKETS:
        if (isNumber) this.bounds.push(reader.value);
        else if (isBytes) this.readPackedBuckets();
        break;
      case ISTIO:
        if (isBytes) this.readIstio(config);
        break;
      default:
        break;
    }
  }

  private readMethodAttribute(config: StatsConfig): void {
    const reader = this.reader;
    if (reader.len > MAX_ATTRIBUTE_BYTES) {
      this.fault("methodAttribute", "longer than " + MAX_ATTRIBUTE_BYTES.toString() + " bytes");
    } else {
      config.methodAttribute = lowerCase(copyOf(reader.ptr, reader.len));
    }
  }

  /** Varints one behind the other, each as the reader would find it with a tag. */
  private readPackedBuckets(): void {
    let ptr = this.reader.ptr;
    const end = ptr + this.reader.len;
    while (ptr < end) {
      let value: u64 = 0;
      let shift: u64 = 0;
      let byte: u64 = 0x80;
      while (ptr < end && byte >= 0x80 && shift < 64) {
        byte = <u64>load<u8>(ptr++);
        value |= (byte & 0x7f) << shift;
        shift += 7;
      }
      if (byte >= 0x80) return this.fault("durationBucketsMs", "malformed");
      this.bounds.push(value);
    }
  }

  private readIstio(config: StatsConfig): void {
    const istio = config.istio;
    const labels = istio === null ? new IstioLabels() : istio;
    config.istio = labels;
    this.setup.enter("istio", -1);
    if (!labels.decode(this.reader, this.setup)) this.hasFault = true;
    this.setup.leave();
  }

  private checkBuckets(): void {
    const bounds = this.bounds;
    if (bounds.length > MAX_BUCKETS) {
      this.fault("durationBucketsMs", "must not be more than " + MAX_BUCKETS.toString());
      return;
    }
    for (let i = 0; i < bounds.length; i++) {
      if (bounds[i] == 0 || bounds[i] > <u64>u32.MAX_VALUE) {
        this.fault("durationBucketsMs[" + i.toString() + "]", "must be 1 to 4294967295");
      } else if (i > 0 && bounds[i] <= bounds[i - 1]) {
        this.fault("durationBucketsMs[" + i.toString() + "]", "must be larger than the one before");
      }
    }
  }

  private ends(): StaticArray<u64> {
    const ends = new StaticArray<u64>(this.bounds.length);
    for (let i = 0; i < ends.length; i++) ends[i] = this.bounds[i] * THOUSANDTHS;
    return ends;
  }
}
